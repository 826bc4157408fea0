// SPDX-License-Identifier: MIT
/*
 * transfer read|write DISK LEN SEED [SHIFT [MARK]]
 *
 * Moves the first LEN bytes of DISK into GPU memory, or LEN bytes of standard
 * input from GPU memory to DISK, in pieces of 512 bytes to 4 MiB in random
 * order; with SEED 0 in one call.  The buffer's position is the disk's plus SHIFT bytes.  With MARK, the
 * block at this byte of the disk is read into host memory right before and
 * right after, so that the controller's trace shows where the transfer begins
 * and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gpudmabuf.h>

#define BLOCK		512UL
#define MAX_PIECE	(4UL << 20)

struct piece {
	size_t off;
	size_t len;
};

static void die(const char *what, ssize_t err)
{
	struct gdb_explanation why = {};

	gdb_explain(&why);
	fprintf(stderr, "%s: %s (reason %d)\n", what, strerror(-err),
		why.reason);
	exit(1);
}

static void check(const char *what, ssize_t ret)
{
	if (ret < 0)
		die(what, ret);
}

/* Pieces of random length that cover LEN, shuffled. */
static size_t cut(struct piece *pieces, size_t len)
{
	size_t n = 0;

	for (size_t off = 0; off < len; off += pieces[n++].len) {
		size_t limit = BLOCK << random() % 14;
		size_t blocks = 1 + random() % (limit / BLOCK);

		pieces[n].off = off;
		pieces[n].len = blocks * BLOCK;
		if (pieces[n].len > len - off)
			pieces[n].len = len - off;
	}
	for (size_t i = n; i > 1; i--) {
		size_t j = random() % i;
		struct piece swapped = pieces[i - 1];

		pieces[i - 1] = pieces[j];
		pieces[j] = swapped;
	}
	return n;
}

static void mark(const char *disk, const char *at)
{
	void *page = aligned_alloc(4096, 4096);
	int fd = open(disk, O_RDONLY | O_DIRECT);

	if (!at)
		return;
	if (pread(fd, page, BLOCK, strtoull(at, NULL, 0)) != (ssize_t)BLOCK)
		die("mark", -EIO);
	close(fd);
	free(page);
}

static void fill(struct gdb_buf *buf, size_t shift, size_t len)
{
	/* read(2) cannot write into a BAR: it has no pages to pin. */
	void *host = malloc(len);
	void *map;

	if (fread(host, 1, len, stdin) != len)
		die("standard input", -EIO);
	check("map", gdb_buf_map(buf, &map));
	check("begin", gdb_buf_cpu_begin(buf, GDB_CPU_WRITE));
	memcpy((unsigned char *)map + shift, host, len);
	check("end", gdb_buf_cpu_end(buf, GDB_CPU_WRITE));
	free(host);
}

int main(int argc, char **argv)
{
	bool write = argc > 1 && !strcmp(argv[1], "write");
	struct piece *pieces;
	struct gdb_file *file;
	struct gdb_buf *buf;
	struct gdb *g;
	size_t len, shift, n;

	if (argc < 5)
		return 2;
	len = strtoull(argv[3], NULL, 0);
	srandom(strtoul(argv[4], NULL, 0));
	shift = argc > 5 ? strtoull(argv[5], NULL, 0) : 0;

	check("open", gdb_open(&g, 0));
	check("alloc", gdb_buf_alloc(g, "bar", len + shift, 0, &buf));
	check(argv[2], gdb_file_open(g, argv[2], write ? O_RDWR : O_RDONLY,
				     &file));
	pieces = calloc(len / BLOCK + 1, sizeof(*pieces));
	n = cut(pieces, len);
	if (!strcmp(argv[4], "0")) {
		pieces[0] = (struct piece) { .off = 0, .len = len };
		n = 1;
	}
	if (write)
		fill(buf, shift, len);

	mark(argv[2], argv[6]);
	for (size_t i = 0; i < n; i++) {
		struct piece *p = &pieces[i];
		ssize_t done = write ?
			gdb_write(file, buf, p->len, p->off, p->off + shift) :
			gdb_read(file, buf, p->len, p->off, p->off + shift);

		if (done != (ssize_t)p->len)
			die("transfer", done < 0 ? done : -EIO);
	}
	mark(argv[2], argv[6]);
	check("sync", gdb_sync(file));

	gdb_file_close(file);
	gdb_buf_free(buf);
	gdb_close(g);
	free(pieces);
	printf("%zu bytes in %zu pieces\n", len, n);
	return 0;
}
