// SPDX-License-Identifier: MIT
/*
 * hold WHAT: a dma-buf of the dynamic kind is moved while somebody in the kernel
 * holds on to it (WHAT: bits of enum holder_what), and after that.
 *
 * Prints the errno's name, or "moved" and how many bytes of the BAR it took,
 * for each; then the same when the holder and the dma-buf are gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/gpudmabuf_bar.h>

#include "../../kernel/hostile.h"

#define LEN	(1UL << 20)

static int node;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t room(void)
{
	struct gpudmabuf_bar_query query = { .size = sizeof(query) };

	if (ioctl(node, GPUDMABUF_BAR_QUERY, &query))
		die("query");
	return query.out_free;
}

static void evict(int fd)
{
	struct gpudmabuf_bar_evict arg = {
		.size = sizeof(arg), .fd = fd, .fill = 0xc5,
	};
	uint64_t before = room();

	if (ioctl(node, GPUDMABUF_BAR_EVICT, &arg))
		puts(strerrorname_np(errno));
	else
		printf("moved %llu\n", (unsigned long long)(before - room()));
}

static void assert_contents(const unsigned char *view)
{
	for (size_t i = 0; i < LEN; i++) {
		if (view[i] != 0x5a) {
			printf("byte %zu is wrong\n", i);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	struct gpudmabuf_bar_alloc alloc = {
		.size = sizeof(alloc), .length = LEN,
		.flags = GPUDMABUF_BAR_ALLOC_DYNAMIC,
	};
	struct holder_hold hold;
	unsigned char *view;
	uint64_t before;
	glob_t nodes;
	int holder;

	if (argc != 2 || glob("/dev/gpudmabuf-bar/*", 0, NULL, &nodes))
		return 2;
	node = open(nodes.gl_pathv[0], O_RDWR | O_CLOEXEC);
	holder = open(HOLDER_NODE, O_RDWR | O_CLOEXEC);
	before = room();
	if (holder < 0 || ioctl(node, GPUDMABUF_BAR_ALLOC, &alloc))
		die("set-up");
	view = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
		    alloc.out_fd, 0);
	if (view == MAP_FAILED)
		die("mmap");
	memset(view, 0x5a, LEN);

	hold = (struct holder_hold) {
		.fd = alloc.out_fd, .what = atoi(argv[1]),
	};
	if (ioctl(holder, HOLDER_HOLD, &hold))
		die("hold");
	evict(alloc.out_fd);
	assert_contents(view);
	close(holder);
	evict(alloc.out_fd);
	assert_contents(view);

	munmap(view, LEN);
	close(alloc.out_fd);
	printf("%lld bytes are missing\n", (long long)(before - room()));
	return 0;
}
