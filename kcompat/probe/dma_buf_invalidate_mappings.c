// SPDX-License-Identifier: GPL-2.0-only
/* Before, the call was dma_buf_move_notify(). */
#include <linux/dma-buf.h>

void kcompat_probe(struct dma_buf *dmabuf);
void kcompat_probe(struct dma_buf *dmabuf)
{
	dma_buf_invalidate_mappings(dmabuf);
}
