// SPDX-License-Identifier: MIT
/* Refusals: kept for the thread, put into words on demand. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/gpudmabuf.h>

#include "internal.h"

static _Thread_local struct gdb_why last;

static void copy_name(char dst[GDB_NAME_MAX], const char *src)
{
	snprintf(dst, GDB_NAME_MAX, "%s", src);
}

/* Names are kept: they are set by whoever knows them. */
int gdb_why_set(struct gdb_why *why, int error, int reason, uint64_t detail)
{
	why->error = error;
	why->reason = reason;
	why->detail = detail;
	return -error;
}

void gdb_why_name(struct gdb_why *why, const struct gdb_file *f,
		  const struct gdb_buf *b)
{
	if (f)
		copy_name(why->file, f->name);
	if (b)
		copy_name(why->buf, b->name);
}

int gdb_fail(const struct gdb_why *why)
{
	last = *why;
	return -why->error;
}

int gdb_fail_reason(int error, int reason, uint64_t detail)
{
	struct gdb_why why = { 0 };

	gdb_why_set(&why, error, reason, detail);
	return gdb_fail(&why);
}

static void errno_words(char *dst, size_t len, uint64_t error)
{
	const char *name = NULL;

	if (error <= INT32_MAX)
		name = strerrorname_np(error);
	if (name)
		snprintf(dst, len, "%s (%s)", name, strerrordesc_np(error));
	else
		snprintf(dst, len, "error %" PRIu64, error);
}

/* The value of the placeholder that begins at *at, which is moved behind it. */
static const char *placeholder(const char **at, const struct gdb_why *why,
			       char *scratch, size_t len)
{
	static const char *const names[] = {
		"{file}", "{buf}", "{detail}", "{errno}", "{known}",
	};
	size_t i, n = sizeof(names) / sizeof(names[0]);

	for (i = 0; i < n; i++)
		if (!strncmp(*at, names[i], strlen(names[i])))
			break;
	if (i == n)
		return NULL;
	*at += strlen(names[i]);

	switch (i) {
	case 0:
		return why->file[0] ? why->file : "the file";
	case 1:
		return why->buf[0] ? why->buf : "the buffer";
	case 2:
		snprintf(scratch, len, "%" PRIu64, why->detail);
		return scratch;
	case 3:
		errno_words(scratch, len, why->detail);
		return scratch;
	default:
		snprintf(scratch, len, "%d", GPUDMABUF_ABI_VERSION);
		return scratch;
	}
}

static void expand(char *dst, size_t len, const char *template,
		   const struct gdb_why *why)
{
	size_t used = 0;

	while (*template && used + 1 < len) {
		char scratch[96];
		const char *value = NULL;

		if (*template == '{')
			value = placeholder(&template, why, scratch,
					    sizeof(scratch));
		if (!value) {
			dst[used++] = *template++;
			continue;
		}
		used += snprintf(dst + used, len - used, "%s", value);
		if (used >= len)
			used = len - 1;
	}
	dst[used] = '\0';
}

void gdb_why_words(const struct gdb_why *why, struct gdb_explanation *ret)
{
	const struct gdb_reason_row *row = gdb_reason_find(why->reason);

	memset(ret, 0, sizeof(*ret));
	ret->reason = why->reason;
	ret->error = why->error;
	ret->detail = why->detail;
	if (row) {
		expand(ret->text, sizeof(ret->text), row->text, why);
		expand(ret->remedy, sizeof(ret->remedy), row->remedy, why);
		return;
	}
	snprintf(ret->text, sizeof(ret->text),
		 "The kernel module refused with reason %d, which this library does not know.",
		 why->reason);
	snprintf(ret->remedy, sizeof(ret->remedy),
		 "Update libgpudmabuf to the version of the gpudmabuf module.");
}

GDB_PUBLIC int gdb_explain(struct gdb_explanation *ret)
{
	if (!ret)
		return -EINVAL;
	if (!last.error)
		return -ENODATA;
	gdb_why_words(&last, ret);
	return 0;
}

GDB_PUBLIC const char *gdb_reason_name(int reason)
{
	const struct gdb_reason_row *row = gdb_reason_find(reason);

	return row ? row->name : "UNKNOWN";
}
