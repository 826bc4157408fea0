// SPDX-License-Identifier: MIT
/* Buffers: a dma-buf, its registration and its CPU view. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <linux/dma-buf.h>

#include "cleanup.h"
#include "exporter.h"
#include "internal.h"

/* What the kernel itself returns (not POSIX), NVIDIA's driver for one. */
#define KERNEL_ENOTSUPP 524

static int buf_probe(struct gdb_buf *b, struct gdb_why *why)
{
	int err;

	err = gdb_sys_dmabuf_size(b->fd, &b->size);
	if (err == -EINVAL)
		return gdb_why_set(why, EINVAL, GDB_REASON_NOT_DMABUF, 0);
	if (err)
		return gdb_why_set(why, -err, GDB_REASON_SYSTEM, -err);

	b->mode = gdb_sys_mode(b->fd);
	if (b->mode < 0)
		return gdb_why_set(why, -b->mode, GDB_REASON_SYSTEM, -b->mode);
	return gdb_direct_add_buf(b, why);
}

int gdb_buf_adopt(struct gdb *g, int dmabuf_fd, const char *name,
		  struct gdb_buf **ret)
{
	struct gdb_why why = { 0 };
	struct gdb_buf *b;

	b = calloc(1, sizeof(*b));
	if (!b) {
		gdb_sys_close(dmabuf_fd);
		return gdb_fail_reason(ENOMEM, GDB_REASON_SYSTEM, ENOMEM);
	}
	b->g = gdb_ref(g);
	b->fd = dmabuf_fd;
	snprintf(b->name, sizeof(b->name), "%s", name);
	pthread_mutex_init(&b->map_lock, NULL);

	if (buf_probe(b, &why)) {
		gdb_why_name(&why, NULL, b);
		gdb_buf_free(b);
		return gdb_fail(&why);
	}
	*ret = b;
	return 0;
}

GDB_PUBLIC int gdb_buf_import(struct gdb *g, int dmabuf_fd, unsigned int flags,
			      struct gdb_buf **ret)
{
	char name[GDB_NAME_MAX];
	int fd;

	if (!g || !ret)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
	if (flags)
		return gdb_fail_reason(EINVAL, GDB_REASON_FLAGS, flags);

	fd = gdb_sys_dup(dmabuf_fd);
	if (fd == -EBADF)
		return gdb_fail_reason(EBADF, GDB_REASON_BAD_FD, 0);
	if (fd < 0)
		return gdb_fail_reason(-fd, GDB_REASON_SYSTEM, -fd);
	snprintf(name, sizeof(name), "dma-buf (descriptor %d)", dmabuf_fd);
	return gdb_buf_adopt(g, fd, name, ret);
}

GDB_PUBLIC int gdb_buf_alloc(struct gdb *g, const char *exporter, size_t len,
			     unsigned int flags, struct gdb_buf **ret)
{
	struct gdb_why why = { 0 };
	struct gdb_export out;

	if (!g || !exporter || !ret || !len)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
	if (flags & ~GDB_BUF_RDONLY)
		return gdb_fail_reason(EINVAL, GDB_REASON_FLAGS,
				       flags & ~GDB_BUF_RDONLY);

	snprintf(why.buf, sizeof(why.buf), "%s", exporter);
	if (gdb_exporter_alloc(exporter, len, flags, &out, &why))
		return gdb_fail(&why);
	return gdb_buf_adopt(g, out.fd, out.name, ret);
}

GDB_PUBLIC int gdb_buf_fd(const struct gdb_buf *b)
{
	return b ? b->fd : gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
}

GDB_PUBLIC size_t gdb_buf_size(const struct gdb_buf *b)
{
	return b ? b->size : 0;
}

static int buf_map_locked(struct gdb_buf *b, struct gdb_why *why)
{
	int prot = 0;
	int err;

	if (b->mode != O_WRONLY)
		prot |= PROT_READ;
	if (b->mode != O_RDONLY)
		prot |= PROT_WRITE;

	err = gdb_sys_mmap(b->fd, b->size, prot, &b->map);
	switch (-err) {
	case 0:
		return 0;
	case EINVAL:
	case ENXIO:
	case EOPNOTSUPP:
	case KERNEL_ENOTSUPP:
		return gdb_why_set(why, EOPNOTSUPP, GDB_REASON_NO_CPU_MAP,
				   -err);
	case ENODEV:
		return gdb_why_set(why, ENODEV, GDB_REASON_MEMORY_GONE, 0);
	default:
		return gdb_why_set(why, -err, GDB_REASON_SYSTEM, -err);
	}
}

GDB_PUBLIC int gdb_buf_map(struct gdb_buf *b, void **ret)
{
	struct gdb_why why = { 0 };
	int err = 0;

	if (!b || !ret)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);

	pthread_mutex_lock(&b->map_lock);
	if (!b->map)
		err = buf_map_locked(b, &why);
	pthread_mutex_unlock(&b->map_lock);
	if (err) {
		gdb_why_name(&why, NULL, b);
		return gdb_fail(&why);
	}
	/* Set once, and cleared only by gdb_buf_free(). */
	*ret = b->map;
	return 0;
}

static int buf_sync(struct gdb_buf *b, unsigned int flags, uint64_t when)
{
	struct dma_buf_sync sync = { .flags = when };
	struct gdb_why why = { 0 };
	int err;

	if (!b || !flags)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
	if (flags & ~(GDB_CPU_READ | GDB_CPU_WRITE))
		return gdb_fail_reason(EINVAL, GDB_REASON_FLAGS,
				       flags & ~(GDB_CPU_READ | GDB_CPU_WRITE));
	if (flags & GDB_CPU_READ)
		sync.flags |= DMA_BUF_SYNC_READ;
	if (flags & GDB_CPU_WRITE)
		sync.flags |= DMA_BUF_SYNC_WRITE;

	do {
		err = gdb_sys_ioctl(b->fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (err == -EINTR || err == -EAGAIN);
	if (!err)
		return 0;

	gdb_why_name(&why, NULL, b);
	if (err == -ENODEV)
		gdb_why_set(&why, ENODEV, GDB_REASON_MEMORY_GONE, 0);
	else
		gdb_why_set(&why, -err, GDB_REASON_SYSTEM, -err);
	return gdb_fail(&why);
}

GDB_PUBLIC int gdb_buf_cpu_begin(struct gdb_buf *b, unsigned int flags)
{
	return buf_sync(b, flags, DMA_BUF_SYNC_START);
}

GDB_PUBLIC int gdb_buf_cpu_end(struct gdb_buf *b, unsigned int flags)
{
	return buf_sync(b, flags, DMA_BUF_SYNC_END);
}

GDB_PUBLIC void gdb_buf_free(struct gdb_buf *b)
{
	if (!b)
		return;
	if (b->map)
		gdb_sys_munmap(b->map, b->size);
	gdb_direct_del_buf(b);
	gdb_sys_close(b->fd);
	pthread_mutex_destroy(&b->map_lock);
	gdb_unref(b->g);
	free(b);
}
