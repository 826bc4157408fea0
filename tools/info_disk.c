// SPDX-License-Identifier: MIT
/* NVMe namespaces, out of sysfs, and what the library says to each. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define BLOCK "/sys/block/%s"

/*
 * nvme0n1, but neither nvme0c0n1 (a path below a multipath head) nor anything
 * that is no namespace.
 */
static int is_namespace(const struct dirent *d)
{
	unsigned int ctrl, ns;
	int end = -1;

	sscanf(d->d_name, "nvme%un%u%n", &ctrl, &ns, &end);
	return end >= 0 && !d->d_name[end];
}

static void set_controller(struct json_object *disk, const char *name)
{
	char value[128];

	if (sysfs_link(value, sizeof(value), BLOCK "/device", name))
		json_set(disk, "controller", value);
	if (sysfs_read(value, sizeof(value), BLOCK "/device/transport", name))
		json_set(disk, "transport", value);
	if (sysfs_read(value, sizeof(value), BLOCK "/device/address", name))
		json_set(disk, "address", value);
	if (sysfs_read(value, sizeof(value), BLOCK "/device/model", name))
		json_set(disk, "model", value);
}

/* Registers the disk read-only, which reads its first block. */
static void set_direct(struct json_object *disk, struct gdb *g,
		       const char *path)
{
	struct gdb_explanation ex;
	struct gdb_file *f = NULL;
	bool direct;

	direct = !gdb_file_open(g, path, O_RDONLY, &f) && !gdb_file_direct(f);
	json_object_object_add(disk, "direct", json_object_new_boolean(direct));
	if (!direct && !gdb_explain(&ex))
		json_set_why(disk, &ex);
	gdb_file_close(f);
}

static struct json_object *one_disk(struct gdb *g, const char *name)
{
	struct json_object *disk = json_object_new_object();
	char path[300], value[64];

	snprintf(path, sizeof(path), "/dev/%s", name);
	json_set(disk, "path", path);
	if (sysfs_read(value, sizeof(value), BLOCK "/size", name))
		json_set_num(disk, "size", strtoull(value, NULL, 10) * 512);
	if (sysfs_read(value, sizeof(value), BLOCK "/queue/logical_block_size",
		       name))
		json_set_num(disk, "block_size", strtoull(value, NULL, 10));
	set_controller(disk, name);
	set_direct(disk, g, path);
	return disk;
}

struct json_object *info_disks(struct gdb *g)
{
	struct json_object *disks = json_object_new_array();
	struct dirent **names;
	int n = scandir("/sys/block", &names, is_namespace, versionsort);

	for (int i = 0; i < n; i++) {
		json_object_array_add(disks, one_disk(g, names[i]->d_name));
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return disks;
}

static const char *or_unknown(const char *s)
{
	return *s ? s : "unknown";
}

void print_disks(struct json_object *disks)
{
	char size[32];

	printf("Disks:\n");
	if (!json_object_array_length(disks))
		printf("  no NVMe namespace\n");
	for (size_t i = 0; i < json_object_array_length(disks); i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		printf("  %-14s %10s, blocks of %u, controller %s at %s (%s)\n",
		       json_str(disk, "path"),
		       format_size(json_num(disk, "size"), size, sizeof(size)),
		       (unsigned int)json_num(disk, "block_size"),
		       or_unknown(json_str(disk, "controller")),
		       or_unknown(json_str(disk, "address")),
		       or_unknown(json_str(disk, "transport")));
		if (json_num(disk, "direct"))
			printf("    can be driven directly\n");
		else
			printf("    not direct: %s\n    What to do: %s\n",
			       json_str(disk, "text"),
			       json_str(disk, "remedy"));
	}
}
