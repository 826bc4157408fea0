// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer and its dma-buf: made, attached, mapped, revoked, released.
 *
 * What both kinds share, and the static kind: the memory never moves, but it
 * can be taken away.  Old kernels map such a dma-buf for a dynamic importer when
 * it attaches and unmap it when it detaches, so after a revoke the unmap may
 * come from the importer's worker, at its leisure.  Nothing is given back before
 * it has come.
 */
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include "gbar.h"

/* How often somebody who does not let go is complained about. */
#define GBAR_COMPLAIN		(10 * HZ)

/*
 * Between use and unuse the memory stays ours and the PCI device bound:
 * revoke waits.  Needs no lock; may be called with dma_resv held.
 */
int gbar_buf_use(struct gbar_buf *buf)
{
	int ret = -ENODEV;

	down_read(&buf->lock);
	if (!buf->revoked) {
		atomic_inc(&buf->users);
		ret = 0;
	}
	up_read(&buf->lock);
	return ret;
}

void gbar_buf_unuse(struct gbar_buf *buf)
{
	if (atomic_dec_and_test(&buf->users))
		wake_up_var(&buf->users);
}

int gbar_buf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct gbar_buf *buf = dmabuf->priv;
	int ret;

	if (!attach->peer2peer)
		return -EOPNOTSUPP;

	ret = gbar_buf_use(buf);
	if (ret)
		return ret;
	ret = gbar_topology_check(buf, attach->dev);
	gbar_buf_unuse(buf);
	return ret;
}

/* A device may only read what the descriptor may only read. */
static enum dma_data_direction gbar_buf_dir(struct gbar_buf *buf,
					    enum dma_data_direction dir)
{
	return buf->dmabuf->file->f_mode & FMODE_WRITE ? dir : DMA_TO_DEVICE;
}

/*
 * The use that belongs to a mapping is dropped by unmap.  The place stays while
 * it is looked at: the static kind's for the use, the dynamic kind's for
 * dma_resv.
 */
struct sg_table *gbar_buf_map(struct dma_buf_attachment *attach,
			      enum dma_data_direction dir)
{
	struct gbar_buf *buf = attach->dmabuf->priv;
	struct sg_table *sgt;
	int ret;

	ret = gbar_buf_use(buf);
	if (ret)
		return ERR_PTR(ret);

	sgt = gbar_sgt_map(attach, buf->place, gbar_buf_dir(buf, dir));
	if (IS_ERR(sgt))
		gbar_buf_unuse(buf);
	return sgt;
}

void gbar_buf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		    enum dma_data_direction dir)
{
	gbar_sgt_unmap(attach, sgt);
	gbar_buf_unuse(attach->dmabuf->priv);
}

static void gbar_buf_put(struct gbar_buf *buf)
{
	if (refcount_dec_and_test(&buf->refs))
		complete(&buf->idle);
}

/* The memory is nobody's; a buffer that was revoked has none. */
static void gbar_buf_drop_places(struct gbar_buf *buf)
{
	if (buf->place)
		gbar_place_put(buf->place);
	buf->place = NULL;
	if (buf->kept)
		gbar_place_put(buf->kept);
	buf->kept = NULL;
}

/* The last reference to the dma-buf is gone: no importer, no mmap, no vmap. */
void gbar_buf_release(struct dma_buf *dmabuf)
{
	struct gbar_buf *buf = dmabuf->priv;
	struct gbar_dev *gdev = buf->gdev;

	mutex_lock(&gdev->lock);
	list_del_init(&buf->node);
	mutex_unlock(&gdev->lock);

	/* A revoke that found us before needs the dma-buf until it is done. */
	gbar_buf_put(buf);
	wait_for_completion(&buf->idle);

	gbar_buf_drop_places(buf);
	mutex_lock(&gdev->lock);
	gdev->nr_bufs--;
	mutex_unlock(&gdev->lock);
	iput(buf->inode);
	kfree(buf);
	gbar_dev_put(gdev);
}

static const struct dma_buf_ops gbar_buf_ops = {
	.attach			= gbar_buf_attach,
	.map_dma_buf		= gbar_buf_map,
	.unmap_dma_buf		= gbar_buf_unmap,
	.release		= gbar_buf_release,
	.begin_cpu_access	= gbar_begin_cpu_access,
	.end_cpu_access		= gbar_end_cpu_access,
	.mmap			= gbar_mmap,
	.vmap			= gbar_vmap,
	.vunmap			= gbar_vunmap,
};

/* A dma-buf of this module, or NULL. */
struct gbar_buf *gbar_buf_of(struct dma_buf *dmabuf)
{
	if (dmabuf->ops != &gbar_buf_ops && dmabuf->ops != &gbar_dynamic_ops)
		return NULL;
	return dmabuf->priv;
}

static struct dma_buf *gbar_buf_export(struct gbar_buf *buf, u32 flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);

	info.exp_name = GBAR_NAME;
	info.owner = THIS_MODULE;
	info.ops = flags & GPUDMABUF_BAR_ALLOC_DYNAMIC ? &gbar_dynamic_ops :
							 &gbar_buf_ops;
	info.size = buf->size;
	info.flags = flags & GPUDMABUF_BAR_ALLOC_RDONLY ? O_RDONLY : O_RDWR;
	info.priv = buf;
	return dma_buf_export(&info);
}

/* With gdev->life read-held: no revoke runs before the buffer is listed. */
static struct dma_buf *gbar_buf_create_locked(struct gbar_dev *gdev,
					      size_t size, u32 flags)
{
	struct gbar_buf *buf;
	int ret;

	lockdep_assert_held_read(&gdev->life);

	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->gdev = gdev;
	buf->size = size;
	init_rwsem(&buf->lock);
	init_completion(&buf->idle);
	refcount_set(&buf->refs, 1);

	buf->place = gbar_place_alloc(gdev, size);
	if (IS_ERR(buf->place)) {
		ret = PTR_ERR(buf->place);
		goto err_free_buf;
	}
	ret = gbar_place_clear(buf->place);
	if (ret)
		goto err_put_place;

	buf->dmabuf = gbar_buf_export(buf, flags);
	if (IS_ERR(buf->dmabuf)) {
		ret = PTR_ERR(buf->dmabuf);
		goto err_put_place;
	}

	/* From here on everything is the dma-buf's and undone by release. */
	gbar_dev_get(gdev);
	buf->inode = file_inode(buf->dmabuf->file);
	ihold(buf->inode);
	mutex_lock(&gdev->lock);
	list_add_tail(&buf->node, &gdev->bufs);
	gdev->nr_bufs++;
	mutex_unlock(&gdev->lock);
	return buf->dmabuf;

err_put_place:
	gbar_place_put(buf->place);
err_free_buf:
	kfree(buf);
	return ERR_PTR(ret);
}

/**
 * gbar_buf_create - allocate, clear, export
 * @gdev: the device
 * @size: bytes, a multiple of PAGE_SIZE
 * @flags: bits of enum gpudmabuf_bar_alloc_flags
 *
 * Sleeps.  Returns the dma-buf, which owns everything, or an ERR_PTR: -ENODEV
 * if the device is gone, -ENOSPC, -ENOMEM, -EINTR if killed.
 */
struct dma_buf *gbar_buf_create(struct gbar_dev *gdev, size_t size,
				u32 flags)
{
	struct dma_buf *dmabuf = ERR_PTR(-ENODEV);

	down_read(&gdev->life);
	if (gdev->alive)
		dmabuf = gbar_buf_create_locked(gdev, size, flags);
	up_read(&gdev->life);
	return dmabuf;
}

/* From here on nothing new begins, and importers know. */
static void gbar_buf_revoke_locked(struct gbar_buf *buf)
{
	struct dma_resv *resv = buf->dmabuf->resv;

	dma_resv_assert_held(resv);

	down_write(&buf->lock);
	buf->revoked = true;
	up_write(&buf->lock);

	dma_buf_invalidate_mappings(buf->dmabuf);
	while (!dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, false,
				      GBAR_COMPLAIN))
		pr_warn("%s: a fence of a revoked buffer does not signal\n",
			buf->gdev->name);
}

/*
 * Takes the memory away from everybody.  Page faults fail from the flag on, so
 * what is mapped is unmapped before the wait for importers, which may be long.
 */
static void gbar_buf_revoke(struct gbar_buf *buf)
{
	dma_resv_lock(buf->dmabuf->resv, NULL);
	gbar_buf_revoke_locked(buf);
	dma_resv_unlock(buf->dmabuf->resv);

	unmap_mapping_range(buf->inode->i_mapping, 0, 0, 1);

	while (!wait_var_event_timeout(&buf->users, !atomic_read(&buf->users),
				       GBAR_COMPLAIN))
		pr_warn("%s: %d users of a revoked buffer do not let go\n",
			buf->gdev->name, atomic_read(&buf->users));

	gbar_buf_drop_places(buf);
}

/* Takes a buffer off the list, with a reference that release waits for. */
static struct gbar_buf *gbar_buf_take(struct gbar_dev *gdev)
{
	struct gbar_buf *buf;

	mutex_lock(&gdev->lock);
	buf = list_first_entry_or_null(&gdev->bufs, struct gbar_buf, node);
	if (buf) {
		list_del_init(&buf->node);
		refcount_inc(&buf->refs);
	}
	mutex_unlock(&gdev->lock);
	return buf;
}

/**
 * gbar_bufs_revoke - take all buffers of a device away from their users
 * @gdev: not alive, so that no new ones come
 *
 * Returns when no DMA mapping, vmap or mmap of the range is left.  Sleeps, for
 * as long as an importer takes to let go.
 */
void gbar_bufs_revoke(struct gbar_dev *gdev)
{
	struct gbar_buf *buf;

	while ((buf = gbar_buf_take(gdev))) {
		gbar_buf_revoke(buf);
		gbar_buf_put(buf);
	}
}
