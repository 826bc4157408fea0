// SPDX-License-Identifier: MIT
/* Refusals in words. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "cases.h"

#include <gpudmabuf.h>

#include "internal.h"

/* Every enumerator of both headers, made out of them by reasons.py. */
static const struct {
	int number;
	const char *name;
} listed[] = {
#include "reasons.inc"
};

#define N_LISTED (sizeof(listed) / sizeof(listed[0]))

static void every_reason_has_words(void **state)
{
	assert_true(N_LISTED > 40);
	for (size_t i = 0; i < N_LISTED; i++) {
		const struct gdb_reason_row *row =
			gdb_reason_find(listed[i].number);

		if (!row)
			fail_msg("%s has no row", listed[i].name);
		assert_string_equal(row->name, listed[i].name);
		assert_true(strlen(row->text) > 10);
		assert_true(strlen(row->remedy) > 10);
	}
}

static void sentences_end_and_fit(void **state)
{
	struct gdb_why why = { .error = EIO, .detail = UINT64_MAX };
	struct gdb_explanation ex;

	memset(why.file, 'f', sizeof(why.file) - 1);
	memset(why.buf, 'b', sizeof(why.buf) - 1);
	for (size_t i = 0; i < N_LISTED; i++) {
		why.reason = listed[i].number;
		gdb_why_words(&why, &ex);
		if (ex.text[strlen(ex.text) - 1] != '.' ||
		    ex.remedy[strlen(ex.remedy) - 1] != '.')
			fail_msg("%s: \"%s\" \"%s\"", listed[i].name, ex.text,
				 ex.remedy);
		if (strchr(ex.text, '{') || strchr(ex.remedy, '{'))
			fail_msg("%s: unknown placeholder", listed[i].name);
	}
}

static void names_are_unique(void **state)
{
	for (size_t i = 0; i < N_LISTED; i++)
		assert_string_equal(gdb_reason_name(listed[i].number),
				    listed[i].name);
	assert_string_equal(gdb_reason_name(-1), "UNKNOWN");
	assert_string_equal(gdb_reason_name(999), "UNKNOWN");
}

static void unknown_reason_says_what_to_update(void **state)
{
	struct gdb_why why = { .reason = 999, .error = EIO };
	struct gdb_explanation ex;

	gdb_why_words(&why, &ex);
	assert_non_null(strstr(ex.text, "999"));
	assert_non_null(strstr(ex.remedy, "Update"));
}

static void errno_of_the_kernel_alone_has_words(void **state)
{
	struct gdb_why why = {
		.reason = GDB_REASON_NO_CPU_MAP,
		.error = EOPNOTSUPP,
		.detail = 524,
	};
	struct gdb_explanation ex;

	gdb_why_words(&why, &ex);
	assert_string_equal(ex.text,
			    "The exporter of the buffer offers no view for the CPU: error 524.");
}

static void errno_has_name_and_words(void **state)
{
	struct gdb_why why = {
		.reason = GDB_REASON_SYSTEM,
		.error = EIO,
		.detail = EIO,
	};
	struct gdb_explanation ex;

	gdb_why_words(&why, &ex);
	assert_string_equal(ex.text,
			    "A system call failed: EIO (Input/output error).");
}

static void *explain_in_thread(void *arg)
{
	struct gdb_explanation ex;

	*(int *)arg = gdb_explain(&ex);
	return NULL;
}

static void other_threads_failures_are_not_mine(void **state)
{
	pthread_t thread;
	int ret = 0;

	assert_int_equal(gdb_open(NULL, 0), -EINVAL);
	assert_int_equal(pthread_create(&thread, NULL, explain_in_thread, &ret),
			 0);
	pthread_join(thread, NULL);
	assert_int_equal(ret, -ENODATA);
}

static void explain_refuses_null(void **state)
{
	assert_int_equal(gdb_explain(NULL), -EINVAL);
}

static void version_is_the_projects(void **state)
{
	assert_string_equal(gdb_version(), GDB_VERSION);
}

static const struct CMUnitTest cases[] = {
	CASE(every_reason_has_words),
	CASE(sentences_end_and_fit),
	CASE(names_are_unique),
	CASE(unknown_reason_says_what_to_update),
	CASE(errno_of_the_kernel_alone_has_words),
	CASE(errno_has_name_and_words),
	CASE(other_threads_failures_are_not_mine),
	CASE(explain_refuses_null),
	CASE(version_is_the_projects),
};

CASES_MAIN(cases, NULL, NULL)
