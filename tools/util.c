// SPDX-License-Identifier: MIT
/* Messages, sizes, JSON and sysfs. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static bool in_json;

void complain_in_json(void)
{
	in_json = true;
}

/* { "error": { "text", "remedy" and, of the library's failures, more } } */
static void json_complaint(const struct gdb_explanation *ex)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *error = json_object_new_object();

	json_object_object_add(obj, "error", error);
	json_set_why(error, ex);
	print_json(obj, stdout);
	json_object_put(obj);
}

static void say(const char *fmt, va_list args)
{
	fputs("gpudmabuf: ", stderr);
	vfprintf(stderr, fmt, args);
}

int complain(const char *remedy, const char *fmt, ...)
{
	struct gdb_explanation ex = { 0 };
	va_list args;

	va_start(args, fmt);
	vsnprintf(ex.text, sizeof(ex.text), fmt, args);
	va_end(args);
	snprintf(ex.remedy, sizeof(ex.remedy), "%s", remedy);
	fprintf(stderr, "gpudmabuf: %s\nWhat to do: %s\n", ex.text, ex.remedy);
	if (in_json)
		json_complaint(&ex);
	return EXIT_FAILED;
}

/* Is it this pair, or this request, that cannot go the direct way? */
static int exit_status(const struct gdb_explanation *ex)
{
	switch (ex->reason) {
	case GDB_REASON_FILE_ALIGN:
	case GDB_REASON_BUF_ALIGN:
	case GDB_REASON_LEN_ALIGN:
		return EXIT_NO_DIRECT;
	}
	return ex->error == EOPNOTSUPP || ex->error == EXDEV ?
	       EXIT_NO_DIRECT : EXIT_FAILED;
}

static int vcomplain_why(const struct gdb_explanation *ex, const char *fmt,
			 va_list args)
{
	say(fmt, args);
	fprintf(stderr, ": %s\nWhat to do: %s\n", ex->text, ex->remedy);
	if (in_json)
		json_complaint(ex);
	return exit_status(ex);
}

int complain_why(const struct gdb_explanation *ex, const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = vcomplain_why(ex, fmt, args);
	va_end(args);
	return ret;
}

int complain_last(const char *fmt, ...)
{
	struct gdb_explanation ex = { 0 };
	va_list args;
	int ret;

	gdb_explain(&ex);
	va_start(args, fmt);
	ret = vcomplain_why(&ex, fmt, args);
	va_end(args);
	return ret;
}

int usage_error(const char *cmd, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	fprintf(stderr, "\nSee: gpudmabuf %s%s--help\n", cmd ? cmd : "",
		cmd ? " " : "");
	return EXIT_USAGE;
}

int parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGTPE";
	long double value;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtold(text, &end);
	if (errno || text[1] == 'x' || text[1] == 'X')
		return -EINVAL;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end++));
		if (!unit)
			return -EINVAL;
		value = ldexpl(value, 10 * (unit - units + 1));
		if (!strcmp(end, "iB") || !strcmp(end, "B"))
			end += strlen(end);
	}
	if (*end || value > INT64_MAX || value != truncl(value))
		return -EINVAL;
	*ret = value;
	return 0;
}

const char *format_size(uint64_t bytes, char *dst, size_t len)
{
	static const char *const units[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB",
	};
	double value = bytes;
	int i = 0;

	while (value >= 1024 && i < 6) {
		value /= 1024;
		i++;
	}
	snprintf(dst, len, value == (uint64_t)value ? "%.0f %s" : "%.1f %s",
		 value, units[i]);
	return dst;
}

void print_json(struct json_object *obj, FILE *to)
{
	fprintf(to, "%s\n",
		json_object_to_json_string_ext(obj,
					       JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_SPACED |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
}

void json_set(struct json_object *obj, const char *key, const char *value)
{
	json_object_object_add(obj, key, json_object_new_string(value));
}

void json_set_num(struct json_object *obj, const char *key, uint64_t value)
{
	json_object_object_add(obj, key, json_object_new_uint64(value));
}

void json_set_why(struct json_object *obj, const struct gdb_explanation *ex)
{
	const char *error = strerrorname_np(ex->error);

	if (ex->reason) {
		json_set(obj, "reason", gdb_reason_name(ex->reason));
		json_set(obj, "errno", error ? error : "");
		json_set_num(obj, "detail", ex->detail);
	}
	json_set(obj, "text", ex->text);
	json_set(obj, "remedy", ex->remedy);
}

const char *json_str(struct json_object *obj, const char *key)
{
	const char *s = json_object_get_string(json_object_object_get(obj, key));

	return s ? s : "";
}

uint64_t json_num(struct json_object *obj, const char *key)
{
	return json_object_get_uint64(json_object_object_get(obj, key));
}

bool sysfs_read(char *dst, size_t len, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	bool ok;
	FILE *f;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(dst, len, f);
	fclose(f);
	if (!ok)
		return false;
	dst[strcspn(dst, "\n")] = '\0';
	for (size_t n = strlen(dst); n && dst[n - 1] == ' '; n--)
		dst[n - 1] = '\0';
	return true;
}

bool sysfs_link(char *dst, size_t len, const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	va_list args;
	ssize_t n;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	snprintf(dst, len, "%s", basename(target));
	return true;
}
