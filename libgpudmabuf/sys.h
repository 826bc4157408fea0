/* SPDX-License-Identifier: MIT */
/*
 * Everything that the library asks of the kernel.  Unit tests link
 * tests/unit/mock_sys.c in place of sys.c.  All return -errno.
 */
#ifndef GDB_SYS_H
#define GDB_SYS_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What gdb_sys_stat() finds behind a descriptor. */
struct gdb_sys_stat {
	mode_t kind;			/* st_mode & S_IFMT */
	uint64_t size;			/* bytes */
	unsigned int block_size;	/* bytes; 0 unless a block device */
};

/* O_CLOEXEC is added. */
int gdb_sys_open(const char *path, int oflags);
int gdb_sys_dup(int fd);
void gdb_sys_close(int fd);

/* Returns what ioctl() returned, or -errno. */
int gdb_sys_ioctl(int fd, unsigned long cmd, void *arg);

/* O_RDONLY, O_WRONLY or O_RDWR. */
int gdb_sys_mode(int fd);
int gdb_sys_stat(int fd, struct gdb_sys_stat *ret);
int gdb_sys_fsync(int fd);

/* -EINVAL if it is no dma-buf. */
int gdb_sys_dmabuf_size(int fd, size_t *ret);
int gdb_sys_mmap(int fd, size_t len, int prot, void **ret);
void gdb_sys_munmap(void *addr, size_t len);

/* Sorted names in a directory, without those that begin with a dot. */
int gdb_sys_scan(const char *dir, struct dirent ***ret);

/* What the kernel calls the file behind a descriptor. */
int gdb_sys_name(int fd, char *ret, size_t len);

#endif /* GDB_SYS_H */
