// SPDX-License-Identifier: MIT
/* The first 4 KiB of a disk in GPU memory.  cc hello.c -lgpudmabuf */
#include <fcntl.h>
#include <stdio.h>
#include <gpudmabuf.h>

int main(void)
{
	struct gdb_explanation why = { .text = "The disk is too short." };
	struct gdb_file *f;
	struct gdb_buf *b;
	struct gdb *g;
	void *bytes;

	if (gdb_open(&g, 0) || gdb_buf_alloc(g, "bar", 4096, 0, &b) ||
	    gdb_file_open(g, "/dev/nvme0n1", O_RDONLY, &f) ||
	    gdb_read(f, b, 4096, 0, 0) != 4096 ||
	    gdb_buf_map(b, &bytes) || gdb_buf_cpu_begin(b, GDB_CPU_READ)) {
		gdb_explain(&why);
		fprintf(stderr, "%s\n%s\n", why.text, why.remedy);
		return 1;
	}
	printf("%.64s\n", (char *)bytes);
	gdb_buf_cpu_end(b, GDB_CPU_READ);
	gdb_file_close(f);
	gdb_buf_free(b);
	gdb_close(g);
	return 0;
}
