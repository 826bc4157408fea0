/* SPDX-License-Identifier: MIT */
/*
 * Where dma-bufs come from.  An exporter is one ops table in a file of its own;
 * exporter.c lists them.  Includes nothing of the library but its reasons.
 */
#ifndef GDB_EXPORTER_H
#define GDB_EXPORTER_H

#include <stddef.h>

#include "internal.h"

/* A new dma-buf. */
struct gdb_export {
	int fd;			/* the caller's, close-on-exec */
	char name[GDB_NAME_MAX];	/* such as "bar:0000:04:00.0" */
};

/**
 * struct gdb_exporter - one kind of memory
 * @name: what stands before the colon
 * @alloc: a dma-buf of at least @len bytes.  @arg is what stands behind the
 *	   colon, NULL if there is none.  On an error -errno, and *why is set.
 * @list: calls @fn for each place to allocate from, until it returns non-zero,
 *	  and returns that; or -errno, or 0
 */
struct gdb_exporter {
	const char *name;
	int (*alloc)(const char *arg, size_t len, unsigned int flags,
		     struct gdb_export *ret, struct gdb_why *why);
	int (*list)(gdb_exporter_fn *fn, void *user);
};

extern const struct gdb_exporter gdb_exporter_bar;

int gdb_exporter_alloc(const char *spec, size_t len, unsigned int flags,
		       struct gdb_export *ret, struct gdb_why *why);

#endif /* GDB_EXPORTER_H */
