// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA mappings by dma_map_resource(), for kernels without peer-to-peer DMA.
 *
 * The table has DMA addresses and no pages: an importer that looks for pages
 * finds orig_nents = 0.
 */
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include "gbar.h"

/**
 * struct gbar_map - one mapping for one importer
 * @sgt: what the importer gets
 * @place: what is mapped; a reference
 * @addr: DMA address of the whole, which is contiguous
 * @dir: as mapped
 */
struct gbar_map {
	struct sg_table sgt;
	struct gbar_place *place;
	dma_addr_t addr;
	enum dma_data_direction dir;
};

static void gbar_sgt_fill(struct sg_table *sgt, dma_addr_t addr, size_t size,
			  unsigned int seg)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(sgt, sg, i) {
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = min_t(size_t, size, seg);
		addr += sg_dma_len(sg);
		size -= sg_dma_len(sg);
	}
	sgt->orig_nents = 0;
}

/* Called with dma_resv held or not, as the kernel has it.  Sleeps. */
struct sg_table *gbar_sgt_map(struct dma_buf_attachment *attach,
			      struct gbar_place *place,
			      enum dma_data_direction dir)
{
	unsigned int seg = dma_get_max_seg_size(attach->dev) & PAGE_MASK;
	struct gbar_map *map;
	int ret = -ENOMEM;

	if (!seg)
		return ERR_PTR(-EINVAL);

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return ERR_PTR(-ENOMEM);
	if (sg_alloc_table(&map->sgt, DIV_ROUND_UP(place->size, seg), GFP_KERNEL))
		goto err_free_map;

	map->dir = dir;
	map->addr = dma_map_resource(attach->dev, place->addr, place->size,
				     dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (dma_mapping_error(attach->dev, map->addr)) {
		ret = -EIO;
		goto err_free_sgt;
	}

	gbar_place_get(place);
	map->place = place;
	gbar_sgt_fill(&map->sgt, map->addr, place->size, seg);
	return &map->sgt;

err_free_sgt:
	sg_free_table(&map->sgt);
err_free_map:
	kfree(map);
	return ERR_PTR(ret);
}

void gbar_sgt_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt)
{
	struct gbar_map *map = container_of(sgt, struct gbar_map, sgt);

	dma_unmap_resource(attach->dev, map->addr, map->place->size, map->dir,
			   DMA_ATTR_SKIP_CPU_SYNC);
	gbar_place_put(map->place);
	sgt->orig_nents = sgt->nents;
	sg_free_table(sgt);
	kfree(map);
}
