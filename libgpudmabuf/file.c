// SPDX-License-Identifier: MIT
/* Files: a descriptor and its registration. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "internal.h"

static void set_name(char dst[GDB_NAME_MAX], const char *path)
{
	if (!strncmp(path, "/dev/", 5))
		path += 5;
	snprintf(dst, GDB_NAME_MAX, "%s", path);
}

/*
 * A file that the module will not drive is kept, with the reason: it can be
 * asked about.  Anything else that goes wrong is the caller's error.
 */
static int file_probe(struct gdb_file *f, struct gdb_why *why)
{
	struct gdb_sys_stat st;
	int err;

	err = gdb_sys_stat(f->fd, &st);
	if (err == -EBADF)
		return gdb_why_set(why, EBADF, GDB_REASON_BAD_FD, 0);
	if (err)
		return gdb_why_set(why, -err, GDB_REASON_SYSTEM, -err);
	if (!S_ISBLK(st.kind) && !S_ISREG(st.kind))
		return gdb_why_set(why, EOPNOTSUPP, GDB_REASON_FILE_KIND,
				   st.kind);
	f->block_size = st.block_size;

	err = gdb_direct_add_file(f, why);
	if (err != -EOPNOTSUPP)
		return err;
	f->why = *why;
	gdb_why_name(&f->why, f, NULL);
	return 0;
}

/* Takes fd over, in case of an error too. */
static int file_adopt(struct gdb *g, int fd, const char *path,
		      struct gdb_file **ret)
{
	struct gdb_why why = { 0 };
	struct gdb_file *f;

	f = calloc(1, sizeof(*f));
	if (!f) {
		gdb_sys_close(fd);
		return gdb_fail_reason(ENOMEM, GDB_REASON_SYSTEM, ENOMEM);
	}
	f->g = gdb_ref(g);
	f->fd = fd;
	set_name(f->name, path);

	if (file_probe(f, &why)) {
		gdb_why_name(&why, f, NULL);
		gdb_file_close(f);
		return gdb_fail(&why);
	}
	*ret = f;
	return 0;
}

GDB_PUBLIC int gdb_file_open(struct gdb *g, const char *path, int oflags,
			     struct gdb_file **ret)
{
	struct gdb_why why = { 0 };
	int fd;

	if (!g || !path || !ret)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);

	fd = gdb_sys_open(path, oflags);
	if (fd < 0) {
		snprintf(why.file, sizeof(why.file), "%s", path);
		gdb_why_set(&why, -fd, GDB_REASON_FILE_OPEN, -fd);
		return gdb_fail(&why);
	}
	return file_adopt(g, fd, path, ret);
}

GDB_PUBLIC int gdb_file_import(struct gdb *g, int fd, struct gdb_file **ret)
{
	char path[256];
	int copy;

	if (!g || !ret)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);

	copy = gdb_sys_dup(fd);
	if (copy == -EBADF)
		return gdb_fail_reason(EBADF, GDB_REASON_BAD_FD, 0);
	if (copy < 0)
		return gdb_fail_reason(-copy, GDB_REASON_SYSTEM, -copy);
	if (gdb_sys_name(copy, path, sizeof(path)))
		snprintf(path, sizeof(path), "descriptor %d", fd);
	return file_adopt(g, copy, path, ret);
}

GDB_PUBLIC int gdb_file_fd(const struct gdb_file *f)
{
	return f ? f->fd : gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
}

GDB_PUBLIC off_t gdb_file_size(const struct gdb_file *f)
{
	struct gdb_sys_stat st;
	int err;

	if (!f)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
	err = gdb_sys_stat(f->fd, &st);
	if (err)
		return gdb_fail_reason(-err, GDB_REASON_SYSTEM, -err);
	return st.size;
}

GDB_PUBLIC unsigned int gdb_file_block_size(const struct gdb_file *f)
{
	return f ? f->block_size : 0;
}

GDB_PUBLIC int gdb_file_direct(const struct gdb_file *f)
{
	if (!f)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
	return f->registered ? 0 : gdb_fail(&f->why);
}

GDB_PUBLIC int gdb_sync(struct gdb_file *f)
{
	struct gdb_why why = { 0 };
	int err;

	if (!f)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
	err = gdb_sys_fsync(f->fd);
	if (!err)
		return 0;
	gdb_why_name(&why, f, NULL);
	gdb_why_set(&why, -err, GDB_REASON_SYSTEM, -err);
	return gdb_fail(&why);
}

GDB_PUBLIC void gdb_file_close(struct gdb_file *f)
{
	if (!f)
		return;
	gdb_direct_del_file(f);
	gdb_sys_close(f->fd);
	gdb_unref(f->g);
	free(f);
}
