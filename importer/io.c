// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must hold before a transfer: a caller reaches nothing that pread() or
 * pwrite() on the same descriptor, and CPU access to the same dma-buf, would
 * not reach.
 */
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/pagemap.h>
#include <linux/pci.h>
#include <linux/uio.h>

#include "gimp.h"
#include "trace.h"

static int gimp_rw_check_args(const struct gpudmabuf_io *arg,
			      const struct gimp_file *file,
			      const struct gimp_buf *buf, struct gimp_why *why)
{
	u32 block = file->disk.block_size;
	u64 size = gimp_dmabuf_length(buf->dmabuf);

	if (arg->len > GIMP_MAX_IO)
		return gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_LEN_MAX,
				   GIMP_MAX_IO);
	if (!IS_ALIGNED(arg->len, block))
		return gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_LEN_ALIGN,
				   block);
	if (!IS_ALIGNED(arg->file_off, block))
		return gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_FILE_ALIGN,
				   block);
	if (!IS_ALIGNED(arg->buf_off, block))
		return gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_BUF_ALIGN,
				   block);
	if (arg->file_off > LLONG_MAX - arg->len)
		return gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_OVERFLOW, 0);
	if (arg->buf_off > size || arg->len > size - arg->buf_off)
		return gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_BUF_RANGE,
				   size);
	return 0;
}

static int gimp_rw_check_modes(const struct gimp_file *file,
			       const struct gimp_buf *buf, bool write,
			       struct gimp_why *why)
{
	fmode_t file_need = write ? FMODE_WRITE : FMODE_READ;
	fmode_t buf_need = write ? FMODE_READ : FMODE_WRITE;

	if (!(file->filp->f_mode & file_need))
		return gimp_refuse(why, -EBADF, GPUDMABUF_REASON_FILE_MODE,
				   write);
	if (!(buf->dmabuf->file->f_mode & buf_need))
		return gimp_refuse(why, -EBADF, GPUDMABUF_REASON_BUF_MODE,
				   write);
	return 0;
}

static int gimp_rw_check_proven(struct gimp_file *file, struct gimp_why *why)
{
	int ret = gimp_file_alive(file, why);

	if (!ret && unlikely(READ_ONCE(file->unproven)))
		ret = gimp_file_recheck(file, why);
	return ret;
}

static int gimp_rw_check_rights(const struct gimp_file *file, bool write,
				loff_t pos, size_t len, struct gimp_why *why)
{
	int ret;

	if (write && bdev_read_only(file->bdev))
		return gimp_refuse(why, -EPERM, GPUDMABUF_REASON_READ_ONLY, 0);
	if (write && IS_SWAPFILE(file->filp->f_mapping->host))
		return gimp_refuse(why, -ETXTBSY, GPUDMABUF_REASON_SWAP, 0);

	ret = rw_verify_area(write ? WRITE : READ, file->filp, &pos, len);
	if (ret)
		return gimp_refuse(why, ret, GPUDMABUF_REASON_SECURITY, -ret);
	return 0;
}

/* What pread() and pwrite() would do at the end of a block device. */
static int gimp_rw_clamp(const struct gimp_file *file, bool write, u64 pos,
			 u64 *len, struct gimp_why *why)
{
	u64 size = round_down((u64)bdev_nr_bytes(file->bdev),
			      file->disk.block_size);

	if (pos >= size) {
		*len = 0;
		if (write)
			return gimp_refuse(why, -ENOSPC,
					   GPUDMABUF_REASON_PAST_END, size);
		return 0;
	}
	*len = min(*len, size - pos);
	return 0;
}

/* The page cache holds nothing newer than the disk, and after a write nothing. */
static int gimp_rw_settle_cache(const struct gimp_request *req,
				struct gimp_why *why)
{
	struct address_space *mapping = req->file->filp->f_mapping;
	loff_t end = req->pos + req->len - 1;
	int ret;

	if (likely(!READ_ONCE(mapping->nrpages)))
		return 0;

	ret = filemap_write_and_wait_range(mapping, req->pos, end);
	if (!ret && req->write)
		ret = invalidate_inode_pages2_range(mapping,
						    req->pos >> PAGE_SHIFT,
						    end >> PAGE_SHIFT);
	if (ret)
		return gimp_refuse(why, ret, GPUDMABUF_REASON_PAGE_CACHE, -ret);
	return 0;
}

/* Somebody may have read old blocks into the cache meanwhile. */
static void gimp_rw_drop_cache(const struct gimp_request *req)
{
	struct address_space *mapping = req->file->filp->f_mapping;

	if (READ_ONCE(mapping->nrpages))
		invalidate_inode_pages2_range(mapping, req->pos >> PAGE_SHIFT,
					      (req->pos + req->len - 1) >>
					      PAGE_SHIFT);
}

static int gimp_rw_transfer(struct gimp_request *req, u64 *ret_done,
			    struct gimp_why *why)
{
	struct block_device *bdev = req->file->bdev;
	enum req_op op = req->write ? REQ_OP_WRITE : REQ_OP_READ;
	bool account = blk_queue_io_stat(req->file->disk.q);
	u64 began = trace_gimp_io_enabled() ? ktime_get_ns() : 0;
	unsigned long start = 0;
	int ret;

	if (account)
		start = kcompat_bdev_start_io_acct(bdev, req->len >>
						   SECTOR_SHIFT, op, jiffies);
	ret = gimp_submit_and_wait(req, ret_done, why);
	if (account)
		kcompat_bdev_end_io_acct(bdev, op, *ret_done >> SECTOR_SHIFT,
					 start);
	if (trace_gimp_io_enabled())
		trace_gimp_io(req, *ret_done, ret, ktime_get_ns() - began);
	return ret;
}

static int gimp_rw_write(struct gimp_request *req, u64 *ret_done,
			 struct gimp_why *why)
{
	struct file *filp = req->file->filp;
	struct block_device *bdev = req->file->bdev;
	bool sync = filp->f_flags & O_DSYNC;
	int ret;

	ret = file_update_time(filp);
	if (ret)
		return gimp_refuse(why, ret, GPUDMABUF_REASON_SECURITY, -ret);

	req->fua = sync && bdev_fua(bdev);
	ret = gimp_rw_transfer(req, ret_done, why);
	gimp_rw_drop_cache(req);
	if (!*ret_done)
		return ret;

	fsnotify_modify(filp);
	if (sync && bdev_write_cache(bdev) && !req->fua) {
		ret = blkdev_issue_flush(bdev);
		if (ret) {
			*ret_done = 0;
			gimp_refuse(why, ret, GPUDMABUF_REASON_DEVICE_ERROR,
				    -ret);
		}
	}
	return ret;
}

static int gimp_rw_read(struct gimp_request *req, u64 *ret_done,
			struct gimp_why *why)
{
	int ret;

	file_accessed(req->file->filp);
	ret = gimp_rw_transfer(req, ret_done, why);
	if (*ret_done)
		fsnotify_access(req->file->filp);
	/* It shrank meanwhile: the end is there now. */
	return ret == -ENOSPC && why->reason == GPUDMABUF_REASON_PAST_END ?
	       0 : ret;
}

static int gimp_rw_checked(struct gpudmabuf_io *arg, struct gimp_file *file,
			   struct gimp_buf *buf, struct gimp_why *why)
{
	struct gimp_request req = {
		.file = file,
		.write = arg->flags & GPUDMABUF_IO_WRITE,
		.pos = arg->file_off,
		.buf_off = arg->buf_off,
		.len = arg->len,
	};
	u64 done = 0;
	int ret;

	ret = gimp_rw_check_args(arg, file, buf, why);
	if (!ret)
		ret = gimp_rw_check_modes(file, buf, req.write, why);
	if (!ret)
		ret = gimp_rw_check_proven(file, why);
	if (!ret)
		ret = gimp_rw_check_rights(file, req.write, req.pos, req.len,
					   why);
	if (!ret && req.len)
		ret = gimp_rw_clamp(file, req.write, req.pos, &req.len, why);
	if (ret || !req.len)
		goto out;

	req.attach = gimp_buf_attach(buf, file->pool->ctrl, why);
	if (IS_ERR(req.attach))
		return PTR_ERR(req.attach);

	ret = gimp_rw_settle_cache(&req, why);
	if (!ret)
		ret = req.write ? gimp_rw_write(&req, &done, why) :
				  gimp_rw_read(&req, &done, why);
out:
	/* What was transferred is told; the rest will fail when asked again. */
	if (ret && !done)
		return ret;
	arg->out_done = done;
	return 0;
}

int gimp_rw(struct gimp_ctx *ctx, struct gpudmabuf_io *arg,
	    struct gimp_why *why)
{
	struct gimp_file *file;
	struct gimp_buf *buf;
	int ret = -ENOENT;

	file = gimp_file_get(ctx, arg->file_id, why);
	if (!file)
		return ret;
	buf = gimp_buf_get(ctx, arg->buf_id, why);
	if (buf) {
		ret = gimp_rw_checked(arg, file, buf, why);
		gimp_buf_put(buf);
	}
	gimp_file_put(file);
	return ret;
}

static int gimp_path_find(struct gpudmabuf_path *arg, struct gimp_file *file,
			  struct gimp_buf *buf, struct gimp_why *why)
{
	struct gimp_attach *attach;
	int ret;

	ret = gimp_rw_check_proven(file, why);
	if (ret)
		return ret;
	attach = gimp_buf_attach(buf, file->pool->ctrl, why);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	ret = gimp_attach_map(attach, why);
	if (ret)
		return ret;

	if (mutex_lock_killable(&attach->lock))
		return gimp_refuse(why, -EINTR, GPUDMABUF_REASON_KILLED, 0);
	arg->out_where = attach->where;
	arg->out_segments = attach->segments;
	mutex_unlock(&attach->lock);
	return 0;
}

int gimp_path(struct gimp_ctx *ctx, struct gpudmabuf_path *arg,
	      struct gimp_why *why)
{
	struct gimp_file *file;
	struct gimp_buf *buf;
	int ret = -ENOENT;

	file = gimp_file_get(ctx, arg->file_id, why);
	if (!file)
		return ret;
	buf = gimp_buf_get(ctx, arg->buf_id, why);
	if (buf) {
		ret = gimp_path_find(arg, file, buf, why);
		gimp_buf_put(buf);
	}
	gimp_file_put(file);
	return ret;
}
