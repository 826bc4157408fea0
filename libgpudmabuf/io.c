// SPDX-License-Identifier: MIT
/* gdb_read() and gdb_write(): check, cut into pieces, add up. */
#include <errno.h>
#include <limits.h>

#include "internal.h"

_Static_assert(sizeof(off_t) == 8, "compile with -D_FILE_OFFSET_BITS=64");

/* What no path can do. */
int gdb_request_check(const struct gdb_request *rq, struct gdb_why *why)
{
	if (!rq->file || !rq->buf)
		return gdb_why_set(why, EINVAL, GDB_REASON_ARGUMENT, 0);

	gdb_why_name(why, rq->file, rq->buf);
	if (rq->file->g != rq->buf->g)
		return gdb_why_set(why, EINVAL, GDB_REASON_CONTEXT, 0);
	if (rq->len > SSIZE_MAX || rq->file_off < 0 || rq->buf_off < 0)
		return gdb_why_set(why, EINVAL, GDB_REASON_ARGUMENT, 0);
	if (rq->file_off > INT64_MAX - (off_t)rq->len)
		return gdb_why_set(why, EINVAL, GDB_REASON_OVERFLOW, 0);
	if ((size_t)rq->buf_off > rq->buf->size ||
	    rq->len > rq->buf->size - (size_t)rq->buf_off)
		return gdb_why_set(why, EINVAL, GDB_REASON_BUF_RANGE,
				   rq->buf->size);
	return 0;
}

/*
 * Goes on until all is done or a piece comes back short: that is the end of the
 * file, or the place of an error which the caller meets when he goes on there.
 */
static ssize_t transfer(const struct gdb_request *rq, struct gdb_why *why)
{
	size_t max = rq->file->g->max_io;
	struct gdb_request piece = *rq;
	size_t done = 0;
	ssize_t n;

	max -= max % rq->file->block_size;
	do {
		piece.len = rq->len - done;
		if (piece.len > max)
			piece.len = max;

		n = gdb_direct_io(&piece, why);
		if (n < 0)
			return done ? (ssize_t)done : n;
		done += n;
		piece.file_off += n;
		piece.buf_off += n;
	} while (n && done < rq->len && (size_t)n == piece.len);
	return done;
}

static ssize_t read_or_write(const struct gdb_request *rq)
{
	struct gdb_why why = { 0 };
	ssize_t n;

	if (gdb_request_check(rq, &why) || gdb_direct_suits(rq, &why))
		return gdb_fail(&why);
	n = transfer(rq, &why);
	return n < 0 ? gdb_fail(&why) : n;
}

GDB_PUBLIC ssize_t gdb_read(struct gdb_file *f, struct gdb_buf *b, size_t len,
			    off_t file_off, off_t buf_off)
{
	return read_or_write(&(struct gdb_request){
		.file = f,
		.buf = b,
		.len = len,
		.file_off = file_off,
		.buf_off = buf_off,
	});
}

GDB_PUBLIC ssize_t gdb_write(struct gdb_file *f, struct gdb_buf *b, size_t len,
			     off_t file_off, off_t buf_off)
{
	return read_or_write(&(struct gdb_request){
		.file = f,
		.buf = b,
		.len = len,
		.file_off = file_off,
		.buf_off = buf_off,
		.write = true,
	});
}
