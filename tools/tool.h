/* SPDX-License-Identifier: MIT */
#ifndef GPUDMABUF_TOOL_H
#define GPUDMABUF_TOOL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <gpudmabuf.h>

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_DIRECT = 3,
};

/* Each gets the arguments from the subcommand's name on; returns EXIT_*. */
int cmd_info(int argc, char **argv);
int cmd_read(int argc, char **argv);
int cmd_write(int argc, char **argv);

/* What went wrong on one line, what to do about it on the next; EXIT_FAILED. */
int complain(const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same, for the library's last failure. */
int complain_why(const struct gdb_explanation *ex, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int complain_last(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* From now on complaints go to standard output, too, as JSON. */
void complain_in_json(void);

/* Points at --help; EXIT_USAGE. */
int usage_error(const char *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "4096", "64K", "1.5G" and so on, powers of 1024, to bytes. */
int parse_size(const char *text, uint64_t *ret);
/* "1.5 GiB" in a buffer of the caller. */
const char *format_size(uint64_t bytes, char *dst, size_t len);

void print_json(struct json_object *obj, FILE *to);
void json_set(struct json_object *obj, const char *key, const char *value);
void json_set_num(struct json_object *obj, const char *key, uint64_t value);
void json_set_why(struct json_object *obj, const struct gdb_explanation *ex);
const char *json_str(struct json_object *obj, const char *key);
uint64_t json_num(struct json_object *obj, const char *key);

/* One line of a file in sysfs without its newline; false if there is none. */
bool sysfs_read(char *dst, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The last component of a symbolic link in sysfs. */
bool sysfs_link(char *dst, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* info_pci.c: the BARs of one device, or NULL after complaining. */
struct json_object *info_pci(const char *address);
void print_pci(struct json_object *pci);
/* info_disk.c */
struct json_object *info_disks(struct gdb *g);
void print_disks(struct json_object *disks);

/* disk_guard.c: EXIT_OK if nothing of value is seen to be on the disk. */
int disk_guard(const char *path);

#endif /* GPUDMABUF_TOOL_H */
