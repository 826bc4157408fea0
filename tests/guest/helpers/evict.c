// SPDX-License-Identifier: MIT
/*
 * evict DISK EVICTIONS: moves GPU memory so many times under verified I/O.
 *
 * Two threads, each with a half of one dma-buf and a place of DISK of its own,
 * write a pattern from it and look at the disk through host memory, then read it
 * back into wiped memory and look at that.  Each place that was left stays
 * reserved, filled with a canary, until the next move has looked at it.
 *
 * In the end the memory holds END alone, for those who look from outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <gpudmabuf.h>
#include <linux/gpudmabuf_bar.h>

#define THREADS	2
#define LEN	(64UL << 10)
#define CANARY	0xc5
#define END	0x5a

struct thread {
	pthread_t id;
	unsigned int number;
	uint64_t *view;
	uint64_t *host;
	atomic_uint rounds;
};

static struct thread threads[THREADS];
static struct gdb_file *file;
static struct gdb_buf *buf;
static int direct;
static atomic_bool stop;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void check(const char *what, ssize_t ret)
{
	struct gdb_explanation why = {};

	if (ret >= 0)
		return;
	gdb_explain(&why);
	fprintf(stderr, "%s: %s, %s\n", what, strerror(-ret),
		gdb_reason_name(why.reason));
	exit(1);
}

/* A short transfer is an error: nothing ends here. */
static ssize_t whole(ssize_t done)
{
	return done < 0 || done == (ssize_t)LEN ? done : -EIO;
}

static uint64_t word(const struct thread *t, unsigned int round, size_t i)
{
	return ((uint64_t)(t->number + 1) << 56 | (uint64_t)round << 32 | i) *
	       0x9e3779b97f4a7c15ULL;
}

static void compare(const struct thread *t, unsigned int round,
		    const uint64_t *got, const char *where)
{
	for (size_t i = 0; i < LEN / 8; i++) {
		if (got[i] == word(t, round, i))
			continue;
		fprintf(stderr, "thread %u round %u: byte %zu in %s is wrong\n",
			t->number, round, i * 8, where);
		exit(1);
	}
}

static void go_round(struct thread *t, unsigned int round)
{
	off_t disk_off = (off_t)(t->number + 1) << 20;
	off_t buf_off = t->number * LEN;

	for (size_t i = 0; i < LEN / 8; i++)
		t->view[i] = word(t, round, i);
	check("end of access", gdb_buf_cpu_end(buf, GDB_CPU_WRITE));
	check("write", whole(gdb_write(file, buf, LEN, disk_off, buf_off)));
	if (pread(direct, t->host, LEN, disk_off) != (ssize_t)LEN)
		die("pread");
	compare(t, round, t->host, "the disk");

	memset(t->view, ~CANARY, LEN);
	check("end of access", gdb_buf_cpu_end(buf, GDB_CPU_WRITE));
	check("read", whole(gdb_read(file, buf, LEN, disk_off, buf_off)));
	compare(t, round, t->view, "the memory");
}

static void *run(void *arg)
{
	struct thread *t = arg;

	while (!stop) {
		go_round(t, t->rounds);
		t->rounds++;
	}
	return NULL;
}

static int open_node(void)
{
	glob_t nodes;
	int node;

	if (glob("/dev/gpudmabuf-bar/*", 0, NULL, &nodes))
		die("no BAR exporter");
	node = open(nodes.gl_pathv[0], O_RDWR | O_CLOEXEC);
	globfree(&nodes);
	if (node < 0)
		die("exporter");
	return node;
}

static int alloc_dynamic(int node)
{
	struct gpudmabuf_bar_alloc alloc = {
		.size = sizeof(alloc),
		.flags = GPUDMABUF_BAR_ALLOC_DYNAMIC,
		.length = THREADS * LEN,
	};

	if (ioctl(node, GPUDMABUF_BAR_ALLOC, &alloc))
		die("alloc");
	return alloc.out_fd;
}

static uint64_t evict(int node, int fd)
{
	struct gpudmabuf_bar_evict arg = {
		.size = sizeof(arg),
		.flags = GPUDMABUF_BAR_EVICT_KEEP,
		.fd = fd,
		.fill = CANARY,
	};

	if (ioctl(node, GPUDMABUF_BAR_EVICT, &arg))
		die("evict");
	return arg.out_stray;
}

static void start(unsigned char *view)
{
	for (unsigned int i = 0; i < THREADS; i++) {
		struct thread *t = &threads[i];

		t->number = i;
		t->view = (uint64_t *)(view + i * LEN);
		t->host = aligned_alloc(4096, LEN);
		if (!t->host || pthread_create(&t->id, NULL, run, t))
			die("thread");
	}
}

/* At least @rounds more of each thread. */
static void await(unsigned int rounds)
{
	for (int i = 0; i < THREADS; i++) {
		unsigned int until = threads[i].rounds + rounds;

		while (threads[i].rounds < until)
			usleep(1000);
	}
}

static uint64_t evict_all(int node, int fd, int evictions)
{
	uint64_t stray = 0;

	srandom(evictions);
	for (int i = 0; i < evictions; i++) {
		stray += evict(node, fd);
		/* At every stage of an I/O, but often enough with none. */
		usleep(random() % 4000);
	}
	return stray;
}

int main(int argc, char **argv)
{
	struct gdb *g;
	uint64_t stray;
	void *view;
	int node, fd;

	if (argc != 3)
		return 2;
	node = open_node();
	fd = alloc_dynamic(node);
	direct = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (direct < 0)
		die(argv[1]);
	check("open", gdb_open(&g, 0));
	check("import", gdb_buf_import(g, fd, 0, &buf));
	check("map", gdb_buf_map(buf, &view));
	check(argv[1], gdb_file_open(g, argv[1], O_RDWR, &file));

	start(view);
	await(1);
	stray = evict_all(node, fd, atoi(argv[2]));
	await(1);
	stop = true;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		printf("%u rounds\n", threads[i].rounds);
	}
	stray += evict(node, fd);

	memset(view, END, THREADS * LEN);
	gdb_file_close(file);
	gdb_buf_free(buf);
	gdb_close(g);
	if (stray)
		printf("%llu bytes were written to places that had been left\n",
		       (unsigned long long)stray);
	return !!stray;
}
