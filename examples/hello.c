// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdio.h>
#include <gpudmabuf.h>

int main(void)
{
	struct gdb_explanation why;
	struct gdb_path_info path;
	struct gdb_file *disk;
	struct gdb_buf *mem;
	struct gdb *g;

	if (gdb_open(&g, 0) || gdb_buf_alloc(g, "bar", 1 << 20, 0, &mem) ||
	    gdb_file_open(g, "/dev/nvme0n1", O_RDONLY, &disk) ||
	    gdb_path(disk, mem, &path) || gdb_read(disk, mem, 1 << 20, 0, 0) < 0) {
		gdb_explain(&why);
		return fprintf(stderr, "%s\n%s\n", why.text, why.remedy), 1;
	}
	printf("1 MiB of the disk is in GPU memory. %s\n", path.why.text);
	return 0;
}
