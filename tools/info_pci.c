// SPDX-License-Identifier: MIT
/* The BARs of a PCI device, out of sysfs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

/* What the sixth to eighth columns of "resource" mean: linux/ioport.h. */
#define IORESOURCE_IO		0x00000100
#define IORESOURCE_MEM		0x00000200
#define IORESOURCE_PREFETCH	0x00002000
#define IORESOURCE_MEM_64	0x00100000

#define PCI "/sys/bus/pci/devices/%s"
#define N_BARS 6

static struct json_object *one_bar(int number, uint64_t size, uint64_t flags)
{
	struct json_object *bar = json_object_new_object();
	bool mem = flags & IORESOURCE_MEM;

	json_set_num(bar, "bar", number);
	json_set_num(bar, "size", size);
	json_set(bar, "kind", mem ? "memory" : "ports");
	json_object_object_add(bar, "prefetchable",
			       json_object_new_boolean(flags & IORESOURCE_PREFETCH));
	json_set_num(bar, "bits", flags & IORESOURCE_MEM_64 ? 64 : 32);
	return bar;
}

static struct json_object *bars(const char *address)
{
	struct json_object *list = json_object_new_array();
	uint64_t start, end, flags;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), PCI "/resource", address);
	f = fopen(path, "re");
	if (!f)
		return list;
	for (int i = 0; i < N_BARS; i++) {
		if (fscanf(f, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &end,
			   &flags) != 3)
			break;
		if (flags & (IORESOURCE_MEM | IORESOURCE_IO))
			json_object_array_add(list, one_bar(i, end - start + 1,
							    flags));
	}
	fclose(f);
	return list;
}

static void set_sysfs(struct json_object *obj, const char *key,
		      const char *address)
{
	char value[64];

	if (sysfs_read(value, sizeof(value), PCI "/%s", address, key))
		json_set(obj, key, value);
}

static int set_served(const struct gdb_exporter_info *info, void *user)
{
	struct json_object *pci = user;
	const char *colon = strchr(info->name, ':');

	if (!colon || strcmp(colon + 1, json_str(pci, "address")))
		return 0;
	json_set(pci, "exporter", info->name);
	json_set(pci, "serves", info->text);
	json_set_num(pci, "free", info->free);
	return 1;
}

struct json_object *info_pci(const char *arg)
{
	struct json_object *pci;
	char address[32], driver[64], path[128];

	snprintf(address, sizeof(address), "%s%.20s",
		 strlen(arg) == strlen("04:00.0") ? "0000:" : "", arg);
	snprintf(path, sizeof(path), PCI, address);
	if (strchr(arg, '/') || arg[0] == '.' || access(path, F_OK)) {
		complain("lspci -D lists the addresses, such as 0000:04:00.0",
			 "there is no PCI device %s", arg);
		return NULL;
	}

	pci = json_object_new_object();
	json_set(pci, "address", address);
	set_sysfs(pci, "vendor", address);
	set_sysfs(pci, "device", address);
	set_sysfs(pci, "class", address);
	if (sysfs_link(driver, sizeof(driver), PCI "/driver", address))
		json_set(pci, "driver", driver);
	json_object_object_add(pci, "bars", bars(address));
	gdb_exporter_list(set_served, pci);
	return pci;
}

void print_pci(struct json_object *pci)
{
	struct json_object *list = json_object_object_get(pci, "bars");
	const char *driver = json_str(pci, "driver");
	const char *exporter = json_str(pci, "exporter");
	char size[32];

	printf("PCI device %s: %s:%s, class %s, driver %s\n",
	       json_str(pci, "address"), json_str(pci, "vendor"),
	       json_str(pci, "device"), json_str(pci, "class"),
	       *driver ? driver : "none");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *bar = json_object_array_get_idx(list, i);

		printf("  BAR %d  %10s  %s, %d-bit%s\n",
		       (int)json_num(bar, "bar"),
		       format_size(json_num(bar, "size"), size, sizeof(size)),
		       json_str(bar, "kind"), (int)json_num(bar, "bits"),
		       json_num(bar, "prefetchable") ? ", prefetchable" : "");
	}
	if (*exporter)
		printf("  served as %s: %s, %s free\n", exporter,
		       json_str(pci, "serves"),
		       format_size(json_num(pci, "free"), size, sizeof(size)));
	else
		printf("  not served by gpudmabuf_bar\n");
}
