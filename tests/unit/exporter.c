// SPDX-License-Identifier: MIT
/* gdb_buf_alloc() and gdb_exporter_list(): names, and which device gives. */
#include "fixture.h"

static int open_only(void **state)
{
	bare_setup(state);
	return gdb_open(&g, 0);
}

/* The name of the memory as sentences give it. */
static void assert_from(const char *pci)
{
	struct gdb_path_info info;

	assert_int_equal(gdb_file_open(g, "/dev/nvme0n1", O_RDWR, &f), 0);
	assert_int_equal(gdb_path(f, b, &info), 0);
	assert_non_null(strstr(info.why.text, pci));
}

static void bar_takes_the_first_device(void **state)
{
	assert_int_equal(gdb_buf_alloc(g, "bar", 4096, 0, &b), 0);
	assert_from(MOCK_PCI_A);
}

static void bar_takes_the_first_device_with_room(void **state)
{
	mock.bar_free[0] = 0;
	assert_int_equal(gdb_buf_alloc(g, "bar", 4096, 0, &b), 0);
	assert_from(MOCK_PCI_B);
}

static void bar_with_an_address_takes_that_device(void **state)
{
	assert_int_equal(gdb_buf_alloc(g, "bar:" MOCK_PCI_B, 4096, 0, &b), 0);
	assert_from(MOCK_PCI_B);
}

static void bar_with_a_short_address_takes_that_device(void **state)
{
	assert_int_equal(gdb_buf_alloc(g, "bar:05:00.0", 4096, 0, &b), 0);
	assert_from(MOCK_PCI_B);
}

static void length_is_rounded_up(void **state)
{
	assert_int_equal(gdb_buf_alloc(g, "bar", 1, 0, &b), 0);
	assert_int_equal(gdb_buf_size(b), 4096);
}

static void rdonly_reaches_the_kernel(void **state)
{
	assert_int_equal(gdb_buf_alloc(g, "bar", 1, GDB_BUF_RDONLY, &b), 0);
	assert_int_equal(mock.alloc_flags, GPUDMABUF_BAR_ALLOC_RDONLY);
}

static void no_room_anywhere_tells_the_most_there_is(void **state)
{
	struct gdb_buf *out = UNTOUCHED;
	struct gdb_explanation ex;

	mock.bar_free[0] = 4096;
	mock.bar_free[1] = 8192;
	refused(gdb_buf_alloc(g, "bar", 16384, 0, &out), ENOSPC, EXPORTER_FULL);
	assert_ptr_equal(out, UNTOUCHED);
	gdb_explain(&ex);
	assert_int_equal(ex.detail, 8192);
	assert_non_null(strstr(ex.text, "\"bar\""));
}

static void no_device_is_told(void **state)
{
	mock.bars = 0;
	refused(gdb_buf_alloc(g, "bar", 4096, 0, &b), ENODEV, EXPORTER_NONE);
}

static void missing_address_is_told(void **state)
{
	refused(gdb_buf_alloc(g, "bar:0000:06:00.0", 4096, 0, &b), ENODEV,
		EXPORTER_NONE);
}

static void lack_of_rights_is_told(void **state)
{
	mock.bar_error = EACCES;
	refused(gdb_buf_alloc(g, "bar", 4096, 0, &b), EACCES, EXPORTER_ACCESS);
}

static void malformed_names_are_refused(void **state)
{
	static const char *const specs[] = {
		"", ":", "ba", "bars", "BAR", "bar:", "bar:../zero",
		"bar:0000:04:00", "bar:0000:04:00.0x", "bar:0000:04:00.8",
		"bar:0000:04:20.0", "bar: 04:00.0", "cuda:0",
	};

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		refused(gdb_buf_alloc(g, specs[i], 4096, 0, &b), EINVAL,
			EXPORTER_UNKNOWN);
}

static void arguments_are_checked(void **state)
{
	struct gdb_buf *out = UNTOUCHED;

	refused(gdb_buf_alloc(NULL, "bar", 1, 0, &out), EINVAL, ARGUMENT);
	refused(gdb_buf_alloc(g, NULL, 1, 0, &out), EINVAL, ARGUMENT);
	refused(gdb_buf_alloc(g, "bar", 0, 0, &out), EINVAL, ARGUMENT);
	refused(gdb_buf_alloc(g, "bar", 1, 0, NULL), EINVAL, ARGUMENT);
	refused(gdb_buf_alloc(g, "bar", 1, 2, &out), EINVAL, FLAGS);
	assert_ptr_equal(out, UNTOUCHED);
}

static int count(const struct gdb_exporter_info *info, void *user)
{
	int *n = user;

	if (*n == 0)
		assert_string_equal(info->name, "bar:" MOCK_PCI_A);
	assert_int_equal(info->size, MOCK_BUF_SIZE);
	assert_int_equal(info->granule, 4096);
	assert_int_equal(info->error, 0);
	return ++*n == 2 ? 42 : 0;
}

static void list_names_every_device(void **state)
{
	int n = 0;

	assert_int_equal(gdb_exporter_list(count, &n), 42);
	assert_int_equal(n, 2);
}

static int first_error(const struct gdb_exporter_info *info, void *user)
{
	return info->error;
}

static void list_tells_what_cannot_be_asked(void **state)
{
	mock.bar_error = EACCES;
	assert_int_equal(gdb_exporter_list(first_error, NULL), EACCES);
}

static void list_without_devices_is_empty(void **state)
{
	mock.bars = 0;
	assert_int_equal(gdb_exporter_list(first_error, NULL), 0);
	refused(gdb_exporter_list(NULL, NULL), EINVAL, ARGUMENT);
}

#define EX(fn) CASE_WITH(fn, open_only, teardown)

static const struct CMUnitTest cases[] = {
	EX(bar_takes_the_first_device),
	EX(bar_takes_the_first_device_with_room),
	EX(bar_with_an_address_takes_that_device),
	EX(bar_with_a_short_address_takes_that_device),
	EX(length_is_rounded_up),
	EX(rdonly_reaches_the_kernel),
	EX(no_room_anywhere_tells_the_most_there_is),
	EX(no_device_is_told),
	EX(missing_address_is_told),
	EX(lack_of_rights_is_told),
	EX(malformed_names_are_refused),
	EX(arguments_are_checked),
	EX(list_names_every_device),
	EX(list_tells_what_cannot_be_asked),
	EX(list_without_devices_is_empty),
};

CASES_MAIN(cases, NULL, NULL)
