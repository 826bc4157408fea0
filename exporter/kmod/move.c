// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving a buffer of the dynamic kind to another place, contents and all.
 *
 * Everything that can fail is done before anything is touched.  Then, under
 * dma_resv, so that nobody maps: importers let go and fences are waited for;
 * under the buffer's lock, so that no page fault brings anything back: CPU
 * mappings go, the contents are copied, the place is changed.  From then on the
 * old place is nobody's and is filled with what shows if somebody still writes.
 */
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include "gbar.h"

#define GBAR_MOVE_STEP	SZ_64K

/**
 * struct gbar_move - a move in progress
 * @buf: what moves; its dma_resv is held
 * @to: the new place; a reference until the buffer has it
 * @from_io: the old place
 * @to_io: the new place
 * @kept_io: the place that the last move kept, or NULL
 * @bounce: GBAR_MOVE_STEP bytes of host memory
 */
struct gbar_move {
	struct gbar_buf *buf;
	struct gbar_place *to;
	void __iomem *from_io;
	void __iomem *to_io;
	void __iomem *kept_io;
	u8 *bounce;
};

static struct gbar_place *gbar_move_target(struct gbar_buf *buf)
{
	struct gbar_place *place = ERR_PTR(-ENODEV);
	struct gbar_dev *gdev = buf->gdev;

	/* What is not alive is not for allocation, though it could be had. */
	down_read(&gdev->life);
	if (gdev->alive)
		place = gbar_place_alloc(gdev, buf->size);
	up_read(&gdev->life);
	return place;
}

static void gbar_move_finish(struct gbar_move *move)
{
	if (move->from_io)
		iounmap(move->from_io);
	if (move->to_io)
		iounmap(move->to_io);
	if (move->kept_io)
		iounmap(move->kept_io);
	kfree(move->bounce);
}

/* The buffer is not revoked: until dma_resv is let go of, the BAR is ours. */
static int gbar_move_prepare(struct gbar_move *move)
{
	struct gbar_buf *buf = move->buf;

	dma_resv_assert_held(buf->dmabuf->resv);

	move->bounce = kmalloc(GBAR_MOVE_STEP, GFP_KERNEL);
	move->from_io = ioremap_wc(buf->place->addr, buf->size);
	move->to_io = ioremap_wc(move->to->addr, buf->size);
	if (buf->kept)
		move->kept_io = ioremap_wc(buf->kept->addr, buf->size);
	if (move->bounce && move->from_io && move->to_io &&
	    !buf->kept == !move->kept_io)
		return 0;

	gbar_move_finish(move);
	return -ENOMEM;
}

/* Importers let go; what they cannot stop at once they have set fences for. */
static int gbar_move_notify(struct gbar_buf *buf)
{
	struct dma_resv *resv = buf->dmabuf->resv;
	long ret;

	dma_resv_assert_held(resv);

	dma_buf_invalidate_mappings(buf->dmabuf);
	ret = dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, true,
				    MAX_SCHEDULE_TIMEOUT);
	return min(ret, 0L);
}

static void gbar_move_copy(struct gbar_move *move)
{
	size_t off, step, size = move->buf->size;

	for (off = 0; off < size; off += step) {
		step = min_t(size_t, size - off, GBAR_MOVE_STEP);
		memcpy_fromio(move->bounce, move->from_io + off, step);
		memcpy_toio(move->to_io + off, move->bounce, step);
		cond_resched();
	}
	gbar_mem_flush(move->buf->gdev);
}

/*
 * The old place's reference is the caller's afterwards.  On other CPUs the
 * interrupt that empties the TLB empties write-combining buffers, too, so the
 * copy has what was written through mappings that have gone.
 */
static int gbar_move_switch(struct gbar_move *move)
{
	struct gbar_buf *buf = move->buf;

	dma_resv_assert_held(buf->dmabuf->resv);
	lockdep_assert_held_write(&buf->lock);

	/* Old kernels vmap without dma_resv: one may have come just now. */
	if (atomic_read(&buf->vmaps))
		return -EBUSY;

	unmap_mapping_range(buf->inode->i_mapping, 0, 0, 1);
	gbar_move_copy(move);
	buf->place = move->to;
	return 0;
}

static void gbar_move_fill(struct gbar_move *move, u8 fill)
{
	size_t off, step, size = move->buf->size;

	for (off = 0; off < size; off += step) {
		step = min_t(size_t, size - off, GBAR_MOVE_STEP);
		memset_io(move->from_io + off, fill, step);
		cond_resched();
	}
	gbar_mem_flush(move->buf->gdev);
}

/* Bytes of the kept place that are not what it was filled with. */
static u64 gbar_move_count_stray(struct gbar_move *move)
{
	size_t off, step, i, size = move->buf->size;
	u8 fill = move->buf->kept_fill;
	u64 stray = 0;

	for (off = 0; off < size; off += step) {
		step = min_t(size_t, size - off, GBAR_MOVE_STEP);
		memcpy_fromio(move->bounce, move->kept_io + off, step);
		if (memchr_inv(move->bounce, fill, step)) {
			for (i = 0; i < step; i++)
				stray += move->bounce[i] != fill;
		}
		cond_resched();
	}
	return stray;
}

/* Looks at the place that the last move kept, and lets it go. */
static u64 gbar_move_check_kept(struct gbar_move *move)
{
	struct gbar_buf *buf = move->buf;
	u64 stray;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (!buf->kept)
		return 0;
	stray = gbar_move_count_stray(move);
	gbar_place_put(buf->kept);
	buf->kept = NULL;
	return stray;
}

/* With everything at hand. */
static int gbar_move_prepared(struct gbar_move *move, u8 fill, bool keep,
			      u64 *ret_stray)
{
	struct gbar_buf *buf = move->buf;
	struct gbar_place *from = buf->place;
	int ret;

	ret = gbar_move_notify(buf);
	if (ret)
		return ret;
	down_write(&buf->lock);
	ret = gbar_move_switch(move);
	up_write(&buf->lock);
	if (ret)
		return ret;

	gbar_move_fill(move, fill);
	*ret_stray = gbar_move_check_kept(move);
	if (keep) {
		buf->kept = from;
		buf->kept_fill = fill;
	} else {
		gbar_place_put(from);
	}
	return 0;
}

static int gbar_move_locked(struct gbar_move *move, u8 fill, bool keep,
			    u64 *ret_stray)
{
	struct gbar_buf *buf = move->buf;
	int ret;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (buf->revoked)
		return -ENODEV;
	if (gbar_dynamic_pinned(buf) || atomic_read(&buf->vmaps))
		return -EBUSY;

	ret = gbar_move_prepare(move);
	if (ret)
		return ret;
	ret = gbar_move_prepared(move, fill, keep, ret_stray);
	gbar_move_finish(move);
	return ret;
}

/**
 * gbar_buf_move - move a buffer to another place in the BAR
 * @buf: of the dynamic kind; the caller has a reference to its dma-buf
 * @fill: what every byte of the old place is set to
 * @keep: keep the old place for the next call to look at
 * @ret_stray: bytes written to the place kept by the last call, since
 *
 * Sleeps until importers have let go.  Returns 0, or with nothing moved:
 * -EBUSY if pinned or mapped by the kernel, -ENOSPC, -ENOMEM, -ENODEV if
 * revoked, -EINTR, -ERESTARTSYS.
 */
int gbar_buf_move(struct gbar_buf *buf, u8 fill, bool keep, u64 *ret_stray)
{
	struct dma_resv *resv = buf->dmabuf->resv;
	struct gbar_move move = { .buf = buf };
	int ret;

	move.to = gbar_move_target(buf);
	if (IS_ERR(move.to))
		return PTR_ERR(move.to);

	ret = dma_resv_lock_interruptible(resv, NULL);
	if (!ret) {
		ret = gbar_move_locked(&move, fill, keep, ret_stray);
		dma_resv_unlock(resv);
	}
	if (ret)
		gbar_place_put(move.to);
	return ret;
}
