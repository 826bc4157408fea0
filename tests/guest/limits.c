// SPDX-License-Identifier: MIT
/* guest: nvme=1 vram=64 */
/*
 * What one user and one context may take: locked memory for address arrays, the
 * number of objects.
 */
#include "raw.h"

#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY		65534
/* 8 bytes for each page: an array of 8 pages. */
#define BUF_LEN		(16 * MIB)
#define ARRAY		(BUF_LEN / RAW_PAGE * 8)
#define ROUNDS		100

/* In a child: cmocka's asserts are the parent's. */
#define need(condition)							\
	do {								\
		if (!(condition)) {					\
			fprintf(stderr, "line %d: %s (%s)\n", __LINE__,	\
				#condition, strerror(errno));		\
			_exit(1);					\
		}							\
	} while (0)

static int disk, dmabuf;

static int setup(void **state)
{
	(void)state;
	disk = raw_open(RAW_DISK, O_RDONLY);
	dmabuf = raw_bar_alloc(BUF_LEN, 0);
	return chmod("/dev/gpudmabuf", 0666);
}

static int teardown(void **state)
{
	(void)state;
	close(dmabuf);
	close(disk);
	return chmod("/dev/gpudmabuf", 0600);
}

static void become_nobody(size_t limit)
{
	struct rlimit rlim = { limit, limit };

	need(!setrlimit(RLIMIT_MEMLOCK, &rlim));
	need(!setgroups(0, NULL));
	need(!setgid(NOBODY) && !setuid(NOBODY));
}

/* Runs fn(context) as an unprivileged user with this RLIMIT_MEMLOCK. */
static void as_nobody(size_t limit, void (*fn)(int dev))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int dev;

		become_nobody(limit);
		dev = open("/dev/gpudmabuf", O_RDWR);
		need(dev >= 0);
		fn(dev);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static uint32_t buf_of(int dev)
{
	uint32_t id = 0;

	need(!raw_try_buf(dev, dmabuf, &id));
	return id;
}

static uint32_t file_of(int dev)
{
	struct gpudmabuf_file_register reg = {};

	need(!raw_try_file(dev, disk, &reg));
	return reg.out_file_id;
}

static int map(int dev, uint32_t buf, uint32_t file)
{
	struct gpudmabuf_path path = {
		.size = sizeof(path), .buf_id = buf, .file_id = file,
	};

	return ioctl(dev, GPUDMABUF_PATH, &path);
}

static int transfer(int dev, uint32_t buf, uint32_t file)
{
	struct gpudmabuf_io io = {
		.size = sizeof(io), .buf_id = buf, .file_id = file,
		.len = 4096,
	};

	return ioctl(dev, GPUDMABUF_IO, &io);
}

static void need_memlock(int dev, uint64_t limit)
{
	struct gpudmabuf_explain why = { .size = sizeof(why) };

	need(errno == ENOMEM);
	need(!ioctl(dev, GPUDMABUF_EXPLAIN, &why));
	need(why.out_error == ENOMEM);
	need(why.out_reason == GPUDMABUF_REASON_MEMLOCK);
	need(why.out_detail == limit);
}

static void refused(int dev)
{
	uint32_t buf = buf_of(dev), file = file_of(dev);

	need(map(dev, buf, file) == -1);
	need_memlock(dev, ARRAY - RAW_PAGE);
	need(transfer(dev, buf, file) == -1);
	need_memlock(dev, ARRAY - RAW_PAGE);
}

/* One page less than the array needs. */
static void array_does_not_fit(void **state)
{
	(void)state;
	as_nobody(ARRAY - RAW_PAGE, refused);
}

static void given_back(int dev)
{
	uint32_t buf, file = file_of(dev);

	for (int i = 0; i < ROUNDS; i++) {
		buf = buf_of(dev);
		if (map(dev, buf, file))
			fprintf(stderr, "round %d\n", i);
		need(!transfer(dev, buf, file));
		need(!raw_unregister_buf(dev, buf));
	}
}

/* The limit is what one registration needs, and one after the other gets it. */
static void charge_given_back_by_unregister(void **state)
{
	(void)state;
	as_nobody(ARRAY, given_back);
}

static void given_back_by_close(int dev)
{
	for (int i = 0; i < 100; i++) {
		need(!transfer(dev, buf_of(dev), file_of(dev)));
		need(!close(dev));
		dev = open("/dev/gpudmabuf", O_RDWR);
		need(dev >= 0);
	}
}

static void charge_given_back_by_close(void **state)
{
	(void)state;
	as_nobody(ARRAY, given_back_by_close);
}

static void charged_each(int dev)
{
	uint32_t first = buf_of(dev), second = buf_of(dev);
	uint32_t file = file_of(dev);
	int other = open("/dev/gpudmabuf", O_RDWR);

	need(!map(dev, first, file));
	need(!map(dev, first, file));
	need(map(dev, second, file) == -1);
	need_memlock(dev, ARRAY);
	/* Another context of the same user. */
	need(map(other, buf_of(other), file_of(other)) == -1);
	need_memlock(other, ARRAY);
	need(!raw_unregister_buf(dev, first));
	need(!map(dev, second, file));
}

/* Each registration pays, also where the array is shared. */
static void each_registration_is_charged(void **state)
{
	(void)state;
	as_nobody(ARRAY, charged_each);
}

/* A refusal takes nothing either. */
static void refused_often(int dev)
{
	uint32_t file = file_of(dev), fits, often = buf_of(dev);

	fits = buf_of(dev);
	need(!map(dev, fits, file));
	for (int i = 0; i < 100; i++)
		need(map(dev, often, file) == -1);
	need(!raw_unregister_buf(dev, fits));
	need(!map(dev, often, file));
}

static void refusal_is_not_charged(void **state)
{
	(void)state;
	as_nobody(ARRAY, refused_often);
}

/* Device nodes opened by root, who passed them on: the caller's limit holds. */
static void limit_is_the_callers(void **state)
{
	int dev = raw_device(), status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		become_nobody(ARRAY - RAW_PAGE);
		need(map(dev, buf_of(dev), file_of(dev)) == -1);
		need_memlock(dev, ARRAY - RAW_PAGE);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(dev);
}

static void administrator_is_not_limited(void **state)
{
	struct rlimit none = {}, old;
	int dev = raw_device();

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &old), 0);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	assert_int_equal(transfer(dev, raw_buf(dev, dmabuf),
				  raw_file(dev, disk)), 0);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &old), 0);
	close(dev);
}

static void objects_of_a_context(void **state)
{
	struct gpudmabuf_query query = { .size = sizeof(query) };
	int dev = raw_device();

	(void)state;
	assert_int_equal(ioctl(dev, GPUDMABUF_QUERY, &query), 0);
	for (uint32_t i = 0; i < query.out_max_bufs; i++)
		raw_buf(dev, dmabuf);
	assert_errno(raw_try_buf(dev, dmabuf, NULL), EMFILE);
	raw_assert_reason(dev, EMFILE, GPUDMABUF_REASON_TOO_MANY);
	assert_int_equal(raw_explain(dev).out_detail, query.out_max_bufs);
	assert_int_equal(raw_unregister_buf(dev, 7), 0);
	assert_int_equal(raw_buf(dev, dmabuf), 7);

	for (uint32_t i = 0; i < query.out_max_files; i++)
		raw_file(dev, disk);
	assert_errno(raw_try_file(dev, disk, NULL), EMFILE);
	raw_assert_reason(dev, EMFILE, GPUDMABUF_REASON_TOO_MANY);
	assert_int_equal(raw_explain(dev).out_detail, query.out_max_files);
	close(dev);
}

#define CASE_SET(fn) CASE_WITH(fn, setup, teardown)

static const struct CMUnitTest cases[] = {
	CASE_SET(array_does_not_fit),
	CASE_SET(charge_given_back_by_unregister),
	CASE_SET(charge_given_back_by_close),
	CASE_SET(each_registration_is_charged),
	CASE_SET(refusal_is_not_charged),
	CASE_SET(limit_is_the_callers),
	CASE_SET(administrator_is_not_limited),
	CASE_SET(objects_of_a_context),
};

CASES_MAIN(cases, NULL, NULL)
