// SPDX-License-Identifier: MIT
/*
 * round_trip DISK LENGTH FROM TO
 *
 * Reads LENGTH bytes at byte FROM of an NVMe disk straight into GPU memory and
 * writes them from there to byte TO, and tells which path they took.  Needs the
 * modules gpudmabuf and gpudmabuf_bar.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <gpudmabuf.h>

static int explain(const char *what)
{
	struct gdb_explanation why = { .text = "no reason is known" };

	gdb_explain(&why);
	fprintf(stderr, "round_trip: %s: %s\n%s\n", what, why.text,
		why.remedy);
	return 1;
}

static int round_trip(struct gdb_file *f, struct gdb_buf *b, size_t len,
		      off_t from, off_t to)
{
	struct gdb_path_info path;
	ssize_t done;

	if (gdb_path(f, b, &path))
		return explain("path");

	done = gdb_read(f, b, len, from, 0);
	if (done < 0)
		return explain("read");
	printf("read  %zd bytes at %jd: %s\n", done, (intmax_t)from,
	       path.why.text);

	done = gdb_write(f, b, done, to, 0);
	if (done < 0 || gdb_sync(f))
		return explain("write");
	printf("wrote %zd bytes at %jd: %s\n", done, (intmax_t)to,
	       path.why.text);
	return 0;
}

int main(int argc, char **argv)
{
	struct gdb *g = NULL;
	struct gdb_file *f = NULL;
	struct gdb_buf *b = NULL;
	size_t len;
	int ret;

	if (argc != 5) {
		fprintf(stderr, "usage: round_trip DISK LENGTH FROM TO\n");
		return 2;
	}
	len = strtoull(argv[2], NULL, 0);

	if (gdb_open(&g, 0) || gdb_file_open(g, argv[1], O_RDWR, &f))
		ret = explain(argv[1]);
	else if (gdb_buf_alloc(g, "bar", len, 0, &b))
		ret = explain("GPU memory");
	else
		ret = round_trip(f, b, len, strtoll(argv[3], NULL, 0),
				 strtoll(argv[4], NULL, 0));

	gdb_buf_free(b);
	gdb_file_close(f);
	gdb_close(g);
	return ret;
}
