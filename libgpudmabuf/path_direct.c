// SPDX-License-Identifier: MIT
/* The direct path: every call of the kernel module gpudmabuf. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include <linux/gpudmabuf.h>

#include "cleanup.h"
#include "internal.h"

#define DEV_PATH "/dev/gpudmabuf"

/* The reason of the error that this thread has just been given. */
static int explain(int dev_fd, int err, struct gdb_why *why)
{
	struct gpudmabuf_explain ex = { .size = sizeof(ex) };

	if (gdb_sys_ioctl(dev_fd, GPUDMABUF_EXPLAIN, &ex) < 0 ||
	    ex.out_error != (uint32_t)-err ||
	    ex.out_reason == GPUDMABUF_REASON_NONE)
		return gdb_why_set(why, -err, GDB_REASON_SYSTEM, -err);
	return gdb_why_set(why, -err, ex.out_reason, ex.out_detail);
}

static int call(struct gdb *g, unsigned long cmd, void *arg,
		struct gdb_why *why)
{
	int err = gdb_sys_ioctl(g->dev_fd, cmd, arg);

	return err < 0 ? explain(g->dev_fd, err, why) : 0;
}

/* No direct path in this context, which is no error until it is needed. */
static int unavailable(struct gdb *g, int reason, uint64_t detail)
{
	g->dev_fd = -1;
	gdb_why_set(&g->dev_why, EOPNOTSUPP, reason, detail);
	return 0;
}

static int query(struct gdb *g, int fd, struct gdb_why *why)
{
	struct gpudmabuf_query q = { .size = sizeof(q) };
	int err = gdb_sys_ioctl(fd, GPUDMABUF_QUERY, &q);

	/* ENOTTY, E2BIG: a module that has never heard of this ABI. */
	if (err == -ENOMEM || err == -EFAULT)
		return gdb_why_set(why, -err, GDB_REASON_SYSTEM, -err);
	if (err < 0 || q.out_abi != GPUDMABUF_ABI_VERSION)
		return unavailable(g, GDB_REASON_ABI, err < 0 ? 0 : q.out_abi);
	g->dev_fd = fd;
	g->max_io = q.out_max_io < SSIZE_MAX ? q.out_max_io : SSIZE_MAX;
	return 0;
}

int gdb_direct_open(struct gdb *g, struct gdb_why *why)
{
	gdb_auto_fd int fd = gdb_sys_open(DEV_PATH, O_RDWR);
	int err;

	switch (fd < 0 ? -fd : 0) {
	case 0:
		break;
	case ENOENT:
	case ENOTDIR:
	case ENXIO:
	case ENODEV:
		return unavailable(g, GDB_REASON_NO_MODULE, -fd);
	case EACCES:
	case EPERM:
		return unavailable(g, GDB_REASON_NO_PERMISSION, -fd);
	default:
		return gdb_why_set(why, -fd, GDB_REASON_SYSTEM, -fd);
	}

	err = query(g, fd, why);
	if (!err && g->dev_fd == fd)
		gdb_take_fd(&fd);
	return err;
}

void gdb_direct_close(struct gdb *g)
{
	if (g->dev_fd >= 0)
		gdb_sys_close(g->dev_fd);
}

/* A buffer is of use without the module, too: that succeeds. */
int gdb_direct_add_buf(struct gdb_buf *b, struct gdb_why *why)
{
	struct gpudmabuf_buf_register reg = {
		.size = sizeof(reg),
		.fd = b->fd,
	};
	int err;

	if (b->g->dev_fd < 0)
		return 0;
	err = call(b->g, GPUDMABUF_BUF_REGISTER, &reg, why);
	if (err)
		return err;
	b->registered = true;
	b->id = reg.out_buf_id;
	return 0;
}

void gdb_direct_del_buf(struct gdb_buf *b)
{
	struct gpudmabuf_buf_unregister unreg = {
		.size = sizeof(unreg),
		.buf_id = b->id,
	};

	if (b->registered)
		gdb_sys_ioctl(b->g->dev_fd, GPUDMABUF_BUF_UNREGISTER, &unreg);
}

int gdb_direct_add_file(struct gdb_file *f, struct gdb_why *why)
{
	struct gpudmabuf_file_register reg = {
		.size = sizeof(reg),
		.fd = f->fd,
	};
	int err;

	if (f->g->dev_fd < 0) {
		*why = f->g->dev_why;
		return -why->error;
	}
	err = call(f->g, GPUDMABUF_FILE_REGISTER, &reg, why);
	if (err)
		return err;
	f->registered = true;
	f->id = reg.out_file_id;
	f->block_size = reg.out_block_size;
	return 0;
}

void gdb_direct_del_file(struct gdb_file *f)
{
	struct gpudmabuf_file_unregister unreg = {
		.size = sizeof(unreg),
		.file_id = f->id,
	};

	if (f->registered)
		gdb_sys_ioctl(f->g->dev_fd, GPUDMABUF_FILE_UNREGISTER, &unreg);
}

/*
 * Before anything is transferred: a request that is cut into pieces must not
 * stop half-way for what could be known at the start.
 */
int gdb_direct_suits(const struct gdb_request *rq, struct gdb_why *why)
{
	const struct gdb_file *f = rq->file;
	unsigned int block = f->block_size;

	if (!f->registered) {
		gdb_why_set(why, f->why.error, f->why.reason, f->why.detail);
		return -why->error;
	}
	if (rq->file_off % block)
		return gdb_why_set(why, EINVAL, GDB_REASON_FILE_ALIGN, block);
	if (rq->buf_off % block)
		return gdb_why_set(why, EINVAL, GDB_REASON_BUF_ALIGN, block);
	if (rq->len % block)
		return gdb_why_set(why, EINVAL, GDB_REASON_LEN_ALIGN, block);
	return 0;
}

ssize_t gdb_direct_io(const struct gdb_request *rq, struct gdb_why *why)
{
	struct gpudmabuf_io io = {
		.size = sizeof(io),
		.flags = rq->write ? GPUDMABUF_IO_WRITE : 0,
		.file_id = rq->file->id,
		.buf_id = rq->buf->id,
		.len = rq->len,
		.file_off = rq->file_off,
		.buf_off = rq->buf_off,
	};
	int err = call(rq->file->g, GPUDMABUF_IO, &io, why);

	return err ? err : (ssize_t)io.out_done;
}

int gdb_direct_path(const struct gdb_file *f, const struct gdb_buf *b,
		    struct gdb_path_info *info, struct gdb_why *why)
{
	struct gpudmabuf_path path = {
		.size = sizeof(path),
		.buf_id = b->id,
		.file_id = f->id,
	};
	int err = call(f->g, GPUDMABUF_PATH, &path, why);

	if (err)
		return err;
	info->path = path.out_where == GPUDMABUF_WHERE_DEVICE ?
		     GDB_PATH_DIRECT_DEVICE : GDB_PATH_DIRECT_HOST;
	info->segments = path.out_segments;
	return 0;
}
