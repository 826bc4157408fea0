// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

GDB_PUBLIC const char *gdb_version(void)
{
	return GDB_VERSION;
}

GDB_PUBLIC int gdb_open(struct gdb **ret, unsigned int flags)
{
	struct gdb_why why = { 0 };
	struct gdb *g;

	if (!ret)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
	if (flags)
		return gdb_fail_reason(EINVAL, GDB_REASON_FLAGS, flags);

	g = calloc(1, sizeof(*g));
	if (!g)
		return gdb_fail_reason(ENOMEM, GDB_REASON_SYSTEM, ENOMEM);
	atomic_init(&g->refs, 1);
	if (gdb_direct_open(g, &why)) {
		free(g);
		return gdb_fail(&why);
	}
	*ret = g;
	return 0;
}

struct gdb *gdb_ref(struct gdb *g)
{
	atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
	return g;
}

void gdb_unref(struct gdb *g)
{
	if (atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
		return;
	gdb_direct_close(g);
	free(g);
}

GDB_PUBLIC void gdb_close(struct gdb *g)
{
	if (g)
		gdb_unref(g);
}
