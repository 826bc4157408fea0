// SPDX-License-Identifier: MIT
/*
 * storm DISK THREADS KILLS [USECONDS]: processes that read and write between DISK's second
 * half and GPU memory for ever, from several threads each; one after the other
 * is killed in the middle of it, after USECONDS or up to 9 milliseconds.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gpudmabuf.h>

#define BUF_LEN	(4UL << 20)
#define TICK	10000

static struct gdb_file *file;
static struct gdb_buf *buf;
static off_t half;

static void *run(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	for (;;) {
		size_t len = 512UL << rand_r(&seed) % 13;
		off_t off = half + rand_r(&seed) % 1024 * 512;
		ssize_t done = rand_r(&seed) & 1 ?
			gdb_read(file, buf, len, off, 0) :
			gdb_write(file, buf, len, off, 0);

		if (done != (ssize_t)len)
			exit(1);
	}
	return NULL;
}

static void victim(const char *disk, long threads, int ready)
{
	struct gdb *g;
	pthread_t thread;

	if (gdb_open(&g, 0) || gdb_buf_alloc(g, "bar", BUF_LEN, 0, &buf) ||
	    gdb_file_open(g, disk, O_RDWR, &file))
		exit(1);
	half = (off_t)gdb_file_size(file) / 2 & ~(off_t)4095;
	for (long i = 0; i < threads; i++)
		pthread_create(&thread, NULL, run, (void *)i);
	if (write(ready, "r", 1) != 1)
		exit(1);
	pause();
}

/* Whether the process was still at it when it was killed. */
static int kill_one(const char *disk, long threads, useconds_t after)
{
	int ready[2], status = 0;
	pid_t pid;
	char c;

	if (pipe(ready))
		return 0;
	pid = fork();
	if (!pid)
		victim(disk, threads, ready[1]);
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		return 0;
	close(ready[0]);
	for (; after > TICK; after -= TICK) {
		usleep(TICK);
		if (waitpid(pid, &status, WNOHANG))
			return 0;
	}
	usleep(after);
	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	for (long i = 0; i < atol(argv[3]); i++) {
		useconds_t after = argc > 4 ? atol(argv[4]) : i * 211 % 9000;

		if (!kill_one(argv[1], atol(argv[2]), after)) {
			fprintf(stderr, "process %ld ended by itself\n", i);
			return 1;
		}
	}
	return 0;
}
