/* SPDX-License-Identifier: MIT */
/*
 * gpudmabuf: NVMe reads and writes straight into GPU memory.
 *
 * A context (struct gdb) holds buffers and files.  A buffer is memory behind a
 * dma-buf, mostly GPU memory.  A file is an NVMe namespace or a partition of
 * one.  gdb_read() and gdb_write() move bytes between the two.
 *
 * Rules for every call:
 *
 *  - An error is returned as a negative errno, never as -1.  What failed, why,
 *    and what to do about it is kept for the thread: see gdb_explain().
 *  - Outputs (ret) are set only on success.
 *  - All calls are thread-safe.  Destroying an object is not: nobody else may
 *    be using the pointer then.
 *  - The library prints nothing and installs no signal handlers.
 *
 * Buffers and files keep their context alive: they may be used and freed after
 * gdb_close().
 */
#ifndef GPUDMABUF_H
#define GPUDMABUF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gdb;
struct gdb_buf;
struct gdb_file;

/**
 * enum gdb_reason - the exact cause of a refusal
 *
 * Below 1000 the numbers are those of enum gpudmabuf_reason in
 * <linux/gpudmabuf.h>: the kernel module refused.  From 1000 on the library
 * did.  A newer module may give numbers that are not listed here.
 */
enum gdb_reason {
	GDB_REASON_NONE = 0,

	GDB_REASON_FLAGS = 1,
	GDB_REASON_RESERVED = 2,
	GDB_REASON_NOT_DMABUF = 3,
	GDB_REASON_FILE_ALIGN = 4,
	GDB_REASON_BUF_ALIGN = 5,
	GDB_REASON_LEN_ALIGN = 6,
	GDB_REASON_LEN_MAX = 7,
	GDB_REASON_OVERFLOW = 8,
	GDB_REASON_BUF_RANGE = 9,

	GDB_REASON_BAD_FD = 20,
	GDB_REASON_FILE_MODE = 21,
	GDB_REASON_BUF_MODE = 22,

	GDB_REASON_NO_BUF = 30,
	GDB_REASON_NO_FILE = 31,

	GDB_REASON_FILE_KIND = 40,
	GDB_REASON_BIO_BASED = 41,
	GDB_REASON_MULTIPATH = 42,
	GDB_REASON_NOT_NVME = 43,
	GDB_REASON_NOT_PCI = 44,
	GDB_REASON_ZONED = 45,
	GDB_REASON_INTEGRITY = 46,
	GDB_REASON_BLOCK_SIZE = 47,
	GDB_REASON_METADATA = 48,
	GDB_REASON_REFORMATTED = 49,
	GDB_REASON_IO_TIMEOUT = 50,
	GDB_REASON_PROBE_FAILED = 51,
	GDB_REASON_EMPTY = 52,

	GDB_REASON_ATTACH_REFUSED = 60,
	GDB_REASON_MAP_REFUSED = 61,
	GDB_REASON_SEG_ALIGN = 62,
	GDB_REASON_SEG_SHORT = 63,
	GDB_REASON_DMA_MASK = 64,
	GDB_REASON_DMA_SYNC = 65,

	GDB_REASON_DISK_GONE = 70,
	GDB_REASON_MEMORY_GONE = 71,

	GDB_REASON_READ_ONLY = 80,
	GDB_REASON_SWAP = 81,
	GDB_REASON_PAST_END = 82,

	GDB_REASON_TOO_MANY = 90,
	GDB_REASON_NO_MEMORY = 91,
	GDB_REASON_MEMLOCK = 92,

	GDB_REASON_MOVING = 100,
	GDB_REASON_KILLED = 101,
	GDB_REASON_DEVICE_ERROR = 102,
	GDB_REASON_SECURITY = 103,
	GDB_REASON_PAGE_CACHE = 104,

	/* A system call failed; the detail is its errno. */
	GDB_REASON_SYSTEM = 1000,
	/* A NULL, negative or otherwise impossible argument. */
	GDB_REASON_ARGUMENT = 1001,
	/* File and buffer belong to different contexts. */
	GDB_REASON_CONTEXT = 1002,
	/* There is no /dev/gpudmabuf. */
	GDB_REASON_NO_MODULE = 1003,
	/* /dev/gpudmabuf may not be opened. */
	GDB_REASON_NO_PERMISSION = 1004,
	/* The module speaks another ABI; the detail is its version. */
	GDB_REASON_ABI = 1005,
	/* No exporter has this name. */
	GDB_REASON_EXPORTER_UNKNOWN = 1006,
	/* The exporter has no device, or not the one named. */
	GDB_REASON_EXPORTER_NONE = 1007,
	/* The exporter's device may not be opened. */
	GDB_REASON_EXPORTER_ACCESS = 1008,
	/* Not enough free memory; the detail is what is free, in bytes. */
	GDB_REASON_EXPORTER_FULL = 1009,
	/* The exporter offers no CPU view; the detail is its errno. */
	GDB_REASON_NO_CPU_MAP = 1010,
	/* The file cannot be opened; the detail is its errno. */
	GDB_REASON_FILE_OPEN = 1011,
};

/**
 * struct gdb_explanation - a refusal, in words
 * @reason: an enum gdb_reason
 * @error: the errno that was returned, positive
 * @detail: a number that belongs to the reason; 0 if it has none
 * @text: one sentence that says what is the matter
 * @remedy: one or two sentences that say what to do about it
 */
struct gdb_explanation {
	int32_t reason;
	int32_t error;
	uint64_t detail;
	char text[256];
	char remedy[256];
};

/**
 * gdb_version() - version of the library
 *
 * Does not block.
 *
 * Return: a static string such as "0.1.0".
 */
const char *gdb_version(void);

/**
 * gdb_open() - open a context
 * @ret: the new context; free it with gdb_close()
 * @flags: must be 0
 *
 * Opens /dev/gpudmabuf.  Where there is none, or the caller may not open it,
 * or the module is of another ABI version, gdb_open() still succeeds: memory
 * can be allocated, mapped and passed on.  Reads and writes then fail with
 * EOPNOTSUPP and the reason NO_MODULE, NO_PERMISSION or ABI.
 *
 * Does not block.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@ret is NULL or @flags is not 0.
 *  ENOMEM	Out of memory.
 *  EMFILE	The process has no free descriptor.
 *  ENFILE	The system has no free descriptor.
 */
int gdb_open(struct gdb **ret, unsigned int flags);

/**
 * gdb_close() - give a context back
 * @g: the context, or NULL
 *
 * The context goes when its last buffer and its last file are gone too; they
 * remain usable until then.
 *
 * Does not block.
 */
void gdb_close(struct gdb *g);

/**
 * gdb_explain() - why the calling thread's last failed call failed
 * @ret: reason, errno, sentence and remedy
 *
 * Every function of this library that returns a negative errno leaves its
 * reason here, for the thread that called it.  A call that succeeds leaves the
 * reason alone.
 *
 * Does not block.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@ret is NULL.
 *  ENODATA	No call of this thread has failed yet.
 */
int gdb_explain(struct gdb_explanation *ret);

/**
 * gdb_reason_name() - short name of a reason
 * @reason: an enum gdb_reason
 *
 * For logs and programs; people want gdb_explain().  Does not block.
 *
 * Return: a static string such as "MULTIPATH"; "UNKNOWN" for a number that
 * this library does not know.
 */
const char *gdb_reason_name(int reason);

/**
 * enum gdb_buf_flags - flags of gdb_buf_alloc()
 * @GDB_BUF_RDONLY: memory that can be written to disk, not read into: the
 *		    descriptor is read-only, and so is the CPU view
 */
enum gdb_buf_flags {
	GDB_BUF_RDONLY = 1 << 0,
};

/**
 * gdb_buf_import() - make a buffer of a dma-buf
 * @g: the context
 * @dmabuf_fd: a dma-buf's descriptor; it is duplicated, the caller keeps his
 * @flags: must be 0
 * @ret: the new buffer; free it with gdb_buf_free()
 *
 * Any driver's dma-buf will do.  It is attached to a disk's controller when it
 * first meets that disk, in gdb_path(), gdb_read() or gdb_write(); whether the
 * two fit together shows then.
 *
 * Does not block.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@g or @ret is NULL, @flags is not 0, or @dmabuf_fd is not a
 *		dma-buf.
 *  EBADF	@dmabuf_fd is not open.
 *  EMFILE	The process has no free descriptor, or the context has as many
 *		buffers as it may have.
 *  ENOMEM	Out of memory.
 */
int gdb_buf_import(struct gdb *g, int dmabuf_fd, unsigned int flags,
		   struct gdb_buf **ret);

/**
 * gdb_buf_alloc() - allocate memory and make a buffer of it
 * @g: the context
 * @exporter: where from: "bar" for the first PCI BAR with enough room, or
 *	      "bar:0000:04:00.0" for the BAR of that PCI device
 * @len: bytes wanted; rounded up to what the exporter deals in, see
 *	 gdb_buf_size()
 * @flags: bits of enum gdb_buf_flags
 * @ret: the new buffer, all zeros; free it with gdb_buf_free()
 *
 * BAR memory is served by the kernel module gpudmabuf_bar.  Memory of any
 * other exporter comes in through gdb_buf_import().
 *
 * Blocks while the memory is cleared.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@g, @exporter or @ret is NULL, @len is 0, a flag is unknown, or
 *		no exporter has this name.
 *  ENODEV	The exporter has no device, or not the one named.
 *  EACCES	The exporter's device may not be opened.
 *  ENOSPC	The device has no free range of this length.
 *  EMFILE	The process has no free descriptor, or the context has as many
 *		buffers as it may have.
 *  ENOMEM	Out of host memory.
 *  EINTR	The process was killed while the memory was being cleared.
 */
int gdb_buf_alloc(struct gdb *g, const char *exporter, size_t len,
		  unsigned int flags, struct gdb_buf **ret);

/**
 * gdb_buf_fd() - the dma-buf behind a buffer
 * @b: the buffer
 *
 * The descriptor is borrowed: it belongs to the buffer and is closed with it.
 * Duplicate it to keep it.  Does not block.
 *
 * Return: the descriptor, or -EINVAL if @b is NULL.
 */
int gdb_buf_fd(const struct gdb_buf *b);

/**
 * gdb_buf_size() - length of a buffer
 * @b: the buffer
 *
 * Does not block.
 *
 * Return: bytes in the dma-buf; 0 if @b is NULL.
 */
size_t gdb_buf_size(const struct gdb_buf *b);

/**
 * gdb_buf_map() - the CPU's view of a buffer
 * @b: the buffer
 * @ret: the first byte; gdb_buf_size() bytes follow
 *
 * The memory is mapped once, readable and writable as the dma-buf's descriptor
 * is; later calls give the same address, which is valid until gdb_buf_free().
 * Put gdb_buf_cpu_begin() and gdb_buf_cpu_end() around every access.  When the
 * device behind the memory goes away an access raises SIGBUS.  Device memory
 * is slow to read for a CPU.
 *
 * Does not block.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@b or @ret is NULL.
 *  EOPNOTSUPP	The exporter has no CPU view.
 *  EACCES	The descriptor is write-only.
 *  ENODEV	The device behind the memory is gone.
 *  ENOMEM	Out of memory or of address space.
 */
int gdb_buf_map(struct gdb_buf *b, void **ret);

/**
 * enum gdb_cpu_flags - flags of gdb_buf_cpu_begin() and gdb_buf_cpu_end()
 * @GDB_CPU_READ: the CPU reads
 * @GDB_CPU_WRITE: the CPU writes
 */
enum gdb_cpu_flags {
	GDB_CPU_READ = 1 << 0,
	GDB_CPU_WRITE = 1 << 1,
};

/**
 * gdb_buf_cpu_begin() - before the CPU touches a buffer
 * @b: the buffer
 * @flags: what the CPU is going to do: bits of enum gdb_cpu_flags, at least one
 *
 * Lets the exporter make what devices wrote visible to the CPU
 * (DMA_BUF_IOCTL_SYNC).  Call gdb_buf_cpu_end() with the same flags afterwards.
 * Blocks until devices that use the memory through the kernel's fences are
 * done.  A read or write of this library is done when its call returns.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@b is NULL, @flags is 0 or has an unknown bit.
 *  ENODEV	The device behind the memory is gone.
 *  EIO		The exporter failed.
 */
int gdb_buf_cpu_begin(struct gdb_buf *b, unsigned int flags);

/**
 * gdb_buf_cpu_end() - after the CPU touched a buffer
 * @b: the buffer
 * @flags: the flags given to gdb_buf_cpu_begin()
 *
 * Makes what the CPU wrote visible to devices.  Without it a gdb_write() may
 * write old bytes to the disk.  Blocks as gdb_buf_cpu_begin() does.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@b is NULL, @flags is 0 or has an unknown bit.
 *  ENODEV	The device behind the memory is gone.
 *  EIO		The exporter failed.
 */
int gdb_buf_cpu_end(struct gdb_buf *b, unsigned int flags);

/**
 * gdb_buf_free() - give a buffer back
 * @b: the buffer, or NULL
 *
 * Unmaps the CPU's view, detaches the memory from every disk and closes the
 * descriptor.  The memory itself goes when nobody else has the dma-buf open.
 *
 * Blocks until I/O in flight is done.
 */
void gdb_buf_free(struct gdb_buf *b);

/**
 * gdb_file_open() - open a disk
 * @g: the context
 * @path: an NVMe namespace or partition, such as "/dev/nvme0n1"
 * @oflags: as for open(2): O_RDONLY, O_WRONLY or O_RDWR, and others; O_CLOEXEC
 *	    is added
 * @ret: the new file; free it with gdb_file_close()
 *
 * A block device or regular file that cannot be driven directly is opened too;
 * gdb_file_direct() tells, and reads and writes fail with EOPNOTSUPP.
 *
 * Blocks while the disk's first block is read.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@g, @path or @ret is NULL.
 *  EOPNOTSUPP	@path is neither a block device nor a regular file.
 *  EBADF	@oflags has O_PATH.
 *  EMFILE	The process has no free descriptor, or the context has as many
 *		files as it may have.
 *  ENOMEM	Out of memory.
 *  others	What open(2) gives: ENOENT, EACCES, EBUSY with O_EXCL, ENXIO.
 */
int gdb_file_open(struct gdb *g, const char *path, int oflags,
		  struct gdb_file **ret);

/**
 * gdb_file_import() - make a file of an open descriptor
 * @g: the context
 * @fd: the descriptor; it is duplicated, the caller keeps his
 * @ret: the new file; free it with gdb_file_close()
 *
 * As gdb_file_open(), for a disk that is open already.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@g or @ret is NULL.
 *  EBADF	@fd is not open, or was opened with O_PATH.
 *  EOPNOTSUPP	@fd is neither a block device nor a regular file.
 *  EMFILE	The process has no free descriptor, or the context has as many
 *		files as it may have.
 *  ENOMEM	Out of memory.
 */
int gdb_file_import(struct gdb *g, int fd, struct gdb_file **ret);

/**
 * gdb_file_close() - give a file back
 * @f: the file, or NULL
 *
 * Does not flush: see gdb_sync().  Blocks until I/O in flight is done.
 */
void gdb_file_close(struct gdb_file *f);

/**
 * gdb_file_fd() - the descriptor behind a file
 * @f: the file
 *
 * Borrowed, as that of gdb_buf_fd().  Does not block.
 *
 * Return: the descriptor, or -EINVAL if @f is NULL.
 */
int gdb_file_fd(const struct gdb_file *f);

/**
 * gdb_file_size() - length of a file
 * @f: the file
 *
 * Asks the kernel each time.  Does not block.
 *
 * Return: bytes, or a negative errno.
 *
 * Errors:
 *  EINVAL	@f is NULL.
 *  others	What fstat(2) or BLKGETSIZE64 gives: ENODEV, EIO.
 */
off_t gdb_file_size(const struct gdb_file *f);

/**
 * gdb_file_block_size() - logical block of a disk
 * @f: the file
 *
 * Lengths and offsets of gdb_read() and gdb_write() must be multiples of it.
 * Does not block.
 *
 * Return: bytes; 0 for a regular file and if @f is NULL.
 */
unsigned int gdb_file_block_size(const struct gdb_file *f);

/**
 * gdb_file_direct() - can this file be driven directly at all
 * @f: the file
 *
 * Looks at the file alone.  Whether it can be paired with a certain buffer is
 * gdb_path()'s question.  Does not block.
 *
 * Return: 0 if it can, or a negative errno; gdb_explain() then tells why not.
 *
 * Errors:
 *  EINVAL	@f is NULL.
 *  EOPNOTSUPP	It cannot.
 */
int gdb_file_direct(const struct gdb_file *f);

/**
 * gdb_read() - read from a file into a buffer
 * @f: the file, opened for reading
 * @b: the buffer, not read-only
 * @len: bytes to read; any length that the buffer has room for
 * @file_off: first byte in the file
 * @buf_off: first byte in the buffer
 *
 * The controller writes straight into the memory behind the dma-buf; host
 * memory is not involved.  @len, @file_off and @buf_off must be multiples of
 * gdb_file_block_size().
 *
 * Blocks until all is transferred.  Any number of threads may read and write
 * the same file and buffer at the same time; what overlapping transfers leave
 * behind is undefined.
 *
 * Return: bytes read, or a negative errno.  As with pread(2), fewer than @len
 * at the end of the file and 0 behind it.  Fewer also when a later part
 * failed; reading on from there gives the error.
 *
 * Errors:
 *  EINVAL	@f or @b is NULL, they belong to different contexts, @len is
 *		more than SSIZE_MAX, an offset is negative, unaligned or
 *		overflows, or the range is not inside the buffer.
 *  EBADF	The file is not open for reading or the buffer is read-only.
 *  EOPNOTSUPP	The file cannot be driven directly, or there is no module.
 *  EXDEV	The file can be driven directly, but not with this buffer.
 *  ENODEV	The disk or the memory is gone.
 *  ENOMEM	Out of memory, or RLIMIT_MEMLOCK reached.
 *  EAGAIN	The exporter moved the memory each time the transfer was tried.
 *  EINTR	The process was killed while it waited.
 *  others	What the disk's status means: EIO, ETIMEDOUT, ENODATA, EILSEQ,
 *		EREMOTEIO, ENOLINK, EBADE.
 */
ssize_t gdb_read(struct gdb_file *f, struct gdb_buf *b, size_t len,
		 off_t file_off, off_t buf_off);

/**
 * gdb_write() - write from a buffer to a file
 * @f: the file, opened for writing
 * @b: the buffer
 * @len: bytes to write
 * @file_off: first byte in the file
 * @buf_off: first byte in the buffer
 *
 * The controller reads straight from the memory behind the dma-buf.  Otherwise
 * as gdb_read().  The bytes survive a power cut after gdb_sync(), or when the
 * file was opened with O_DSYNC.
 *
 * Return: bytes written, or a negative errno.  Fewer than @len where the file
 * ends or when a later part failed; writing on from there gives the error.
 *
 * Errors:
 *  EINVAL	As for gdb_read().
 *  EBADF	The file is not open for writing.
 *  EPERM	The disk is set read-only.
 *  ETXTBSY	The disk is in use as swap.
 *  ENOSPC	@file_off is at or behind the end of the file.
 *  EOPNOTSUPP	The file cannot be driven directly, or there is no module.
 *  EXDEV	The file can be driven directly, but not with this buffer.
 *  ENODEV	The disk or the memory is gone.
 *  ENOMEM	Out of memory, or RLIMIT_MEMLOCK reached.
 *  EAGAIN	The exporter moved the memory each time the transfer was tried.
 *  EINTR	The process was killed while it waited.
 *  others	What the disk's status means, as for gdb_read().
 */
ssize_t gdb_write(struct gdb_file *f, struct gdb_buf *b, size_t len,
		  off_t file_off, off_t buf_off);

/**
 * gdb_sync() - make what was written durable
 * @f: the file
 *
 * As fsync(2): has the disk flush its write cache.  Covers every gdb_write()
 * that returned before.  Blocks until the disk is done.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@f is NULL.
 *  EIO		The disk failed.
 *  others	What fsync(2) gives.
 */
int gdb_sync(struct gdb_file *f);

/**
 * enum gdb_path_kind - the way the bytes go between a file and a buffer
 * @GDB_PATH_NONE: none
 * @GDB_PATH_DIRECT_DEVICE: direct, to memory in a device
 * @GDB_PATH_DIRECT_HOST: direct, but the exporter keeps the memory in the
 *			  host, or moved it there when the disk attached
 */
enum gdb_path_kind {
	GDB_PATH_NONE = 0,
	GDB_PATH_DIRECT_DEVICE = 1,
	GDB_PATH_DIRECT_HOST = 2,
};

/**
 * struct gdb_path_info - answer of gdb_path()
 * @path: an enum gdb_path_kind
 * @segments: pieces of contiguous bus addresses the buffer consists of; 0
 *	      unless direct
 * @why: the path in words; with GDB_PATH_NONE also reason, errno and remedy
 * @reserved: 0
 */
struct gdb_path_info {
	int32_t path;
	uint32_t segments;
	struct gdb_explanation why;
	uint64_t reserved[8];
};

/**
 * gdb_path() - which way the bytes go between a file and a buffer, and why
 * @f: the file
 * @b: the buffer
 * @ret: the answer
 *
 * Attaches the memory to the disk's controller if that has not been done, but
 * transfers nothing.  That there is no way is an answer, not an error:
 * @ret->why then holds what gdb_read() would fail with.
 *
 * Blocks while the exporter moves or clears memory.
 *
 * Return: 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@f, @b or @ret is NULL, or @f and @b belong to different
 *		contexts.
 *  EINTR	The process was killed while it waited.
 */
int gdb_path(struct gdb_file *f, struct gdb_buf *b, struct gdb_path_info *ret);

/**
 * struct gdb_exporter_info - one place that gdb_buf_alloc() can allocate from
 * @name: what to give gdb_buf_alloc(), such as "bar:0000:04:00.0"
 * @text: what it is, in words
 * @error: 0, or the errno, positive, of asking it; the numbers are 0 then
 * @buffers: buffers alive
 * @size: bytes in all
 * @free: bytes free; not always in one piece
 * @granule: allocations are rounded up to a multiple of this, in bytes
 */
struct gdb_exporter_info {
	const char *name;
	const char *text;
	int32_t error;
	uint32_t buffers;
	uint64_t size;
	uint64_t free;
	uint64_t granule;
};

/**
 * typedef gdb_exporter_fn - callback of gdb_exporter_list()
 * @info: one exporter; it and its strings are valid during the call only
 * @user: the pointer given to gdb_exporter_list()
 *
 * Return: 0 to go on; anything else ends the list.
 */
typedef int gdb_exporter_fn(const struct gdb_exporter_info *info, void *user);

/**
 * gdb_exporter_list() - what gdb_buf_alloc() can allocate from
 * @fn: called once for each place
 * @user: handed to @fn
 *
 * Does not block, unless @fn does.
 *
 * Return: 0, what @fn returned if that was not 0, or a negative errno.
 *
 * Errors:
 *  EINVAL	@fn is NULL.
 *  ENOMEM	Out of memory.
 *  EACCES	The list itself may not be read.
 */
int gdb_exporter_list(gdb_exporter_fn *fn, void *user);

#ifdef __cplusplus
}
#endif

#endif /* GPUDMABUF_H */
