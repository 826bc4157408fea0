// SPDX-License-Identifier: MIT
/* gdb_read(), gdb_write(), gdb_path(), gdb_sync(). */
#include "fixture.h"

static void read_passes_every_field(void **state)
{
	assert_int_equal(gdb_read(f, b, 4096, 8192, 512), 4096);
	assert_int_equal(mock.n_io, 1);
	assert_int_equal(mock.io[0].flags, 0);
	assert_int_equal(mock.io[0].len, 4096);
	assert_int_equal(mock.io[0].file_off, 8192);
	assert_int_equal(mock.io[0].buf_off, 512);
}

static void write_sets_the_write_flag(void **state)
{
	assert_int_equal(gdb_write(f, b, 4096, 0, 0), 4096);
	assert_int_equal(mock.io[0].flags, GPUDMABUF_IO_WRITE);
}

static void read_of_nothing_gives_0(void **state)
{
	assert_int_equal(gdb_read(f, b, 0, 0, 0), 0);
	assert_int_equal(mock.n_io, 1);
	assert_int_equal(mock.io[0].len, 0);
}

static void longer_than_max_io_is_split(void **state)
{
	assert_int_equal(gdb_read(f, b, 2 * MOCK_MAX_IO + 512, 1024, 0),
			 2 * MOCK_MAX_IO + 512);
	assert_int_equal(mock.n_io, 3);
	assert_int_equal(mock.io[1].len, MOCK_MAX_IO);
	assert_int_equal(mock.io[1].file_off, 1024 + MOCK_MAX_IO);
	assert_int_equal(mock.io[1].buf_off, MOCK_MAX_IO);
	assert_int_equal(mock.io[2].len, 512);
	assert_int_equal(mock.io[2].buf_off, 2 * MOCK_MAX_IO);
}

static void pieces_are_whole_blocks(void **state)
{
	struct gdb_file *here;
	struct gdb_buf *mem;
	struct gdb *odd;

	mock.max_io = 1300;
	assert_int_equal(gdb_open(&odd, 0), 0);
	assert_int_equal(gdb_buf_alloc(odd, "bar:" MOCK_PCI_B, 4096, 0, &mem),
			 0);
	assert_int_equal(gdb_file_open(odd, "/dev/nvme0n1", O_RDONLY, &here),
			 0);
	assert_int_equal(gdb_read(here, mem, 2048, 0, 0), 2048);
	assert_int_equal(mock.io[0].len, 1024);
	assert_int_equal(mock.n_io, 2);
	gdb_file_close(here);
	gdb_buf_free(mem);
	gdb_close(odd);
}

static void read_across_the_end_is_short(void **state)
{
	assert_int_equal(gdb_read(f, b, 4096, MOCK_DISK_SIZE - 1024, 0), 1024);
}

static void read_behind_the_end_gives_0(void **state)
{
	assert_int_equal(gdb_read(f, b, 4096, MOCK_DISK_SIZE, 0), 0);
	assert_int_equal(gdb_read(f, b, 4096, 1ll << 50, 0), 0);
}

static void short_piece_ends_the_read(void **state)
{
	assert_int_equal(gdb_read(f, b, 3 * MOCK_MAX_IO,
				  MOCK_DISK_SIZE - MOCK_MAX_IO - 512, 0),
			 MOCK_MAX_IO + 512);
	assert_int_equal(mock.n_io, 2);
}

static void end_between_pieces_ends_the_read(void **state)
{
	assert_int_equal(gdb_read(f, b, 2 * MOCK_MAX_IO,
				  MOCK_DISK_SIZE - MOCK_MAX_IO, 0),
			 MOCK_MAX_IO);
}

static void write_behind_the_end_gives_enospc(void **state)
{
	refused(gdb_write(f, b, 512, MOCK_DISK_SIZE, 0), ENOSPC, PAST_END);
}

static void error_at_once_is_returned(void **state)
{
	mock_fail(GPUDMABUF_IO, 1, EIO, GPUDMABUF_REASON_DEVICE_ERROR, EIO);
	refused(gdb_read(f, b, 4096, 0, 0), EIO, DEVICE_ERROR);
}

static void error_after_progress_gives_the_progress(void **state)
{
	mock_fail(GPUDMABUF_IO, 3, EIO, GPUDMABUF_REASON_DEVICE_ERROR, EIO);
	assert_int_equal(gdb_read(f, b, 3 * MOCK_MAX_IO, 0, 0),
			 2 * MOCK_MAX_IO);
}

static void going_on_after_progress_gives_the_error(void **state)
{
	mock_fail(GPUDMABUF_IO, 2, ENODATA, GPUDMABUF_REASON_DEVICE_ERROR,
		  ENODATA);
	assert_int_equal(gdb_read(f, b, 2 * MOCK_MAX_IO, 0, 0), MOCK_MAX_IO);
	mock_fail(GPUDMABUF_IO, 1, ENODATA, GPUDMABUF_REASON_DEVICE_ERROR,
		  ENODATA);
	refused(gdb_read(f, b, MOCK_MAX_IO, MOCK_MAX_IO, MOCK_MAX_IO), ENODATA,
		DEVICE_ERROR);
}

static void success_asks_for_no_reason(void **state)
{
	gdb_read(f, b, 4096, 0, 0);
	assert_int_equal(mock.n_explain, 0);
}

static void error_without_reason_is_a_system_error(void **state)
{
	mock_fail(GPUDMABUF_IO, 1, EFAULT, GPUDMABUF_REASON_NONE, 0);
	refused(gdb_read(f, b, 4096, 0, 0), EFAULT, SYSTEM);
}

static void reason_of_another_error_is_not_taken(void **state)
{
	mock_fail(GPUDMABUF_IO, 1, EFAULT, GPUDMABUF_REASON_DEVICE_ERROR, 0);
	mock.explain_error = EIO;
	refused(gdb_read(f, b, 4096, 0, 0), EFAULT, SYSTEM);
}

static void null_file_is_refused(void **state)
{
	refused(gdb_read(NULL, b, 512, 0, 0), EINVAL, ARGUMENT);
}

static void null_buffer_is_refused(void **state)
{
	refused(gdb_write(f, NULL, 512, 0, 0), EINVAL, ARGUMENT);
}

static void negative_file_offset_is_refused(void **state)
{
	refused(gdb_read(f, b, 512, -512, 0), EINVAL, ARGUMENT);
}

static void negative_buffer_offset_is_refused(void **state)
{
	refused(gdb_read(f, b, 512, 0, -512), EINVAL, ARGUMENT);
}

static void length_above_ssize_max_is_refused(void **state)
{
	refused(gdb_read(f, b, (size_t)SSIZE_MAX + 1, 0, 0), EINVAL, ARGUMENT);
}

static void overflowing_end_is_refused(void **state)
{
	refused(gdb_read(f, b, 1024, INT64_MAX - 511, 0), EINVAL, OVERFLOW);
}

static void range_past_the_buffer_is_refused(void **state)
{
	refused(gdb_read(f, b, 1024, 0, MOCK_BUF_SIZE - 512), EINVAL,
		BUF_RANGE);
	assert_int_equal(mock.n_io, 0);
}

static void offset_past_the_buffer_is_refused(void **state)
{
	refused(gdb_read(f, b, 0, 0, MOCK_BUF_SIZE + 512), EINVAL, BUF_RANGE);
}

static void unaligned_file_offset_is_refused(void **state)
{
	refused(gdb_read(f, b, 512, 1, 0), EINVAL, FILE_ALIGN);
}

static void unaligned_buffer_offset_is_refused(void **state)
{
	refused(gdb_read(f, b, 512, 0, 8), EINVAL, BUF_ALIGN);
}

static void unaligned_length_moves_no_byte(void **state)
{
	refused(gdb_read(f, b, MOCK_MAX_IO + 1, 0, 0), EINVAL, LEN_ALIGN);
	assert_int_equal(mock.n_io, 0);
}

static void other_contexts_buffer_is_refused(void **state)
{
	struct gdb_buf *theirs;
	struct gdb *other;

	assert_int_equal(gdb_open(&other, 0), 0);
	assert_int_equal(gdb_buf_alloc(other, "bar", 4096, 0, &theirs), 0);
	refused(gdb_read(f, theirs, 512, 0, 0), EINVAL, CONTEXT);
	gdb_buf_free(theirs);
	gdb_close(other);
}

static void file_that_is_not_direct_is_refused(void **state)
{
	struct gdb_file *regular;

	assert_int_equal(gdb_file_open(g, "/file", O_RDONLY, &regular), 0);
	refused(gdb_read(regular, b, 512, 0, 0), EOPNOTSUPP, FILE_KIND);
	gdb_file_close(regular);
}

static void path_to_device_memory(void **state)
{
	struct gdb_path_info info;

	assert_int_equal(gdb_path(f, b, &info), 0);
	assert_int_equal(info.path, GDB_PATH_DIRECT_DEVICE);
	assert_int_equal(info.segments, 3);
	assert_int_equal(info.why.error, 0);
	assert_non_null(strstr(info.why.text, "nvme0n1"));
	assert_non_null(strstr(info.why.text, "bar:" MOCK_PCI_A));
}

static void path_to_host_memory_says_so(void **state)
{
	struct gdb_path_info info;

	mock.where = GPUDMABUF_WHERE_HOST;
	assert_int_equal(gdb_path(f, b, &info), 0);
	assert_int_equal(info.path, GDB_PATH_DIRECT_HOST);
	assert_non_null(strstr(info.why.text, "host memory"));
}

static void path_that_is_none_says_why(void **state)
{
	struct gdb_path_info info;

	mock_fail(GPUDMABUF_PATH, 1, EXDEV, GPUDMABUF_REASON_ATTACH_REFUSED,
		  EREMOTEIO);
	assert_int_equal(gdb_path(f, b, &info), 0);
	assert_int_equal(info.path, GDB_PATH_NONE);
	assert_int_equal(info.why.error, EXDEV);
	assert_int_equal(info.why.reason, GDB_REASON_ATTACH_REFUSED);
	assert_non_null(strstr(info.why.text, "EREMOTEIO"));
	assert_true(info.why.remedy[0]);
}

static void path_of_a_killed_caller_is_an_error(void **state)
{
	struct gdb_path_info info = { .path = 99 };

	mock_fail(GPUDMABUF_PATH, 1, EINTR, GPUDMABUF_REASON_KILLED, 0);
	refused(gdb_path(f, b, &info), EINTR, KILLED);
	assert_int_equal(info.path, 99);
}

static void path_checks_its_arguments(void **state)
{
	struct gdb_path_info info;

	refused(gdb_path(NULL, b, &info), EINVAL, ARGUMENT);
	refused(gdb_path(f, NULL, &info), EINVAL, ARGUMENT);
	refused(gdb_path(f, b, NULL), EINVAL, ARGUMENT);
}

static void sync_flushes_the_descriptor(void **state)
{
	assert_int_equal(gdb_sync(f), 0);
	assert_int_equal(mock.n_fsync, 1);
	refused(gdb_sync(NULL), EINVAL, ARGUMENT);
}

#define IO(fn) CASE_WITH(fn, setup, teardown)

static const struct CMUnitTest cases[] = {
	IO(read_passes_every_field),
	IO(write_sets_the_write_flag),
	IO(read_of_nothing_gives_0),
	IO(longer_than_max_io_is_split),
	IO(pieces_are_whole_blocks),
	IO(read_across_the_end_is_short),
	IO(read_behind_the_end_gives_0),
	IO(short_piece_ends_the_read),
	IO(end_between_pieces_ends_the_read),
	IO(write_behind_the_end_gives_enospc),
	IO(error_at_once_is_returned),
	IO(error_after_progress_gives_the_progress),
	IO(going_on_after_progress_gives_the_error),
	IO(success_asks_for_no_reason),
	IO(error_without_reason_is_a_system_error),
	IO(reason_of_another_error_is_not_taken),
	IO(null_file_is_refused),
	IO(null_buffer_is_refused),
	IO(negative_file_offset_is_refused),
	IO(negative_buffer_offset_is_refused),
	IO(length_above_ssize_max_is_refused),
	IO(overflowing_end_is_refused),
	IO(range_past_the_buffer_is_refused),
	IO(offset_past_the_buffer_is_refused),
	IO(unaligned_file_offset_is_refused),
	IO(unaligned_buffer_offset_is_refused),
	IO(unaligned_length_moves_no_byte),
	IO(other_contexts_buffer_is_refused),
	IO(file_that_is_not_direct_is_refused),
	IO(path_to_device_memory),
	IO(path_to_host_memory_says_so),
	IO(path_that_is_none_says_why),
	IO(path_of_a_killed_caller_is_an_error),
	IO(path_checks_its_arguments),
	IO(sync_flushes_the_descriptor),
};

CASES_MAIN(cases, NULL, NULL)
