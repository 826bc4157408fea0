// SPDX-License-Identifier: MIT
/*
 * register DISK: whether DISK may be driven directly.
 *
 * Prints the errno's name, the reason's name and its detail, or the block size
 * of what was accepted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <gpudmabuf.h>
#include <linux/gpudmabuf.h>

int main(int argc, char **argv)
{
	struct gpudmabuf_file_register reg = { .size = sizeof(reg) };
	struct gpudmabuf_explain why = { .size = sizeof(why) };
	int dev;

	if (argc != 2)
		return 2;
	dev = open("/dev/gpudmabuf", O_RDWR);
	reg.fd = open(argv[1], O_RDONLY);
	if (dev < 0 || reg.fd < 0) {
		perror(argv[1]);
		return 1;
	}
	if (!ioctl(dev, GPUDMABUF_FILE_REGISTER, &reg)) {
		printf("ok NONE %u\n", reg.out_block_size);
		return 0;
	}
	if (ioctl(dev, GPUDMABUF_EXPLAIN, &why)) {
		perror("explain");
		return 1;
	}
	printf("%s %s %llu\n", strerrorname_np(errno),
	       gdb_reason_name(why.out_reason),
	       (unsigned long long)why.out_detail);
	return (int)why.out_error == errno ? 0 : 1;
}
