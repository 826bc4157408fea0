// SPDX-License-Identifier: MIT
/* guest: nvme=1 vram=64 qemu='-global nvme.mdts=0' */
/*
 * PRP entries and lists: every length up to 1,100 pages, at the offsets where
 * the first entry, the list's first slot and its last slot change their
 * meaning.  Without a limit of the device (mdts=0) one command takes 2 MiB, so
 * that lists of exactly 512 entries are among them.
 *
 * Each block of the disk holds its own address, so that a wrong, a swapped or
 * an old page is seen.
 */
#include "raw.h"

#define BLOCK		512UL
#define MAX_PAGES	1100UL
#define BUF_LEN		(8 * MIB)
#define DISK_LEN	(8 * MIB)
#define WRITE_AT	(64 * MIB)
#define CANARY		0x5cc5c55cc5c55c5cULL

static int dev, disk, dmabuf;
static unsigned char *view;
static uint32_t buf_id, file_id;

/* The first and the last word of the block at this address. */
static void stamp(void *block, uint64_t addr)
{
	uint64_t *word = block;

	word[0] = addr;
	word[BLOCK / 8 - 1] = ~addr;
}

static bool stamped(const void *block, uint64_t addr)
{
	const volatile uint64_t *word = block;

	return word[0] == addr && word[BLOCK / 8 - 1] == ~addr;
}

static void fill_canary(size_t off, size_t len)
{
	uint64_t *word = (uint64_t *)(view + off);

	for (size_t i = 0; i < len / 8; i++)
		word[i] = CANARY;
}

static void check_canary(size_t off, size_t len, const char *where)
{
	const volatile uint64_t *word = (uint64_t *)(view + off);

	for (size_t i = 0; i < len / 8; i++)
		if (word[i] != CANARY)
			fail_msg("%s: byte %zu was written", where, i * 8);
}

static int setup(void **state)
{
	unsigned char *data = raw_host_memory(DISK_LEN);

	(void)state;
	dev = raw_device();
	disk = raw_open(RAW_DISK, O_RDWR | O_DIRECT);
	dmabuf = raw_bar_alloc(BUF_LEN, 0);
	view = raw_map(dmabuf, BUF_LEN, PROT_READ | PROT_WRITE);
	buf_id = raw_buf(dev, dmabuf);
	file_id = raw_file(dev, disk);

	memset(data, 0, DISK_LEN);
	for (size_t off = 0; off < DISK_LEN; off += BLOCK)
		stamp(data + off, off);
	assert_int_equal(pwrite(disk, data, DISK_LEN, 0), DISK_LEN);
	free(data);
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

static void transfer(unsigned int flags, uint64_t file_off, uint64_t buf_off,
		     uint64_t len)
{
	struct gpudmabuf_io io = {
		.size = sizeof(io), .flags = flags,
		.file_id = file_id, .buf_id = buf_id,
		.len = len, .file_off = file_off, .buf_off = buf_off,
	};

	if (ioctl(dev, GPUDMABUF_IO, &io))
		fail_msg("%llu bytes at %llu: %s", (unsigned long long)len,
			 (unsigned long long)buf_off, strerror(errno));
	assert_int_equal(io.out_done, len);
}

static void read_one(size_t pages, size_t buf_off)
{
	size_t len = pages * RAW_PAGE;
	/* Another place each time, so that what is old does not fit. */
	uint64_t from = pages * 7 % 1000 * BLOCK;

	fill_canary(buf_off - BLOCK, BLOCK);
	fill_canary(buf_off + len, RAW_PAGE);
	transfer(0, from, buf_off, len);
	check_canary(buf_off - BLOCK, BLOCK, "in front");
	check_canary(buf_off + len, RAW_PAGE, "behind");
	for (size_t off = 0; off < len; off += BLOCK)
		if (!stamped(view + buf_off + off, from + off))
			fail_msg("%zu pages at %zu: byte %zu is wrong", pages,
				 buf_off, off);
}

static void read_lengths(size_t page, size_t byte)
{
	for (size_t pages = 1; pages <= MAX_PAGES; pages++)
		read_one(pages, (1 + page) * RAW_PAGE + byte);
}

static void read_page0_byte0(void **state)
{
	(void)state;
	read_lengths(0, 0);
}

static void read_page0_byte512(void **state)
{
	(void)state;
	read_lengths(0, 512);
}

static void read_page0_byte3584(void **state)
{
	(void)state;
	read_lengths(0, 3584);
}

static void read_page1_byte0(void **state)
{
	(void)state;
	read_lengths(1, 0);
}

static void read_page1_byte512(void **state)
{
	(void)state;
	read_lengths(1, 512);
}

static void read_page1_byte3584(void **state)
{
	(void)state;
	read_lengths(1, 3584);
}

static void write_one(size_t pages, size_t buf_off, unsigned char *back)
{
	size_t len = pages * RAW_PAGE;
	uint64_t to = WRITE_AT + RAW_PAGE;

	/* A block in front, one page behind. */
	memset(back, 0xee, len + 2 * RAW_PAGE);
	assert_int_equal(pwrite(disk, back, len + 2 * RAW_PAGE,
				to - RAW_PAGE), len + 2 * RAW_PAGE);
	transfer(GPUDMABUF_IO_WRITE, to, buf_off, len);
	assert_int_equal(pread(disk, back, len + 2 * RAW_PAGE, to - RAW_PAGE),
			 len + 2 * RAW_PAGE);
	for (size_t i = 0; i < RAW_PAGE; i++)
		if (back[i] != 0xee || back[RAW_PAGE + len + i] != 0xee)
			fail_msg("%zu pages: wrote outside", pages);
	if (memcmp(back + RAW_PAGE, view + buf_off, len))
		fail_msg("%zu pages at %zu: wrote something else", pages,
			 buf_off);
}

static void write_lengths(size_t byte)
{
	static const size_t ranges[][2] = {
		{ 1, 6 }, { 127, 130 }, { 255, 258 }, { 510, 515 },
		{ 1022, 1027 }, { MAX_PAGES - 1, MAX_PAGES },
	};
	unsigned char *back = raw_host_memory((MAX_PAGES + 2) * RAW_PAGE);

	for (size_t off = 0; off < BUF_LEN; off += 8)
		*(uint64_t *)(view + off) = off * 0x9e3779b97f4a7c15ULL;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (size_t n = ranges[i][0]; n <= ranges[i][1]; n++)
			write_one(n, RAW_PAGE + byte, back);
	free(back);
}

static void write_byte0(void **state)
{
	(void)state;
	write_lengths(0);
}

static void write_byte512(void **state)
{
	(void)state;
	write_lengths(512);
}

static void write_byte3584(void **state)
{
	(void)state;
	write_lengths(3584);
}

#define CASE_SET(fn) CASE_WITH(fn, setup, teardown)

static const struct CMUnitTest cases[] = {
	CASE_SET(read_page0_byte0),
	CASE_SET(read_page0_byte512),
	CASE_SET(read_page0_byte3584),
	CASE_SET(read_page1_byte0),
	CASE_SET(read_page1_byte512),
	CASE_SET(read_page1_byte3584),
	CASE_SET(write_byte0),
	CASE_SET(write_byte512),
	CASE_SET(write_byte3584),
};

CASES_MAIN(cases, NULL, NULL)
