// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transfer.h"

static const char help[] =
"Usage: gpudmabuf write [OPTION]... --input FILE DISK\n"
"\n"
"Copies a file into GPU memory, through the CPU's view of it, and from there\n"
"straight to DISK, an NVMe namespace or partition; then flushes the disk.\n"
"\n"
"  -i, --input FILE        file to read, - for standard input\n"
"  -s, --offset BYTES      where to begin on the disk (0)\n"
"  -n, --length BYTES      how much to write (the whole file)\n"
"  -b, --buffer EXPORTER   where the memory comes from: bar, or bar: and a PCI\n"
"                          address (bar)\n"
"  -B, --buf-offset BYTES  where to begin in the memory (0)\n"
"  -f, --force             write to a disk that is in use or not empty\n"
"  -j, --json              report in JSON\n"
"  -h, --help              this help\n"
"\n"
"BYTES may end in K, M, G or T, powers of 1024.  Offsets and length have to be\n"
"multiples of the disk's logical block, which gpudmabuf info shows.\n"
"\n"
"A disk is refused, unless forced, that is mounted, swapped to or held by device\n"
"mapper or md, itself or one of its partitions, or that has a file system's or a\n"
"partition table's signature.\n"
"\n"
"Examples:\n"
"  gpudmabuf write /dev/nvme1n1 --input weights.bin\n"
"  gpudmabuf write /dev/nvme1n1 --offset 1G --length 4M --input - < /dev/urandom\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong usage, 3 there is no direct path.\n";

/*
 * As much as there is, up to @len; or -errno.  By way of host memory: some file
 * systems pin what they read into.
 */
static ssize_t copy_in(int fd, char *map, size_t len)
{
	static char host[1 << 20];
	size_t done = 0;

	while (done < len) {
		size_t want = len - done;
		ssize_t n;

		if (want > sizeof(host))
			want = sizeof(host);
		n = read(fd, host, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		memcpy(map + done, host, n);
		done += n;
	}
	return done;
}

/* Fills the memory; bytes, or -1 after complaining. */
static ssize_t fill(struct transfer *t, int in, size_t len)
{
	void *map;
	ssize_t n;

	if (gdb_buf_map(t->buf, &map) ||
	    gdb_buf_cpu_begin(t->buf, GDB_CPU_WRITE)) {
		complain_last("cannot fill the memory");
		return -1;
	}
	n = copy_in(in, (char *)map + t->buf_offset, len);
	if (gdb_buf_cpu_end(t->buf, GDB_CPU_WRITE)) {
		complain_last("cannot fill the memory");
		return -1;
	}
	if (n < 0) {
		complain("Name a file that can be read.", "cannot read %s: %s",
			 t->host_file, strerror(-n));
		return -1;
	}
	return n;
}

/* One piece out of the memory; a short count is carried on from there. */
static int drain(struct transfer *t, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = gdb_write(t->file, t->buf, len - done,
				      t->offset + t->done,
				      t->buf_offset + done);

		if (n <= 0)
			return complain_last("writing %s failed at %" PRIu64,
					     t->path, t->offset + t->done);
		done += n;
		t->done += n;
	}
	return EXIT_OK;
}

static int write_pieces(struct transfer *t, int in)
{
	while (!t->have_length || t->done < t->length) {
		size_t want = t->piece;
		ssize_t n;
		int ret;

		if (t->have_length && t->length - t->done < want)
			want = t->length - t->done;
		n = fill(t, in, want);
		if (n < 0)
			return EXIT_FAILED;
		if (!n)
			break;
		ret = drain(t, n);
		if (ret)
			return ret;
	}
	if (gdb_sync(t->file))
		return complain_last("cannot flush %s", t->path);
	return EXIT_OK;
}

/* Of a regular file the length is known: it must suit before a byte moves. */
static int check_length(struct transfer *t, int in)
{
	unsigned int block = gdb_file_block_size(t->file);
	struct stat st;

	if (!t->have_length && !fstat(in, &st) && S_ISREG(st.st_mode)) {
		t->have_length = true;
		t->length = st.st_size;
	}
	if (!t->have_length || !(t->length % block))
		return EXIT_OK;
	complain("Pad it, or give a --length that is a multiple.",
		 "%" PRIu64 " bytes are no multiple of the logical block of %s, %u bytes",
		 t->length, t->path, block);
	return EXIT_NO_DIRECT;
}

static int write_disk(struct transfer *t, int in)
{
	int ret;

	if (!t->force) {
		ret = disk_guard(t->path);
		if (ret)
			return ret;
	}
	ret = transfer_open_disk(t, O_RDWR | (t->force ? 0 : O_EXCL));
	if (ret)
		return ret;
	ret = check_length(t, in);
	if (ret)
		return ret;
	ret = transfer_open_memory(t, t->have_length ? t->length : 16 << 20);
	if (ret)
		return ret;
	return write_pieces(t, in);
}

int cmd_write(int argc, char **argv)
{
	struct transfer t = { .cmd = "write" };
	int ret, in;

	if (!transfer_parse(&t, argc, argv, help, &ret))
		return ret;
	if (!t.host_file)
		return usage_error("write", "no --input given");
	in = strcmp(t.host_file, "-") ?
	     open(t.host_file, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	if (in < 0)
		return complain("Name a file that can be read.",
				"cannot open %s: %s", t.host_file,
				strerror(errno));
	ret = write_disk(&t, in);
	if (!ret)
		transfer_report(&t, stdout);
	transfer_close(&t);
	close(in);
	return ret;
}
