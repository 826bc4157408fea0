// SPDX-License-Identifier: MIT
/*
 * shared DISK ROUNDS: two processes, each with a context of its own, drive one
 * dma-buf, of which each uses a half.  The child is killed in the middle of its
 * I/O, again and again; the parent's goes on, and every byte of it is right.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gpudmabuf.h>

#define HALF (1UL << 20)

static int dmabuf;

static int import(const char *disk, struct gdb_file **ret_file,
		  struct gdb_buf **ret_buf)
{
	struct gdb *g;

	return gdb_open(&g, 0) || gdb_buf_import(g, dmabuf, 0, ret_buf) ||
	       gdb_file_open(g, disk, O_RDWR, ret_file);
}

static void child(const char *disk, int ready)
{
	struct gdb_file *file;
	struct gdb_buf *buf;

	if (import(disk, &file, &buf) ||
	    gdb_read(file, buf, HALF, 0, HALF) != (ssize_t)HALF ||
	    write(ready, "r", 1) != 1)
		_exit(1);
	while (gdb_read(file, buf, HALF, 0, HALF) == (ssize_t)HALF)
		;
	_exit(1);
}

/* Write and read back while the child dies. */
static int round_trip(struct gdb_file *file, struct gdb_buf *buf,
		      unsigned char *view, unsigned char seed)
{
	memset(view, seed, HALF);
	if (gdb_write(file, buf, HALF, 8 * HALF, 0) != (ssize_t)HALF)
		return -1;
	memset(view, ~seed, HALF);
	if (gdb_read(file, buf, HALF, 8 * HALF, 0) != (ssize_t)HALF)
		return -1;
	for (size_t i = 0; i < HALF; i++)
		if (view[i] != seed)
			return -1;
	return 0;
}

static int one(const char *disk, struct gdb_file *file, struct gdb_buf *buf,
	       unsigned char *view, int number)
{
	int ready[2], status;
	pid_t pid;
	char c;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid)
		child(disk, ready[1]);
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		return -1;
	close(ready[0]);
	if (round_trip(file, buf, view, 2 * number))
		return -1;
	kill(pid, SIGKILL);
	if (round_trip(file, buf, view, 2 * number + 1))
		return -1;
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return -1;
	return round_trip(file, buf, view, 2 * number + 1);
}

int main(int argc, char **argv)
{
	struct gdb_buf *mem, *buf;
	struct gdb_file *file;
	struct gdb *g;
	void *view;

	if (argc != 3)
		return 2;
	if (gdb_open(&g, 0) || gdb_buf_alloc(g, "bar", 2 * HALF, 0, &mem) ||
	    gdb_buf_map(mem, &view))
		return 1;
	dmabuf = gdb_buf_fd(mem);
	if (import(argv[1], &file, &buf))
		return 1;
	for (int i = 0; i < atoi(argv[2]); i++) {
		if (one(argv[1], file, buf, view, i)) {
			fprintf(stderr, "round %d failed\n", i);
			return 1;
		}
	}
	return 0;
}
