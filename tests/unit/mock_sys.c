// SPDX-License-Identifier: MIT
/* Descriptors, files and mappings of the made-up kernel. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "mock_internal.h"
#include "sys.h"

#define FIRST_FD 1000
#define N_FDS 64
struct mock mock;

static struct mock_fd fds[N_FDS];
static int mappings;

void mock_reset(void)
{
	memset(fds, 0, sizeof(fds));
	mappings = 0;
	mock_ioctl_reset();
	mock = (struct mock){
		.abi = GPUDMABUF_ABI_VERSION,
		.max_io = MOCK_MAX_IO,
		.bars = 2,
		.bar_free = { MOCK_BUF_SIZE, MOCK_BUF_SIZE },
		.where = GPUDMABUF_WHERE_DEVICE,
	};
}

int mock_alive(void)
{
	int n = mappings + mock_ids_alive();

	for (int i = 0; i < N_FDS; i++)
		n += fds[i].kind != CLOSED;
	return n;
}

int mock_new_fd(struct mock_fd what)
{
	for (int i = 0; i < N_FDS; i++) {
		if (fds[i].kind == CLOSED) {
			fds[i] = what;
			return FIRST_FD + i;
		}
	}
	return -EMFILE;
}

struct mock_fd *mock_get_fd(int fd)
{
	if (fd < FIRST_FD || fd >= FIRST_FD + N_FDS ||
	    fds[fd - FIRST_FD].kind == CLOSED)
		return NULL;
	return &fds[fd - FIRST_FD];
}

int mock_dmabuf(uint64_t size, int mode)
{
	return mock_new_fd((struct mock_fd){
		.kind = DMABUF,
		.size = size,
		.mode = mode,
	});
}

int mock_other_fd(void)
{
	return mock_new_fd((struct mock_fd){ .kind = OTHER });
}

void mock_close(int fd)
{
	gdb_sys_close(fd);
}

static int open_bar(const char *name)
{
	int bar;

	if (!strcmp(name, MOCK_PCI_A))
		bar = 0;
	else if (!strcmp(name, MOCK_PCI_B))
		bar = 1;
	else
		return -ENOENT;
	if (bar >= mock.bars)
		return -ENOENT;
	if (mock.bar_error)
		return -mock.bar_error;
	return mock_new_fd((struct mock_fd){ .kind = BAR, .bar = bar });
}

int gdb_sys_open(const char *path, int oflags)
{
	static const char bar_dir[] = "/dev/gpudmabuf-bar/";
	static const struct {
		const char *path;
		struct mock_fd fd;
	} files[] = {
		{ "/dev/nvme0n1", { .kind = DISK, .size = MOCK_DISK_SIZE } },
		{ "/file", { .kind = REGULAR, .size = 4096 } },
		{ "/folder", { .kind = OTHER } },
	};
	int mode = oflags & O_ACCMODE;

	if (!strcmp(path, "/dev/gpudmabuf")) {
		assert_int_equal(oflags, O_RDWR);
		return mock.dev_error ? -mock.dev_error :
					mock_new_fd((struct mock_fd){ .kind = DEV });
	}
	if (!strncmp(path, bar_dir, strlen(bar_dir)))
		return open_bar(path + strlen(bar_dir));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (!strcmp(path, files[i].path)) {
			struct mock_fd fd = files[i].fd;

			fd.mode = mode;
			return mock_new_fd(fd);
		}
	}
	return -ENOENT;
}

int gdb_sys_dup(int fd)
{
	struct mock_fd *f = mock_get_fd(fd);

	return f ? mock_new_fd(*f) : -EBADF;
}

void gdb_sys_close(int fd)
{
	struct mock_fd *f = mock_get_fd(fd);

	assert_non_null(f);
	f->kind = CLOSED;
}

int gdb_sys_mode(int fd)
{
	struct mock_fd *f = mock_get_fd(fd);

	return f ? f->mode : -EBADF;
}

int gdb_sys_stat(int fd, struct gdb_sys_stat *ret)
{
	struct mock_fd *f = mock_get_fd(fd);

	if (!f)
		return -EBADF;
	ret->kind = f->kind == DISK ? S_IFBLK :
		    f->kind == REGULAR ? S_IFREG : S_IFDIR;
	ret->size = f->size;
	ret->block_size = f->kind == DISK ? MOCK_BLOCK : 0;
	return 0;
}

int gdb_sys_fsync(int fd)
{
	assert_non_null(mock_get_fd(fd));
	mock.n_fsync++;
	return 0;
}

int gdb_sys_dmabuf_size(int fd, size_t *ret)
{
	struct mock_fd *f = mock_get_fd(fd);

	if (!f)
		return -EBADF;
	if (f->kind != DMABUF)
		return -EINVAL;
	*ret = f->size;
	return 0;
}

int gdb_sys_mmap(int fd, size_t len, int prot, void **ret)
{
	struct mock_fd *f = mock_get_fd(fd);

	assert_non_null(f);
	assert_int_equal(len, f->size);
	mock.n_mmap++;
	mock.mmap_prot = prot;
	if (mock.mmap_error)
		return -mock.mmap_error;
	*ret = calloc(1, len);
	mappings++;
	return 0;
}

void gdb_sys_munmap(void *addr, size_t len)
{
	free(addr);
	mappings--;
}

int gdb_sys_scan(const char *dir, struct dirent ***ret)
{
	static const char *const names[] = { MOCK_PCI_A, MOCK_PCI_B };
	struct dirent **list;

	assert_string_equal(dir, "/dev/gpudmabuf-bar");
	if (!mock.bars)
		return -ENOENT;
	list = calloc(mock.bars, sizeof(*list));
	for (int i = 0; i < mock.bars; i++) {
		list[i] = calloc(1, sizeof(**list));
		snprintf(list[i]->d_name, sizeof(list[i]->d_name), "%s",
			 names[i]);
	}
	*ret = list;
	return mock.bars;
}

int gdb_sys_name(int fd, char *ret, size_t len)
{
	snprintf(ret, len, "/dev/nvme0n1");
	return 0;
}
