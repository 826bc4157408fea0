// SPDX-License-Identifier: MIT
/* "bar": PCI BAR memory, served by the kernel module gpudmabuf_bar. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/gpudmabuf_bar.h>

#include "cleanup.h"
#include "exporter.h"

#define BAR_DIR "/dev/gpudmabuf-bar"
/* A domain has four digits, or up to eight behind some bridges. */
#define PCI_ADDR_LEN sizeof("00000000:00:00.0")

struct bar_names {
	struct dirent **entries;
	int n;
};

static void bar_names_free(struct bar_names *names)
{
	for (int i = 0; i < names->n; i++)
		free(names->entries[i]);
	if (names->n >= 0)
		free(names->entries);
}

/* Without the module there is no folder, and no names. */
static int bar_names_get(struct bar_names *names)
{
	names->n = gdb_sys_scan(BAR_DIR, &names->entries);
	if (names->n == -ENOENT) {
		names->n = 0;
		names->entries = NULL;
	}
	return names->n < 0 ? names->n : 0;
}

/* "04:00.0" or "0000:04:00.0", as lspci prints them, to the long form. */
static int bar_address(const char *arg, char ret[PCI_ADDR_LEN])
{
	unsigned int domain = 0, bus, dev, fn;
	int end = -1;

	if (strspn(arg, "0123456789abcdefABCDEF:.") != strlen(arg))
		return -EINVAL;
	sscanf(arg, "%8x:%2x:%2x.%1x%n", &domain, &bus, &dev, &fn, &end);
	if (end < 0 || arg[end]) {
		domain = 0;
		end = -1;
		sscanf(arg, "%2x:%2x.%1x%n", &bus, &dev, &fn, &end);
	}
	if (end < 0 || arg[end] || dev > 31 || fn > 7)
		return -EINVAL;
	snprintf(ret, PCI_ADDR_LEN, "%04x:%02x:%02x.%x", domain,
		 bus & 0xff, dev, fn);
	return 0;
}

static int bar_open(const char *name)
{
	char path[sizeof(BAR_DIR) + 256];

	snprintf(path, sizeof(path), BAR_DIR "/%s", name);
	return gdb_sys_open(path, O_RDWR);
}

static int bar_query(int fd, struct gpudmabuf_bar_query *ret)
{
	struct gpudmabuf_bar_query q = { .size = sizeof(q) };
	int err = gdb_sys_ioctl(fd, GPUDMABUF_BAR_QUERY, &q);

	if (err < 0)
		return err;
	if (q.out_abi != GPUDMABUF_BAR_ABI_VERSION)
		return -EPROTO;
	*ret = q;
	return 0;
}

static int bar_refused(int fd, int err, struct gdb_why *why)
{
	struct gpudmabuf_bar_query q = { 0 };

	switch (err) {
	case -ENOSPC:
		bar_query(fd, &q);
		return gdb_why_set(why, ENOSPC, GDB_REASON_EXPORTER_FULL,
				   q.out_free);
	case -ENODEV:
		return gdb_why_set(why, ENODEV, GDB_REASON_MEMORY_GONE, 0);
	default:
		return gdb_why_set(why, -err, GDB_REASON_SYSTEM, -err);
	}
}

static int bar_alloc_from(const char *name, size_t len, unsigned int flags,
			  struct gdb_export *ret, struct gdb_why *why)
{
	struct gpudmabuf_bar_alloc alloc = {
		.size = sizeof(alloc),
		.flags = flags & GDB_BUF_RDONLY ? GPUDMABUF_BAR_ALLOC_RDONLY : 0,
		.length = len,
	};
	gdb_auto_fd int fd = bar_open(name);
	int err;

	switch (fd < 0 ? -fd : 0) {
	case 0:
		break;
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return gdb_why_set(why, ENODEV, GDB_REASON_EXPORTER_NONE, 0);
	case EACCES:
	case EPERM:
		return gdb_why_set(why, EACCES, GDB_REASON_EXPORTER_ACCESS,
				   -fd);
	default:
		return gdb_why_set(why, -fd, GDB_REASON_SYSTEM, -fd);
	}

	err = gdb_sys_ioctl(fd, GPUDMABUF_BAR_ALLOC, &alloc);
	if (err < 0)
		return bar_refused(fd, err, why);
	ret->fd = alloc.out_fd;
	snprintf(ret->name, sizeof(ret->name), "bar:%.40s", name);
	return 0;
}

/*
 * The first device that gives the memory.  If none does, that there is no room
 * says more than that another one may not be opened; of the room, the most.
 */
static int bar_alloc_any(size_t len, unsigned int flags,
			 struct gdb_export *ret, struct gdb_why *why)
{
	gdb_cleanup(bar_names_free) struct bar_names names = { 0 };
	int err = bar_names_get(&names);

	if (err == -EACCES)
		return gdb_why_set(why, EACCES, GDB_REASON_EXPORTER_ACCESS,
				   EACCES);
	if (err)
		return gdb_why_set(why, -err, GDB_REASON_SYSTEM, -err);

	gdb_why_set(why, ENODEV, GDB_REASON_EXPORTER_NONE, 0);
	for (int i = 0; i < names.n; i++) {
		struct gdb_why here = *why;

		err = bar_alloc_from(names.entries[i]->d_name, len, flags, ret,
				     &here);
		if (!err)
			return 0;
		if (why->reason != GDB_REASON_EXPORTER_FULL ||
		    (here.reason == GDB_REASON_EXPORTER_FULL &&
		     here.detail > why->detail))
			*why = here;
	}
	return -why->error;
}

static int bar_alloc(const char *arg, size_t len, unsigned int flags,
		     struct gdb_export *ret, struct gdb_why *why)
{
	char name[PCI_ADDR_LEN];

	if (!arg)
		return bar_alloc_any(len, flags, ret, why);
	if (bar_address(arg, name))
		return gdb_why_set(why, EINVAL, GDB_REASON_EXPORTER_UNKNOWN, 0);
	return bar_alloc_from(name, len, flags, ret, why);
}

static int bar_list_one(const char *name, gdb_exporter_fn *fn, void *user)
{
	char spec[sizeof("bar:") + 256], text[320];
	struct gdb_exporter_info info = { .name = spec, .text = text };
	struct gpudmabuf_bar_query q;
	gdb_auto_fd int fd = bar_open(name);
	int err = fd < 0 ? fd : bar_query(fd, &q);

	snprintf(spec, sizeof(spec), "bar:%s", name);
	snprintf(text, sizeof(text), "PCI device %s", name);
	if (err) {
		info.error = -err;
		return fn(&info, user);
	}
	snprintf(text, sizeof(text), "BAR %u of PCI device %s", q.out_bar,
		 name);
	info.size = q.out_length;
	info.free = q.out_free;
	info.granule = q.out_granule;
	info.buffers = q.out_buffers;
	return fn(&info, user);
}

static int bar_list(gdb_exporter_fn *fn, void *user)
{
	gdb_cleanup(bar_names_free) struct bar_names names = { 0 };
	int ret = bar_names_get(&names);

	if (ret)
		return gdb_fail_reason(-ret, GDB_REASON_SYSTEM, -ret);
	for (int i = 0; i < names.n; i++) {
		ret = bar_list_one(names.entries[i]->d_name, fn, user);
		if (ret)
			return ret;
	}
	return 0;
}

const struct gdb_exporter gdb_exporter_bar = {
	.name = "bar",
	.alloc = bar_alloc,
	.list = bar_list,
};
