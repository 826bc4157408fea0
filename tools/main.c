// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "info", cmd_info },
	{ "read", cmd_read },
	{ "write", cmd_write },
};

static const char help[] =
"Usage: gpudmabuf COMMAND [OPTION]...\n"
"\n"
"Moves bytes between NVMe disks and GPU memory without host memory between.\n"
"\n"
"  info [PCI-ADDRESS]  what memory and which disks there are, and which of the\n"
"                      disks can be driven directly; or the BARs of a device\n"
"  read DISK           from a disk into GPU memory, and from there to a file\n"
"  write DISK          from a file into GPU memory, and from there to a disk\n"
"\n"
"  -h, --help          this help; after a command, the help of that command\n"
"  -V, --version       version of the library\n"
"\n"
"Examples:\n"
"  gpudmabuf info\n"
"  gpudmabuf read /dev/nvme0n1 --length 64M\n"
"  gpudmabuf read /dev/nvme0n1 --offset 1M --length 4K --output - | hexdump -C\n"
"  gpudmabuf write /dev/nvme0n1 --offset 1G --input weights.bin\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong usage, 3 there is no direct path.\n";

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage_error(NULL, "no command given");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);

	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		fputs(help, stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("gpudmabuf %s\n", gdb_version());
		return EXIT_OK;
	}
	return usage_error(NULL, "no command \"%s\"", argv[1]);
}
