// SPDX-License-Identifier: MIT
/* gdb_path(): which way, and why. */
#include <errno.h>
#include <stdio.h>

#include "internal.h"

static void describe_direct(struct gdb_path_info *info,
			    const struct gdb_file *f, const struct gdb_buf *b)
{
	if (info->path == GDB_PATH_DIRECT_DEVICE)
		snprintf(info->why.text, sizeof(info->why.text),
			 "Direct to device memory: %s's controller reaches %s as a peer.",
			 f->name, b->name);
	else
		snprintf(info->why.text, sizeof(info->why.text),
			 "Direct to host memory: the exporter of %s keeps it in the host, or moved it there for %s.",
			 b->name, f->name);
}

GDB_PUBLIC int gdb_path(struct gdb_file *f, struct gdb_buf *b,
			struct gdb_path_info *ret)
{
	struct gdb_request rq = { .file = f, .buf = b };
	struct gdb_path_info info = { 0 };
	struct gdb_why why = { 0 };
	int err;

	if (!ret)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
	if (gdb_request_check(&rq, &why))
		return gdb_fail(&why);

	err = gdb_direct_suits(&rq, &why);
	if (!err)
		err = gdb_direct_path(f, b, &info, &why);
	if (err == -EINTR)
		return gdb_fail(&why);
	if (err)
		gdb_why_words(&why, &info.why);
	else
		describe_direct(&info, f, b);
	*ret = info;
	return 0;
}
