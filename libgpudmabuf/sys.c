// SPDX-License-Identifier: MIT
/* The only file of the library that makes system calls on descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/magic.h>

#include "sys.h"

int gdb_sys_open(const char *path, int oflags)
{
	int fd = open(path, oflags | O_CLOEXEC, 0666);

	return fd < 0 ? -errno : fd;
}

int gdb_sys_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

void gdb_sys_close(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

int gdb_sys_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int gdb_sys_mode(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -errno : flags & O_ACCMODE;
}

static int stat_block(int fd, struct gdb_sys_stat *ret)
{
	int block_size;

	if (ioctl(fd, BLKGETSIZE64, &ret->size) < 0)
		return -errno;
	if (ioctl(fd, BLKSSZGET, &block_size) < 0)
		return -errno;
	ret->block_size = block_size;
	return 0;
}

int gdb_sys_stat(int fd, struct gdb_sys_stat *ret)
{
	struct gdb_sys_stat out = { 0 };
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	out.kind = st.st_mode & S_IFMT;
	out.size = st.st_size;
	if (S_ISBLK(st.st_mode)) {
		err = stat_block(fd, &out);
		if (err)
			return err;
	}
	*ret = out;
	return 0;
}

int gdb_sys_fsync(int fd)
{
	return fsync(fd) < 0 ? -errno : 0;
}

int gdb_sys_dmabuf_size(int fd, size_t *ret)
{
	struct statfs sfs;
	off_t size;

	if (fstatfs(fd, &sfs) < 0)
		return -errno;
	if (sfs.f_type != DMA_BUF_MAGIC)
		return -EINVAL;
	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return -errno;
	*ret = size;
	return 0;
}

int gdb_sys_mmap(int fd, size_t len, int prot, void **ret)
{
	void *addr = mmap(NULL, len, prot, MAP_SHARED, fd, 0);

	if (addr == MAP_FAILED)
		return -errno;
	*ret = addr;
	return 0;
}

void gdb_sys_munmap(void *addr, size_t len)
{
	munmap(addr, len);
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int gdb_sys_scan(const char *dir, struct dirent ***ret)
{
	int n = scandir(dir, ret, not_hidden, alphasort);

	return n < 0 ? -errno : n;
}

int gdb_sys_name(int fd, char *ret, size_t len)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, len - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}
