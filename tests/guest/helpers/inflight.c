// SPDX-License-Identifier: MIT
/*
 * inflight DISK: unregisters a buffer while another thread's 4 MiB read into
 * it is under way, on a disk slow enough for that.
 *
 * After the call nothing may land: the memory is filled with a canary, which
 * must be there three seconds later.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <gpudmabuf.h>
#include <linux/gpudmabuf.h>

#define LEN	(4UL << 20)
#define CANARY	0xc5

static int dev;
static struct gpudmabuf_buf_register buf = { .size = sizeof(buf) };
static struct gpudmabuf_file_register file = { .size = sizeof(file) };

static void *read_all(void *ret)
{
	struct gpudmabuf_io io = {
		.size = sizeof(io), .len = LEN,
		.file_id = file.out_file_id, .buf_id = buf.out_buf_id,
	};

	*(int *)ret = ioctl(dev, GPUDMABUF_IO, &io) || io.out_done != LEN;
	return NULL;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int unregister(void)
{
	struct gpudmabuf_buf_unregister arg = {
		.size = sizeof(arg), .buf_id = buf.out_buf_id,
	};

	return ioctl(dev, GPUDMABUF_BUF_UNREGISTER, &arg);
}

/* The memory stays mapped for the CPU, but nobody else's business is left. */
static int prepare(const char *disk, unsigned char **ret_view)
{
	struct gdb_buf *mem;
	struct gdb *g;
	void *view;

	if (gdb_open(&g, 0) || gdb_buf_alloc(g, "bar", LEN, 0, &mem) ||
	    gdb_buf_map(mem, &view))
		return -1;
	buf.fd = gdb_buf_fd(mem);
	*ret_view = view;
	dev = open("/dev/gpudmabuf", O_RDWR);
	file.fd = open(disk, O_RDONLY);
	return ioctl(dev, GPUDMABUF_BUF_REGISTER, &buf) ||
	       ioctl(dev, GPUDMABUF_FILE_REGISTER, &file) ? -1 : 0;
}

int main(int argc, char **argv)
{
	unsigned char *view;
	pthread_t thread;
	double start;
	int failed;

	if (argc != 2)
		return 2;
	if (prepare(argv[1], &view)) {
		perror("set-up");
		return 1;
	}
	pthread_create(&thread, NULL, read_all, &failed);
	usleep(300000);
	start = now();
	if (unregister()) {
		perror("unregister");
		return 1;
	}
	printf("unregister took %.2f s\n", now() - start);
	memset(view, CANARY, LEN);
	sleep(3);
	for (size_t i = 0; i < LEN; i++) {
		if (view[i] != CANARY) {
			printf("byte %zu was written after unregister\n", i);
			return 1;
		}
	}
	pthread_join(thread, NULL);
	printf("the read %s\n", failed ? "failed" : "succeeded");
	return failed;
}
