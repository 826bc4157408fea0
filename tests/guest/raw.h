/* SPDX-License-Identifier: MIT */
/*
 * The kernel ABI without the library, for tests of the ABI itself.  Everything
 * aborts the case when the set-up, not the tested call, fails.
 */
#ifndef TESTS_GUEST_RAW_H
#define TESTS_GUEST_RAW_H

#include "cases.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/gpudmabuf.h>
#include <linux/gpudmabuf_bar.h>

#define RAW_DISK	"/dev/nvme0n1"
#define RAW_PAGE	4096UL
#define MIB		(1UL << 20)

/* The call fails with this errno. */
#define assert_errno(call, error)					\
	do {								\
		errno = 0;						\
		assert_int_equal((call), -1);				\
		assert_int_equal(errno, (error));			\
	} while (0)

static inline int raw_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

static inline int raw_device(void)
{
	return raw_open("/dev/gpudmabuf", O_RDWR);
}

/* A new dma-buf in the first device's BAR. */
static inline int raw_bar_alloc(size_t len, unsigned int flags)
{
	struct gpudmabuf_bar_alloc alloc = {
		.size = sizeof(alloc), .flags = flags, .length = len,
	};
	glob_t nodes;
	int bar;

	if (glob("/dev/gpudmabuf-bar/*", 0, NULL, &nodes))
		fail_msg("no BAR exporter");
	bar = raw_open(nodes.gl_pathv[0], O_RDWR);
	globfree(&nodes);
	assert_int_equal(ioctl(bar, GPUDMABUF_BAR_ALLOC, &alloc), 0);
	close(bar);
	return alloc.out_fd;
}

static inline int raw_try_buf(int dev, int fd, uint32_t *ret_id)
{
	struct gpudmabuf_buf_register reg = { .size = sizeof(reg), .fd = fd };
	int ret = ioctl(dev, GPUDMABUF_BUF_REGISTER, &reg);

	if (!ret && ret_id)
		*ret_id = reg.out_buf_id;
	return ret;
}

static inline uint32_t raw_buf(int dev, int fd)
{
	uint32_t id = 0;

	assert_int_equal(raw_try_buf(dev, fd, &id), 0);
	return id;
}

static inline int raw_try_file(int dev, int fd,
			       struct gpudmabuf_file_register *ret)
{
	struct gpudmabuf_file_register reg = { .size = sizeof(reg), .fd = fd };
	int err = ioctl(dev, GPUDMABUF_FILE_REGISTER, &reg);

	if (!err && ret)
		*ret = reg;
	return err;
}

static inline uint32_t raw_file(int dev, int fd)
{
	struct gpudmabuf_file_register reg = {};

	assert_int_equal(raw_try_file(dev, fd, &reg), 0);
	return reg.out_file_id;
}

static inline int raw_unregister_buf(int dev, uint32_t id)
{
	struct gpudmabuf_buf_unregister arg = {
		.size = sizeof(arg), .buf_id = id,
	};

	return ioctl(dev, GPUDMABUF_BUF_UNREGISTER, &arg);
}

static inline int raw_unregister_file(int dev, uint32_t id)
{
	struct gpudmabuf_file_unregister arg = {
		.size = sizeof(arg), .file_id = id,
	};

	return ioctl(dev, GPUDMABUF_FILE_UNREGISTER, &arg);
}

static inline struct gpudmabuf_explain raw_explain(int dev)
{
	struct gpudmabuf_explain explain = { .size = sizeof(explain) };

	assert_int_equal(ioctl(dev, GPUDMABUF_EXPLAIN, &explain), 0);
	return explain;
}

/* The last refusal had this errno and this reason. */
static inline void raw_assert_reason(int dev, int error, uint32_t reason)
{
	struct gpudmabuf_explain explain = raw_explain(dev);

	assert_int_equal(explain.out_error, error);
	assert_int_equal(explain.out_reason, reason);
}

static inline void *raw_map(int fd, size_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		fail_msg("mmap: %s", strerror(errno));
	return p;
}

static inline void *raw_host_memory(size_t len)
{
	void *p = aligned_alloc(RAW_PAGE, len);

	assert_non_null(p);
	return p;
}

#endif /* TESTS_GUEST_RAW_H */
