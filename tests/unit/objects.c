// SPDX-License-Identifier: MIT
/* Contexts, buffers and files: making, asking, giving back. */
#include <sys/mman.h>

#include <linux/dma-buf.h>

#include "fixture.h"

static void open_refuses_flags(void **state)
{
	struct gdb *out = UNTOUCHED;

	refused(gdb_open(&out, 1), EINVAL, FLAGS);
	assert_ptr_equal(out, UNTOUCHED);
	refused(gdb_open(NULL, 0), EINVAL, ARGUMENT);
}

static void open_without_descriptors_fails(void **state)
{
	struct gdb *out = UNTOUCHED;

	mock.dev_error = EMFILE;
	refused(gdb_open(&out, 0), EMFILE, SYSTEM);
	assert_ptr_equal(out, UNTOUCHED);
}

/* Everything works but direct I/O, which gives the reason. */
static void check_without_device(int why)
{
	struct gdb_path_info info;

	assert_int_equal(gdb_open(&g, 0), 0);
	assert_int_equal(gdb_buf_alloc(g, "bar", 4096, 0, &b), 0);
	assert_int_equal(gdb_file_open(g, "/dev/nvme0n1", O_RDWR, &f), 0);
	assert_int_equal(gdb_file_block_size(f), MOCK_BLOCK);
	assert_int_equal(gdb_file_direct(f), -EOPNOTSUPP);
	assert_int_equal(reason(), why);
	assert_int_equal(gdb_read(f, b, 512, 0, 0), -EOPNOTSUPP);
	assert_int_equal(reason(), why);
	assert_int_equal(gdb_path(f, b, &info), 0);
	assert_int_equal(info.path, GDB_PATH_NONE);
	assert_int_equal(info.why.reason, why);
}

static void open_works_without_the_module(void **state)
{
	mock.dev_error = ENOENT;
	check_without_device(GDB_REASON_NO_MODULE);
}

static void open_works_without_permission(void **state)
{
	mock.dev_error = EACCES;
	check_without_device(GDB_REASON_NO_PERMISSION);
}

static void open_works_with_another_abi(void **state)
{
	struct gdb_explanation ex;

	mock.abi = GPUDMABUF_ABI_VERSION + 1;
	check_without_device(GDB_REASON_ABI);
	assert_int_equal(gdb_explain(&ex), 0);
	assert_int_equal(ex.detail, GPUDMABUF_ABI_VERSION + 1);
}

static void open_works_when_query_is_unknown(void **state)
{
	mock_fail(GPUDMABUF_QUERY, 1, ENOTTY, GPUDMABUF_REASON_NONE, 0);
	check_without_device(GDB_REASON_ABI);
}

static void destructors_accept_null(void **state)
{
	gdb_close(NULL);
	gdb_buf_free(NULL);
	gdb_file_close(NULL);
}

static void children_keep_the_context_alive(void **state)
{
	gdb_close(g);
	g = NULL;
	assert_int_equal(gdb_read(f, b, 512, 0, 0), 512);
	gdb_file_close(f);
	f = NULL;
	assert_true(mock_alive() > 0);
	gdb_buf_free(b);
	b = NULL;
	assert_int_equal(mock_alive(), 0);
}

static void import_keeps_the_callers_descriptor(void **state)
{
	int fd = mock_dmabuf(8192, O_RDWR);
	struct gdb_buf *mem;

	assert_int_equal(gdb_buf_import(g, fd, 0, &mem), 0);
	assert_int_not_equal(gdb_buf_fd(mem), fd);
	assert_int_equal(gdb_buf_size(mem), 8192);
	mock_close(fd);
	assert_int_equal(gdb_read(f, mem, 8192, 0, 0), 8192);
	gdb_buf_free(mem);
}

static void import_refuses_what_is_no_dmabuf(void **state)
{
	struct gdb_buf *out = UNTOUCHED;
	int fd = mock_other_fd();

	refused(gdb_buf_import(g, fd, 0, &out), EINVAL, NOT_DMABUF);
	assert_ptr_equal(out, UNTOUCHED);
	mock_close(fd);
}

static void import_refuses_a_closed_descriptor(void **state)
{
	struct gdb_buf *out = UNTOUCHED;

	refused(gdb_buf_import(g, 5, 0, &out), EBADF, BAD_FD);
	refused(gdb_buf_import(g, -1, 0, &out), EBADF, BAD_FD);
	assert_ptr_equal(out, UNTOUCHED);
}

static void import_refuses_flags(void **state)
{
	struct gdb_buf *out = UNTOUCHED;

	refused(gdb_buf_import(g, 0, 1, &out), EINVAL, FLAGS);
	assert_ptr_equal(out, UNTOUCHED);
}

static void failed_registration_leaks_nothing(void **state)
{
	struct gdb_buf *out = UNTOUCHED;
	int fd = mock_dmabuf(4096, O_RDWR);
	int alive = mock_alive();

	mock_fail(GPUDMABUF_BUF_REGISTER, 1, EMFILE, GPUDMABUF_REASON_TOO_MANY,
		  16);
	refused(gdb_buf_import(g, fd, 0, &out), EMFILE, TOO_MANY);
	assert_ptr_equal(out, UNTOUCHED);
	assert_int_equal(mock_alive(), alive);
	mock_close(fd);
}

static void map_is_made_once(void **state)
{
	void *first, *second;

	assert_int_equal(gdb_buf_map(b, &first), 0);
	assert_int_equal(gdb_buf_map(b, &second), 0);
	assert_ptr_equal(first, second);
	assert_int_equal(mock.n_mmap, 1);
	assert_int_equal(mock.mmap_prot, PROT_READ | PROT_WRITE);
}

static void map_of_read_only_memory_is_read_only(void **state)
{
	struct gdb_buf *mem;
	void *map;

	assert_int_equal(gdb_buf_alloc(g, "bar:" MOCK_PCI_B, 4096,
				       GDB_BUF_RDONLY, &mem), 0);
	assert_int_equal(gdb_buf_map(mem, &map), 0);
	assert_int_equal(mock.mmap_prot, PROT_READ);
	gdb_buf_free(mem);
}

static void map_without_cpu_view_is_refused(void **state)
{
	void *map = UNTOUCHED;

	mock.mmap_error = 524;
	refused(gdb_buf_map(b, &map), EOPNOTSUPP, NO_CPU_MAP);
	assert_ptr_equal(map, UNTOUCHED);
}

static void map_after_a_failure_can_succeed(void **state)
{
	void *map;

	mock.mmap_error = ENOMEM;
	refused(gdb_buf_map(b, &map), ENOMEM, SYSTEM);
	mock.mmap_error = 0;
	assert_int_equal(gdb_buf_map(b, &map), 0);
}

static void cpu_begin_starts(void **state)
{
	assert_int_equal(gdb_buf_cpu_begin(b, GDB_CPU_READ), 0);
	assert_int_equal(mock.sync_flags,
			 DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
}

static void cpu_end_ends(void **state)
{
	assert_int_equal(gdb_buf_cpu_end(b, GDB_CPU_READ | GDB_CPU_WRITE), 0);
	assert_int_equal(mock.sync_flags, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
}

static void interrupted_sync_is_repeated(void **state)
{
	mock_fail(DMA_BUF_IOCTL_SYNC, 1, EINTR, 0, 0);
	assert_int_equal(gdb_buf_cpu_begin(b, GDB_CPU_WRITE), 0);
	mock_fail(DMA_BUF_IOCTL_SYNC, 1, EAGAIN, 0, 0);
	assert_int_equal(gdb_buf_cpu_begin(b, GDB_CPU_WRITE), 0);
	assert_int_equal(mock.n_sync, 2);
}

static void sync_of_gone_memory_says_so(void **state)
{
	mock_fail(DMA_BUF_IOCTL_SYNC, 1, ENODEV, 0, 0);
	refused(gdb_buf_cpu_begin(b, GDB_CPU_READ), ENODEV, MEMORY_GONE);
}

static void cpu_access_checks_its_arguments(void **state)
{
	refused(gdb_buf_cpu_begin(NULL, GDB_CPU_READ), EINVAL, ARGUMENT);
	refused(gdb_buf_cpu_begin(b, 0), EINVAL, ARGUMENT);
	refused(gdb_buf_cpu_end(b, 8), EINVAL, FLAGS);
}

static void file_tells_about_itself(void **state)
{
	assert_int_equal(gdb_file_size(f), MOCK_DISK_SIZE);
	assert_int_equal(gdb_file_block_size(f), MOCK_BLOCK);
	assert_int_equal(gdb_file_direct(f), 0);
	assert_true(gdb_file_fd(f) >= 0);
}

static void questions_about_null_are_answered(void **state)
{
	refused(gdb_file_size(NULL), EINVAL, ARGUMENT);
	refused(gdb_file_direct(NULL), EINVAL, ARGUMENT);
	refused(gdb_file_fd(NULL), EINVAL, ARGUMENT);
	refused(gdb_buf_fd(NULL), EINVAL, ARGUMENT);
	assert_int_equal(gdb_file_block_size(NULL), 0);
	assert_int_equal(gdb_buf_size(NULL), 0);
}

static void file_open_passes_the_errno_on(void **state)
{
	struct gdb_file *out = UNTOUCHED;
	struct gdb_explanation ex;

	refused(gdb_file_open(g, "/dev/none", O_RDONLY, &out), ENOENT,
		FILE_OPEN);
	assert_ptr_equal(out, UNTOUCHED);
	assert_int_equal(gdb_explain(&ex), 0);
	assert_non_null(strstr(ex.text, "/dev/none cannot be opened: ENOENT"));
}

static void file_open_refuses_a_folder(void **state)
{
	struct gdb_file *out = UNTOUCHED;

	refused(gdb_file_open(g, "/folder", O_RDONLY, &out), EOPNOTSUPP,
		FILE_KIND);
	assert_ptr_equal(out, UNTOUCHED);
}

static void file_registration_error_is_returned(void **state)
{
	struct gdb_file *out = UNTOUCHED;

	mock_fail(GPUDMABUF_FILE_REGISTER, 1, ENODEV,
		  GPUDMABUF_REASON_DISK_GONE, 0);
	refused(gdb_file_open(g, "/dev/nvme0n1", O_RDWR, &out), ENODEV,
		DISK_GONE);
	assert_ptr_equal(out, UNTOUCHED);
}

static void refused_file_keeps_its_reason(void **state)
{
	struct gdb_explanation ex;
	struct gdb_file *head;

	mock_fail(GPUDMABUF_FILE_REGISTER, 1, EOPNOTSUPP,
		  GPUDMABUF_REASON_MULTIPATH, 0);
	assert_int_equal(gdb_file_open(g, "/dev/nvme0n1", O_RDWR, &head), 0);
	refused(gdb_file_direct(head), EOPNOTSUPP, MULTIPATH);
	assert_int_equal(gdb_explain(&ex), 0);
	assert_non_null(strstr(ex.text, "nvme0n1"));
	assert_non_null(strstr(ex.remedy, "multipath=N"));
	gdb_file_close(head);
}

static void file_import_duplicates(void **state)
{
	struct gdb_file *copy;

	assert_int_equal(gdb_file_import(g, gdb_file_fd(f), &copy), 0);
	assert_int_not_equal(gdb_file_fd(copy), gdb_file_fd(f));
	assert_int_equal(gdb_read(copy, b, 512, 0, 0), 512);
	gdb_file_close(copy);
}

static void file_import_refuses_a_closed_descriptor(void **state)
{
	struct gdb_file *out = UNTOUCHED;

	refused(gdb_file_import(g, 5, &out), EBADF, BAD_FD);
	assert_ptr_equal(out, UNTOUCHED);
}

static void null_outputs_are_refused(void **state)
{
	refused(gdb_file_open(g, "/dev/nvme0n1", 0, NULL), EINVAL, ARGUMENT);
	refused(gdb_file_open(g, NULL, 0, &f), EINVAL, ARGUMENT);
	refused(gdb_file_import(g, 0, NULL), EINVAL, ARGUMENT);
	refused(gdb_buf_import(g, 0, 0, NULL), EINVAL, ARGUMENT);
	refused(gdb_buf_map(b, NULL), EINVAL, ARGUMENT);
}

#define BARE(fn) CASE_WITH(fn, bare_setup, teardown)
#define FULL(fn) CASE_WITH(fn, setup, teardown)

static const struct CMUnitTest cases[] = {
	BARE(open_refuses_flags),
	BARE(open_without_descriptors_fails),
	BARE(open_works_without_the_module),
	BARE(open_works_without_permission),
	BARE(open_works_with_another_abi),
	BARE(open_works_when_query_is_unknown),
	BARE(destructors_accept_null),
	FULL(children_keep_the_context_alive),
	FULL(import_keeps_the_callers_descriptor),
	FULL(import_refuses_what_is_no_dmabuf),
	FULL(import_refuses_a_closed_descriptor),
	FULL(import_refuses_flags),
	FULL(failed_registration_leaks_nothing),
	FULL(map_is_made_once),
	FULL(map_of_read_only_memory_is_read_only),
	FULL(map_without_cpu_view_is_refused),
	FULL(map_after_a_failure_can_succeed),
	FULL(cpu_begin_starts),
	FULL(cpu_end_ends),
	FULL(interrupted_sync_is_repeated),
	FULL(sync_of_gone_memory_says_so),
	FULL(cpu_access_checks_its_arguments),
	FULL(file_tells_about_itself),
	FULL(questions_about_null_are_answered),
	FULL(file_open_passes_the_errno_on),
	FULL(file_open_refuses_a_folder),
	FULL(file_registration_error_is_returned),
	FULL(refused_file_keeps_its_reason),
	FULL(file_import_duplicates),
	FULL(file_import_refuses_a_closed_descriptor),
	FULL(null_outputs_are_refused),
};

CASES_MAIN(cases, NULL, NULL)
