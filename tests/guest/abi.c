// SPDX-License-Identifier: MIT
/* guest: nvme=1 vram=256 */
/*
 * What the importer refuses: one wrong thing in an otherwise valid request, the
 * documented errno and reason, and nothing transferred.
 */
#include "raw.h"

#include <linux/fs.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#define BUF_LEN		(4 * MIB)
#define CANARY		0xc5

static int dev, disk, dmabuf;
static unsigned char *view;
static uint32_t buf_id, file_id;
static struct gpudmabuf_file_register target;

static struct gpudmabuf_io valid_io(void)
{
	return (struct gpudmabuf_io) {
		.size = sizeof(struct gpudmabuf_io),
		.file_id = file_id,
		.buf_id = buf_id,
		.len = 64 * 1024,
		.out_done = 0x7777,
	};
}

static void assert_untouched(void)
{
	for (size_t i = 0; i < BUF_LEN; i++)
		if (view[i] != CANARY)
			fail_msg("byte %zu was written", i);
}

/* The request fails so, and neither it nor the memory is written to. */
static void assert_refused(struct gpudmabuf_io *io, int error, uint32_t reason)
{
	assert_errno(ioctl(dev, GPUDMABUF_IO, io), error);
	raw_assert_reason(dev, error, reason);
	assert_int_equal(io->out_done, 0x7777);
	assert_untouched();
}

static int setup(void **state)
{
	(void)state;
	dev = raw_device();
	disk = raw_open(RAW_DISK, O_RDWR | O_DIRECT);
	dmabuf = raw_bar_alloc(BUF_LEN, 0);
	view = raw_map(dmabuf, BUF_LEN, PROT_READ | PROT_WRITE);
	memset(view, CANARY, BUF_LEN);
	buf_id = raw_buf(dev, dmabuf);
	assert_int_equal(raw_try_file(dev, disk, &target), 0);
	file_id = target.out_file_id;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(view, BUF_LEN);
	close(dmabuf);
	close(disk);
	return close(dev);
}

static void query_tells_limits(void **state)
{
	struct gpudmabuf_query query = { .size = sizeof(query) };

	(void)state;
	assert_int_equal(ioctl(dev, GPUDMABUF_QUERY, &query), 0);
	assert_int_equal(query.out_abi, GPUDMABUF_ABI_VERSION);
	assert_true(query.out_max_io >= BUF_LEN);
	assert_true(query.out_max_bufs > 1 && query.out_max_files > 1);
	assert_true(query.out_features & GPUDMABUF_FEATURE_BLOCK);
}

static void valid_io_transfers(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	assert_int_equal(io.out_done, io.len);
	assert_int_not_equal(view[0], CANARY);
	assert_int_equal(view[io.len], CANARY);
}

static void unknown_call(void **state)
{
	(void)state;
	assert_errno(ioctl(dev, _IO(GPUDMABUF_TYPE, 0x3f), 0), ENOTTY);
	assert_errno(ioctl(dev, _IO(GPUDMABUF_TYPE, GPUDMABUF_CMD_EXPLAIN + 1),
			   0), ENOTTY);
	assert_errno(ioctl(dev, _IOW(GPUDMABUF_TYPE, GPUDMABUF_CMD_QUERY, int),
			   0), ENOTTY);
}

static void struct_unreadable(void **state)
{
	(void)state;
	assert_errno(ioctl(dev, GPUDMABUF_IO, NULL), EFAULT);
	assert_errno(ioctl(dev, GPUDMABUF_QUERY, (void *)-RAW_PAGE), EFAULT);
}

static void struct_short(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.size = sizeof(io) - 1;
	assert_errno(ioctl(dev, GPUDMABUF_IO, &io), EINVAL);
	io.size = 0;
	assert_errno(ioctl(dev, GPUDMABUF_IO, &io), EINVAL);
	assert_untouched();
}

static void struct_long(void **state)
{
	struct {
		struct gpudmabuf_io io;
		uint64_t tail;
	} long_io = { .io = valid_io() };

	(void)state;
	long_io.io.size = sizeof(long_io);
	long_io.tail = 1;
	assert_errno(ioctl(dev, GPUDMABUF_IO, &long_io), E2BIG);
	assert_untouched();

	long_io.tail = 0;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &long_io), 0);
	assert_int_equal(long_io.io.out_done, long_io.io.len);

	long_io.io.size = UINT32_MAX;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &long_io), -1);
}

/* The result cannot be told, so nothing stays registered. */
static void register_into_read_only_memory(void **state)
{
	struct gpudmabuf_buf_register *reg;
	uint32_t before, after;

	(void)state;
	reg = mmap(NULL, RAW_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg->size = sizeof(*reg);
	reg->fd = dmabuf;
	before = raw_buf(dev, dmabuf);
	mprotect(reg, RAW_PAGE, PROT_READ);
	assert_errno(ioctl(dev, GPUDMABUF_BUF_REGISTER, reg), EFAULT);
	after = raw_buf(dev, dmabuf);
	assert_int_equal(after, before + 1);
	munmap(reg, RAW_PAGE);
}

static void unknown_flags(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.flags = 1U << 31;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_FLAGS);
	assert_int_equal(raw_explain(dev).out_detail, 1U << 31);
}

static void unknown_flags_elsewhere(void **state)
{
	static const unsigned int calls[] = {
		GPUDMABUF_QUERY, GPUDMABUF_BUF_REGISTER,
		GPUDMABUF_BUF_UNREGISTER, GPUDMABUF_FILE_REGISTER,
		GPUDMABUF_FILE_UNREGISTER, GPUDMABUF_PATH, GPUDMABUF_EXPLAIN,
	};
	uint32_t arg[64] = { sizeof(arg), 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		assert_errno(ioctl(dev, calls[i], arg), EINVAL);
		raw_assert_reason(dev, EINVAL, GPUDMABUF_REASON_FLAGS);
	}
}

static void reserved_fields(void **state)
{
	struct gpudmabuf_buf_unregister buf = {
		.size = sizeof(buf), .buf_id = buf_id, .reserved = 1,
	};
	struct gpudmabuf_file_unregister file = {
		.size = sizeof(file), .file_id = file_id, .reserved = 1,
	};

	(void)state;
	assert_errno(ioctl(dev, GPUDMABUF_BUF_UNREGISTER, &buf), EINVAL);
	raw_assert_reason(dev, EINVAL, GPUDMABUF_REASON_RESERVED);
	assert_errno(ioctl(dev, GPUDMABUF_FILE_UNREGISTER, &file), EINVAL);
	raw_assert_reason(dev, EINVAL, GPUDMABUF_REASON_RESERVED);
	valid_io_transfers(state);
}

static void unknown_ids(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.buf_id = buf_id + 1;
	assert_refused(&io, ENOENT, GPUDMABUF_REASON_NO_BUF);
	io.buf_id = UINT32_MAX;
	assert_refused(&io, ENOENT, GPUDMABUF_REASON_NO_BUF);
	io = valid_io();
	io.file_id = file_id + 1;
	assert_refused(&io, ENOENT, GPUDMABUF_REASON_NO_FILE);
	io.file_id = UINT32_MAX;
	assert_refused(&io, ENOENT, GPUDMABUF_REASON_NO_FILE);
	assert_errno(raw_unregister_buf(dev, 77), ENOENT);
	assert_errno(raw_unregister_file(dev, 77), ENOENT);
}

static void unregistered_ids(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	assert_int_equal(raw_unregister_buf(dev, buf_id), 0);
	assert_refused(&io, ENOENT, GPUDMABUF_REASON_NO_BUF);
	assert_errno(raw_unregister_buf(dev, buf_id), ENOENT);
	buf_id = io.buf_id = raw_buf(dev, dmabuf);
	assert_int_equal(raw_unregister_file(dev, file_id), 0);
	assert_refused(&io, ENOENT, GPUDMABUF_REASON_NO_FILE);
	assert_errno(raw_unregister_file(dev, file_id), ENOENT);
}

/* Ids are the context's own. */
static void ids_of_another_context(void **state)
{
	struct gpudmabuf_io io = valid_io();
	int other = raw_device();

	(void)state;
	assert_errno(ioctl(other, GPUDMABUF_IO, &io), ENOENT);
	assert_untouched();
	close(other);
}

static void misaligned(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.len++;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_LEN_ALIGN);
	assert_int_equal(raw_explain(dev).out_detail, target.out_block_size);
	io = valid_io();
	io.file_off = 256;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_FILE_ALIGN);
	io = valid_io();
	io.buf_off = 256;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_BUF_ALIGN);
}

static void outside_the_buffer(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.len = BUF_LEN + 512;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_BUF_RANGE);
	assert_int_equal(raw_explain(dev).out_detail, BUF_LEN);
	io = valid_io();
	io.buf_off = BUF_LEN;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_BUF_RANGE);
	io.buf_off = BUF_LEN - io.len + 512;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_BUF_RANGE);
	io.buf_off = UINT64_MAX - 511;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_BUF_RANGE);
	io.buf_off = 1ULL << 63;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_BUF_RANGE);
}

static void overflowing_offsets(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.file_off = (1ULL << 63) - io.len;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_OVERFLOW);
	io.file_off = UINT64_MAX - 511;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_OVERFLOW);
	io = valid_io();
	io.len = UINT64_MAX - 511;
	assert_refused(&io, EINVAL, GPUDMABUF_REASON_LEN_MAX);
}

static void zero_length(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.len = 0;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	assert_int_equal(io.out_done, 0);
	io.buf_off = BUF_LEN;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	io.flags = GPUDMABUF_IO_WRITE;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	assert_untouched();
}

static void end_of_the_target(void **state)
{
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.file_off = target.out_length;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	assert_int_equal(io.out_done, 0);
	assert_untouched();

	io.flags = GPUDMABUF_IO_WRITE;
	io.out_done = 0x7777;
	assert_refused(&io, ENOSPC, GPUDMABUF_REASON_PAST_END);

	io = valid_io();
	io.file_off = target.out_length - 1024;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	assert_int_equal(io.out_done, 1024);
	assert_int_equal(view[1024], CANARY);
	io.flags = GPUDMABUF_IO_WRITE;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	assert_int_equal(io.out_done, 1024);
}

static void wrong_buffer_descriptors(void **state)
{
	int memfd = memfd_create("test", MFD_CLOEXEC);
	int event = eventfd(0, EFD_CLOEXEC);
	int dir = raw_open("/", O_RDONLY | O_DIRECTORY);
	int closed = dup(memfd);

	(void)state;
	close(closed);
	assert_errno(raw_try_buf(dev, memfd, NULL), EINVAL);
	raw_assert_reason(dev, EINVAL, GPUDMABUF_REASON_NOT_DMABUF);
	assert_errno(raw_try_buf(dev, event, NULL), EINVAL);
	assert_errno(raw_try_buf(dev, dir, NULL), EINVAL);
	assert_errno(raw_try_buf(dev, disk, NULL), EINVAL);
	assert_errno(raw_try_buf(dev, dev, NULL), EINVAL);
	assert_errno(raw_try_buf(dev, closed, NULL), EBADF);
	raw_assert_reason(dev, EBADF, GPUDMABUF_REASON_BAD_FD);
	assert_errno(raw_try_buf(dev, -1, NULL), EBADF);
	close(memfd);
	close(event);
	close(dir);
}

static void wrong_file_descriptors(void **state)
{
	int fds[] = {
		memfd_create("test", MFD_CLOEXEC),
		eventfd(0, EFD_CLOEXEC),
		raw_open("/", O_RDONLY | O_DIRECTORY),
		raw_open("/dev/null", O_RDWR),
		raw_open("/etc/passwd", O_RDONLY),
		dup(dmabuf),
		dup(dev),
	};
	int path = raw_open(RAW_DISK, O_PATH);

	(void)state;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		assert_errno(raw_try_file(dev, fds[i], NULL), EOPNOTSUPP);
		raw_assert_reason(dev, EOPNOTSUPP, GPUDMABUF_REASON_FILE_KIND);
		close(fds[i]);
	}
	assert_errno(raw_try_file(dev, fds[0], NULL), EBADF);
	raw_assert_reason(dev, EBADF, GPUDMABUF_REASON_BAD_FD);
	assert_errno(raw_try_file(dev, -1, NULL), EBADF);
	assert_errno(raw_try_file(dev, path, NULL), EBADF);
	close(path);
}

static void disk_opened_for_the_other_direction(void **state)
{
	int rd = raw_open(RAW_DISK, O_RDONLY);
	int wr = raw_open(RAW_DISK, O_WRONLY);
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.file_id = raw_file(dev, rd);
	io.flags = GPUDMABUF_IO_WRITE;
	assert_refused(&io, EBADF, GPUDMABUF_REASON_FILE_MODE);
	io.file_id = raw_file(dev, wr);
	io.flags = 0;
	assert_refused(&io, EBADF, GPUDMABUF_REASON_FILE_MODE);
	close(rd);
	close(wr);
}

static void dmabuf_opened_read_only(void **state)
{
	int fd = raw_bar_alloc(BUF_LEN, GPUDMABUF_BAR_ALLOC_RDONLY);
	struct gpudmabuf_io io = valid_io();

	(void)state;
	io.buf_id = raw_buf(dev, fd);
	assert_refused(&io, EBADF, GPUDMABUF_REASON_BUF_MODE);
	/* Out of it, it may be read. */
	io.flags = GPUDMABUF_IO_WRITE;
	io.file_off = 512 * MIB;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	close(fd);
}

static void disk_set_read_only(void **state)
{
	struct gpudmabuf_io io = valid_io();
	int on = 1, off = 0;

	(void)state;
	io.flags = GPUDMABUF_IO_WRITE;
	assert_int_equal(ioctl(disk, BLKROSET, &on), 0);
	errno = 0;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ioctl(disk, BLKROSET, &off), 0);
	raw_assert_reason(dev, EPERM, GPUDMABUF_REASON_READ_ONLY);
}

/* The caller's descriptors may go; the registration keeps what it needs. */
static void descriptors_closed_after_registration(void **state)
{
	struct gpudmabuf_io io = valid_io();
	int fd = raw_open(RAW_DISK, O_RDONLY);
	int mem = raw_bar_alloc(MIB, 0);
	unsigned char *p = raw_map(mem, MIB, PROT_READ);

	(void)state;
	io.file_id = raw_file(dev, fd);
	io.buf_id = raw_buf(dev, mem);
	close(fd);
	close(mem);
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	assert_int_equal(io.out_done, io.len);
	munmap(p, MIB);
}

/* Two registrations of one dma-buf share it and end separately. */
static void registered_twice(void **state)
{
	struct gpudmabuf_io io = valid_io();
	uint32_t again = raw_buf(dev, dmabuf);

	(void)state;
	assert_int_not_equal(again, buf_id);
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	io.buf_id = again;
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	assert_int_equal(raw_unregister_buf(dev, buf_id), 0);
	assert_int_equal(ioctl(dev, GPUDMABUF_IO, &io), 0);
	assert_int_equal(io.out_done, io.len);
}

static void path_tells_device_memory(void **state)
{
	struct gpudmabuf_path path = {
		.size = sizeof(path), .buf_id = buf_id, .file_id = file_id,
	};

	(void)state;
	assert_int_equal(ioctl(dev, GPUDMABUF_PATH, &path), 0);
	assert_int_equal(path.out_where, GPUDMABUF_WHERE_DEVICE);
	assert_true(path.out_segments >= 1);
	path.buf_id = 99;
	assert_errno(ioctl(dev, GPUDMABUF_PATH, &path), ENOENT);
}

static void explain_is_the_callers_own(void **state)
{
	struct gpudmabuf_io io = valid_io();
	int other = raw_device();

	(void)state;
	io.len = 1;
	assert_errno(ioctl(dev, GPUDMABUF_IO, &io), EINVAL);
	assert_int_equal(raw_explain(other).out_reason, GPUDMABUF_REASON_NONE);
	assert_int_equal(raw_explain(dev).out_reason,
			 GPUDMABUF_REASON_LEN_ALIGN);
	close(other);
}

#define CASE_SET(fn) CASE_WITH(fn, setup, teardown)

static const struct CMUnitTest cases[] = {
	CASE_SET(query_tells_limits),
	CASE_SET(valid_io_transfers),
	CASE_SET(unknown_call),
	CASE_SET(struct_unreadable),
	CASE_SET(struct_short),
	CASE_SET(struct_long),
	CASE_SET(register_into_read_only_memory),
	CASE_SET(unknown_flags),
	CASE_SET(unknown_flags_elsewhere),
	CASE_SET(reserved_fields),
	CASE_SET(unknown_ids),
	CASE_SET(unregistered_ids),
	CASE_SET(ids_of_another_context),
	CASE_SET(misaligned),
	CASE_SET(outside_the_buffer),
	CASE_SET(overflowing_offsets),
	CASE_SET(zero_length),
	CASE_SET(end_of_the_target),
	CASE_SET(wrong_buffer_descriptors),
	CASE_SET(wrong_file_descriptors),
	CASE_SET(disk_opened_for_the_other_direction),
	CASE_SET(dmabuf_opened_read_only),
	CASE_SET(disk_set_read_only),
	CASE_SET(descriptors_closed_after_registration),
	CASE_SET(registered_twice),
	CASE_SET(path_tells_device_memory),
	CASE_SET(explain_is_the_callers_own),
};

CASES_MAIN(cases, NULL, NULL)
