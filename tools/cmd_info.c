// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const char help[] =
"Usage: gpudmabuf info [--json] [PCI-ADDRESS]\n"
"\n"
"Without an address: where memory can be allocated and how much of it is free,\n"
"and for each NVMe disk whether it can be driven directly and, if not, why and\n"
"what to do.  A disk that may be opened is registered for that, read-only.\n"
"\n"
"With an address: the BARs of that PCI device, its driver, and whether one of\n"
"the BARs is served as memory.\n"
"\n"
"  -j, --json  print JSON\n"
"  -h, --help  this help\n"
"\n"
"Examples:\n"
"  gpudmabuf info\n"
"  gpudmabuf info 0000:04:00.0\n"
"  gpudmabuf info --json | jq '.disks[] | select(.direct)'\n";

static int add_exporter(const struct gdb_exporter_info *info, void *user)
{
	struct json_object *exporter = json_object_new_object();

	json_set(exporter, "name", info->name);
	json_set(exporter, "text", info->text);
	if (info->error) {
		json_set(exporter, "error", strerror(info->error));
	} else {
		json_set_num(exporter, "size", info->size);
		json_set_num(exporter, "free", info->free);
		json_set_num(exporter, "granule", info->granule);
		json_set_num(exporter, "buffers", info->buffers);
	}
	json_object_array_add(user, exporter);
	return 0;
}

static void print_exporters(struct json_object *exporters)
{
	char size[32], left[32];

	printf("Memory:\n");
	if (!json_object_array_length(exporters))
		printf("  no exporter (for BAR memory, load gpudmabuf_bar)\n");
	for (size_t i = 0; i < json_object_array_length(exporters); i++) {
		struct json_object *e = json_object_array_get_idx(exporters, i);

		printf("  %-18s %s, ", json_str(e, "name"),
		       json_str(e, "text"));
		if (*json_str(e, "error"))
			printf("cannot be asked: %s\n", json_str(e, "error"));
		else
			printf("%s, %s free\n",
			       format_size(json_num(e, "size"), size,
					   sizeof(size)),
			       format_size(json_num(e, "free"), left,
					   sizeof(left)));
	}
}

static int info_all(bool json)
{
	struct json_object *exporters = json_object_new_array();
	struct json_object *all = json_object_new_object();
	struct gdb *g = NULL;

	json_set(all, "version", gdb_version());
	json_object_object_add(all, "exporters", exporters);
	if (gdb_open(&g, 0) || gdb_exporter_list(add_exporter, exporters)) {
		json_object_put(all);
		gdb_close(g);
		return complain_last("cannot look around");
	}
	json_object_object_add(all, "disks", info_disks(g));
	gdb_close(g);

	if (json) {
		print_json(all, stdout);
	} else {
		print_exporters(exporters);
		print_disks(json_object_object_get(all, "disks"));
	}
	json_object_put(all);
	return EXIT_OK;
}

static int info_one(const char *address, bool json)
{
	struct json_object *pci = info_pci(address);

	if (!pci)
		return EXIT_FAILED;
	if (json)
		print_json(pci, stdout);
	else
		print_pci(pci);
	json_object_put(pci);
	return EXIT_OK;
}

int cmd_info(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			json = true;
			complain_in_json();
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_OK;
		default:
			return usage_error("info", "wrong option");
		}
	}
	if (argc - optind > 1)
		return usage_error("info", "more than one PCI address");
	return optind < argc ? info_one(argv[optind], json) : info_all(json);
}
