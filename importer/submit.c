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

static void gimp_io_begin(struct gimp_io *io)
{
	atomic_set(&io->pending, 1);
	init_completion(&io->done);
	spin_lock_init(&io->lock);
	io->failed_off = U64_MAX;
	io->status = BLK_STS_OK;
}

/*
 * One command, or the submission of all, is over.  After the last, the I/O is
 * the waiter's again and may be gone.
 */
static void gimp_io_end_one(struct gimp_io *io)
{
	if (atomic_dec_and_test(&io->pending))
		complete(&io->done);
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
static enum rq_end_io_ret gimp_end_io(KCOMPAT_END_IO_ARGS)
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

/* Makes a request carry a command as it stands. */
void gimp_request_init(struct request *rq, struct nvme_command *c)
{
	nvme_init_request(rq, c);
	/* Not the module parameter's: this one passed the gate. */
	rq->timeout = min(rq->q->rq_timeout, GIMP_MAX_TIMEOUT);
	kcompat_request_end_alone(rq);
}

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
	gimp_request_init(rq, &c);
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
		if (unlikely(end > bdev_nr_bytes(req->file->bdev))) {
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
		cmd = gimp_cmd_get(req->file->pool);
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

/* The driver would have tried these again, had the request not been ours. */
bool gimp_status_retryable(blk_status_t status)
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

/* All others may mean that the namespace is not what it was. */
static bool gimp_status_expected(blk_status_t status)
{
	return status == BLK_STS_MEDIUM || status == KCOMPAT_STS_RESV_CONFLICT;
}

/*
 * One attempt at what follows *@done, which it advances.  @ret_status is what
 * the device answered; an error of ours is returned.
 */
static int gimp_submit_once(const struct gimp_request *req, u64 *done,
			    blk_status_t *ret_status, struct gimp_why *why)
{
	struct gimp_io io;
	int ret;

	gimp_io_begin(&io);
	ret = gimp_submit_all(req, &io, *done, done, why);
	gimp_io_end_one(&io);
	wait_for_completion_io(&io.done);

	*ret_status = io.status;
	if (unlikely(io.status))
		*done = io.failed_off;
	return ret;
}

/* What to do about it: 0 to try again, or an error. */
static int gimp_submit_failed(const struct gimp_request *req,
			      blk_status_t status, unsigned int tries,
			      struct gimp_why *why)
{
	int err = blk_status_to_errno(status);
	int ret;

	if (!gimp_status_expected(status)) {
		ret = gimp_file_recheck(req->file, why);
		if (ret == -EOPNOTSUPP || ret == -ENODEV)
			return ret;
	}
	if (gimp_status_retryable(status) && tries < GIMP_MAX_TRIES &&
	    !fatal_signal_pending(current)) {
		msleep_interruptible(GIMP_RETRY_MS);
		return 0;
	}
	return gimp_refuse(why, err, GPUDMABUF_REASON_DEVICE_ERROR, -err);
}

/**
 * gimp_submit_and_wait - transfer
 * @req: checked
 * @ret_done: bytes transferred from the beginning on, also after an error
 * @why: set on error
 *
 * A caller that is killed submits nothing more, but waits for what is in
 * flight, as direct I/O by pread() does.
 *
 * Return: 0 when all was transferred; what the device answered; -ENODEV,
 * -EXDEV, -ENOMEM, -EAGAIN, -EOPNOTSUPP, -ENOSPC, -EINTR, -ERESTARTSYS.
 */
int gimp_submit_and_wait(const struct gimp_request *req, u64 *ret_done,
			 struct gimp_why *why)
{
	blk_status_t status;
	unsigned int tries;
	int ret;

	*ret_done = 0;
	for (tries = 1; ; tries++) {
		ret = gimp_submit_once(req, ret_done, &status, why);
		if (likely(!status))
			return ret;
		ret = gimp_submit_failed(req, status, tries, why);
		if (ret)
			return ret;
		*why = (struct gimp_why) {};
	}
}
