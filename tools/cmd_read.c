// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transfer.h"

static const char help[] =
"Usage: gpudmabuf read [OPTION]... DISK\n"
"\n"
"Reads from DISK, an NVMe namespace or partition, straight into GPU memory; with\n"
"--output also copies the memory to a file, through the CPU's view of it.\n"
"\n"
"  -s, --offset BYTES      where to begin on the disk (0)\n"
"  -n, --length BYTES      how much to read (up to the end of the disk)\n"
"  -b, --buffer EXPORTER   where the memory comes from: bar, or bar: and a PCI\n"
"                          address (bar)\n"
"  -B, --buf-offset BYTES  where to begin in the memory (0)\n"
"  -o, --output FILE       file to write, - for standard output\n"
"  -j, --json              report in JSON\n"
"  -h, --help              this help\n"
"\n"
"BYTES may end in K, M, G or T, powers of 1024.  Offsets and length have to be\n"
"multiples of the disk's logical block, which gpudmabuf info shows.  What the\n"
"memory has no room for at once is read in pieces, one after the other into the\n"
"same memory.\n"
"\n"
"Examples:\n"
"  gpudmabuf read /dev/nvme0n1 --length 64M\n"
"  gpudmabuf read /dev/nvme0n1 --offset 1M --length 4K --output - | hexdump -C\n"
"  gpudmabuf read /dev/nvme0n1p2 --buffer bar:0000:04:00.0 --output p2.img\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong usage, 3 there is no direct path.\n";

static int open_output(const char *path)
{
	if (!path)
		return -1;
	if (!strcmp(path, "-"))
		return dup(STDOUT_FILENO);
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

/* By way of host memory: some file systems pin what they write from. */
static int copy_out(int fd, const char *map, size_t len)
{
	static char host[1 << 20];
	int err = 0;

	while (len && !err) {
		size_t n = len < sizeof(host) ? len : sizeof(host);

		memcpy(host, map, n);
		err = write_all(fd, host, n);
		map += n;
		len -= n;
	}
	return err;
}

static int dump(struct transfer *t, int fd, size_t len)
{
	void *map;
	int err;

	if (gdb_buf_map(t->buf, &map) ||
	    gdb_buf_cpu_begin(t->buf, GDB_CPU_READ))
		return complain_last("cannot look into the memory");
	err = copy_out(fd, (char *)map + t->buf_offset, len);
	gdb_buf_cpu_end(t->buf, GDB_CPU_READ);
	if (err)
		return complain("Make room, or name another file.",
				"cannot write %s: %s", t->host_file,
				strerror(-err));
	return EXIT_OK;
}

static int read_pieces(struct transfer *t, int out)
{
	while (t->done < t->length) {
		uint64_t left = t->length - t->done;
		size_t len = left < t->piece ? left : t->piece;
		ssize_t n;

		n = gdb_read(t->file, t->buf, len, t->offset + t->done,
			     t->buf_offset);
		if (n < 0)
			return complain_last("reading %s failed at %" PRIu64,
					     t->path, t->offset + t->done);
		if (!n)
			break;
		if (out >= 0 && dump(t, out, n))
			return EXIT_FAILED;
		t->done += n;
	}
	return EXIT_OK;
}

static int read_disk(struct transfer *t)
{
	off_t size;
	int ret, out;

	ret = transfer_open_disk(t, O_RDONLY);
	if (ret)
		return ret;
	size = gdb_file_size(t->file);
	if (size < 0)
		return complain_last("cannot read");
	if (!t->have_length)
		t->length = t->offset < (uint64_t)size ? size - t->offset : 0;
	ret = transfer_open_memory(t, t->length);
	if (ret)
		return ret;

	out = open_output(t->host_file);
	if (t->host_file && out < 0)
		return complain("Name a file that may be written.",
				"cannot open %s: %s", t->host_file,
				strerror(errno));
	ret = read_pieces(t, out);
	if (out >= 0 && close(out) && !ret)
		ret = complain("Make room, or name another file.",
			       "cannot write %s: %s", t->host_file,
			       strerror(errno));
	return ret;
}

int cmd_read(int argc, char **argv)
{
	struct transfer t = { .cmd = "read" };
	bool to_stdout;
	int ret;

	if (!transfer_parse(&t, argc, argv, help, &ret))
		return ret;
	to_stdout = t.host_file && !strcmp(t.host_file, "-");
	ret = read_disk(&t);
	if (!ret)
		transfer_report(&t, to_stdout ? stderr : stdout);
	transfer_close(&t);
	return ret;
}
