// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proves that a logical block is as long as the block layer says.
 *
 * A namespace formatted with metadata may be presented without it.  With
 * extended blocks each is then longer on the wire than its size, and with
 * separate metadata the controller writes that to the command's metadata
 * pointer.  Both destroy memory behind our addresses, without an error.  So one
 * block is read into pages of our own before any memory of a caller's is named
 * to the controller.
 */
#include <linux/string.h>

#include "gimp.h"

#define GIMP_PROBE_TRIES	3

static blk_status_t gimp_probe_read(const struct gimp_disk *disk,
				    dma_addr_t dma)
{
	struct nvme_command cmd = {
		.rw.opcode = nvme_cmd_read,
		.rw.nsid = cpu_to_le32(disk->nsid),
		.rw.dptr.prp1 = cpu_to_le64(dma),
		.rw.dptr.prp2 = cpu_to_le64(dma + GIMP_PROBE_BEHIND *
					    GIMP_PAGE_SIZE),
		.rw.metadata = cpu_to_le64(dma + GIMP_PROBE_META *
					   GIMP_PAGE_SIZE),
	};
	struct request *rq;
	blk_status_t status;

	rq = blk_mq_alloc_request(disk->q, REQ_OP_DRV_IN, 0);
	if (IS_ERR(rq))
		return errno_to_blk_status(PTR_ERR(rq));

	gimp_request_init(rq, &cmd);
	status = blk_execute_rq(rq, KCOMPAT_AT_HEAD);
	blk_mq_free_request(rq);
	return status;
}

/* One read over a canary: -EOPNOTSUPP if anything but the block changed. */
static int gimp_probe_once(struct gimp_pool *pool,
			   const struct gimp_disk *disk, u8 canary,
			   struct gimp_why *why)
{
	unsigned int tries = 0;
	blk_status_t status;
	int ret;

	do {
		memset(pool->probe, canary, GIMP_PROBE_SIZE);
		status = gimp_probe_read(disk, pool->probe_dma);
	} while (gimp_status_retryable(status) && ++tries < GIMP_PROBE_TRIES);

	ret = blk_status_to_errno(status);
	if (ret == -ENODEV)
		return gimp_refuse(why, ret, GPUDMABUF_REASON_DISK_GONE, 0);
	if (ret)
		return gimp_refuse(why, -EOPNOTSUPP,
				   GPUDMABUF_REASON_PROBE_FAILED, -ret);

	if (memchr_inv(pool->probe + disk->block_size, canary,
		       GIMP_PROBE_SIZE - disk->block_size))
		return gimp_refuse(why, -EOPNOTSUPP,
				   GPUDMABUF_REASON_METADATA, 0);
	return 0;
}

/**
 * gimp_probe_blocks - read the first block twice, over two canaries
 * @pool: lends the pages
 * @disk: the namespace
 * @why: set on refusal
 *
 * What the device writes behind the block may happen to equal one canary, but
 * not both.
 */
int gimp_probe_blocks(struct gimp_pool *pool, const struct gimp_disk *disk,
		      struct gimp_why *why)
{
	int ret;

	mutex_lock(&pool->probe_lock);
	if (!pool->probe) {
		ret = gimp_refuse(why, -ENODEV, GPUDMABUF_REASON_DISK_GONE, 0);
		goto out_unlock;
	}
	ret = gimp_probe_once(pool, disk, 0xa5, why);
	if (!ret)
		ret = gimp_probe_once(pool, disk, 0x5a, why);
out_unlock:
	mutex_unlock(&pool->probe_lock);
	return ret;
}
