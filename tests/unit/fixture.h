/* SPDX-License-Identifier: MIT */
/* A context with a buffer and a disk, on the made-up kernel. */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "cases.h"

#include <gpudmabuf.h>

#include "mock.h"

static struct gdb *g;
static struct gdb_buf *b;
static struct gdb_file *f;

/* What an output holds before a call that must not touch it. */
#define UNTOUCHED ((void *)0x5a5a)

static inline int bare_setup(void **state)
{
	g = NULL;
	b = NULL;
	f = NULL;
	mock_reset();
	return 0;
}

/* Everything is given back: nothing may be left. */
static inline int teardown(void **state)
{
	gdb_buf_free(b);
	gdb_file_close(f);
	gdb_close(g);
	assert_int_equal(mock_alive(), 0);
	return 0;
}

static inline int setup(void **state)
{
	bare_setup(state);
	assert_int_equal(gdb_open(&g, 0), 0);
	assert_int_equal(gdb_buf_alloc(g, "bar", MOCK_BUF_SIZE, 0, &b), 0);
	assert_int_equal(gdb_file_open(g, "/dev/nvme0n1", O_RDWR, &f), 0);
	return 0;
}

/* The reason of the last failure. */
static inline int reason(void)
{
	struct gdb_explanation ex;

	assert_int_equal(gdb_explain(&ex), 0);
	assert_true(ex.text[0] && ex.remedy[0]);
	return ex.reason;
}

#define refused(call, error, why) \
	do { \
		assert_int_equal(call, -(error)); \
		assert_int_equal(reason(), GDB_REASON_##why); \
	} while (0)

#endif /* TESTS_FIXTURE_H */
