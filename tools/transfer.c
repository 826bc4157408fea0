// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "transfer.h"

/* A smaller piece is not worth trying when memory is short. */
#define SMALLEST_PIECE (64 << 10)
#define LONGEST_PIECE (1 << 30)

static const struct option options[] = {
	{ "offset", required_argument, NULL, 's' },
	{ "length", required_argument, NULL, 'n' },
	{ "buffer", required_argument, NULL, 'b' },
	{ "buf-offset", required_argument, NULL, 'B' },
	{ "output", required_argument, NULL, 'o' },
	{ "input", required_argument, NULL, 'i' },
	{ "force", no_argument, NULL, 'f' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* False if the option has no business here, or its argument is wrong. */
static bool take_option(struct transfer *t, int opt)
{
	bool is_write = !strcmp(t->cmd, "write");

	switch (opt) {
	case 's':
		return !parse_size(optarg, &t->offset);
	case 'n':
		t->have_length = true;
		return !parse_size(optarg, &t->length);
	case 'b':
		t->source = optarg;
		return true;
	case 'B':
		return !parse_size(optarg, &t->buf_offset);
	case 'o':
	case 'i':
		t->host_file = optarg;
		return is_write == (opt == 'i');
	case 'f':
		t->force = true;
		return is_write;
	case 'j':
		t->json = true;
		complain_in_json();
		return true;
	default:
		return false;
	}
}

bool transfer_parse(struct transfer *t, int argc, char **argv,
		    const char *help, int *ret_exit)
{
	int opt;

	t->source = "bar";
	while ((opt = getopt_long(argc, argv, "s:n:b:B:o:i:fjh", options,
				  NULL)) != -1) {
		if (opt == 'h') {
			fputs(help, stdout);
			*ret_exit = EXIT_OK;
			return false;
		}
		if (!take_option(t, opt)) {
			*ret_exit = usage_error(t->cmd, "wrong option or value");
			return false;
		}
	}
	if (argc - optind != 1) {
		*ret_exit = usage_error(t->cmd, "exactly one disk is needed");
		return false;
	}
	t->path = argv[optind];
	return true;
}

int transfer_open_disk(struct transfer *t, int oflags)
{
	if (gdb_open(&t->g, 0))
		return complain_last("cannot %s", t->cmd);
	if (gdb_file_open(t->g, t->path, oflags, &t->file))
		return complain_last("cannot %s", t->cmd);
	if (gdb_file_direct(t->file))
		return complain_last("cannot %s", t->cmd);
	return EXIT_OK;
}

/* All at once if there is room; else in pieces, halved until they fit. */
static int alloc_memory(struct transfer *t, uint64_t length)
{
	unsigned int block = gdb_file_block_size(t->file);
	uint64_t piece = length < LONGEST_PIECE ? length : LONGEST_PIECE;
	int err;

	for (;;) {
		piece += (block - piece % block) % block;
		err = gdb_buf_alloc(t->g, t->source, t->buf_offset + piece, 0,
				    &t->buf);
		if (err != -ENOSPC || piece / 2 < SMALLEST_PIECE)
			break;
		piece /= 2;
	}
	t->piece = piece;
	return err;
}

int transfer_open_memory(struct transfer *t, uint64_t length)
{
	if (t->buf_offset > INT64_MAX - LONGEST_PIECE)
		return usage_error(t->cmd, "the buffer's offset is too large");
	if (alloc_memory(t, length ? length : 1))
		return complain_last("cannot %s", t->cmd);
	if (gdb_path(t->file, t->buf, &t->info))
		return complain_last("cannot %s", t->cmd);
	if (t->info.path == GDB_PATH_NONE)
		return complain_why(&t->info.why, "cannot %s", t->cmd);
	t->started = now();
	return EXIT_OK;
}

static const char *path_name(int path)
{
	switch (path) {
	case GDB_PATH_DIRECT_DEVICE:
		return "direct-device";
	case GDB_PATH_DIRECT_HOST:
		return "direct-host";
	default:
		return "none";
	}
}

static void report_json(const struct transfer *t, double seconds, FILE *to)
{
	struct json_object *obj = json_object_new_object();

	json_set(obj, "command", t->cmd);
	json_set(obj, "disk", t->path);
	json_set_num(obj, "offset", t->offset);
	json_set_num(obj, "bytes", t->done);
	json_set(obj, "buffer", t->source);
	json_set_num(obj, "buffer_offset", t->buf_offset);
	json_set_num(obj, "piece", t->piece);
	json_set(obj, "path", path_name(t->info.path));
	json_set_num(obj, "segments", t->info.segments);
	json_set(obj, "why", t->info.why.text);
	json_object_object_add(obj, "seconds", json_object_new_double(seconds));
	print_json(obj, to);
	json_object_put(obj);
}

void transfer_report(const struct transfer *t, FILE *to)
{
	double seconds = now() - t->started;
	char size[32];

	if (t->json) {
		report_json(t, seconds, to);
		return;
	}
	fprintf(to, "%s %" PRIu64 " bytes (%s) %s %s at %" PRIu64
		" in %.3f s\nPath: %s\n",
		!strcmp(t->cmd, "read") ? "Read" : "Wrote", t->done,
		format_size(t->done, size, sizeof(size)),
		!strcmp(t->cmd, "read") ? "from" : "to", t->path, t->offset,
		seconds, t->info.why.text);
}

void transfer_close(struct transfer *t)
{
	gdb_buf_free(t->buf);
	gdb_file_close(t->file);
	gdb_close(t->g);
}
