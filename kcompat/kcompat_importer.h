/* SPDX-License-Identifier: GPL-2.0-only */
/* What importer uses and an older kernel lacks. */
#ifndef KCOMPAT_IMPORTER_H
#define KCOMPAT_IMPORTER_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu.h>
#include <linux/nvme.h>
#include <linux/swiotlb.h>
#include <linux/version.h>

/*
 * A request is sent with preemption off, into locks that sleep on these
 * kernels.
 */
#ifdef CONFIG_PREEMPT_RT
#error "gpudmabuf does not support PREEMPT_RT kernels"
#endif

/* Exported by nvme_core for the other nvme modules; in no public header. */
void nvme_init_request(struct request *rq, struct nvme_command *cmd);

/*
 * Before 6.4 an unplug hands passthrough requests to the elevator, and BFQ
 * dereferences the bio that ours lack.  What is inserted at the head passes
 * plug and elevator by.  A behaviour, which no compilation can tell.
 */
#if KERNEL_VERSION(6, 4, 0) > LINUX_VERSION_CODE
#define KCOMPAT_AT_HEAD true
#else
#define KCOMPAT_AT_HEAD false
#endif

/*
 * Completions that come together are ended as a batch, on newer kernels failed
 * passthrough requests, too: the status that end_io gets is then always good,
 * and the real one is in the driver's private structure alone.  A request with
 * scheduler tags is ended by itself; this one has none, and the flag changes
 * nothing else: passthrough never goes through the scheduler, and tags are freed
 * by their numbers.
 */
#ifdef KCOMPAT_HAVE_RQF_SCHED_TAGS
#define kcompat_request_end_alone(rq) ((rq)->rq_flags |= RQF_SCHED_TAGS)
#else
#define kcompat_request_end_alone(rq) do { } while (0)
#endif

/* What a request's end_io is called with. */
#ifdef KCOMPAT_HAVE_END_IO_BATCH
#define KCOMPAT_END_IO_ARGS						\
	struct request *rq, blk_status_t status,			\
	const struct io_comp_batch *batch
#else
#define KCOMPAT_END_IO_ARGS	struct request *rq, blk_status_t status
#endif

/* The number of sectors is told at the end; before, at the start. */
#ifdef KCOMPAT_HAVE_BDEV_END_IO_ACCT_SECTORS
static inline unsigned long
kcompat_bdev_start_io_acct(struct block_device *bdev, unsigned int sectors,
			   enum req_op op, unsigned long start)
{
	return bdev_start_io_acct(bdev, op, start);
}

static inline void
kcompat_bdev_end_io_acct(struct block_device *bdev, enum req_op op,
			 unsigned int sectors, unsigned long start)
{
	bdev_end_io_acct(bdev, op, sectors, start);
}
#else
static inline unsigned long
kcompat_bdev_start_io_acct(struct block_device *bdev, unsigned int sectors,
			   enum req_op op, unsigned long start)
{
	return bdev_start_io_acct(bdev, sectors, op, start);
}

static inline void
kcompat_bdev_end_io_acct(struct block_device *bdev, enum req_op op,
			 unsigned int sectors, unsigned long start)
{
	bdev_end_io_acct(bdev, op, start);
}
#endif

/*
 * Before the device knew by itself, dma_need_sync() was true for every address
 * that an IOMMU translates.  What matters is a bounce buffer behind it.
 */
#if defined(KCOMPAT_HAVE_DEV_DMA_SKIP_SYNC)
/* With CONFIG_DMA_API_DEBUG dma_need_sync() alone is what it was before. */
static inline bool kcompat_dma_need_sync(struct device *dev, dma_addr_t addr)
{
	return !dev_dma_skip_sync(dev) && dma_need_sync(dev, addr);
}
#elif defined(KCOMPAT_HAVE_DMA_DEV_NEED_SYNC)
#define kcompat_dma_need_sync(dev, addr) dma_need_sync(dev, addr)
#else
static inline bool kcompat_dma_need_sync(struct device *dev, dma_addr_t addr)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	if (!domain || domain->type == IOMMU_DOMAIN_IDENTITY)
		return dma_need_sync(dev, addr);
	return !dev_is_dma_coherent(dev) ||
	       is_swiotlb_buffer(dev, iommu_iova_to_phys(domain, addr));
}
#endif

#ifdef KCOMPAT_HAVE_BLK_STS_RESV_CONFLICT
#define KCOMPAT_STS_RESV_CONFLICT BLK_STS_RESV_CONFLICT
#else
#define KCOMPAT_STS_RESV_CONFLICT BLK_STS_NEXUS
#endif

#ifdef KCOMPAT_HAVE_FILE_BDEV
#define kcompat_file_bdev(filp) file_bdev(filp)
#else
#define kcompat_file_bdev(filp) I_BDEV((filp)->f_mapping->host)
#endif

#ifdef KCOMPAT_HAVE_DMA_BUF_INVALIDATE_MAPPINGS
#define KCOMPAT_INVALIDATE_MAPPINGS invalidate_mappings
/* Every mapping of a dynamic importer ends with its unmap. */
#define kcompat_dma_buf_maps_at_attach(dmabuf) false
#else
#define KCOMPAT_INVALIDATE_MAPPINGS move_notify
/* The core maps a static exporter's memory at attach, and until detach. */
#define kcompat_dma_buf_maps_at_attach(dmabuf) (!dma_buf_is_dynamic(dmabuf))
#endif

#endif /* KCOMPAT_IMPORTER_H */
