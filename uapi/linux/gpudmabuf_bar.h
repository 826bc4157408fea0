/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/gpudmabuf-bar/DDDD:BB:DD.F: the memory behind a PCI BAR as dma-bufs.
 *
 * One device node for each PCI device that the module drives.  Structures
 * follow the rules of <linux/gpudmabuf.h>: size first, unknown bits and
 * reserved fields zero, out_* written only on success.
 *
 *  EINVAL	The request is malformed: size, unknown flag, non-zero reserved
 *		field, a length of 0, a descriptor that is no dma-buf of this
 *		node.
 *  E2BIG	The structure is longer than the module knows and the unknown
 *		part is not zero.
 *  EFAULT	The structure is not readable or not writable memory.
 *  ENOTTY	No such call.
 *  ENOSPC	No free range of this length is left in the BAR.
 *  ENOMEM	Out of host memory.
 *  EBADF	The descriptor is not open.
 *  EOPNOTSUPP	The dma-buf is of the static kind.
 *  EBUSY	The dma-buf is pinned where it is, or mapped by the kernel.
 *  EMFILE	The process has no free descriptor.
 *  ENODEV	The PCI device is gone.
 *  EINTR	The caller was killed while its memory was being cleared, or a
 *		signal ended the wait for somebody else's use of the dma-buf.
 *
 * A controller that cannot reach the BAR is refused by attach with EXDEV, an
 * importer that does not know peer-to-peer with EOPNOTSUPP.
 */
#ifndef _UAPI_LINUX_GPUDMABUF_BAR_H
#define _UAPI_LINUX_GPUDMABUF_BAR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define GPUDMABUF_BAR_ABI_VERSION	1

#define GPUDMABUF_BAR_TYPE		0xDB

enum {
	GPUDMABUF_BAR_CMD_QUERY = 0x80,
	GPUDMABUF_BAR_CMD_ALLOC,
	GPUDMABUF_BAR_CMD_EVICT,
};

/**
 * struct gpudmabuf_bar_query - ioctl(GPUDMABUF_BAR_QUERY)
 * @size: sizeof(struct gpudmabuf_bar_query)
 * @flags: must be 0
 * @out_abi: GPUDMABUF_BAR_ABI_VERSION of the module
 * @out_bar: number of the BAR that is served
 * @out_offset: where the served range begins in the BAR, in bytes
 * @out_length: bytes in the served range
 * @out_free: bytes of it that are free
 * @out_granule: allocations are rounded up to a multiple of this, in bytes
 * @out_buffers: dma-bufs alive
 *
 * What memory the PCI device has (pci_resource_start(), genalloc).
 */
struct gpudmabuf_bar_query {
	__u32 size;
	__u32 flags;
	__u32 out_abi;
	__u32 out_bar;
	__aligned_u64 out_offset;
	__aligned_u64 out_length;
	__aligned_u64 out_free;
	__u32 out_granule;
	__u32 out_buffers;
};

#define GPUDMABUF_BAR_QUERY _IO(GPUDMABUF_BAR_TYPE, GPUDMABUF_BAR_CMD_QUERY)

/**
 * enum gpudmabuf_bar_alloc_flags - bits of gpudmabuf_bar_alloc.flags
 * @GPUDMABUF_BAR_ALLOC_RDONLY: the descriptor is opened read-only: importers
 *				and mmap may read the memory, not write it
 * @GPUDMABUF_BAR_ALLOC_DYNAMIC: the dynamic kind: the memory may move inside
 *				 the BAR, as a GPU's does; without it the static
 *				 kind, which stays where it is
 */
enum gpudmabuf_bar_alloc_flags {
	GPUDMABUF_BAR_ALLOC_RDONLY = 1 << 0,
	GPUDMABUF_BAR_ALLOC_DYNAMIC = 1 << 1,
};

/**
 * struct gpudmabuf_bar_alloc - ioctl(GPUDMABUF_BAR_ALLOC)
 * @size: sizeof(struct gpudmabuf_bar_alloc)
 * @flags: bits of enum gpudmabuf_bar_alloc_flags
 * @length: bytes wanted; rounded up to the granule, one contiguous range
 * @out_fd: a new dma-buf, close-on-exec
 * @out_reserved: 0
 *
 * Allocates, clears and exports (dma_buf_export()).  The memory is freed when
 * the last reference to the dma-buf goes.
 */
struct gpudmabuf_bar_alloc {
	__u32 size;
	__u32 flags;
	__aligned_u64 length;
	__s32 out_fd;
	__u32 out_reserved;
};

#define GPUDMABUF_BAR_ALLOC _IO(GPUDMABUF_BAR_TYPE, GPUDMABUF_BAR_CMD_ALLOC)

/**
 * enum gpudmabuf_bar_evict_flags - bits of gpudmabuf_bar_evict.flags
 * @GPUDMABUF_BAR_EVICT_KEEP: the old place stays reserved, so that nobody may
 *			      write to it, until the next eviction of this
 *			      dma-buf looks at it
 */
enum gpudmabuf_bar_evict_flags {
	GPUDMABUF_BAR_EVICT_KEEP = 1 << 0,
};

/**
 * struct gpudmabuf_bar_evict - ioctl(GPUDMABUF_BAR_EVICT)
 * @size: sizeof(struct gpudmabuf_bar_evict)
 * @flags: bits of enum gpudmabuf_bar_evict_flags
 * @fd: a dma-buf of this node, of the dynamic kind
 * @fill: 0 to 255: what every byte of the old place is set to
 * @out_stray: bytes that were written to the place that the last eviction kept
 *	       after it was filled; 0 if none was kept
 *
 * A test facility: moves a dma-buf to another place in the BAR under its users.
 * Importers are told and let go (dma_buf_invalidate_mappings()), fences are
 * waited for, the contents are copied, CPU mappings find the new place with
 * their next access.  Nothing is moved when the call fails.
 */
struct gpudmabuf_bar_evict {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 fill;
	__aligned_u64 out_stray;
};

#define GPUDMABUF_BAR_EVICT _IO(GPUDMABUF_BAR_TYPE, GPUDMABUF_BAR_CMD_EVICT)

#endif /* _UAPI_LINUX_GPUDMABUF_BAR_H */
