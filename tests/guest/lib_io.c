// SPDX-License-Identifier: MIT
/*
 * The library end to end, in a guest, as root: /dev/nvme0n1, and memory of
 * "bar".  Every transfer is compared with pread() and O_DIRECT.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"

#include <gpudmabuf.h>

#define DISK "/dev/nvme0n1"
#define MIB (1 << 20)
#define BUF_SIZE (16 * MIB)
#define AREA (64 * MIB)		/* of the disk, from its beginning */
#define ROUNDS 150
#define CANARY 0xC5

static struct gdb *g;
static struct gdb_file *f;
static struct gdb_buf *b;
static unsigned char *mem;	/* the CPU's view of b */
static unsigned char *host;	/* for pread() and pwrite(), BUF_SIZE bytes */
static int disk;		/* DISK with O_DIRECT */
static size_t block;

#define expect(call, value) \
	do { \
		long long got = (call); \
		struct gdb_explanation ex = { .text = "" }; \
\
		if (got != (value)) { \
			gdb_explain(&ex); \
			fail_msg("%s gave %lld (%s)", #call, got, ex.text); \
		} \
	} while (0)

#define refused(call, error, why) \
	do { \
		struct gdb_explanation ex; \
\
		assert_int_equal(call, -(error)); \
		assert_int_equal(gdb_explain(&ex), 0); \
		assert_string_equal(gdb_reason_name(ex.reason), #why); \
	} while (0)

/* Repeatable: the same on every run. */
static uint64_t random_below(uint64_t n)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x % n;
}

static void fill_random(unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t v = random_below(UINT64_MAX);

		memcpy(p + i, &v, 8);
	}
}

static void cpu(unsigned int flags, int begin)
{
	expect(begin ? gdb_buf_cpu_begin(b, flags) : gdb_buf_cpu_end(b, flags),
	       0);
}

static void set_memory(size_t at, size_t len, int byte)
{
	cpu(GDB_CPU_WRITE, 1);
	memset(mem + at, byte, len);
	cpu(GDB_CPU_WRITE, 0);
}

static void assert_memory(size_t at, const unsigned char *expected, size_t len)
{
	cpu(GDB_CPU_READ, 1);
	assert_memory_equal(mem + at, expected, len);
	cpu(GDB_CPU_READ, 0);
}

static void assert_memory_is(size_t at, size_t len, int byte)
{
	cpu(GDB_CPU_READ, 1);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(mem[at + i], byte);
	cpu(GDB_CPU_READ, 0);
}

static int open_all(void **state)
{
	void *map;

	if (gdb_open(&g, 0) || gdb_file_open(g, DISK, O_RDWR, &f) ||
	    gdb_buf_alloc(g, "bar", BUF_SIZE, 0, &b) || gdb_buf_map(b, &map)) {
		struct gdb_explanation ex = { .text = "" };

		gdb_explain(&ex);
		print_error("set-up: %s\n%s\n", ex.text, ex.remedy);
		return -1;
	}
	mem = map;
	block = gdb_file_block_size(f);
	disk = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
	host = aligned_alloc(4096, BUF_SIZE);
	return disk < 0 || !host ? -1 : 0;
}

static int close_all(void **state)
{
	free(host);
	close(disk);
	gdb_buf_free(b);
	gdb_file_close(f);
	gdb_close(g);
	return 0;
}

/* A random transfer: whole blocks, 4 MiB at most, any offset that they allow. */
static void random_range(size_t *len, off_t *file_off, size_t *buf_off)
{
	*len = (1 + random_below(4 * MIB / block)) * block;
	if (random_below(2))
		*len = (1 + random_below(64)) * block;
	*file_off = random_below((AREA - *len) / block + 1) * block;
	*buf_off = random_below((BUF_SIZE - *len) / block + 1) * block;
}

static void reads_match_pread(void **state)
{
	for (off_t at = 0; at < AREA; at += BUF_SIZE) {
		fill_random(host, BUF_SIZE);
		assert_int_equal(pwrite(disk, host, BUF_SIZE, at), BUF_SIZE);
	}
	for (int i = 0; i < ROUNDS; i++) {
		size_t len, buf_off, guard = 0;
		off_t file_off;

		random_range(&len, &file_off, &buf_off);
		if (buf_off >= block)
			guard = block;
		set_memory(buf_off - guard, guard, CANARY);
		expect(gdb_read(f, b, len, file_off, buf_off), (ssize_t)len);
		assert_int_equal(pread(disk, host, len, file_off), len);
		assert_memory(buf_off, host, len);
		assert_memory_is(buf_off - guard, guard, CANARY);
	}
}

static void writes_match_pread(void **state)
{
	for (int i = 0; i < ROUNDS; i++) {
		size_t len, buf_off;
		off_t file_off;

		random_range(&len, &file_off, &buf_off);
		fill_random(host, len);
		cpu(GDB_CPU_WRITE, 1);
		memcpy(mem + buf_off, host, len);
		cpu(GDB_CPU_WRITE, 0);
		expect(gdb_write(f, b, len, file_off, buf_off), (ssize_t)len);
		memset(host, 0, len);
		assert_int_equal(pread(disk, host, len, file_off), len);
		assert_memory(buf_off, host, len);
	}
	expect(gdb_sync(f), 0);
}

static void read_of_the_whole_buffer(void **state)
{
	expect(gdb_read(f, b, BUF_SIZE, 0, 0), BUF_SIZE);
	assert_int_equal(pread(disk, host, BUF_SIZE, 0), BUF_SIZE);
	assert_memory(0, host, BUF_SIZE);
}

static void read_across_the_end_is_short(void **state)
{
	off_t size = gdb_file_size(f);

	set_memory(0, 8 * block, CANARY);
	expect(gdb_read(f, b, 8 * block, size - 3 * block, 0),
	       (ssize_t)(3 * block));
	assert_int_equal(pread(disk, host, 3 * block, size - 3 * block),
			 3 * block);
	assert_memory(0, host, 3 * block);
	assert_memory_is(3 * block, 5 * block, CANARY);
}

static void read_behind_the_end_gives_0(void **state)
{
	off_t size = gdb_file_size(f);

	expect(gdb_read(f, b, block, size, 0), 0);
	expect(gdb_read(f, b, block, size + (1ll << 40), 0), 0);
}

static void write_across_the_end_is_short(void **state)
{
	off_t size = gdb_file_size(f);

	expect(gdb_write(f, b, 4 * block, size - block, 0), (ssize_t)block);
	refused(gdb_write(f, b, block, size, 0), ENOSPC, PAST_END);
}

static void nothing_is_transferred_for_0(void **state)
{
	expect(gdb_read(f, b, 0, 0, 0), 0);
	expect(gdb_write(f, b, 0, 0, 0), 0);
}

static void path_is_direct_to_device_memory(void **state)
{
	struct gdb_path_info info;

	expect(gdb_path(f, b, &info), 0);
	print_message("%s (%u segments)\n", info.why.text, info.segments);
	assert_int_equal(info.path, GDB_PATH_DIRECT_DEVICE);
	assert_true(info.segments > 0);
	expect(gdb_file_direct(f), 0);
}

static void unaligned_requests_are_refused(void **state)
{
	refused(gdb_read(f, b, block, 1, 0), EINVAL, FILE_ALIGN);
	refused(gdb_read(f, b, block, 0, 4), EINVAL, BUF_ALIGN);
	refused(gdb_read(f, b, block - 1, 0, 0), EINVAL, LEN_ALIGN);
}

static void range_past_the_buffer_is_refused(void **state)
{
	refused(gdb_read(f, b, 2 * block, 0, BUF_SIZE - block), EINVAL,
		BUF_RANGE);
}

static void file_opened_for_reading_is_not_written(void **state)
{
	struct gdb_file *rdonly;

	expect(gdb_file_open(g, DISK, O_RDONLY, &rdonly), 0);
	expect(gdb_read(rdonly, b, block, 0, 0), (ssize_t)block);
	refused(gdb_write(rdonly, b, block, 0, 0), EBADF, FILE_MODE);
	gdb_file_close(rdonly);
}

static void file_opened_for_writing_is_not_read(void **state)
{
	struct gdb_file *wronly;

	expect(gdb_file_open(g, DISK, O_WRONLY, &wronly), 0);
	refused(gdb_read(wronly, b, block, 0, 0), EBADF, FILE_MODE);
	expect(gdb_write(wronly, b, block, 0, 0), (ssize_t)block);
	gdb_file_close(wronly);
}

static void read_only_memory_is_not_read_into(void **state)
{
	struct gdb_buf *rdonly;

	expect(gdb_buf_alloc(g, "bar", 4096, GDB_BUF_RDONLY, &rdonly), 0);
	refused(gdb_read(f, rdonly, block, 0, 0), EBADF, BUF_MODE);
	expect(gdb_write(f, rdonly, block, 0, 0), (ssize_t)block);
	gdb_buf_free(rdonly);
}

static void imported_copy_is_the_same_memory(void **state)
{
	struct gdb_buf *copy;

	expect(gdb_buf_import(g, gdb_buf_fd(b), 0, &copy), 0);
	assert_int_equal(gdb_buf_size(copy), BUF_SIZE);
	expect(gdb_read(f, copy, MIB, 0, 0), MIB);
	assert_int_equal(pread(disk, host, MIB, 0), MIB);
	assert_memory(0, host, MIB);
	gdb_buf_free(copy);
}

static void wrong_descriptors_are_refused(void **state)
{
	int memfd = memfd_create("none", MFD_CLOEXEC);
	struct gdb_file *file;
	struct gdb_buf *buf;

	refused(gdb_buf_import(g, memfd, 0, &buf), EINVAL, NOT_DMABUF);
	refused(gdb_buf_import(g, disk, 0, &buf), EINVAL, NOT_DMABUF);
	refused(gdb_buf_import(g, -1, 0, &buf), EBADF, BAD_FD);
	refused(gdb_file_import(g, -1, &file), EBADF, BAD_FD);
	refused(gdb_file_open(g, "/", O_RDONLY, &file), EOPNOTSUPP, FILE_KIND);
	refused(gdb_file_open(g, "/dev/null", O_RDONLY, &file), EOPNOTSUPP,
		FILE_KIND);
	close(memfd);
}

static void regular_file_is_refused_for_io(void **state)
{
	int memfd = memfd_create("none", MFD_CLOEXEC);
	struct gdb_file *file;

	expect(gdb_file_import(g, memfd, &file), 0);
	refused(gdb_file_direct(file), EOPNOTSUPP, FILE_KIND);
	refused(gdb_read(file, b, 512, 0, 0), EOPNOTSUPP, FILE_KIND);
	gdb_file_close(file);
	close(memfd);
}

static void children_outlive_gdb_close(void **state)
{
	struct gdb_file *file;
	struct gdb_buf *buf;
	struct gdb *other;

	expect(gdb_open(&other, 0), 0);
	expect(gdb_file_open(other, DISK, O_RDONLY, &file), 0);
	expect(gdb_buf_alloc(other, "bar", MIB, 0, &buf), 0);
	gdb_close(other);
	expect(gdb_read(file, buf, MIB, 0, 0), MIB);
	gdb_buf_free(buf);
	gdb_file_close(file);
}

static void unknown_memory_is_refused(void **state)
{
	struct gdb_buf *buf;

	refused(gdb_buf_alloc(g, "bar:ffff:ff:1f.7", 4096, 0, &buf), ENODEV,
		EXPORTER_NONE);
	refused(gdb_buf_alloc(g, "bar", 1ull << 46, 0, &buf), ENOSPC,
		EXPORTER_FULL);
	refused(gdb_buf_alloc(g, "nothing", 4096, 0, &buf), EINVAL,
		EXPORTER_UNKNOWN);
}

static const struct CMUnitTest cases[] = {
	CASE(reads_match_pread),
	CASE(writes_match_pread),
	CASE(read_of_the_whole_buffer),
	CASE(read_across_the_end_is_short),
	CASE(read_behind_the_end_gives_0),
	CASE(write_across_the_end_is_short),
	CASE(nothing_is_transferred_for_0),
	CASE(path_is_direct_to_device_memory),
	CASE(unaligned_requests_are_refused),
	CASE(range_past_the_buffer_is_refused),
	CASE(file_opened_for_reading_is_not_written),
	CASE(file_opened_for_writing_is_not_read),
	CASE(read_only_memory_is_not_read_into),
	CASE(imported_copy_is_the_same_memory),
	CASE(wrong_descriptors_are_refused),
	CASE(regular_file_is_refused_for_io),
	CASE(children_outlive_gdb_close),
	CASE(unknown_memory_is_refused),
};

CASES_MAIN(cases, open_all, close_all)
