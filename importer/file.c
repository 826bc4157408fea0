// SPDX-License-Identifier: GPL-2.0-only
/*
 * A target registered in a context: an open namespace or partition.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "gimp.h"

void gimp_file_put(struct gimp_file *file)
{
	if (!refcount_dec_and_test(&file->refs))
		return;

	gimp_pool_put(file->pool);
	fput(file->filp);
	kfree_rcu(file, rcu);
}

struct gimp_file *gimp_file_get(struct gimp_ctx *ctx, u32 id,
				struct gimp_why *why)
{
	struct gimp_file *file = NULL;

	rcu_read_lock();
	if (id < GIMP_MAX_FILES)
		file = xa_load(&ctx->files,
			       array_index_nospec(id, GIMP_MAX_FILES));
	if (file && !refcount_inc_not_zero(&file->refs))
		file = NULL;
	rcu_read_unlock();

	if (!file)
		gimp_refuse(why, -ENOENT, GPUDMABUF_REASON_NO_FILE, id);
	return file;
}

/*
 * The longest command: the driver's limit, and what one list page can name when
 * the first page is not used from its beginning.
 */
u32 gimp_file_max_command(const struct gimp_file *file)
{
	u64 hw = (u64)queue_max_hw_sectors(file->disk.q) << SECTOR_SHIFT;
	u32 max = min_t(u64, hw, GIMP_PRP_ENTRIES * GIMP_PAGE_SIZE);

	return round_down(max, file->disk.block_size);
}

static int gimp_file_open_target(struct gimp_file *file, int fd,
				 struct gimp_why *why)
{
	umode_t mode;

	file->filp = fget(fd);
	if (!file->filp)
		return gimp_refuse(why, -EBADF, GPUDMABUF_REASON_BAD_FD, 0);

	mode = file_inode(file->filp)->i_mode;
	if (!S_ISBLK(mode) || !S_ISBLK(file->filp->f_mapping->host->i_mode)) {
		fput(file->filp);
		return gimp_refuse(why, -EOPNOTSUPP,
				   GPUDMABUF_REASON_FILE_KIND, mode & S_IFMT);
	}

	file->bdev = kcompat_file_bdev(file->filp);
	return 0;
}

static int gimp_file_setup_failed(int err, struct gimp_why *why)
{
	return gimp_refuse(why, err, err == -ENOMEM ?
			   GPUDMABUF_REASON_NO_MEMORY :
			   GPUDMABUF_REASON_DISK_GONE, 0);
}

/* Gates, command slots and proof for an open target. */
static int gimp_file_setup(struct gimp_file *file, struct gimp_ctx *ctx,
			   struct gimp_why *why)
{
	struct gimp_ctrl *ctrl;
	int ret;

	ret = gimp_disk_identify(file->bdev, &file->disk, why);
	if (ret)
		return ret;

	ctrl = gimp_ctrl_get(file->disk.pdev);
	if (IS_ERR(ctrl))
		return gimp_file_setup_failed(PTR_ERR(ctrl), why);
	file->pool = gimp_pool_get(ctrl, ctx->user->uid, file->disk.q);
	gimp_ctrl_put(ctrl);
	if (IS_ERR(file->pool))
		return gimp_file_setup_failed(PTR_ERR(file->pool), why);

	ret = gimp_probe_blocks(file->pool, &file->disk, why);
	if (ret)
		gimp_pool_put(file->pool);
	return ret;
}

static struct gimp_file *gimp_file_create(struct gimp_ctx *ctx, int fd,
					  struct gimp_why *why)
{
	struct gimp_file *file;
	int ret;

	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file) {
		gimp_refuse(why, -ENOMEM, GPUDMABUF_REASON_NO_MEMORY, 0);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&file->refs, 1);
	mutex_init(&file->lock);

	ret = gimp_file_open_target(file, fd, why);
	if (ret)
		goto err_free;
	ret = gimp_file_setup(file, ctx, why);
	if (ret)
		goto err_fput;

	return file;

err_fput:
	fput(file->filp);
err_free:
	kfree(file);
	return ERR_PTR(ret);
}

static void gimp_file_describe(const struct gimp_file *file,
			       struct gpudmabuf_file_register *arg)
{
	struct pci_dev *pdev = file->pool->ctrl->pdev;

	arg->out_length = bdev_nr_bytes(file->bdev);
	arg->out_block_size = file->disk.block_size;
	arg->out_max_command = gimp_file_max_command(file);
	arg->out_flags = 0;
	if (file->filp->f_mode & FMODE_READ)
		arg->out_flags |= GPUDMABUF_FILE_READABLE;
	if (file->filp->f_mode & FMODE_WRITE)
		arg->out_flags |= GPUDMABUF_FILE_WRITABLE;
	arg->out_pci_domain = pci_domain_nr(pdev->bus);
	arg->out_pci_id = pci_dev_id(pdev);
	arg->out_reserved = 0;
}

int gimp_file_register(struct gimp_ctx *ctx,
		       struct gpudmabuf_file_register *arg,
		       struct gimp_why *why)
{
	struct gimp_file *file = gimp_file_create(ctx, arg->fd, why);
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);

	/* Once it is in the array, another thread may unregister it. */
	gimp_file_describe(file, arg);
	ret = xa_alloc(&ctx->files, &arg->out_file_id, file,
		       XA_LIMIT(0, GIMP_MAX_FILES - 1), GFP_KERNEL_ACCOUNT);
	if (!ret)
		return 0;

	gimp_file_put(file);
	if (ret == -EBUSY)
		return gimp_refuse(why, -EMFILE, GPUDMABUF_REASON_TOO_MANY,
				   GIMP_MAX_FILES);
	return gimp_refuse(why, ret, GPUDMABUF_REASON_NO_MEMORY, 0);
}

int gimp_file_unregister(struct gimp_ctx *ctx, u32 id, struct gimp_why *why)
{
	struct gimp_file *file = NULL;

	if (id < GIMP_MAX_FILES)
		file = xa_erase(&ctx->files,
				array_index_nospec(id, GIMP_MAX_FILES));
	if (!file)
		return gimp_refuse(why, -ENOENT, GPUDMABUF_REASON_NO_FILE, id);

	gimp_file_put(file);
	return 0;
}

/* What cannot be mended without registering the target anew. */
static bool gimp_file_reformatted(const struct gimp_file *file, int err,
				  const struct gimp_disk *now,
				  const struct gimp_why *why)
{
	if (!err)
		return now->block_size != file->disk.block_size ||
		       now->nsid != file->disk.nsid;

	switch (why->reason) {
	case GPUDMABUF_REASON_METADATA:
	case GPUDMABUF_REASON_INTEGRITY:
	case GPUDMABUF_REASON_ZONED:
	case GPUDMABUF_REASON_BLOCK_SIZE:
		return true;
	default:
		return false;
	}
}

/**
 * gimp_file_recheck - go through the gates and the proof again
 * @file: a target that changed, or answered strangely
 * @why: set on refusal
 *
 * Return: 0 when it is what it was; -EOPNOTSUPP when it is not, from then on;
 * -ENODEV when it is gone. Any other error leaves it unproven: nothing is
 * transferred until a later recheck succeeds.
 */
int gimp_file_recheck(struct gimp_file *file, struct gimp_why *why)
{
	struct gimp_disk disk = {};
	int ret;

	mutex_lock(&file->lock);
	ret = gimp_file_alive(file, why);
	if (ret)
		goto out_unlock;

	ret = gimp_disk_identify(file->bdev, &disk, why);
	if (!ret)
		ret = gimp_probe_blocks(file->pool, &disk, why);
	/* A disk on its way out fails in every possible manner. */
	if (gimp_file_alive(file, why)) {
		ret = -ENODEV;
		goto out_unlock;
	}

	WRITE_ONCE(file->unproven, ret);
	if (gimp_file_reformatted(file, ret, &disk, why)) {
		WRITE_ONCE(file->stale, true);
		ret = gimp_file_alive(file, why);
	} else if (!ret) {
		WRITE_ONCE(file->disk.capacity, disk.capacity);
	}
out_unlock:
	mutex_unlock(&file->lock);
	return ret;
}

/* Neither gone nor found to be something else. */
int gimp_file_alive(const struct gimp_file *file, struct gimp_why *why)
{
	if (READ_ONCE(file->stale))
		return gimp_refuse(why, -EOPNOTSUPP,
				   GPUDMABUF_REASON_REFORMATTED, 0);
	if (READ_ONCE(file->pool->ctrl->dead) ||
	    !get_capacity(file->bdev->bd_disk))
		return gimp_refuse(why, -ENODEV, GPUDMABUF_REASON_DISK_GONE, 0);
	return 0;
}
