// SPDX-License-Identifier: MIT
/*
 * partial read|write DISK LEN OFF MEMORY: one transfer between DISK and GPU
 * memory, which may fail or be short.
 *
 * Leaves what the GPU memory holds afterwards in the file MEMORY, and in
 * MEMORY.done the number of bytes; or -1, errno's and reason's name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gpudmabuf.h>

static int save(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");
	int err = !f || fwrite(data, 1, len, f) != len;

	return (f && fclose(f)) || err;
}

static int tell(const char *memory, ssize_t done)
{
	struct gdb_explanation why = {};
	char path[4096], text[128];
	int len;

	len = snprintf(text, sizeof(text), "%zd\n", done);
	if (done < 0) {
		gdb_explain(&why);
		len = snprintf(text, sizeof(text), "-1 %s %s\n",
			       strerrorname_np(-done),
			       gdb_reason_name(why.reason));
	}
	snprintf(path, sizeof(path), "%s.done", memory);
	return save(path, text, len);
}

int main(int argc, char **argv)
{
	struct gdb_file *file;
	struct gdb_buf *buf;
	struct gdb *g;
	ssize_t done;
	void *view, *host;
	size_t len;
	off_t off;

	if (argc != 6)
		return 2;
	len = strtoull(argv[3], NULL, 0);
	off = strtoll(argv[4], NULL, 0);
	host = malloc(len);
	if (gdb_open(&g, 0) || gdb_buf_alloc(g, "bar", len, 0, &buf) ||
	    gdb_buf_map(buf, &view) ||
	    gdb_file_open(g, argv[2], O_RDWR, &file))
		return 1;
	for (size_t i = 0; i < len / 4; i++)
		((unsigned int *)view)[i] = i * 0x9e3779b9;
	done = strcmp(argv[1], "write") ? gdb_read(file, buf, len, off, 0) :
					  gdb_write(file, buf, len, off, 0);
	/* A file system may pin what it writes from; a BAR has no pages. */
	memcpy(host, view, len);
	return tell(argv[5], done) || save(argv[5], host, len);
}
