// SPDX-License-Identifier: GPL-2.0-only
/* dma_buf_vmap() wants dma_resv held; before, the call takes a lock itself. */
#include <linux/dma-buf.h>

int kcompat_probe(struct dma_buf *dmabuf, struct iosys_map *map);
int kcompat_probe(struct dma_buf *dmabuf, struct iosys_map *map)
{
	return dma_buf_vmap_unlocked(dmabuf, map);
}
