// SPDX-License-Identifier: MIT
/* guest: gpus=2 cmb=64 */
/*
 * gpudmabuf_bar.ko from user space, in a guest, as root.
 *
 *   bar_exporter [--list | CASE]
 *
 * Exit status: 0 passed, 77 the case cannot run here (with the reason).
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/dma-buf.h>
#include <linux/gpudmabuf_bar.h>

#define DRIVER	"/sys/bus/pci/drivers/gpudmabuf_bar/"
#define NODES	"/dev/gpudmabuf-bar/"
#define PAGE	4096UL
#define MIB	(1UL << 20)

static bool alone;

#define SKIP(reason) do {						\
	print_message("skip: %s\n", reason);				\
	if (alone)							\
		exit(77);						\
	skip();								\
} while (0)

#define assert_fails(call, error) do {					\
	errno = 0;							\
	assert_int_equal((long)(call), -1);				\
	assert_int_equal(errno, error);					\
} while (0)

/* The nth node's path in a static buffer, or NULL. */
static const char *node_path(size_t n)
{
	static char path[PATH_MAX];
	glob_t g;
	bool found;

	found = !glob(NODES "*", 0, NULL, &g) && n < g.gl_pathc;
	if (found)
		snprintf(path, sizeof(path), "%s", g.gl_pathv[n]);
	globfree(&g);
	return found ? path : NULL;
}

static int node_open(void)
{
	const char *path = node_path(0);
	int fd;

	if (!path)
		SKIP("no " NODES "*");
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct gpudmabuf_bar_query node_query(int node)
{
	struct gpudmabuf_bar_query q = { .size = sizeof(q) };

	assert_int_equal(ioctl(node, GPUDMABUF_BAR_QUERY, &q), 0);
	return q;
}

static struct gpudmabuf_bar_alloc valid_alloc(void)
{
	return (struct gpudmabuf_bar_alloc){
		.size = sizeof(struct gpudmabuf_bar_alloc),
		.length = 64 * PAGE,
	};
}

static int buf_alloc(int node, uint64_t length, uint32_t flags)
{
	struct gpudmabuf_bar_alloc a = valid_alloc();

	a.length = length;
	a.flags = flags;
	assert_int_equal(ioctl(node, GPUDMABUF_BAR_ALLOC, &a), 0);
	return a.out_fd;
}

static uint8_t *buf_map(int fd, size_t len, off_t off)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static int buf_sync(int fd, uint64_t flags)
{
	struct dma_buf_sync s = { .flags = flags };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &s);
}

static bool all_zero(const uint8_t *p, size_t len)
{
	const uint64_t *w = (const uint64_t *)p;

	for (size_t i = 0; i < len / 8; i++) {
		if (w[i])
			return false;
	}
	return true;
}

static void pattern_write(uint8_t *p, size_t len, uint64_t seed)
{
	uint64_t *w = (uint64_t *)p;

	for (size_t i = 0; i < len / 8; i++)
		w[i] = (seed + i) * 0x9e3779b97f4a7c15;
}

static bool pattern_is(const uint8_t *p, size_t len, uint64_t seed)
{
	const uint64_t *w = (const uint64_t *)p;

	for (size_t i = 0; i < len / 8; i++) {
		if (w[i] != (seed + i) * 0x9e3779b97f4a7c15)
			return false;
	}
	return true;
}

static int sysfs_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* query */

static void query_reports_range(void **state)
{
	int node = node_open();
	struct gpudmabuf_bar_query q = node_query(node);

	(void)state;
	assert_int_equal(q.size, sizeof(q));
	assert_int_equal(q.out_abi, GPUDMABUF_BAR_ABI_VERSION);
	assert_true(q.out_bar < 6);
	assert_true(q.out_length > 0);
	assert_int_equal(q.out_length % q.out_granule, 0);
	assert_int_equal(q.out_granule, sysconf(_SC_PAGESIZE));
	assert_int_equal(q.out_free, q.out_length);
	assert_int_equal(q.out_buffers, 0);
	close(node);
}

static void query_rejects_unknown_flags(void **state)
{
	struct gpudmabuf_bar_query q = { .size = sizeof(q), .flags = 1 };
	int node = node_open();

	(void)state;
	assert_fails(ioctl(node, GPUDMABUF_BAR_QUERY, &q), EINVAL);
	close(node);
}

static void query_rejects_short_struct(void **state)
{
	struct gpudmabuf_bar_query q = { .size = sizeof(q) - 4 };
	int node = node_open();

	(void)state;
	assert_fails(ioctl(node, GPUDMABUF_BAR_QUERY, &q), EINVAL);
	q.size = 0;
	assert_fails(ioctl(node, GPUDMABUF_BAR_QUERY, &q), EINVAL);
	close(node);
}

static void query_accepts_longer_struct_of_zeros(void **state)
{
	struct { struct gpudmabuf_bar_query q; uint64_t tail; } s = {
		.q.size = sizeof(s),
	};
	int node = node_open();

	(void)state;
	assert_int_equal(ioctl(node, GPUDMABUF_BAR_QUERY, &s), 0);
	assert_true(s.q.out_length > 0);
	assert_int_equal(s.tail, 0);
	close(node);
}

static void query_rejects_longer_struct_of_more(void **state)
{
	struct { struct gpudmabuf_bar_query q; uint64_t tail; } s = {
		.q.size = sizeof(s), .tail = 1,
	};
	int node = node_open();

	(void)state;
	assert_fails(ioctl(node, GPUDMABUF_BAR_QUERY, &s), E2BIG);
	s.q.size = UINT32_MAX;
	assert_fails(ioctl(node, GPUDMABUF_BAR_QUERY, &s), E2BIG);
	close(node);
}

static void bad_pointer_gives_efault(void **state)
{
	int node = node_open();

	(void)state;
	assert_fails(ioctl(node, GPUDMABUF_BAR_QUERY, NULL), EFAULT);
	assert_fails(ioctl(node, GPUDMABUF_BAR_ALLOC, (void *)-16L), EFAULT);
	close(node);
}

static void unknown_call_gives_enotty(void **state)
{
	struct gpudmabuf_bar_query q = { .size = sizeof(q) };
	int node = node_open();

	(void)state;
	assert_fails(ioctl(node, _IO(GPUDMABUF_BAR_TYPE, 0xff), &q), ENOTTY);
	close(node);
}

static void node_is_private(void **state)
{
	const char *path = node_path(0);
	struct stat st;

	(void)state;
	if (!path)
		SKIP("no " NODES "*");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFCHR | 0600);
}

/* alloc */

static void alloc_gives_dmabuf(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, 3 * PAGE + 1, 0);

	(void)state;
	assert_int_equal(lseek(fd, 0, SEEK_END), 4 * PAGE);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(buf_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW), 0);
	assert_int_equal(buf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW), 0);
	close(fd);
	close(node);
}

static void alloc_is_accounted(void **state)
{
	int node = node_open();
	struct gpudmabuf_bar_query before = node_query(node), q;
	int a = buf_alloc(node, MIB, 0), b = buf_alloc(node, 1, 0);

	(void)state;
	q = node_query(node);
	assert_int_equal(q.out_free, before.out_free - MIB - PAGE);
	assert_int_equal(q.out_buffers, before.out_buffers + 2);
	close(a);
	q = node_query(node);
	assert_int_equal(q.out_free, before.out_free - PAGE);
	close(b);
	q = node_query(node);
	assert_int_equal(q.out_free, before.out_free);
	assert_int_equal(q.out_buffers, before.out_buffers);
	close(node);
}

static void alloc_outlives_node_and_descriptor(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, MIB, 0);
	uint8_t *p = buf_map(fd, MIB, 0);

	(void)state;
	close(node);
	close(fd);
	pattern_write(p, MIB, 1);
	assert_true(pattern_is(p, MIB, 1));
	node = node_open();
	assert_int_equal(node_query(node).out_buffers, 1);
	munmap(p, MIB);
	assert_int_equal(node_query(node).out_buffers, 0);
	close(node);
}

/* First fit: the second allocation gets the first one's memory. */
static void alloc_is_cleared(void **state)
{
	const size_t len = 9 * MIB + PAGE;
	int node = node_open();

	(void)state;
	for (int round = 0; round < 2; round++) {
		int fd = buf_alloc(node, len, 0);
		uint8_t *p = buf_map(fd, len, 0);

		assert_true(all_zero(p, len));
		memset(p, 0xa5, len);
		munmap(p, len);
		close(fd);
	}
	close(node);
}

static void alloc_rejects_zero_length(void **state)
{
	struct gpudmabuf_bar_alloc a = valid_alloc();
	int node = node_open();

	(void)state;
	a.length = 0;
	assert_fails(ioctl(node, GPUDMABUF_BAR_ALLOC, &a), EINVAL);
	close(node);
}

static void alloc_rejects_unknown_flags(void **state)
{
	struct gpudmabuf_bar_alloc a = valid_alloc();
	int node = node_open();

	(void)state;
	a.flags = 1U << 31;
	assert_fails(ioctl(node, GPUDMABUF_BAR_ALLOC, &a), EINVAL);
	close(node);
}

static void alloc_rejects_too_long(void **state)
{
	struct gpudmabuf_bar_alloc a = valid_alloc();
	int node = node_open();

	(void)state;
	a.length = node_query(node).out_length + 1;
	assert_fails(ioctl(node, GPUDMABUF_BAR_ALLOC, &a), ENOSPC);
	a.length = UINT64_MAX;
	assert_fails(ioctl(node, GPUDMABUF_BAR_ALLOC, &a), ENOSPC);
	close(node);
}

static void alloc_fills_the_range(void **state)
{
	struct gpudmabuf_bar_alloc a = valid_alloc();
	int node = node_open();
	uint64_t length = node_query(node).out_length;
	int page = buf_alloc(node, PAGE, 0);
	int rest = buf_alloc(node, length - PAGE, 0);

	(void)state;
	assert_int_equal(node_query(node).out_free, 0);
	a.length = 1;
	assert_fails(ioctl(node, GPUDMABUF_BAR_ALLOC, &a), ENOSPC);
	close(page);
	page = buf_alloc(node, PAGE, 0);
	close(page);
	close(rest);
	assert_int_equal(node_query(node).out_free, length);
	close(node);
}

static void alloc_without_descriptor_gives_emfile(void **state)
{
	struct rlimit old, none;
	struct gpudmabuf_bar_alloc a = valid_alloc();
	int node = node_open();
	struct gpudmabuf_bar_query before = node_query(node);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(ioctl(node, GPUDMABUF_BAR_ALLOC, &a), -1);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(node_query(node).out_free, before.out_free);
	close(node);
}

static void alloc_into_read_only_memory_leaks_nothing(void **state)
{
	int node = node_open();
	struct gpudmabuf_bar_query before = node_query(node), q;
	struct gpudmabuf_bar_alloc *a;
	int next = dup(node);

	(void)state;
	close(next);
	a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(a, MAP_FAILED);
	*a = valid_alloc();
	assert_int_equal(mprotect(a, PAGE, PROT_READ), 0);
	assert_fails(ioctl(node, GPUDMABUF_BAR_ALLOC, a), EFAULT);
	munmap(a, PAGE);

	assert_fails(fcntl(next, F_GETFD), EBADF);
	q = node_query(node);
	assert_int_equal(q.out_free, before.out_free);
	assert_int_equal(q.out_buffers, before.out_buffers);
	close(node);
}

/* mmap */

static void mmap_offsets_are_right(void **state)
{
	const size_t len = 5 * MIB;
	int node = node_open();
	int fd = buf_alloc(node, len, 0);
	uint8_t *whole = buf_map(fd, len, 0);
	static const size_t pages[] = { 1, 2, 511, 512, 513, 1279 };

	(void)state;
	for (size_t i = 0; i < len / PAGE; i++)
		*(uint64_t *)(whole + i * PAGE) = i;
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		size_t off = pages[i] * PAGE;
		uint8_t *part = buf_map(fd, len - off, off);

		/* The last page first: its fault comes with an offset. */
		assert_int_equal(*(uint64_t *)(part + len - off - PAGE),
				 len / PAGE - 1);
		assert_int_equal(*(uint64_t *)part, pages[i]);
		munmap(part, len - off);
	}
	munmap(whole, len);
	close(fd);
	close(node);
}

static void mmap_out_of_range_gives_einval(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, 4 * PAGE, 0);

	(void)state;
	assert_fails(mmap(NULL, 5 * PAGE, PROT_READ, MAP_SHARED, fd, 0),
		     EINVAL);
	assert_fails(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 4 * PAGE),
		     EINVAL);
	assert_fails(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 3 * PAGE),
		     EINVAL);
	close(fd);
	close(node);
}

static void mmap_private_gives_einval(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, PAGE, 0);

	(void)state;
	assert_fails(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);
	assert_fails(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
			  0), EINVAL);
	close(fd);
	close(node);
}

static void mmap_cannot_grow(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, 4 * PAGE, 0);
	uint8_t *p = buf_map(fd, PAGE, 0);

	(void)state;
	assert_fails(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	munmap(p, PAGE);
	close(fd);
	close(node);
}

static void mmap_read_only_stays_so(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, PAGE, GPUDMABUF_BAR_ALLOC_RDONLY);
	uint8_t *p;

	(void)state;
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_fails(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  0), EACCES);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_true(all_zero(p, PAGE));
	assert_fails(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	munmap(p, PAGE);
	close(fd);
	close(node);
}

static void mmaps_see_each_other(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, MIB, 0);
	uint8_t *a = buf_map(fd, MIB, 0), *b = buf_map(fd, MIB, 0);

	(void)state;
	pattern_write(a, MIB, 7);
	assert_int_equal(buf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW), 0);
	assert_true(pattern_is(b, MIB, 7));
	pattern_write(b, PAGE, 8);
	assert_int_equal(buf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW), 0);
	assert_true(pattern_is(a, PAGE, 8));
	munmap(a, MIB);
	munmap(b, MIB);
	close(fd);
	close(node);
}

static void buffers_are_apart(void **state)
{
	int node = node_open();
	int fd_a = buf_alloc(node, MIB, 0), fd_b = buf_alloc(node, MIB, 0);
	uint8_t *a = buf_map(fd_a, MIB, 0), *b = buf_map(fd_b, MIB, 0);

	(void)state;
	pattern_write(a, MIB, 1);
	assert_true(all_zero(b, MIB));
	pattern_write(b, MIB, 2);
	assert_true(pattern_is(a, MIB, 1));
	munmap(a, MIB);
	munmap(b, MIB);
	close(fd_a);
	close(fd_b);
	close(node);
}

static void two_devices_at_once(void **state)
{
	const char *path = node_path(1);
	int fd[2], node[2];
	uint8_t *p[2];

	(void)state;
	if (!path)
		SKIP("only one device in " NODES);
	node[1] = open(path, O_RDWR | O_CLOEXEC);
	assert_true(node[1] >= 0);
	node[0] = node_open();
	for (int i = 0; i < 2; i++) {
		fd[i] = buf_alloc(node[i], MIB, 0);
		p[i] = buf_map(fd[i], MIB, 0);
		pattern_write(p[i], MIB, i);
	}
	for (int i = 0; i < 2; i++) {
		assert_true(pattern_is(p[i], MIB, i));
		assert_int_equal(node_query(node[i]).out_buffers, 1);
		munmap(p[i], MIB);
		close(fd[i]);
		close(node[i]);
	}
}

/* unbind */

static sigjmp_buf sigbus_env;

static void on_sigbus(int sig)
{
	(void)sig;
	siglongjmp(sigbus_env, 1);
}

static bool raises_sigbus(const volatile uint8_t *p)
{
	struct sigaction sa = { .sa_handler = on_sigbus }, old;
	volatile bool raised = true;

	sigaction(SIGBUS, &sa, &old);
	if (!sigsetjmp(sigbus_env, 1)) {
		(void)*p;
		raised = false;
	}
	sigaction(SIGBUS, &old, NULL);
	return raised;
}

static void unbind_revokes(void **state)
{
	int node = node_open();
	char address[16];
	int fd = buf_alloc(node, 4 * MIB, 0);
	uint8_t *p = buf_map(fd, 4 * MIB, 0);
	struct gpudmabuf_bar_query q = { .size = sizeof(q) };
	struct gpudmabuf_bar_alloc a = valid_alloc();

	(void)state;
	snprintf(address, sizeof(address), "%s",
		 node_path(0) + strlen(NODES));
	/* The first page is in the page table, the last one is not. */
	p[0] = 1;

	assert_int_equal(sysfs_write(DRIVER "unbind", address), 0);
	assert_true(raises_sigbus(p));
	assert_true(raises_sigbus(p + 4 * MIB - 1));
	assert_fails(buf_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW),
		     ENODEV);
	assert_fails(buf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW), ENODEV);
	assert_fails(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
	assert_fails(ioctl(node, GPUDMABUF_BAR_QUERY, &q), ENODEV);
	assert_fails(ioctl(node, GPUDMABUF_BAR_ALLOC, &a), ENODEV);

	/* Bound again while the old buffer is alive: it stays dead. */
	assert_int_equal(sysfs_write(DRIVER "bind", address), 0);
	assert_fails(ioctl(node, GPUDMABUF_BAR_QUERY, &q), ENODEV);
	close(node);
	node = node_open();
	q = node_query(node);
	assert_int_equal(q.out_free, q.out_length);
	assert_true(raises_sigbus(p));
	munmap(p, 4 * MIB);
	close(fd);
	assert_int_equal(node_query(node).out_free, q.out_length);
	close(buf_alloc(node, q.out_length, 0));
	close(node);
}

/* O_PATH keeps the dma-buf's dentry while its file is gone. */
static void unbind_with_a_path_descriptor(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, MIB, 0);
	char address[16], link[64];
	int path_fd;

	(void)state;
	snprintf(address, sizeof(address), "%s",
		 node_path(0) + strlen(NODES));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	path_fd = open(link, O_PATH | O_CLOEXEC);
	assert_true(path_fd >= 0);
	close(fd);
	assert_int_equal(sysfs_write(DRIVER "unbind", address), 0);
	assert_int_equal(sysfs_write(DRIVER "bind", address), 0);
	close(path_fd);
	close(node);
	node = node_open();
	assert_int_equal(node_query(node).out_buffers, 0);
	close(node);
}

static void reset_revokes(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, MIB, 0);
	uint8_t *p = buf_map(fd, MIB, 0);
	char path[PATH_MAX];

	(void)state;
	p[0] = 1;
	snprintf(path, sizeof(path), DRIVER "%s/reset",
		 node_path(0) + strlen(NODES));
	if (access(path, W_OK))
		SKIP("the device has no reset");
	assert_int_equal(sysfs_write(path, "1"), 0);
	assert_true(raises_sigbus(p));
	assert_int_equal(node_query(node).out_free,
			 node_query(node).out_length);
	munmap(p, MIB);
	close(fd);
	assert_int_equal(node_query(node).out_buffers, 0);
	close(buf_alloc(node, MIB, 0));
	close(node);
}

/* A device of devices= that is plugged in again is taken again. */
static void removal_revokes(void **state)
{
	int node = node_open();
	int fd = buf_alloc(node, MIB, 0);
	uint8_t *p = buf_map(fd, MIB, 0);
	char path[PATH_MAX];

	(void)state;
	p[0] = 1;
	snprintf(path, sizeof(path), DRIVER "%s/remove",
		 node_path(0) + strlen(NODES));
	assert_int_equal(sysfs_write(path, "1"), 0);
	assert_true(raises_sigbus(p));
	munmap(p, MIB);
	close(fd);
	close(node);

	assert_int_equal(sysfs_write("/sys/bus/pci/rescan", "1"), 0);
	node = node_open();
	assert_int_equal(node_query(node).out_buffers, 0);
	close(buf_alloc(node, MIB, 0));
	close(node);
}

/* CMB of an NVMe controller */

/* CAP.CMBS, read as the driver would; the kernel allows it without one. */
static bool has_cmb(const char *address)
{
	char path[PATH_MAX];
	uint64_t *regs;
	bool cmbs;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0",
		 address);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	regs = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(regs, MAP_FAILED);
	cmbs = regs[0] >> 57 & 1;
	munmap(regs, PAGE);
	close(fd);
	return cmbs;
}

/* The PCI address of nvme0, or NULL. */
static const char *nvme_address(void)
{
	static char address[16];
	char target[PATH_MAX];
	ssize_t len;

	len = readlink("/sys/class/nvme/nvme0/device", target,
		       sizeof(target) - 1);
	if (len < 0)
		return NULL;
	target[len] = 0;
	snprintf(address, sizeof(address), "%s", strrchr(target, '/') + 1);
	return address;
}

static int nvme_bind(const char *address)
{
	return sysfs_write("/sys/bus/pci/drivers/nvme/bind", address);
}

static void device_write(const char *address, const char *attr,
			 const char *value)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address,
		 attr);
	assert_int_equal(sysfs_write(path, value), 0);
}

static void cmb_is_served(void **state)
{
	const char *address = nvme_address();
	struct gpudmabuf_bar_query q;
	char path[PATH_MAX];
	uint8_t *p;
	int fd, node;

	(void)state;
	if (!address)
		SKIP("no nvme0");
	device_write(address, "driver/unbind", address);
	if (!has_cmb(address)) {
		assert_int_equal(nvme_bind(address), 0);
		SKIP("nvme0 has no controller memory buffer");
	}
	device_write(address, "driver_override", "gpudmabuf_bar");
	assert_int_equal(sysfs_write("/sys/bus/pci/drivers_probe", address), 0);

	snprintf(path, sizeof(path), NODES "%s", address);
	node = open(path, O_RDWR | O_CLOEXEC);
	assert_true(node >= 0);
	q = node_query(node);
	fd = buf_alloc(node, q.out_length, 0);
	p = buf_map(fd, q.out_length, 0);
	assert_true(all_zero(p, q.out_length));
	pattern_write(p, q.out_length, 42);
	assert_int_equal(buf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW), 0);
	assert_true(pattern_is(p, q.out_length, 42));
	munmap(p, q.out_length);
	close(fd);
	close(node);

	device_write(address, "driver/unbind", address);
	device_write(address, "driver_override", "\n");
	assert_int_equal(nvme_bind(address), 0);
}

static const struct CMUnitTest cases[] = {
	cmocka_unit_test(query_reports_range),
	cmocka_unit_test(query_rejects_unknown_flags),
	cmocka_unit_test(query_rejects_short_struct),
	cmocka_unit_test(query_accepts_longer_struct_of_zeros),
	cmocka_unit_test(query_rejects_longer_struct_of_more),
	cmocka_unit_test(bad_pointer_gives_efault),
	cmocka_unit_test(unknown_call_gives_enotty),
	cmocka_unit_test(node_is_private),
	cmocka_unit_test(alloc_gives_dmabuf),
	cmocka_unit_test(alloc_is_accounted),
	cmocka_unit_test(alloc_outlives_node_and_descriptor),
	cmocka_unit_test(alloc_is_cleared),
	cmocka_unit_test(alloc_rejects_zero_length),
	cmocka_unit_test(alloc_rejects_unknown_flags),
	cmocka_unit_test(alloc_rejects_too_long),
	cmocka_unit_test(alloc_fills_the_range),
	cmocka_unit_test(alloc_without_descriptor_gives_emfile),
	cmocka_unit_test(alloc_into_read_only_memory_leaks_nothing),
	cmocka_unit_test(mmap_offsets_are_right),
	cmocka_unit_test(mmap_out_of_range_gives_einval),
	cmocka_unit_test(mmap_private_gives_einval),
	cmocka_unit_test(mmap_cannot_grow),
	cmocka_unit_test(mmap_read_only_stays_so),
	cmocka_unit_test(mmaps_see_each_other),
	cmocka_unit_test(buffers_are_apart),
	cmocka_unit_test(two_devices_at_once),
	cmocka_unit_test(unbind_revokes),
	cmocka_unit_test(unbind_with_a_path_descriptor),
	cmocka_unit_test(reset_revokes),
	cmocka_unit_test(removal_revokes),
	cmocka_unit_test(cmb_is_served),
};

int main(int argc, char **argv)
{
	if (argc < 2)
		return cmocka_run_group_tests(cases, NULL, NULL) != 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct CMUnitTest one[] = { cases[i] };

		if (!strcmp(argv[1], "--list")) {
			puts(cases[i].name);
		} else if (!strcmp(argv[1], cases[i].name)) {
			alone = true;
			return cmocka_run_group_tests(one, NULL, NULL) != 0;
		}
	}
	if (!strcmp(argv[1], "--list"))
		return 0;
	fprintf(stderr, "%s: no case \"%s\"\n", argv[0], argv[1]);
	return 2;
}
