/* SPDX-License-Identifier: GPL-2.0-only */
/* What the modules of this folder share with the programs that drive them. */
#ifndef TESTS_KERNEL_HOSTILE_H
#define TESTS_KERNEL_HOSTILE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HOSTILE_NODE	"/dev/hostile-exporter"
#define HOLDER_NODE	"/dev/dmabuf-holder"

/* Segments are two halves where nothing else is said. */
enum hostile_mode {
	HOSTILE_GOOD,
	HOSTILE_SPLIT,		/* odd lengths, in another order */
	HOSTILE_ADDR,		/* the second begins @param bytes late */
	HOSTILE_LEN,		/* the first is @param bytes too long */
	HOSTILE_SHORT,		/* the second has one page less */
	HOSTILE_EMPTY,		/* one of no length before number @param */
	HOSTILE_MAP_NULL,	/* map returns NULL */
	HOSTILE_MAP_ONCE,	/* map fails with @param, once */
	HOSTILE_MAP_ERROR,	/* map fails with @param */
	HOSTILE_ATTACH_ERROR,	/* attach fails with @param */
	HOSTILE_FENCE,		/* map adds a fence of @param ms, once */
	HOSTILE_FENCES,		/* map adds a fence of @param ms, each time */
	HOSTILE_IN_MAP,		/* map invalidates */
	HOSTILE_IN_PIN,		/* so does pin, where the core pins */
	HOSTILE_MASK,		/* addresses above a mask of @param bits */
	HOSTILE_WRAP,		/* addresses that wrap around */
	HOSTILE_HOLE,		/* addresses at which nothing answers */
	HOSTILE_MIXED,		/* the second is in host memory */
	HOSTILE_MODES,
};

enum hostile_flags {
	HOSTILE_DYNAMIC = 1 << 0,	/* with pin and unpin */
	HOSTILE_HOST = 1 << 1,		/* host memory, not the BAR's */
	HOSTILE_NO_P2P = 1 << 2,	/* attach clears peer2peer */
	HOSTILE_FLAGS = 7,
};

struct hostile_create {
	__u32 mode;
	__u32 flags;
	__aligned_u64 length;
	__u32 param;
	__s32 out_fd;
};

/* Take the memory back, @times under one lock; kept for @hold_ms more. */
struct hostile_invalidate {
	__s32 fd;
	__u32 times;
	__u32 hold_ms;
	__u32 revoke;			/* and never give it again */
};

struct hostile_stat {
	__s32 fd;
	__u32 out_attached;
	__u32 out_mapped;
	__u32 out_maps;			/* ever */
};

#define HOSTILE_CREATE		_IO(0xDC, 0)
#define HOSTILE_INVALIDATE	_IO(0xDC, 1)
#define HOSTILE_STAT		_IO(0xDC, 2)

/* Until the node's descriptor is closed; the device is the first NVMe drive. */
enum holder_what {
	HOLDER_PIN = 1 << 0,
	HOLDER_VMAP = 1 << 1,
	HOLDER_MAP = 1 << 2,		/* and does not let go when told to */
};

struct holder_hold {
	__s32 fd;
	__u32 what;
};

#define HOLDER_HOLD		_IO(0xDC, 3)

#endif /* TESTS_KERNEL_HOSTILE_H */
