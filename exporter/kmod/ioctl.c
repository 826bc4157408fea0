// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls on a device node.  One row per call; the only copy from user space
 * is here, the only copy to it in gbar_call_answer().
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/uaccess.h>
#include "gbar.h"

#define GBAR_ALLOC_FLAGS						\
	(GPUDMABUF_BAR_ALLOC_RDONLY | GPUDMABUF_BAR_ALLOC_DYNAMIC)

/**
 * struct gbar_call - a call in progress
 * @gdev: the device of the node
 * @user: the caller's structure
 * @user_size: its size, at least the smallest that is valid
 * @arg: the module's copy of it
 */
struct gbar_call {
	struct gbar_dev *gdev;
	void __user *user;
	u32 user_size;
	union {
		struct gpudmabuf_bar_query query;
		struct gpudmabuf_bar_alloc alloc;
		struct gpudmabuf_bar_evict evict;
	} arg;
};

static int gbar_call_answer(struct gbar_call *call, size_t size)
{
	if (copy_to_user(call->user, &call->arg,
			 min_t(size_t, call->user_size, size)))
		return -EFAULT;
	return 0;
}

static int gbar_query(struct gbar_call *call)
{
	struct gpudmabuf_bar_query *arg = &call->arg.query;
	struct gbar_dev *gdev = call->gdev;
	bool alive;

	if (arg->flags)
		return -EINVAL;

	down_read(&gdev->life);
	alive = gdev->alive;
	up_read(&gdev->life);
	if (!alive)
		return -ENODEV;

	arg->out_abi = GPUDMABUF_BAR_ABI_VERSION;
	arg->out_bar = gdev->range.bar;
	arg->out_offset = gdev->range.offset;
	arg->out_length = gdev->range.size;
	arg->out_free = gbar_mem_avail(gdev);
	arg->out_granule = PAGE_SIZE;
	mutex_lock(&gdev->lock);
	arg->out_buffers = gdev->nr_bufs;
	mutex_unlock(&gdev->lock);
	return gbar_call_answer(call, sizeof(*arg));
}

static int gbar_alloc(struct gbar_call *call)
{
	struct gpudmabuf_bar_alloc *arg = &call->arg.alloc;
	struct dma_buf *dmabuf;
	int fd, ret;

	if (arg->flags & ~GBAR_ALLOC_FLAGS || !arg->length)
		return -EINVAL;
	if (arg->length > call->gdev->range.size)
		return -ENOSPC;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;

	dmabuf = gbar_buf_create(call->gdev, PAGE_ALIGN(arg->length),
				 arg->flags);
	if (IS_ERR(dmabuf)) {
		ret = PTR_ERR(dmabuf);
		goto err_put_fd;
	}

	arg->out_fd = fd;
	arg->out_reserved = 0;
	ret = gbar_call_answer(call, sizeof(*arg));
	if (ret)
		goto err_put_dmabuf;

	/* From here on the dma-buf is the caller's. */
	fd_install(fd, dmabuf->file);
	return 0;

err_put_dmabuf:
	dma_buf_put(dmabuf);
err_put_fd:
	put_unused_fd(fd);
	return ret;
}

static int gbar_evict_dmabuf(struct gbar_call *call, struct dma_buf *dmabuf)
{
	struct gpudmabuf_bar_evict *arg = &call->arg.evict;
	struct gbar_buf *buf = gbar_buf_of(dmabuf);

	if (!buf || buf->gdev != call->gdev)
		return -EINVAL;
	if (!dma_buf_is_dynamic(dmabuf))
		return -EOPNOTSUPP;
	return gbar_buf_move(buf, arg->fill,
			     arg->flags & GPUDMABUF_BAR_EVICT_KEEP,
			     &arg->out_stray);
}

static int gbar_evict(struct gbar_call *call)
{
	struct gpudmabuf_bar_evict *arg = &call->arg.evict;
	struct dma_buf *dmabuf;
	int ret;

	if (arg->flags & ~GPUDMABUF_BAR_EVICT_KEEP || arg->fill > U8_MAX)
		return -EINVAL;

	dmabuf = dma_buf_get(arg->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = gbar_evict_dmabuf(call, dmabuf);
	dma_buf_put(dmabuf);
	return ret ? ret : gbar_call_answer(call, sizeof(*arg));
}

static const struct gbar_ioctl {
	unsigned int nr;
	size_t size;
	size_t min_size;
	int (*fn)(struct gbar_call *call);
} gbar_ioctls[] = {
	{ GPUDMABUF_BAR_QUERY, sizeof(struct gpudmabuf_bar_query),
	  offsetofend(struct gpudmabuf_bar_query, out_buffers), gbar_query },
	{ GPUDMABUF_BAR_ALLOC, sizeof(struct gpudmabuf_bar_alloc),
	  offsetofend(struct gpudmabuf_bar_alloc, out_reserved), gbar_alloc },
	{ GPUDMABUF_BAR_EVICT, sizeof(struct gpudmabuf_bar_evict),
	  offsetofend(struct gpudmabuf_bar_evict, out_stray), gbar_evict },
};

static const struct gbar_ioctl *gbar_ioctl_find(unsigned int nr)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gbar_ioctls); i++) {
		if (gbar_ioctls[i].nr == nr)
			return &gbar_ioctls[i];
	}
	return NULL;
}

long gbar_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	const struct gbar_ioctl *ioctl = gbar_ioctl_find(nr);
	struct gbar_call call = {
		.gdev = file->private_data,
		.user = (void __user *)arg,
	};
	int ret;

	if (!ioctl)
		return -ENOTTY;
	if (get_user(call.user_size, (u32 __user *)call.user))
		return -EFAULT;
	if (call.user_size < ioctl->min_size)
		return -EINVAL;
	if (call.user_size > PAGE_SIZE)
		return -E2BIG;

	ret = copy_struct_from_user(&call.arg, ioctl->size, call.user,
				    call.user_size);
	if (ret)
		return ret;
	return ioctl->fn(&call);
}
