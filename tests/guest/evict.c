// SPDX-License-Identifier: MIT
/* guest: gpus=2 vram=16 */
/*
 * gpudmabuf_bar.ko: buffers of the dynamic kind, and what moving one refuses.
 */
#include "raw.h"

#include <linux/udmabuf.h>

#define LEN	MIB
#define FILL	0xc5

static int node;

static int setup(void **state)
{
	glob_t nodes;

	if (glob("/dev/gpudmabuf-bar/*", 0, NULL, &nodes))
		fail_msg("no BAR exporter");
	node = raw_open(nodes.gl_pathv[0], O_RDWR);
	globfree(&nodes);
	return 0;
}

static int teardown(void **state)
{
	close(node);
	return 0;
}

static struct gpudmabuf_bar_query query(void)
{
	struct gpudmabuf_bar_query q = { .size = sizeof(q) };

	assert_int_equal(ioctl(node, GPUDMABUF_BAR_QUERY, &q), 0);
	return q;
}

static struct gpudmabuf_bar_evict valid_evict(int fd)
{
	return (struct gpudmabuf_bar_evict) {
		.size = sizeof(struct gpudmabuf_bar_evict),
		.fd = fd,
		.fill = FILL,
	};
}

static int dynamic(void)
{
	return raw_bar_alloc(LEN, GPUDMABUF_BAR_ALLOC_DYNAMIC);
}

static uint64_t evict(int fd, uint32_t flags)
{
	struct gpudmabuf_bar_evict arg = valid_evict(fd);

	arg.flags = flags;
	assert_int_equal(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), 0);
	return arg.out_stray;
}

static void fill(uint64_t *p, uint64_t seed)
{
	for (size_t i = 0; i < LEN / 8; i++)
		p[i] = (seed << 32 | i) * 0x9e3779b97f4a7c15ULL;
}

static void assert_filled(const uint64_t *p, uint64_t seed)
{
	for (size_t i = 0; i < LEN / 8; i++)
		assert_int_equal(p[i], (seed << 32 | i) *
				       0x9e3779b97f4a7c15ULL);
}

/* What is mapped goes along, whether a page is in the page table or not. */
static void mapped_contents_follow(void **state)
{
	int fd = dynamic();
	uint64_t *a = raw_map(fd, LEN, PROT_READ | PROT_WRITE);
	uint64_t *b = raw_map(fd, LEN, PROT_READ);

	for (int i = 0; i < 8; i++) {
		fill(a, i);
		evict(fd, 0);
		assert_filled(i & 1 ? a : b, i);
		a[7] = i;
		assert_int_equal(b[7], i);
	}
	munmap(a, LEN);
	munmap(b, LEN);
	close(fd);
}

static void read_only_mapping_stays_so(void **state)
{
	int fd = raw_bar_alloc(LEN, GPUDMABUF_BAR_ALLOC_DYNAMIC |
			       GPUDMABUF_BAR_ALLOC_RDONLY);
	uint64_t *p = raw_map(fd, LEN, PROT_READ);

	assert_int_equal(p[0], 0);
	evict(fd, 0);
	assert_int_equal(p[0], 0);
	assert_errno(mprotect(p, LEN, PROT_READ | PROT_WRITE), EACCES);
	munmap(p, LEN);
	close(fd);
}

static void old_place_is_given_back(void **state)
{
	int fd = dynamic();
	uint64_t before = query().out_free;

	evict(fd, 0);
	assert_int_equal(query().out_free, before);
	close(fd);
	assert_int_equal(query().out_free, before + LEN);
}

static void old_place_is_kept(void **state)
{
	int fd = dynamic();
	uint64_t before = query().out_free;

	evict(fd, GPUDMABUF_BAR_EVICT_KEEP);
	assert_int_equal(query().out_free, before - LEN);
	evict(fd, GPUDMABUF_BAR_EVICT_KEEP);
	assert_int_equal(query().out_free, before - LEN);
	assert_int_equal(evict(fd, 0), 0);
	assert_int_equal(query().out_free, before);
	evict(fd, GPUDMABUF_BAR_EVICT_KEEP);
	close(fd);
	assert_int_equal(query().out_free, before + LEN);
}

/* The next owner sees neither the contents nor the canary. */
static void left_place_is_cleared_for_others(void **state)
{
	int fd = dynamic(), other;
	uint64_t *p = raw_map(fd, LEN, PROT_READ | PROT_WRITE), *q;
	size_t len;

	fill(p, 1);
	evict(fd, 0);
	len = query().out_free;
	other = raw_bar_alloc(len / 4, 0);
	q = raw_map(other, len / 4, PROT_READ);
	for (size_t i = 0; i < len / 4 / 8; i++)
		assert_int_equal(q[i], 0);
	munmap(q, len / 4);
	munmap(p, LEN);
	close(other);
	close(fd);
}

static void static_kind_stays(void **state)
{
	int fd = raw_bar_alloc(LEN, 0);
	struct gpudmabuf_bar_evict arg = valid_evict(fd);

	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), EOPNOTSUPP);
	close(fd);
}

static void without_room(void **state)
{
	int fd = dynamic();
	uint64_t *p = raw_map(fd, LEN, PROT_READ | PROT_WRITE);
	struct gpudmabuf_bar_evict arg = valid_evict(fd);
	int rest = raw_bar_alloc(query().out_free, 0);

	fill(p, 3);
	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), ENOSPC);
	assert_filled(p, 3);
	close(rest);
	evict(fd, 0);
	assert_filled(p, 3);
	munmap(p, LEN);
	close(fd);
}

static void bad_descriptors(void **state)
{
	struct gpudmabuf_bar_evict arg = valid_evict(-1);

	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), EBADF);
	arg.fd = node;
	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), EINVAL);
}

static void dmabuf_of_another_node(void **state)
{
	struct gpudmabuf_bar_evict arg;
	int fd = dynamic(), other;
	glob_t nodes;

	assert_int_equal(glob("/dev/gpudmabuf-bar/*", 0, NULL, &nodes), 0);
	assert_int_equal(nodes.gl_pathc, 2);
	other = raw_open(nodes.gl_pathv[1], O_RDWR);
	globfree(&nodes);
	arg = valid_evict(fd);
	assert_errno(ioctl(other, GPUDMABUF_BAR_EVICT, &arg), EINVAL);
	close(other);
	close(fd);
}

static void dmabuf_of_another_exporter(void **state)
{
	struct udmabuf_create create = { .size = LEN };
	struct gpudmabuf_bar_evict arg;
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		case_skip("skip: no /dev/udmabuf");
	create.memfd = memfd_create("evict", MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(create.memfd, LEN), 0);
	assert_int_equal(fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	arg = valid_evict(ioctl(dev, UDMABUF_CREATE, &create));
	assert_true(arg.fd >= 0);
	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), EINVAL);
	close(arg.fd);
	close(create.memfd);
	close(dev);
}

static void unknown_flags(void **state)
{
	int fd = dynamic();
	struct gpudmabuf_bar_evict arg = valid_evict(fd);

	arg.flags = 1U << 31;
	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), EINVAL);
	close(fd);
}

static void fill_of_more_than_a_byte(void **state)
{
	int fd = dynamic();
	struct gpudmabuf_bar_evict arg = valid_evict(fd);

	arg.fill = 256;
	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), EINVAL);
	close(fd);
}

static void short_struct(void **state)
{
	int fd = dynamic();
	struct gpudmabuf_bar_evict arg = valid_evict(fd);

	arg.size -= 4;
	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), EINVAL);
	close(fd);
}

/* The device is taken from its driver and given back; the dma-buf is dead. */
static void after_a_revoke(void **state)
{
	struct gpudmabuf_bar_evict arg;
	int fd = dynamic(), driver, bind;
	const char *address;
	glob_t nodes;

	assert_int_equal(glob("/dev/gpudmabuf-bar/*", 0, NULL, &nodes), 0);
	address = strrchr(nodes.gl_pathv[0], '/') + 1;
	evict(fd, GPUDMABUF_BAR_EVICT_KEEP);
	driver = raw_open("/sys/bus/pci/drivers/gpudmabuf_bar/unbind",
			  O_WRONLY);
	bind = raw_open("/sys/bus/pci/drivers/gpudmabuf_bar/bind", O_WRONLY);
	assert_true(write(driver, address, strlen(address)) > 0);
	arg = valid_evict(fd);
	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), ENODEV);
	assert_true(write(bind, address, strlen(address)) > 0);
	assert_errno(ioctl(node, GPUDMABUF_BAR_EVICT, &arg), ENODEV);
	globfree(&nodes);
	close(driver);
	close(bind);
	close(fd);
	close(node);
	setup(state);
	assert_int_equal(query().out_free, query().out_length);
}

static const struct CMUnitTest cases[] = {
	CASE_WITH(mapped_contents_follow, setup, teardown),
	CASE_WITH(read_only_mapping_stays_so, setup, teardown),
	CASE_WITH(old_place_is_given_back, setup, teardown),
	CASE_WITH(old_place_is_kept, setup, teardown),
	CASE_WITH(left_place_is_cleared_for_others, setup, teardown),
	CASE_WITH(static_kind_stays, setup, teardown),
	CASE_WITH(without_room, setup, teardown),
	CASE_WITH(bad_descriptors, setup, teardown),
	CASE_WITH(dmabuf_of_another_node, setup, teardown),
	CASE_WITH(dmabuf_of_another_exporter, setup, teardown),
	CASE_WITH(unknown_flags, setup, teardown),
	CASE_WITH(fill_of_more_than_a_byte, setup, teardown),
	CASE_WITH(short_struct, setup, teardown),
	CASE_WITH(after_a_revoke, setup, teardown),
};

CASES_MAIN(cases, NULL, NULL)
