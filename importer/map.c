// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA addresses of a mapped dma-buf, one for each page of the controller.
 */
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/iommu.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "gimp.h"

/* How soon a drain sees that the controller was pulled out. */
#define GIMP_DRAIN_SLICE	(HZ / 10)

static void gimp_map_free_rcu(struct rcu_head *rcu)
{
	struct gimp_map *map = container_of(rcu, struct gimp_map, rcu);

	percpu_ref_exit(&map->refs);
	kvfree(map->addr);
	kfree(map);
}

/* Unpublished, but somebody may still be looking at the reference. */
void gimp_map_put(struct gimp_map *map)
{
	if (refcount_dec_and_test(&map->owners))
		call_rcu(&map->rcu, gimp_map_free_rcu);
}

static void gimp_map_drained(struct percpu_ref *refs)
{
	struct gimp_map *map = container_of(refs, struct gimp_map, refs);

	complete(&map->drained);
	gimp_map_put(map);
}

/* No command may begin to use it; once. */
void gimp_map_kill(struct gimp_map *map)
{
	if (!test_and_set_bit(0, &map->killed))
		percpu_ref_kill(&map->refs);
}

/*
 * Waits until no command holds addresses of a killed map.
 *
 * A controller that was pulled out does no more DMA, and its driver's remove()
 * alone ends the commands; that may come later in this very thread, when a port
 * above both controller and memory is removed.
 */
void gimp_map_drain(struct gimp_map *map, struct pci_dev *pdev)
{
	while (!wait_for_completion_timeout(&map->drained, GIMP_DRAIN_SLICE))
		if (READ_ONCE(pdev->error_state) == pci_channel_io_perm_failure)
			return;
}

static int gimp_map_check_segment(struct gimp_attach *attach, u64 addr, u64 len,
				  struct gimp_why *why)
{
	struct device *dev = &attach->ctrl->pdev->dev;
	u64 limit = dma_get_mask(dev);

	if (!IS_ALIGNED(addr, GIMP_PAGE_SIZE) ||
	    !IS_ALIGNED(len, GIMP_PAGE_SIZE))
		return gimp_refuse(why, -EXDEV, GPUDMABUF_REASON_SEG_ALIGN, 0);

	/* Peer addresses on the bus pass the DMA API's own check by. */
	if (dev->bus_dma_limit)
		limit = min(limit, dev->bus_dma_limit);
	if (len && (addr + len - 1 < addr || addr + len - 1 > limit))
		return gimp_refuse(why, -EXDEV, GPUDMABUF_REASON_DMA_MASK,
				   fls64(limit));

	/* Bounced by swiotlb: the device would miss what others write. */
	if (len && kcompat_dma_need_sync(dev, addr))
		return gimp_refuse(why, -EXDEV, GPUDMABUF_REASON_DMA_SYNC, 0);
	return 0;
}

/* Every 4096 bytes of every segment, as far as the array goes. */
static int gimp_map_flatten(struct gimp_map *map, struct gimp_attach *attach,
			    struct gimp_why *why)
{
	struct scatterlist *sg;
	unsigned long n = 0;
	u64 addr, len;
	int i, ret;

	for_each_sgtable_dma_sg(attach->sgt, sg, i) {
		addr = sg_dma_address(sg);
		len = sg_dma_len(sg);
		ret = gimp_map_check_segment(attach, addr, len, why);
		if (ret)
			return ret;
		for (; len && n < map->nr; len -= GIMP_PAGE_SIZE) {
			map->addr[n++] = cpu_to_le64(addr);
			addr += GIMP_PAGE_SIZE;
		}
	}

	if (n < map->nr)
		return gimp_refuse(why, -EXDEV, GPUDMABUF_REASON_SEG_SHORT,
				   (u64)n << GIMP_PAGE_SHIFT);
	return 0;
}

static bool gimp_map_in_ram(struct iommu_domain *domain, dma_addr_t addr,
			    size_t len)
{
	phys_addr_t phys = domain ? iommu_iova_to_phys(domain, addr) : addr;

	/* Translated, only the first page of the segment is known. */
	return region_intersects(phys, domain ? GIMP_PAGE_SIZE : len,
				 IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	       REGION_DISJOINT;
}

/*
 * Where the bytes are: in host memory if any of them is. An exporter clears
 * peer2peer when it keeps or moves the memory there, but one that never looks at
 * the flag leaves it set. Only for telling: no decision about a DMA rests on it.
 */
static u32 gimp_map_where(struct gimp_attach *attach)
{
	struct device *dev = &attach->ctrl->pdev->dev;
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct scatterlist *sg;
	int i;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (!attach->dba->peer2peer)
		return GPUDMABUF_WHERE_HOST;

	for_each_sgtable_dma_sg(attach->sgt, sg, i)
		if (sg_dma_len(sg) && gimp_map_in_ram(domain,
						      sg_dma_address(sg),
						      sg_dma_len(sg)))
			return GPUDMABUF_WHERE_HOST;
	return GPUDMABUF_WHERE_DEVICE;
}

/**
 * gimp_map_create - the addresses of an attach that is mapped
 * @attach: has an sg_table; under the dma-buf's reservation lock
 * @why: set on refusal
 *
 * Only the DMA side of the table is read; it may have no pages.
 *
 * Return: a map that is not published yet, or an error pointer: -EXDEV when the
 * controller cannot use the addresses, -ENOMEM.
 */
struct gimp_map *gimp_map_create(struct gimp_attach *attach,
				 struct gimp_why *why)
{
	struct gimp_map *map;
	int ret = -ENOMEM;

	dma_resv_assert_held(attach->dmabuf->resv);

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		goto err_no_memory;
	map->nr = gimp_dmabuf_length(attach->dmabuf) >> GIMP_PAGE_SHIFT;
	map->addr = kvmalloc_array(map->nr, sizeof(*map->addr),
				   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!map->addr)
		goto err_free;
	init_completion(&map->drained);

	ret = gimp_map_flatten(map, attach, why);
	if (ret)
		goto err_free_addr;

	ret = percpu_ref_init(&map->refs, gimp_map_drained, 0, GFP_KERNEL);
	if (ret)
		goto err_free_addr;
	refcount_set(&map->owners, 2);

	attach->where = gimp_map_where(attach);
	attach->segments = attach->sgt->nents;
	return map;

err_free_addr:
	kvfree(map->addr);
err_free:
	kfree(map);
err_no_memory:
	if (ret == -ENOMEM)
		gimp_refuse(why, ret, GPUDMABUF_REASON_NO_MEMORY, 0);
	return ERR_PTR(ret);
}
