// SPDX-License-Identifier: MIT
/* guest: nvme=1 vram=64 */
/*
 * A disk's page cache beside direct I/O, and what the block layer is told of it:
 * write-through, statistics, swap, mounted file systems.
 */
#include "raw.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>

#define BUF_LEN		(2 * MIB)
#define AT		(256 * MIB)
#define STAT		"/sys/block/nvme0n1/stat"
#define IOSTATS		"/sys/block/nvme0n1/queue/iostats"
#define EVENT		"/sys/kernel/tracing/events/nvme/nvme_setup_cmd/enable"
#define TRACE		"/sys/kernel/tracing/trace"
/* NVME_RW_FUA in the command's control field. */
#define FUA		"ctrl=0x4000"

static int dev, disk, cached, dmabuf;
static unsigned char *view;
static uint32_t buf_id, file_id;

static int setup(void **state)
{
	(void)state;
	dev = raw_device();
	disk = raw_open(RAW_DISK, O_RDWR | O_DIRECT);
	cached = raw_open(RAW_DISK, O_RDWR);
	dmabuf = raw_bar_alloc(BUF_LEN, 0);
	view = raw_map(dmabuf, BUF_LEN, PROT_READ | PROT_WRITE);
	buf_id = raw_buf(dev, dmabuf);
	file_id = raw_file(dev, disk);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(view, BUF_LEN);
	close(dmabuf);
	close(cached);
	close(disk);
	return close(dev);
}

static int try_transfer(uint32_t flags, uint32_t file, uint64_t off,
			uint64_t len)
{
	struct gpudmabuf_io io = {
		.size = sizeof(io), .flags = flags, .file_id = file,
		.buf_id = buf_id, .file_off = off, .len = len,
	};
	int ret = ioctl(dev, GPUDMABUF_IO, &io);

	if (!ret)
		assert_int_equal(io.out_done, len);
	return ret;
}

static void direct_read(uint64_t off, uint64_t len)
{
	assert_int_equal(try_transfer(0, file_id, off, len), 0);
}

static void direct_write(uint64_t off, uint64_t len)
{
	assert_int_equal(try_transfer(GPUDMABUF_IO_WRITE, file_id, off, len),
			 0);
}

static void assert_all(const unsigned char *p, size_t len, unsigned char byte)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != byte)
			fail_msg("byte %zu is %#x, not %#x", i, p[i], byte);
}

/* On the disk itself, with nothing of it in the cache. */
static void put(uint64_t off, size_t len, unsigned char byte)
{
	unsigned char *data = raw_host_memory(len);

	memset(data, byte, len);
	assert_int_equal(pwrite(disk, data, len, off), len);
	free(data);
}

static void buffered_write(uint64_t off, size_t len, unsigned char byte)
{
	unsigned char data[16 * 1024];

	assert_true(len <= sizeof(data));
	memset(data, byte, len);
	assert_int_equal(pwrite(cached, data, len, off), len);
}

static void assert_buffered(uint64_t off, size_t len, unsigned char byte)
{
	unsigned char data[16 * 1024];

	assert_true(len <= sizeof(data));
	assert_int_equal(pread(cached, data, len, off), len);
	assert_all(data, len, byte);
}

static void dirty_page_is_read(void **state)
{
	(void)state;
	put(AT, 16384, 0x11);
	buffered_write(AT + 4096, 4096, 0x22);
	memset(view, 0xc5, BUF_LEN);
	direct_read(AT, 16384);
	assert_all(view, 4096, 0x11);
	assert_all(view + 4096, 4096, 0x22);
	assert_all(view + 8192, 8192, 0x11);
}

static void dirty_mapped_page_is_read(void **state)
{
	unsigned char *map;

	(void)state;
	put(AT, 16384, 0x11);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cached,
		   AT + 8192);
	assert_true(map != MAP_FAILED);
	memset(map, 0x33, 4096);
	direct_read(AT, 16384);
	assert_all(view + 8192, 4096, 0x33);
	/* And the mapping sees what is written. */
	memset(view, 0x44, 16384);
	direct_write(AT, 16384);
	assert_all(map, 4096, 0x44);
	munmap(map, 4096);
}

static void written_block_replaces_cached(void **state)
{
	(void)state;
	put(AT, 16384, 0x11);
	assert_buffered(AT, 16384, 0x11);
	memset(view, 0x55, 8192);
	direct_write(AT + 4096, 8192);
	assert_buffered(AT, 4096, 0x11);
	assert_buffered(AT + 4096, 8192, 0x55);
	assert_buffered(AT + 12288, 4096, 0x11);
}

/* Of a page that is dirty, one block is written over. */
static void write_into_a_dirty_page(void **state)
{
	(void)state;
	put(AT, 4096, 0x11);
	buffered_write(AT, 4096, 0x66);
	memset(view, 0x77, 512);
	direct_write(AT + 512, 512);
	assert_buffered(AT, 512, 0x66);
	assert_buffered(AT + 512, 512, 0x77);
	assert_buffered(AT + 1024, 3072, 0x66);
	/* Nothing of the old page comes later. */
	assert_int_equal(fsync(cached), 0);
	direct_read(AT, 4096);
	assert_all(view + 512, 512, 0x77);
	assert_all(view + 1024, 3072, 0x66);
}

static atomic_bool stop_reading;

static void *read_for_ever(void *arg)
{
	unsigned char block[4096];

	while (!stop_reading)
		if (pread(cached, block, sizeof(block), AT) < 0)
			return arg;
	return NULL;
}

/* A reader fills the cache again while the write is under way. */
static void cached_again_during_the_write(void **state)
{
	pthread_t reader;
	void *failed;

	(void)state;
	put(AT, 4096, 0);
	stop_reading = false;
	pthread_create(&reader, NULL, read_for_ever, view);
	for (unsigned int i = 1; i <= 300; i++) {
		memset(view, i, 4096);
		direct_write(AT, 4096);
		assert_buffered(AT, 4096, i);
	}
	stop_reading = true;
	pthread_join(reader, &failed);
	assert_null(failed);
}

/* What the kernel says of an NVMe command's flags. */
static void put_file(const char *path, const char *text)
{
	int fd = raw_open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool traced_fua(uint32_t file)
{
	static char text[1 << 20];
	char *line;
	ssize_t len;
	int fd;

	put_file(TRACE, "\n");
	put_file(EVENT, "1");
	assert_int_equal(try_transfer(GPUDMABUF_IO_WRITE, file, AT, 4096), 0);
	put_file(EVENT, "0");
	fd = raw_open(TRACE, O_RDONLY);
	for (len = 0; ; ) {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	text[len] = 0;
	line = strstr(text, "nvme_cmd_write");
	if (!line)
		fail_msg("no write in the trace:\n%s", text);
	*strchrnul(line, '\n') = 0;
	return strstr(line, FUA);
}

static void synchronous_write_sets_fua(void **state)
{
	int fd = raw_open(RAW_DISK, O_WRONLY | O_DSYNC);

	(void)state;
	if (access(EVENT, F_OK))
		case_skip("nvme has no trace events");
	assert_true(traced_fua(raw_file(dev, fd)));
	assert_false(traced_fua(file_id));
	close(fd);
}

struct counts {
	unsigned long reads, reads_merged, read_sectors, read_ms;
	unsigned long writes, writes_merged, write_sectors, write_ms, inflight;
};

static struct counts counts(void)
{
	struct counts c = {};
	FILE *f = fopen(STAT, "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu %lu %lu %lu %lu %lu %lu %lu",
				&c.reads, &c.reads_merged, &c.read_sectors,
				&c.read_ms, &c.writes, &c.writes_merged,
				&c.write_sectors, &c.write_ms, &c.inflight), 9);
	fclose(f);
	return c;
}

/* One I/O each, however many commands it was. */
static void statistics_count_once(void **state)
{
	struct counts before = counts(), after;

	(void)state;
	direct_read(AT, BUF_LEN);
	direct_read(AT, 512);
	direct_read(AT, 512);
	direct_write(AT, 65536);
	direct_write(AT, BUF_LEN);
	after = counts();
	assert_int_equal(after.reads - before.reads, 3);
	assert_int_equal(after.read_sectors - before.read_sectors,
			 BUF_LEN / 512 + 2);
	assert_int_equal(after.writes - before.writes, 2);
	assert_int_equal(after.write_sectors - before.write_sectors,
			 BUF_LEN / 512 + 128);
	assert_int_equal(after.inflight, 0);
}

/* Refused before anything was sent. */
static void statistics_of_refusals(void **state)
{
	struct counts before = counts(), after;

	(void)state;
	assert_errno(try_transfer(0, file_id, 1, 512), EINVAL);
	assert_errno(try_transfer(0, file_id, AT, BUF_LEN + 512), EINVAL);
	after = counts();
	assert_int_equal(after.reads, before.reads);
	assert_int_equal(after.inflight, 0);
}

static void statistics_turned_off(void **state)
{
	struct counts before, after;

	(void)state;
	put_file(IOSTATS, "0");
	before = counts();
	direct_read(AT, 65536);
	after = counts();
	put_file(IOSTATS, "1");
	assert_int_equal(after.reads, before.reads);
	assert_int_equal(after.read_sectors, before.read_sectors);
}

static void run(const char *command)
{
	int status = system(command);

	if (status)
		fail_msg("%s: status %#x", command, status);
}

static void write_to_swap(void **state)
{
	int ret, error, read_ret;

	(void)state;
	run("/sbin/mkswap " RAW_DISK " >/dev/null");
	assert_int_equal(swapon(RAW_DISK, 0), 0);
	memset(view, 0x88, 4096);
	errno = 0;
	ret = try_transfer(GPUDMABUF_IO_WRITE, file_id, AT, 4096);
	error = errno;
	read_ret = try_transfer(0, file_id, AT, 4096);
	assert_int_equal(swapoff(RAW_DISK), 0);
	assert_int_equal(ret, -1);
	assert_int_equal(error, ETXTBSY);
	raw_assert_reason(dev, ETXTBSY, GPUDMABUF_REASON_SWAP);
	assert_int_equal(read_ret, 0);
	put(0, MIB, 0);
	direct_write(AT, 4096);
}

/* The file system holds its superblock in the cache. */
static void write_to_a_mounted_disk(void **state)
{
	const char *dir = "/run/cache-test";
	int ret, error;

	(void)state;
	run("modprobe ext4 && /sbin/mkfs.ext4 -q -F " RAW_DISK " 64M");
	mkdir(dir, 0700);
	assert_int_equal(mount(RAW_DISK, dir, "ext4", 0, NULL), 0);
	direct_read(0, 4096);
	errno = 0;
	ret = try_transfer(GPUDMABUF_IO_WRITE, file_id, 0, 4096);
	error = errno;
	assert_int_equal(umount(dir), 0);
	assert_int_equal(ret, -1);
	assert_int_equal(error, EBUSY);
	raw_assert_reason(dev, EBUSY, GPUDMABUF_REASON_PAGE_CACHE);
	put(0, MIB, 0);
}

#define CASE_SET(fn) CASE_WITH(fn, setup, teardown)

static const struct CMUnitTest cases[] = {
	CASE_SET(dirty_page_is_read),
	CASE_SET(dirty_mapped_page_is_read),
	CASE_SET(written_block_replaces_cached),
	CASE_SET(write_into_a_dirty_page),
	CASE_SET(cached_again_during_the_write),
	CASE_SET(synchronous_write_sets_fua),
	CASE_SET(statistics_count_once),
	CASE_SET(statistics_of_refusals),
	CASE_SET(statistics_turned_off),
	CASE_SET(write_to_swap),
	CASE_SET(write_to_a_mounted_disk),
};

CASES_MAIN(cases, NULL, NULL)
