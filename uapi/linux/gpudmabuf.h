/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/gpudmabuf: block I/O straight into the memory behind a dma-buf.
 *
 * A context is one open of /dev/gpudmabuf.  Dma-bufs and targets are
 * registered in it and named by small integers from then on.  Closing it
 * releases everything, with I/O in flight too.
 *
 * Every structure begins with its own size in bytes.  A structure longer than
 * the module knows is accepted while the part it does not know is zero; a
 * shorter one, down to the size of this version, reads as if filled with zeros.
 * Reserved fields and unknown flag bits must be zero.  Fields named out_* are
 * written by the module, and only when the call succeeds.
 *
 * What an errno means, for every call:
 *
 *  EINVAL	The request is malformed: size, unknown flag, non-zero reserved
 *		field, alignment, overflow, a range outside the buffer, or a
 *		descriptor that is no dma-buf where one is needed.
 *  E2BIG	The structure is longer than the module knows and the unknown
 *		part is not zero.
 *  EFAULT	The structure is not readable or not writable memory.
 *  ENOTTY	No such call.
 *  EBADF	A descriptor is not open, or was not opened for the direction
 *		of the transfer (the target's or the dma-buf's own mode).
 *  ENOENT	No object has this id in this context.
 *  EOPNOTSUPP	The target cannot be driven directly.
 *  EXDEV	The target can be driven and the dma-buf can be attached, but
 *		not this one to that one.
 *  ENODEV	The disk or the memory is gone (unplugged, unbound, revoked, a
 *		disk without capacity).
 *  EPERM	Write to a disk that is set read-only.
 *  EACCES	A security policy forbids the access.
 *  EBUSY	The page cache holds blocks of the range that cannot be dropped:
 *		the disk is mounted.
 *  ETXTBSY	Write to a disk that is in use as swap.
 *  ENOSPC	Write that starts at or behind the end of the target.
 *  EMFILE	The context has as many objects as it may have.
 *  ENOMEM	Out of memory, or RLIMIT_MEMLOCK reached.
 *  EAGAIN	The memory was moved each time the I/O was tried.
 *  EINTR	A signal ended the wait before anything was transferred.
 *  others	What the block layer makes of the device's status: EIO,
 *		ETIMEDOUT, ENODATA, EILSEQ, EREMOTEIO, ENOLINK, EBADE.
 *
 * GPUDMABUF_EXPLAIN gives the exact reason behind the last error.
 */
#ifndef _UAPI_LINUX_GPUDMABUF_H
#define _UAPI_LINUX_GPUDMABUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define GPUDMABUF_ABI_VERSION	1

#define GPUDMABUF_TYPE		0xDB

enum {
	GPUDMABUF_CMD_QUERY = 0x40,
	GPUDMABUF_CMD_BUF_REGISTER,
	GPUDMABUF_CMD_BUF_UNREGISTER,
	GPUDMABUF_CMD_FILE_REGISTER,
	GPUDMABUF_CMD_FILE_UNREGISTER,
	GPUDMABUF_CMD_PATH,
	GPUDMABUF_CMD_IO,
	GPUDMABUF_CMD_EXPLAIN,
};

/**
 * struct gpudmabuf_query - ioctl(GPUDMABUF_QUERY)
 * @size: sizeof(struct gpudmabuf_query)
 * @flags: must be 0
 * @out_abi: GPUDMABUF_ABI_VERSION of the module
 * @out_max_bufs: dma-bufs that one context may register
 * @out_max_files: targets that one context may register
 * @out_reserved: 0
 * @out_features: bits of enum gpudmabuf_feature
 * @out_max_io: longest transfer of one GPUDMABUF_IO, in bytes
 *
 * What the loaded module is and can do.  Rests on nothing but the module.
 */
struct gpudmabuf_query {
	__u32 size;
	__u32 flags;
	__u32 out_abi;
	__u32 out_max_bufs;
	__u32 out_max_files;
	__u32 out_reserved;
	__aligned_u64 out_features;
	__aligned_u64 out_max_io;
};

#define GPUDMABUF_QUERY _IO(GPUDMABUF_TYPE, GPUDMABUF_CMD_QUERY)

/**
 * enum gpudmabuf_feature - bits of gpudmabuf_query.out_features
 * @GPUDMABUF_FEATURE_BLOCK: NVMe namespaces and their partitions as targets
 */
enum gpudmabuf_feature {
	GPUDMABUF_FEATURE_BLOCK = 1 << 0,
};

/**
 * struct gpudmabuf_buf_register - ioctl(GPUDMABUF_BUF_REGISTER)
 * @size: sizeof(struct gpudmabuf_buf_register)
 * @flags: must be 0
 * @fd: a dma-buf; the caller may close it afterwards
 * @out_buf_id: names the dma-buf in this context
 * @out_length: bytes behind the dma-buf
 *
 * Takes a reference on the dma-buf (dma_buf_get()).  It is attached to a
 * controller and mapped (dma_buf_dynamic_attach(), dma_buf_map_attachment())
 * when GPUDMABUF_PATH or GPUDMABUF_IO first pairs it with a target there.
 * The address array, 8 bytes for each 4096 of the dma-buf and controller, is
 * charged against RLIMIT_MEMLOCK.
 */
struct gpudmabuf_buf_register {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 out_buf_id;
	__aligned_u64 out_length;
};

#define GPUDMABUF_BUF_REGISTER _IO(GPUDMABUF_TYPE, GPUDMABUF_CMD_BUF_REGISTER)

/**
 * struct gpudmabuf_buf_unregister - ioctl(GPUDMABUF_BUF_UNREGISTER)
 * @size: sizeof(struct gpudmabuf_buf_unregister)
 * @flags: must be 0
 * @buf_id: from GPUDMABUF_BUF_REGISTER
 * @reserved: must be 0
 *
 * Waits for I/O in flight, unmaps and detaches, unless another registration
 * of the same dma-buf still needs the mapping.
 */
struct gpudmabuf_buf_unregister {
	__u32 size;
	__u32 flags;
	__u32 buf_id;
	__u32 reserved;
};

#define GPUDMABUF_BUF_UNREGISTER \
	_IO(GPUDMABUF_TYPE, GPUDMABUF_CMD_BUF_UNREGISTER)

/**
 * enum gpudmabuf_file_flags - bits of gpudmabuf_file_register.out_flags
 * @GPUDMABUF_FILE_READABLE: the descriptor was opened for reading
 * @GPUDMABUF_FILE_WRITABLE: the descriptor was opened for writing
 */
enum gpudmabuf_file_flags {
	GPUDMABUF_FILE_READABLE = 1 << 0,
	GPUDMABUF_FILE_WRITABLE = 1 << 1,
};

/**
 * struct gpudmabuf_file_register - ioctl(GPUDMABUF_FILE_REGISTER)
 * @size: sizeof(struct gpudmabuf_file_register)
 * @flags: must be 0
 * @fd: an open NVMe namespace or partition of one; the caller may close it
 * @out_file_id: names the target in this context
 * @out_length: bytes in the target
 * @out_block_size: bytes in a logical block
 * @out_max_command: longest transfer of one NVMe command, in bytes
 * @out_flags: bits of enum gpudmabuf_file_flags
 * @out_pci_domain: the controller's PCI address: domain
 * @out_pci_id: and bus << 8 | device << 3 | function
 * @out_reserved: 0
 *
 * Checks that the target is a namespace driven by the kernel's own nvme driver
 * over PCI, and reads its first block into a page of the module's own to prove
 * that a block is as long as the block layer says.  Unregister a namespace
 * before it is reformatted.
 */
struct gpudmabuf_file_register {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 out_file_id;
	__aligned_u64 out_length;
	__u32 out_block_size;
	__u32 out_max_command;
	__u32 out_flags;
	__u32 out_pci_domain;
	__u32 out_pci_id;
	__u32 out_reserved;
};

#define GPUDMABUF_FILE_REGISTER _IO(GPUDMABUF_TYPE, GPUDMABUF_CMD_FILE_REGISTER)

/**
 * struct gpudmabuf_file_unregister - ioctl(GPUDMABUF_FILE_UNREGISTER)
 * @size: sizeof(struct gpudmabuf_file_unregister)
 * @flags: must be 0
 * @file_id: from GPUDMABUF_FILE_REGISTER
 * @reserved: must be 0
 */
struct gpudmabuf_file_unregister {
	__u32 size;
	__u32 flags;
	__u32 file_id;
	__u32 reserved;
};

#define GPUDMABUF_FILE_UNREGISTER \
	_IO(GPUDMABUF_TYPE, GPUDMABUF_CMD_FILE_UNREGISTER)

/**
 * enum gpudmabuf_where - where the bytes of a mapped dma-buf are
 * @GPUDMABUF_WHERE_DEVICE: in a device; the controller reaches it as a peer
 * @GPUDMABUF_WHERE_HOST: in host memory; the exporter keeps or moved it there
 */
enum gpudmabuf_where {
	GPUDMABUF_WHERE_DEVICE = 1,
	GPUDMABUF_WHERE_HOST = 2,
};

/**
 * struct gpudmabuf_path - ioctl(GPUDMABUF_PATH)
 * @size: sizeof(struct gpudmabuf_path)
 * @flags: must be 0
 * @buf_id: from GPUDMABUF_BUF_REGISTER
 * @file_id: from GPUDMABUF_FILE_REGISTER
 * @out_where: an enum gpudmabuf_where
 * @out_segments: DMA segments that the exporter gave
 *
 * Attaches and maps the dma-buf for the target's controller now, if that has
 * not been done, and tells where the memory is.  Blocks while the exporter
 * moves or clears memory.
 */
struct gpudmabuf_path {
	__u32 size;
	__u32 flags;
	__u32 buf_id;
	__u32 file_id;
	__u32 out_where;
	__u32 out_segments;
};

#define GPUDMABUF_PATH _IO(GPUDMABUF_TYPE, GPUDMABUF_CMD_PATH)

/**
 * enum gpudmabuf_io_flags - bits of gpudmabuf_io.flags
 * @GPUDMABUF_IO_WRITE: from the dma-buf to the target; otherwise the reverse
 */
enum gpudmabuf_io_flags {
	GPUDMABUF_IO_WRITE = 1 << 0,
};

/**
 * struct gpudmabuf_io - ioctl(GPUDMABUF_IO)
 * @size: sizeof(struct gpudmabuf_io)
 * @flags: bits of enum gpudmabuf_io_flags
 * @file_id: from GPUDMABUF_FILE_REGISTER
 * @buf_id: from GPUDMABUF_BUF_REGISTER
 * @len: bytes, a multiple of the logical block, at most out_max_io of
 *	 GPUDMABUF_QUERY; 0 transfers nothing and succeeds
 * @file_off: first byte in the target, a multiple of the logical block
 * @buf_off: first byte in the dma-buf, a multiple of the logical block
 * @out_done: bytes transferred; less than @len at the end of the target, where
 *	      a read then gives 0, or when a later part failed
 *
 * Transfers and waits.  The request is split at the controller's transfer limit
 * into NVMe commands that are in flight together (blk-mq passthrough requests
 * without a bio, blk_execute_rq_nowait()).  An error is returned only when
 * nothing before the failing part was transferred.
 */
struct gpudmabuf_io {
	__u32 size;
	__u32 flags;
	__u32 file_id;
	__u32 buf_id;
	__aligned_u64 len;
	__aligned_u64 file_off;
	__aligned_u64 buf_off;
	__aligned_u64 out_done;
};

#define GPUDMABUF_IO _IO(GPUDMABUF_TYPE, GPUDMABUF_CMD_IO)

/**
 * enum gpudmabuf_reason - why a call was refused
 *
 * Numbers are never reused.  The comment names the errno that goes with it and,
 * in brackets, what gpudmabuf_explain.out_detail holds.
 */
enum gpudmabuf_reason {
	GPUDMABUF_REASON_NONE = 0,
	/* EINVAL */
	GPUDMABUF_REASON_FLAGS = 1,		/* [the unknown bits] */
	GPUDMABUF_REASON_RESERVED = 2,
	GPUDMABUF_REASON_NOT_DMABUF = 3,
	GPUDMABUF_REASON_FILE_ALIGN = 4,	/* [logical block] */
	GPUDMABUF_REASON_BUF_ALIGN = 5,		/* [logical block] */
	GPUDMABUF_REASON_LEN_ALIGN = 6,		/* [logical block] */
	GPUDMABUF_REASON_LEN_MAX = 7,		/* [longest] */
	GPUDMABUF_REASON_OVERFLOW = 8,
	GPUDMABUF_REASON_BUF_RANGE = 9,		/* [bytes in the buffer] */
	/* EBADF */
	GPUDMABUF_REASON_BAD_FD = 20,
	GPUDMABUF_REASON_FILE_MODE = 21,	/* [1 for a write] */
	GPUDMABUF_REASON_BUF_MODE = 22,		/* [1 for a write] */
	/* ENOENT */
	GPUDMABUF_REASON_NO_BUF = 30,		/* [the id] */
	GPUDMABUF_REASON_NO_FILE = 31,		/* [the id] */
	/* EOPNOTSUPP */
	GPUDMABUF_REASON_FILE_KIND = 40,	/* [st_mode & S_IFMT] */
	GPUDMABUF_REASON_BIO_BASED = 41,
	GPUDMABUF_REASON_MULTIPATH = 42,
	GPUDMABUF_REASON_NOT_NVME = 43,
	GPUDMABUF_REASON_NOT_PCI = 44,
	GPUDMABUF_REASON_ZONED = 45,
	GPUDMABUF_REASON_INTEGRITY = 46,
	GPUDMABUF_REASON_BLOCK_SIZE = 47,	/* [logical block] */
	GPUDMABUF_REASON_METADATA = 48,
	GPUDMABUF_REASON_REFORMATTED = 49,
	GPUDMABUF_REASON_IO_TIMEOUT = 50,	/* [milliseconds] */
	GPUDMABUF_REASON_PROBE_FAILED = 51,	/* [errno] */
	GPUDMABUF_REASON_EMPTY = 52,
	/* EXDEV */
	GPUDMABUF_REASON_ATTACH_REFUSED = 60,	/* [errno of the exporter] */
	GPUDMABUF_REASON_MAP_REFUSED = 61,	/* [errno of the exporter] */
	GPUDMABUF_REASON_SEG_ALIGN = 62,
	GPUDMABUF_REASON_SEG_SHORT = 63,	/* [bytes mapped] */
	GPUDMABUF_REASON_DMA_MASK = 64,		/* [bits the device has] */
	GPUDMABUF_REASON_DMA_SYNC = 65,
	/* ENODEV */
	GPUDMABUF_REASON_DISK_GONE = 70,
	GPUDMABUF_REASON_MEMORY_GONE = 71,
	/* EPERM, ETXTBSY, ENOSPC */
	GPUDMABUF_REASON_READ_ONLY = 80,
	GPUDMABUF_REASON_SWAP = 81,
	GPUDMABUF_REASON_PAST_END = 82,		/* [bytes in the target] */
	/* EMFILE, ENOMEM */
	GPUDMABUF_REASON_TOO_MANY = 90,		/* [the limit] */
	GPUDMABUF_REASON_NO_MEMORY = 91,
	GPUDMABUF_REASON_MEMLOCK = 92,		/* [RLIMIT_MEMLOCK] */
	/* EAGAIN, EINTR, and what the device said */
	GPUDMABUF_REASON_MOVING = 100,
	GPUDMABUF_REASON_KILLED = 101,
	GPUDMABUF_REASON_DEVICE_ERROR = 102,	/* [errno] */
	GPUDMABUF_REASON_SECURITY = 103,	/* [errno of the policy] */
	GPUDMABUF_REASON_PAGE_CACHE = 104,	/* [errno] */
};

/**
 * struct gpudmabuf_explain - ioctl(GPUDMABUF_EXPLAIN)
 * @size: sizeof(struct gpudmabuf_explain)
 * @flags: must be 0
 * @out_reason: an enum gpudmabuf_reason; NONE if nothing was refused
 * @out_error: the errno that was returned, positive
 * @out_detail: a number that belongs to the reason
 *
 * The reason of the calling thread's last refusal in this context.
 */
struct gpudmabuf_explain {
	__u32 size;
	__u32 flags;
	__u32 out_reason;
	__u32 out_error;
	__aligned_u64 out_detail;
};

#define GPUDMABUF_EXPLAIN _IO(GPUDMABUF_TYPE, GPUDMABUF_CMD_EXPLAIN)

#endif /* _UAPI_LINUX_GPUDMABUF_H */
