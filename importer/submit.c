// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a checked transfer to NVMe commands.
 *
 * A command is a blk-mq passthrough request without a bio: the driver maps
 * nothing for it and sends it as it stands, with the DMA addresses that the
 * exporter gave us.
 */
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>

#include "gimp.h"

/* The driver does not retry passthrough; we do, as often as it would. */
#define GIMP_MAX_TRIES		6
#define GIMP_RETRY_MS		20
/* How often the memory may be moved away while one command is being sent. */
#define GIMP_MAX_REMAPS		64
/* Requests that a plug allocates at a time, as many as the block layer's own. */
#define GIMP_PLUG_BATCH		32

static void gimp_io_put(struct gimp_io *io)
{
	struct gimp_file *file = io->file;

	if (!refcount_dec_and_test(&io->refs))
		return;

	/* The file holds the pool that the I/O belongs to. */
	gimp_io_free(io);
	gimp_file_put(file);
}

static void gimp_io_begin(struct gimp_io *io, struct gimp_file *file)
{
	refcount_set(&io->refs, 2);
	atomic_set(&io->pending, 1);
	init_completion(&io->done);
	io->failed_off = U64_MAX;
	io->status = BLK_STS_OK;
	gimp_file_hold(file);
	io->file = file;
}

/* One command, or the submission of all, is over. */
static void gimp_io_end_one(struct gimp_io *io)
{
	if (!atomic_dec_and_test(&io->pending))
		return;

	complete(&io->done);
	gimp_io_put(io);
}

/* The earliest failure counts: what lies before it was transferred. */
static void gimp_io_fail(struct gimp_io *io, u64 off, blk_status_t status)
{
	unsigned long flags;

	spin_lock_irqsave(&io->lock, flags);
	if (off < io->failed_off) {
		io->failed_off = off;
		io->status = status;
	}
	spin_unlock_irqrestore(&io->lock, flags);
}

/*
 * In interrupt context, usually.  The device is done with the memory: the map's
 * reference goes here and not in any worker, since who invalidates waits for it.
 */
static inline enum rq_end_io_ret gimp_command_done(struct request *rq,
						   blk_status_t status)
{
	struct gimp_cmd *cmd = rq->end_io_data;
	struct gimp_io *io = cmd->io;

	if (unlikely(status))
		gimp_io_fail(io, cmd->off, status);
	percpu_ref_put(&cmd->map->refs);
	gimp_cmd_free(cmd);
	gimp_io_end_one(io);
	return RQ_END_IO_FREE;
}

KCOMPAT_DEFINE_END_IO(gimp_end_io, gimp_command_done)

/* Bytes of the command at @off: one command's limit, no boundary crossed. */
static u32 gimp_command_len(const struct gimp_request *req, u64 off)
{
	u64 sector = req->file->bdev->bd_start_sect +
		     ((req->pos + off) >> SECTOR_SHIFT);
	u32 chunk = req->file->disk.q->limits.chunk_sectors;
	u64 len = min_t(u64, req->len - off, gimp_file_max_command(req->file));
	u32 rest;

	if (chunk) {
		div_u64_rem(sector, chunk, &rest);
		len = min_t(u64, len, (u64)(chunk - rest) << SECTOR_SHIFT);
	}
	return len;
}

/*
 * PRP1 alone may begin inside a page.  The list begins at slot 0 of its page
 * and has at most GIMP_PRP_ENTRIES, so its last slot is always data.
 */
static void gimp_command_set_prps(struct nvme_command *c, struct gimp_cmd *cmd,
				  const struct gimp_map *map, u64 buf_off,
				  u32 len)
{
	const __le64 *addr = map->addr + (buf_off >> GIMP_PAGE_SHIFT);
	u32 in_page = buf_off & (GIMP_PAGE_SIZE - 1);
	u32 pages = DIV_ROUND_UP(in_page + len, GIMP_PAGE_SIZE);

	c->rw.dptr.prp1 = cpu_to_le64(le64_to_cpu(addr[0]) + in_page);
	if (pages == 2) {
		c->rw.dptr.prp2 = addr[1];
	} else if (pages > 2) {
		memcpy(cmd->prp, addr + 1, (pages - 1) * sizeof(*addr));
		c->rw.dptr.prp2 = cpu_to_le64(cmd->prp_dma);
	}
}

static void gimp_command_fill(struct nvme_command *c, struct gimp_cmd *cmd,
			      const struct gimp_request *req, u32 len)
{
	const struct gimp_disk *disk = &req->file->disk;
	u32 shift = ilog2(disk->block_size);
	u64 sector = req->file->bdev->bd_start_sect +
		     ((req->pos + cmd->off) >> SECTOR_SHIFT);

	*c = (struct nvme_command) {
		.rw.opcode = req->write ? nvme_cmd_write : nvme_cmd_read,
		.rw.nsid = cpu_to_le32(disk->nsid),
		.rw.slba = cpu_to_le64(sector >> (shift - SECTOR_SHIFT)),
		.rw.length = cpu_to_le16((len >> shift) - 1),
	};
	if (req->fua)
		c->rw.control = cpu_to_le16(NVME_RW_FUA);
	gimp_command_set_prps(c, cmd, cmd->map, req->buf_off + cmd->off, len);
}

static void gimp_command_send(struct request *rq, struct gimp_cmd *cmd,
			      const struct gimp_request *req, u32 len)
{
	struct nvme_command c;

	lockdep_assert_preemption_disabled();

	gimp_command_fill(&c, cmd, req, len);
	nvme_init_request(rq, &c);
	/* Not the module parameter's: this one passed the gate. */
	rq->timeout = min(rq->q->rq_timeout, GIMP_MAX_TIMEOUT);
	rq->end_io = gimp_end_io;
	rq->end_io_data = cmd;
	atomic_inc(&cmd->io->pending);
	blk_execute_rq_nowait(rq, KCOMPAT_AT_HEAD);
}

/*
 * A request for the command, looked at after its allocation: it holds the queue
 * entered, so that the namespace cannot be reformatted until it is over.
 */
static struct request *gimp_command_alloc(const struct gimp_request *req,
					  struct gimp_why *why)
{
	const struct gimp_file *file = req->file;
	struct request *rq;
	int ret;

	for (;;) {
		rq = blk_mq_alloc_request(file->disk.q, req->write ?
					  REQ_OP_DRV_OUT : REQ_OP_DRV_IN, 0);
		if (IS_ERR(rq)) {
			gimp_refuse(why, -ENODEV, GPUDMABUF_REASON_DISK_GONE,
				    0);
			return ERR_PTR(-ENODEV);
		}
		if (likely(gimp_disk_unchanged(file->bdev, &file->disk)))
			return rq;

		blk_mq_free_request(rq);
		ret = gimp_file_recheck(req->file, why);
		if (ret)
			return ERR_PTR(ret);
	}
}

/*
 * Sends the command at cmd->off. Nothing sleeps while the request is held: an
 * idle request blocks a queue freeze, and with it a controller reset.
 */
static int gimp_command_issue(const struct gimp_request *req,
			      struct gimp_cmd *cmd, struct gimp_why *why)
{
	unsigned int remaps;
	struct request *rq;
	u64 end;
	u32 len;
	int ret;

	for (remaps = 0; remaps < GIMP_MAX_REMAPS; remaps++) {
		rq = gimp_command_alloc(req, why);
		if (IS_ERR(rq))
			return PTR_ERR(rq);

		len = gimp_command_len(req, cmd->off);
		end = req->pos + cmd->off + len;
		if (end > bdev_nr_bytes(req->file->bdev)) {
			blk_mq_free_request(rq);
			return gimp_refuse(why, -ENOSPC,
					   GPUDMABUF_REASON_PAST_END,
					   bdev_nr_bytes(req->file->bdev));
		}

		preempt_disable();
		cmd->map = gimp_attach_tryget_map(req->attach);
		if (likely(cmd->map)) {
			gimp_command_send(rq, cmd, req, len);
			preempt_enable();
			return len;
		}
		preempt_enable();

		/* Mapping can wait for a reset that waits for this request. */
		blk_mq_free_request(rq);
		ret = gimp_attach_map(req->attach, why);
		if (ret)
			return ret;
	}
	return gimp_refuse(why, -EAGAIN, GPUDMABUF_REASON_MOVING, 0);
}

/* All commands from @off on. Returns an error with @ret_off where it stopped. */
static int gimp_submit_all(const struct gimp_request *req, struct gimp_io *io,
			   u64 off, u64 *ret_off, struct gimp_why *why)
{
	u64 commands = DIV_ROUND_UP_ULL(req->len - off,
					gimp_file_max_command(req->file));
	struct blk_plug plug;
	struct gimp_cmd *cmd;
	int len = 0;

	if (commands > 1) {
		blk_start_plug(&plug);
		plug.nr_ios = min_t(u64, commands, GIMP_PLUG_BATCH);
	}
	while (off < req->len) {
		cmd = gimp_cmd_get(io->pool);
		if (!cmd) {
			len = gimp_refuse(why, -EINTR,
					  GPUDMABUF_REASON_KILLED, 0);
			break;
		}
		cmd->io = io;
		cmd->off = off;
		len = gimp_command_issue(req, cmd, why);
		if (len < 0) {
			gimp_cmd_free(cmd);
			break;
		}
		off += len;
	}
	if (commands > 1)
		blk_finish_plug(&plug);

	*ret_off = off;
	return min(len, 0);
}

static bool gimp_status_retryable(blk_status_t status)
{
	switch (status) {
	case BLK_STS_IOERR:
	case BLK_STS_TRANSPORT:
	case BLK_STS_TARGET:
	case BLK_STS_RESOURCE:
		return true;
	default:
		return false;
	}
}

/*
 * One attempt at what follows *@done, which it advances.
 *
 * Return: 0 when all was transferred, 1 when the attempt may be repeated, or an
 * error.
 */
static int gimp_submit_once(const struct gimp_request *req, u64 *done,
			    struct gimp_why *why)
{
	struct gimp_io *io = gimp_io_get(req->file->pool);
	blk_status_t status;
	u64 failed_off;
	int ret;

	if (!io)
		return gimp_refuse(why, -EINTR, GPUDMABUF_REASON_KILLED, 0);

	gimp_io_begin(io, req->file);
	ret = gimp_submit_all(req, io, *done, done, why);
	gimp_io_end_one(io);
	if (wait_for_completion_killable(&io->done)) {
		/* The commands go on and clean up after themselves. */
		gimp_io_put(io);
		*done = 0;
		return gimp_refuse(why, -EINTR, GPUDMABUF_REASON_KILLED, 0);
	}
	failed_off = io->failed_off;
	status = io->status;
	gimp_io_put(io);

	if (likely(!status))
		return ret;

	*done = failed_off;
	ret = gimp_refuse(why, blk_status_to_errno(status),
			  GPUDMABUF_REASON_DEVICE_ERROR,
			  -blk_status_to_errno(status));
	return gimp_status_retryable(status) ? 1 : ret;
}

/**
 * gimp_submit_and_wait - transfer
 * @req: checked
 * @ret_done: bytes transferred from the beginning on, also after an error
 * @why: set on error
 *
 * Return: 0 when all was transferred; what the device answered; -ENODEV,
 * -EXDEV, -ENOMEM, -EAGAIN, -EOPNOTSUPP, -ENOSPC, or -EINTR when the caller is
 * being killed, with commands in flight still.
 */
int gimp_submit_and_wait(const struct gimp_request *req, u64 *ret_done,
			 struct gimp_why *why)
{
	unsigned int tries;
	int ret, err;

	*ret_done = 0;
	for (tries = 1; ; tries++) {
		ret = gimp_submit_once(req, ret_done, why);
		if (ret <= 0)
			break;

		err = -(int)why->error;
		/* A device that answers like this may not be what it was. */
		ret = gimp_file_recheck(req->file, why);
		if (ret)
			return ret;
		ret = gimp_refuse(why, err, GPUDMABUF_REASON_DEVICE_ERROR,
				  -err);
		if (tries == GIMP_MAX_TRIES || fatal_signal_pending(current))
			break;
		msleep_interruptible(GIMP_RETRY_MS);
	}
	if (!ret)
		*why = (struct gimp_why) {};
	return ret;
}
