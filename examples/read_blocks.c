// SPDX-License-Identifier: MIT
/*
 * read_blocks DISK [--block N] [--count N] [--output FILE | --write FILE]
 *
 * Reads a range of blocks of an NVMe disk straight into GPU memory and dumps
 * it in hex, or to FILE.  With --write the other way: FILE goes into GPU memory
 * and from there to the blocks.  Needs the modules gpudmabuf and gpudmabuf_bar.
 */
#include <ctype.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gpudmabuf.h>

struct job {
	const char *disk, *output, *input;
	uint64_t block, count;
	struct gdb *g;
	struct gdb_file *f;
	struct gdb_buf *b;
	unsigned char *bytes;	/* the CPU's view of b */
	size_t len;
};

static int explain(const char *what)
{
	struct gdb_explanation why = { .text = "no reason is known" };

	gdb_explain(&why);
	fprintf(stderr, "read_blocks: %s: %s\n%s\n", what, why.text,
		why.remedy);
	return 1;
}

static void dump_hex(const struct job *j)
{
	unsigned int block = gdb_file_block_size(j->f);

	for (size_t i = 0; i < j->len; i += 16) {
		const unsigned char *row = j->bytes + i;

		printf("%08" PRIx64 ":%04zx ", j->block + i / block, i % block);
		for (int k = 0; k < 16; k++)
			printf(" %02x", row[k]);
		printf("  ");
		for (int k = 0; k < 16; k++)
			putchar(isprint(row[k]) ? row[k] : '.');
		putchar('\n');
	}
}

/*
 * The CPU's part: memory to file, or file to memory.  By way of host memory:
 * system calls that pin pages do not accept a view of device memory.
 */
static int copy(struct job *j, const char *path, const char *mode)
{
	bool to_memory = mode[0] == 'r';
	void *host = malloc(j->len);
	FILE *file = fopen(path, mode);
	bool ok = false;

	if (host && file && to_memory) {
		ok = fread(host, 1, j->len, file) == j->len;
		memcpy(j->bytes, host, ok ? j->len : 0);
	} else if (host && file) {
		memcpy(host, j->bytes, j->len);
		ok = fwrite(host, 1, j->len, file) == j->len;
	}
	if (file && fclose(file))
		ok = false;
	free(host);
	if (!ok)
		fprintf(stderr, "read_blocks: %s: not %zu bytes\n", path,
			j->len);
	return !ok;
}

static int read_blocks(struct job *j, off_t at)
{
	ssize_t n = gdb_read(j->f, j->b, j->len, at, 0);
	int ret = 0;

	if (n < 0)
		return explain("reading failed");
	j->len = n;	/* shorter at the end of the disk */
	if (gdb_buf_cpu_begin(j->b, GDB_CPU_READ))
		return explain("the memory cannot be read");
	if (j->output)
		ret = copy(j, j->output, "wb");
	else
		dump_hex(j);
	gdb_buf_cpu_end(j->b, GDB_CPU_READ);
	return ret;
}

static int write_blocks(struct job *j, off_t at)
{
	int ret;

	if (gdb_buf_cpu_begin(j->b, GDB_CPU_WRITE))
		return explain("the memory cannot be written");
	ret = copy(j, j->input, "rb");
	if (gdb_buf_cpu_end(j->b, GDB_CPU_WRITE))
		return explain("the memory cannot be written");
	if (ret)
		return ret;
	if (gdb_write(j->f, j->b, j->len, at, 0) != (ssize_t)j->len)
		return explain("writing failed");
	return gdb_sync(j->f) ? explain("flushing failed") : 0;
}

static int run(struct job *j)
{
	struct gdb_path_info path;
	void *map;
	off_t at;

	if (gdb_open(&j->g, 0) ||
	    gdb_file_open(j->g, j->disk, j->input ? O_RDWR : O_RDONLY, &j->f))
		return explain(j->disk);
	if (gdb_file_direct(j->f))
		return explain(j->disk);
	j->len = j->count * gdb_file_block_size(j->f);
	at = j->block * gdb_file_block_size(j->f);

	if (gdb_buf_alloc(j->g, "bar", j->len, 0, &j->b) ||
	    gdb_buf_map(j->b, &map) || gdb_path(j->f, j->b, &path))
		return explain("no memory");
	j->bytes = map;
	fprintf(stderr, "%s\n", path.why.text);
	return j->input ? write_blocks(j, at) : read_blocks(j, at);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "block", required_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'c' },
		{ "output", required_argument, NULL, 'o' },
		{ "write", required_argument, NULL, 'w' },
		{ 0 },
	};
	struct job j = { .count = 1 };
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'b')
			j.block = strtoull(optarg, NULL, 0);
		else if (opt == 'c')
			j.count = strtoull(optarg, NULL, 0);
		else if (opt == 'o')
			j.output = optarg;
		else if (opt == 'w')
			j.input = optarg;
		else
			return 2;
	}
	if (argc - optind != 1) {
		fprintf(stderr, "usage: read_blocks DISK [--block N] [--count N] [--output FILE | --write FILE]\n");
		return 2;
	}
	j.disk = argv[optind];
	ret = run(&j);
	gdb_buf_free(j.b);
	gdb_file_close(j.f);
	gdb_close(j.g);
	return ret;
}
