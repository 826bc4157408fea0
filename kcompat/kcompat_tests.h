/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests/kernel uses and an older kernel lacks. */
#ifndef KCOMPAT_TESTS_H
#define KCOMPAT_TESTS_H

#include <linux/dma-buf.h>

#ifdef KCOMPAT_HAVE_DMA_BUF_VMAP_UNLOCKED
#define kcompat_dma_buf_vmap_unlocked(dmabuf, map) \
	dma_buf_vmap_unlocked(dmabuf, map)
#define kcompat_dma_buf_vunmap_unlocked(dmabuf, map) \
	dma_buf_vunmap_unlocked(dmabuf, map)
#else
#define kcompat_dma_buf_vmap_unlocked(dmabuf, map) dma_buf_vmap(dmabuf, map)
#define kcompat_dma_buf_vunmap_unlocked(dmabuf, map) dma_buf_vunmap(dmabuf, map)
#endif

#endif /* KCOMPAT_TESTS_H */
