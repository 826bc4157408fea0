/* SPDX-License-Identifier: MIT */
/* Variables that clean up after themselves when they go out of scope. */
#ifndef GDB_CLEANUP_H
#define GDB_CLEANUP_H

#include "sys.h"

#define gdb_cleanup(fn) __attribute__((cleanup(fn)))

static inline void gdb_cleanup_fd(int *fd)
{
	if (*fd >= 0)
		gdb_sys_close(*fd);
}

#define gdb_auto_fd gdb_cleanup(gdb_cleanup_fd)

/* Hands the descriptor on: it is no longer closed at the end of the scope. */
static inline int gdb_take_fd(int *fd)
{
	int ret = *fd;

	*fd = -1;
	return ret;
}

#endif /* GDB_CLEANUP_H */
