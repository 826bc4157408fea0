// SPDX-License-Identifier: MIT
/*
 * verify [-p | -r] DISK THREADS LEN SECONDS [READY]
 *
 * Threads write GPU memory to a place of DISK of their own, LEN bytes in one
 * call, and read it back into wiped memory, for SECONDS or until an I/O fails.
 * A wrong byte ends all with status 1.  A thread that met an error prints
 * errno's and reason's name; the others print how often they went round.  SIGINT
 * ends it early.  The file READY is made when all threads are at it.
 *
 * With -p the memory is not looked at, so that it may be taken away; with -r the
 * disk is only read besides.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gpudmabuf.h>

#define MAX_THREADS 16

static struct gdb *g;
static struct gdb_file *file;
static size_t len;
static volatile time_t until;
static bool plain, read_only;
static atomic_int rounds_done;

struct thread {
	pthread_t id;
	unsigned int number;
	struct gdb_buf *buf;
	uint64_t *view;
};

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static uint64_t word(const struct thread *t, unsigned int round, size_t i)
{
	return ((uint64_t)t->number << 56 | (uint64_t)round << 32 | i) *
	       0x9e3779b97f4a7c15ULL;
}

static void fill(struct thread *t, unsigned int round)
{
	for (size_t i = 0; !plain && i < len / 8; i++)
		t->view[i] = word(t, round, i);
}

static void wipe(struct thread *t)
{
	if (!plain)
		memset(t->view, 0xc5, len);
}

static void compare(struct thread *t, unsigned int round)
{
	for (size_t i = 0; !plain && i < len / 8; i++) {
		if (t->view[i] == word(t, round, i))
			continue;
		fprintf(stderr, "thread %u round %u: byte %zu is wrong\n",
			t->number, round, i * 8);
		exit(1);
	}
}

/* SIGINT: the round under way is the last. */
static void finish(int number)
{
	(void)number;
	until = 0;
}

typedef ssize_t transfer_fn(struct gdb_file *f, struct gdb_buf *b, size_t len,
			    off_t file_off, off_t buf_off);

static ssize_t read_disk(struct gdb_file *f, struct gdb_buf *b, size_t n,
			 off_t file_off, off_t buf_off)
{
	return gdb_read(f, b, n, file_off, buf_off);
}

static ssize_t write_disk(struct gdb_file *f, struct gdb_buf *b, size_t n,
			  off_t file_off, off_t buf_off)
{
	return gdb_write(f, b, n, file_off, buf_off);
}

static void tell(ssize_t err)
{
	struct gdb_explanation why = {};

	gdb_explain(&why);
	printf("%s %s\n", strerrorname_np(-err), gdb_reason_name(why.reason));
}

/* Whether to go on.  After a short count, the rest tells why. */
static bool transfer(struct thread *t, transfer_fn *fn)
{
	off_t off = (off_t)(t->number + 1) * len;
	ssize_t done = fn(file, t->buf, len, off, 0);

	if (done == (ssize_t)len)
		return true;
	if (done > 0) {
		done = fn(file, t->buf, len - done, off + done, done);
		if (done >= 0) {
			printf("SHORT without a reason\n");
			return false;
		}
	}
	tell(done);
	return false;
}

static void *run(void *arg)
{
	struct thread *t = arg;
	unsigned int round;

	for (round = 0; now() < until; round++) {
		fill(t, round);
		if (!read_only && !transfer(t, write_disk))
			return NULL;
		wipe(t);
		if (!transfer(t, read_disk))
			return NULL;
		compare(t, round);
		rounds_done++;
	}
	printf("%u rounds\n", round);
	return NULL;
}

static int start(struct thread *t, unsigned int number)
{
	void *view = NULL;

	t->number = number;
	if (gdb_buf_alloc(g, "bar", len, 0, &t->buf) ||
	    (!plain && gdb_buf_map(t->buf, &view)))
		return -1;
	t->view = view;
	return pthread_create(&t->id, NULL, run, t);
}

int main(int argc, char **argv)
{
	struct thread threads[MAX_THREADS];
	int number;

	read_only = argc > 1 && !strcmp(argv[1], "-r");
	plain = read_only || (argc > 1 && !strcmp(argv[1], "-p"));
	argv += plain;
	argc -= plain;
	if (argc < 5 || atoi(argv[2]) > MAX_THREADS)
		return 2;
	number = atoi(argv[2]);
	len = strtoull(argv[3], NULL, 0);
	until = now() + atoi(argv[4]);
	setlinebuf(stdout);
	signal(SIGINT, finish);

	if (gdb_open(&g, 0) || gdb_file_open(g, argv[1], O_RDWR, &file)) {
		tell(-1);
		return 1;
	}
	for (int i = 0; i < number; i++) {
		if (start(&threads[i], i)) {
			tell(-1);
			return 1;
		}
	}
	while (rounds_done < number && now() < until)
		usleep(1000);
	if (argc > 5)
		close(open(argv[5], O_WRONLY | O_CREAT, 0600));
	for (int i = 0; i < number; i++) {
		pthread_join(threads[i].id, NULL);
		gdb_buf_free(threads[i].buf);
	}
	gdb_file_close(file);
	gdb_close(g);
	return 0;
}
