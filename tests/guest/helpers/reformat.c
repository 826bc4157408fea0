// SPDX-License-Identifier: MIT
/*
 * reformat DISK LBAF MSET PI: formats DISK while it is registered, then reads
 * and writes 64 KiB between it and GPU memory, twice.  reformat -o only formats.
 *
 * Prints errno's and reason's name of each, and fails if a byte of the memory
 * was changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/nvme_ioctl.h>

#include <gpudmabuf.h>

#define LEN	(64UL << 10)
#define BUF_LEN	(4UL << 20)
#define CANARY	0xc5
#define FORMAT_NVM 0x80

static int format(int fd, unsigned int lbaf, unsigned int mset, unsigned int pi)
{
	struct nvme_admin_cmd cmd = {
		.opcode = FORMAT_NVM,
		.nsid = ioctl(fd, NVME_IOCTL_ID),
		.cdw10 = lbaf | mset << 4 | pi << 5,
		.timeout_ms = 60000,
	};

	return ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd);
}

static void tell(const char *what, ssize_t ret)
{
	struct gdb_explanation why = {};

	if (ret >= 0) {
		printf("%s transferred %zd\n", what, ret);
		return;
	}
	gdb_explain(&why);
	printf("%s %s %s\n", what, strerrorname_np(-ret),
	       gdb_reason_name(why.reason));
}

int main(int argc, char **argv)
{
	struct gdb_file *file;
	struct gdb_buf *buf;
	struct gdb *g;
	void *view;
	int ret;

	if (argc == 6 && !strcmp(argv[1], "-o"))
		return !!format(open(argv[2], O_RDWR), atoi(argv[3]),
				atoi(argv[4]), atoi(argv[5]));
	if (argc != 5)
		return 2;
	if (gdb_open(&g, 0) || gdb_buf_alloc(g, "bar", BUF_LEN, 0, &buf) ||
	    gdb_buf_map(buf, &view) ||
	    gdb_file_open(g, argv[1], O_RDWR, &file)) {
		tell("set-up", -errno);
		return 1;
	}
	memset(view, CANARY, BUF_LEN);
	tell("before", gdb_write(file, buf, LEN, 0, 0));
	ret = format(gdb_file_fd(file), atoi(argv[2]), atoi(argv[3]),
		     atoi(argv[4]));
	if (ret) {
		printf("format: %d, %s\n", ret, strerror(errno));
		return 1;
	}
	for (int i = 0; i < 2; i++) {
		tell("read", gdb_read(file, buf, LEN, 0, LEN));
		tell("write", gdb_write(file, buf, LEN, 0, LEN));
	}
	for (size_t i = 0; i < BUF_LEN; i++) {
		if (((unsigned char *)view)[i] != CANARY) {
			printf("byte %zu was written\n", i);
			return 1;
		}
	}
	return 0;
}
