// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dynamic kind: a buffer that may move (move.c) while nobody has pinned it.
 *
 * Who attaches without being able to hear of a move is pinned by the core, and
 * so is who calls dma_buf_pin(); both keep the buffer where it is.  Kernels with
 * CONFIG_DMABUF_MOVE_NOTIFY off pin at each map as well, also for an importer
 * that can hear of a move.  For GPUs that means "not out of the BAR, into host
 * memory", which never happens here; that the importer lets go in its callback,
 * or sets fences, is as true on these kernels as on others.  The move is asked
 * for by name, by the administrator, so a pin that comes with such a mapping and
 * goes with it does not count.  Whoever pins besides mapping is respected.
 */
#include <linux/dma-resv.h>
#include "gbar.h"

static int gbar_dynamic_pin(struct dma_buf_attachment *attach)
{
	struct gbar_buf *buf = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	/* Changes under dma_resv only. */
	if (buf->revoked)
		return -ENODEV;
	buf->pins++;
	return 0;
}

static void gbar_dynamic_unpin(struct dma_buf_attachment *attach)
{
	struct gbar_buf *buf = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	buf->pins--;
}

static struct sg_table *gbar_dynamic_map(struct dma_buf_attachment *attach,
					 enum dma_data_direction dir)
{
	struct gbar_buf *buf = attach->dmabuf->priv;
	struct sg_table *sgt;

	dma_resv_assert_held(attach->dmabuf->resv);

	sgt = gbar_buf_map(attach, dir);
	if (!IS_ERR(sgt) && kcompat_dma_buf_pins_at_map(attach))
		buf->map_pins++;
	return sgt;
}

/* The core unpins next, before it lets go of dma_resv. */
static void gbar_dynamic_unmap(struct dma_buf_attachment *attach,
			       struct sg_table *sgt,
			       enum dma_data_direction dir)
{
	struct gbar_buf *buf = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (kcompat_dma_buf_pins_at_map(attach))
		buf->map_pins--;
	gbar_buf_unmap(attach, sgt, dir);
}

/* Whether somebody relies on the buffer staying where it is. */
bool gbar_dynamic_pinned(struct gbar_buf *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	return buf->pins != buf->map_pins;
}

const struct dma_buf_ops gbar_dynamic_ops = {
	.attach			= gbar_buf_attach,
	.pin			= gbar_dynamic_pin,
	.unpin			= gbar_dynamic_unpin,
	.map_dma_buf		= gbar_dynamic_map,
	.unmap_dma_buf		= gbar_dynamic_unmap,
	.release		= gbar_buf_release,
	.begin_cpu_access	= gbar_begin_cpu_access,
	.end_cpu_access		= gbar_end_cpu_access,
	.mmap			= gbar_mmap,
	.vmap			= gbar_vmap,
	.vunmap			= gbar_vunmap,
};
