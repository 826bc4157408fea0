// SPDX-License-Identifier: MIT
/*
 * hostile MODE FLAGS PARAM ACTION [ARGUMENT...]: I/O between /dev/nvme0n1 and a
 * dma-buf of an exporter that misbehaves (tests/kernel).
 *
 *   io				map it, then a verified round trip
 *   plain			map it, then I/O whose bytes are not looked at
 *   again			map it, then the same
 *   interrupt MS		map it, with a signal after so long
 *   invalidate TIMES HOLD N	N times during verified I/O of two threads, each
 *				with TIMES callbacks and the lock held HOLD ms
 *   revoke			for good, during I/O of two threads
 *
 * What happened is printed, a line each: "path WHERE SEGMENTS" or "path ERRNO
 * REASON DETAIL", "io ok" or "io ERRNO REASON DETAIL", "ms N": how long it took;
 * at last "attached N mapped N maps N", after everything was unregistered.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <gpudmabuf.h>
#include <linux/gpudmabuf.h>

#include "../../kernel/hostile.h"

#define DISK	"/dev/nvme0n1"
#define LEN	(512UL << 10)
#define THREADS	2
#define PART	(LEN / THREADS)

static int dev, node, dmabuf, direct;
static uint32_t buf_id, file_id;
static uint64_t *view;
static atomic_bool stop;

struct thread {
	pthread_t id;
	unsigned int number;
	uint64_t *host;
	atomic_uint rounds;
	double ended;
};

static struct thread threads[THREADS];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static void refused(const char *what)
{
	struct gpudmabuf_explain why = { .size = sizeof(why) };
	const char *name = strerrorname_np(errno);

	if (ioctl(dev, GPUDMABUF_EXPLAIN, &why))
		die("explain");
	printf("%s %s %s %llu\n", what, name, gdb_reason_name(why.out_reason),
	       (unsigned long long)why.out_detail);
}

static bool path(void)
{
	struct gpudmabuf_path arg = {
		.size = sizeof(arg), .buf_id = buf_id, .file_id = file_id,
	};

	if (ioctl(dev, GPUDMABUF_PATH, &arg)) {
		refused("path");
		return false;
	}
	printf("path %s %u\n",
	       arg.out_where == GPUDMABUF_WHERE_HOST ? "HOST" : "DEVICE",
	       arg.out_segments);
	return true;
}

static bool transfer(struct thread *t, bool write)
{
	struct gpudmabuf_io io = {
		.size = sizeof(io), .buf_id = buf_id, .file_id = file_id,
		.flags = write ? GPUDMABUF_IO_WRITE : 0,
		.len = PART, .buf_off = t->number * PART,
		.file_off = (t->number + 1) * PART,
	};

	if (!ioctl(dev, GPUDMABUF_IO, &io) && io.out_done == PART)
		return true;
	refused("io");
	return false;
}

static uint64_t word(const struct thread *t, size_t i)
{
	return ((uint64_t)(t->number + 1) << 56 | (uint64_t)t->rounds << 32 |
		i) * 0x9e3779b97f4a7c15ULL;
}

static void compare(const struct thread *t, const uint64_t *got,
		    const char *where)
{
	for (size_t i = 0; i < PART / 8; i++) {
		if (got[i] == word(t, i))
			continue;
		printf("byte %zu in %s is wrong\n", i * 8, where);
		exit(1);
	}
}

/* To the disk and back, looked at on both sides. */
static bool round_trip(struct thread *t)
{
	uint64_t *part = view + t->number * PART / 8;

	for (size_t i = 0; i < PART / 8; i++)
		part[i] = word(t, i);
	if (!transfer(t, true))
		return false;
	if (pread(direct, t->host, PART, (t->number + 1) * PART) != PART)
		die("pread");
	compare(t, t->host, "the disk");
	memset(part, 0xc5, PART);
	if (!transfer(t, false))
		return false;
	compare(t, part, "the memory");
	t->rounds++;
	return true;
}

/* The memory may go away: its contents are not looked at. */
static bool exercise(struct thread *t)
{
	t->rounds++;
	return transfer(t, t->rounds & 1);
}

static void *run_verified(void *arg)
{
	struct thread *t = arg;

	while (!stop && round_trip(t))
		;
	t->ended = now();
	return NULL;
}

static void *run_plain(void *arg)
{
	struct thread *t = arg;

	while (!stop && exercise(t))
		;
	t->ended = now();
	return NULL;
}

static void start(void *(*run)(void *))
{
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i].id, NULL, run, &threads[i]))
			die("thread");
	for (int i = 0; i < THREADS; i++)
		while (!threads[i].rounds)
			usleep(1000);
}

/* The latest end of a thread. */
static double join(void)
{
	double ended = 0;

	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		if (threads[i].ended > ended)
			ended = threads[i].ended;
	}
	return ended;
}

static void invalidate(unsigned int times, unsigned int hold_ms, bool revoke)
{
	struct hostile_invalidate arg = {
		.fd = dmabuf, .times = times, .hold_ms = hold_ms,
		.revoke = revoke,
	};

	if (ioctl(node, HOSTILE_INVALIDATE, &arg))
		die("invalidate");
}

static void act_io(char **args)
{
	double start = now();
	bool mapped = path();

	printf("ms %.0f\n", now() - start);
	if (mapped && round_trip(&threads[0]) && round_trip(&threads[1]))
		puts("io ok");
}

static void act_plain(char **args)
{
	if (path() && exercise(&threads[0]) && exercise(&threads[0]))
		puts("io ok");
}

static void act_again(char **args)
{
	path();
	act_io(args);
}

static void on_alarm(int number)
{
	(void)number;
}

static void act_interrupt(char **args)
{
	struct sigaction act = { .sa_handler = on_alarm };
	struct itimerval timer = {
		.it_value.tv_usec = atoi(args[0]) * 1000 % 1000000,
		.it_value.tv_sec = atoi(args[0]) / 1000,
	};
	double start = now();

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	path();
	printf("ms %.0f\n", now() - start);
}

static void act_invalidate(char **args)
{
	unsigned int before;

	start(run_verified);
	for (int i = 0; i < atoi(args[2]); i++) {
		invalidate(atoi(args[0]), atoi(args[1]), false);
		usleep(5000);
	}
	before = threads[0].rounds;
	while (threads[0].rounds < before + 2)
		usleep(1000);
	stop = true;
	join();
	puts("io ok");
}

static void act_revoke(char **args)
{
	double start_ms, ended;

	start(run_plain);
	usleep(200000);
	start_ms = now();
	invalidate(1, 0, true);
	printf("ms %.0f\n", now() - start_ms);
	ended = join();
	printf("ms %.0f\n", ended - start_ms);
}

static const struct {
	const char *name;
	int args;
	void (*fn)(char **args);
} actions[] = {
	{ "io", 0, act_io },
	{ "plain", 0, act_plain },
	{ "again", 0, act_again },
	{ "interrupt", 1, act_interrupt },
	{ "invalidate", 3, act_invalidate },
	{ "revoke", 0, act_revoke },
};

static void set_up(char **args)
{
	struct hostile_create create = {
		.mode = atoi(args[0]), .flags = atoi(args[1]),
		.param = strtoul(args[2], NULL, 0), .length = LEN,
	};
	struct gpudmabuf_buf_register buf = { .size = sizeof(buf) };
	struct gpudmabuf_file_register file = { .size = sizeof(file) };

	node = open(HOSTILE_NODE, O_RDWR | O_CLOEXEC);
	if (node < 0 || ioctl(node, HOSTILE_CREATE, &create))
		die(HOSTILE_NODE);
	dmabuf = create.out_fd;
	view = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	if (view == MAP_FAILED)
		die("mmap");
	dev = open("/dev/gpudmabuf", O_RDWR | O_CLOEXEC);
	direct = open(DISK, O_RDONLY | O_DIRECT | O_CLOEXEC);
	file.fd = open(DISK, O_RDWR | O_CLOEXEC);
	buf.fd = dmabuf;
	if (dev < 0 || direct < 0 || file.fd < 0 ||
	    ioctl(dev, GPUDMABUF_BUF_REGISTER, &buf) ||
	    ioctl(dev, GPUDMABUF_FILE_REGISTER, &file))
		die("set-up");
	buf_id = buf.out_buf_id;
	file_id = file.out_file_id;
	for (int i = 0; i < THREADS; i++) {
		threads[i].number = i;
		threads[i].host = aligned_alloc(4096, PART);
	}
}

/* What the exporter still knows of us when everything was given back. */
static void tell_stat(void)
{
	struct gpudmabuf_buf_unregister arg = {
		.size = sizeof(arg), .buf_id = buf_id,
	};
	struct hostile_stat stat = { .fd = dmabuf };

	if (ioctl(dev, GPUDMABUF_BUF_UNREGISTER, &arg) ||
	    ioctl(node, HOSTILE_STAT, &stat))
		die("stat");
	printf("attached %u mapped %u maps %u\n", stat.out_attached,
	       stat.out_mapped, stat.out_maps);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	setlinebuf(stdout);
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(argv[4], actions[i].name) ||
		    argc != 5 + actions[i].args)
			continue;
		set_up(argv + 1);
		actions[i].fn(argv + 5);
		tell_stat();
		return 0;
	}
	return 2;
}
