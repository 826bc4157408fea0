// SPDX-License-Identifier: MIT
/* The ioctls of the made-up kernel: every field of each is checked. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <linux/dma-buf.h>

#include "mock_internal.h"
#include "sys.h"

#define ID_BASE 7	/* a buffer's id is no file's, and neither is 0 */
#define FILE_ID_BASE 70
#define N_IDS 16

static bool bufs[N_IDS], files[N_IDS];
static int calls_of_fail_cmd;
static uint32_t last_error, last_reason;
static uint64_t last_detail;

void mock_ioctl_reset(void)
{
	memset(bufs, 0, sizeof(bufs));
	memset(files, 0, sizeof(files));
	calls_of_fail_cmd = 0;
	last_error = 0;
	last_reason = GPUDMABUF_REASON_NONE;
}

int mock_ids_alive(void)
{
	int n = 0;

	for (int i = 0; i < N_IDS; i++)
		n += bufs[i] + files[i];
	return n;
}

void mock_fail(unsigned long cmd, int nth, int error, uint32_t reason,
	       uint64_t detail)
{
	mock.fail_cmd = cmd;
	mock.fail_nth = nth;
	mock.fail_error = error;
	mock.fail_reason = reason;
	mock.fail_detail = detail;
	calls_of_fail_cmd = 0;
}

static int refuse(int error, uint32_t reason, uint64_t detail)
{
	last_error = error;
	last_reason = reason;
	last_detail = detail;
	return -error;
}

/* An id within the array, registered; NULL otherwise. */
static bool *find_id(bool *ids, uint32_t base, uint32_t id)
{
	assert_true(id >= base && id < base + N_IDS);
	return ids[id - base] ? &ids[id - base] : NULL;
}

static int new_id(bool *ids, uint32_t base)
{
	for (int i = 0; i < N_IDS; i++) {
		if (!ids[i]) {
			ids[i] = true;
			return base + i;
		}
	}
	fail_msg("too many objects for the mock");
	return 0;
}

static int do_query(struct gpudmabuf_query *q)
{
	struct gpudmabuf_query expected = { .size = sizeof(*q) };

	assert_memory_equal(q, &expected, sizeof(*q));
	q->out_abi = mock.abi;
	q->out_max_io = mock.max_io;
	q->out_max_bufs = N_IDS;
	q->out_max_files = N_IDS;
	q->out_features = GPUDMABUF_FEATURE_BLOCK;
	return 0;
}

static int do_buf_register(struct gpudmabuf_buf_register *reg)
{
	struct gpudmabuf_buf_register expected = {
		.size = sizeof(*reg),
		.fd = reg->fd,
	};
	struct mock_fd *fd = mock_get_fd(reg->fd);

	assert_memory_equal(reg, &expected, sizeof(*reg));
	if (!fd)
		return refuse(EBADF, GPUDMABUF_REASON_BAD_FD, 0);
	if (fd->kind != DMABUF)
		return refuse(EINVAL, GPUDMABUF_REASON_NOT_DMABUF, 0);
	reg->out_buf_id = new_id(bufs, ID_BASE);
	reg->out_length = fd->size;
	return 0;
}

static int do_file_register(struct gpudmabuf_file_register *reg)
{
	struct gpudmabuf_file_register expected = {
		.size = sizeof(*reg),
		.fd = reg->fd,
	};
	struct mock_fd *fd = mock_get_fd(reg->fd);

	assert_memory_equal(reg, &expected, sizeof(*reg));
	assert_non_null(fd);
	if (fd->kind != DISK)
		return refuse(EOPNOTSUPP, GPUDMABUF_REASON_FILE_KIND, S_IFREG);
	reg->out_file_id = new_id(files, FILE_ID_BASE);
	reg->out_length = fd->size;
	reg->out_block_size = MOCK_BLOCK;
	reg->out_max_command = 128 << 10;
	reg->out_flags = GPUDMABUF_FILE_READABLE | GPUDMABUF_FILE_WRITABLE;
	reg->out_pci_id = 0x0300;
	return 0;
}

static int do_buf_unregister(struct gpudmabuf_buf_unregister *unreg)
{
	struct gpudmabuf_buf_unregister expected = {
		.size = sizeof(*unreg),
		.buf_id = unreg->buf_id,
	};
	bool *id = find_id(bufs, ID_BASE, unreg->buf_id);

	assert_memory_equal(unreg, &expected, sizeof(*unreg));
	assert_non_null(id);
	*id = false;
	return 0;
}

static int do_file_unregister(struct gpudmabuf_file_unregister *unreg)
{
	struct gpudmabuf_file_unregister expected = {
		.size = sizeof(*unreg),
		.file_id = unreg->file_id,
	};
	bool *id = find_id(files, FILE_ID_BASE, unreg->file_id);

	assert_memory_equal(unreg, &expected, sizeof(*unreg));
	assert_non_null(id);
	*id = false;
	return 0;
}

static int do_path(struct gpudmabuf_path *path)
{
	struct gpudmabuf_path expected = {
		.size = sizeof(*path),
		.buf_id = path->buf_id,
		.file_id = path->file_id,
	};

	assert_memory_equal(path, &expected, sizeof(*path));
	assert_non_null(find_id(bufs, ID_BASE, path->buf_id));
	assert_non_null(find_id(files, FILE_ID_BASE, path->file_id));
	path->out_where = mock.where;
	path->out_segments = 3;
	return 0;
}

static int do_io(struct gpudmabuf_io *io)
{
	assert_int_equal(io->size, sizeof(*io));
	assert_int_equal(io->flags & ~GPUDMABUF_IO_WRITE, 0);
	assert_int_equal(io->out_done, 0);
	assert_non_null(find_id(bufs, ID_BASE, io->buf_id));
	assert_non_null(find_id(files, FILE_ID_BASE, io->file_id));
	assert_true(io->len <= mock.max_io);
	assert_int_equal((io->len | io->file_off | io->buf_off) % MOCK_BLOCK,
			 0);
	assert_true(mock.n_io < MOCK_IO_LOG);
	mock.io[mock.n_io++] = *io;

	if (io->file_off >= MOCK_DISK_SIZE) {
		if (io->flags & GPUDMABUF_IO_WRITE)
			return refuse(ENOSPC, GPUDMABUF_REASON_PAST_END,
				      MOCK_DISK_SIZE);
		return 0;
	}
	io->out_done = io->len;
	if (io->len > MOCK_DISK_SIZE - io->file_off)
		io->out_done = MOCK_DISK_SIZE - io->file_off;
	return 0;
}

static int do_explain(struct gpudmabuf_explain *ex)
{
	struct gpudmabuf_explain expected = { .size = sizeof(*ex) };

	assert_memory_equal(ex, &expected, sizeof(*ex));
	mock.n_explain++;
	ex->out_reason = last_reason;
	ex->out_error = mock.explain_error ? (uint32_t)mock.explain_error :
					     last_error;
	ex->out_detail = last_detail;
	return 0;
}

static int dev_ioctl(unsigned long cmd, void *arg)
{
	switch (cmd) {
	case GPUDMABUF_QUERY:
		return do_query(arg);
	case GPUDMABUF_BUF_REGISTER:
		return do_buf_register(arg);
	case GPUDMABUF_BUF_UNREGISTER:
		return do_buf_unregister(arg);
	case GPUDMABUF_FILE_REGISTER:
		return do_file_register(arg);
	case GPUDMABUF_FILE_UNREGISTER:
		return do_file_unregister(arg);
	case GPUDMABUF_PATH:
		return do_path(arg);
	case GPUDMABUF_IO:
		return do_io(arg);
	case GPUDMABUF_EXPLAIN:
		return do_explain(arg);
	default:
		fail_msg("no such call: %#lx", cmd);
		return -ENOTTY;
	}
}

static int bar_query(int bar, struct gpudmabuf_bar_query *q)
{
	struct gpudmabuf_bar_query expected = { .size = sizeof(*q) };

	assert_memory_equal(q, &expected, sizeof(*q));
	q->out_abi = GPUDMABUF_BAR_ABI_VERSION;
	q->out_bar = 2;
	q->out_length = MOCK_BUF_SIZE;
	q->out_free = mock.bar_free[bar];
	q->out_granule = 4096;
	q->out_buffers = 1;
	return 0;
}

static int bar_alloc(int bar, struct gpudmabuf_bar_alloc *alloc)
{
	struct gpudmabuf_bar_alloc expected = {
		.size = sizeof(*alloc),
		.flags = alloc->flags,
		.length = alloc->length,
	};
	uint64_t length = (alloc->length + 4095) & ~4095ull;
	bool rdonly = alloc->flags & GPUDMABUF_BAR_ALLOC_RDONLY;

	assert_memory_equal(alloc, &expected, sizeof(*alloc));
	assert_int_equal(alloc->flags & ~GPUDMABUF_BAR_ALLOC_RDONLY, 0);
	mock.alloc_flags = alloc->flags;
	if (length > mock.bar_free[bar])
		return -ENOSPC;
	mock.bar_free[bar] -= length;
	alloc->out_fd = mock_dmabuf(length, rdonly ? O_RDONLY : O_RDWR);
	return 0;
}

static int bar_ioctl(int bar, unsigned long cmd, void *arg)
{
	switch (cmd) {
	case GPUDMABUF_BAR_QUERY:
		return bar_query(bar, arg);
	case GPUDMABUF_BAR_ALLOC:
		return bar_alloc(bar, arg);
	default:
		fail_msg("no such call: %#lx", cmd);
		return -ENOTTY;
	}
}

static int dmabuf_ioctl(unsigned long cmd, void *arg)
{
	struct dma_buf_sync *sync = arg;

	assert_true(cmd == DMA_BUF_IOCTL_SYNC);
	mock.n_sync++;
	mock.sync_flags = sync->flags;
	return 0;
}

int gdb_sys_ioctl(int fd, unsigned long cmd, void *arg)
{
	struct mock_fd *f = mock_get_fd(fd);

	assert_non_null(f);
	if (cmd == mock.fail_cmd && ++calls_of_fail_cmd == mock.fail_nth)
		return refuse(mock.fail_error, mock.fail_reason,
			      mock.fail_detail);
	switch (f->kind) {
	case DEV:
		return dev_ioctl(cmd, arg);
	case BAR:
		return bar_ioctl(f->bar, cmd, arg);
	case DMABUF:
		return dmabuf_ioctl(cmd, arg);
	default:
		fail_msg("ioctl on the wrong descriptor");
		return -ENOTTY;
	}
}
