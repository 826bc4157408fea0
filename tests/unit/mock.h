/* SPDX-License-Identifier: MIT */
/*
 * A kernel made up for unit tests: stands in for libgpudmabuf/sys.c, checks
 * every field of every ioctl, and fails on demand.
 */
#ifndef TESTS_MOCK_H
#define TESTS_MOCK_H

#include <stdint.h>

#include <linux/gpudmabuf.h>
#include <linux/gpudmabuf_bar.h>

#define MOCK_BLOCK	512
#define MOCK_DISK_SIZE	(1 << 20)	/* bytes */
#define MOCK_BUF_SIZE	(256 << 10)	/* bytes */
#define MOCK_MAX_IO	(64 << 10)	/* bytes */
#define MOCK_PCI_A	"0000:04:00.0"
#define MOCK_PCI_B	"0000:05:00.0"
#define MOCK_IO_LOG	16

/* What the made-up kernel has; mock_reset() gives what the comments say. */
struct mock {
	int dev_error;		/* of opening /dev/gpudmabuf: 0 */
	uint32_t abi;		/* GPUDMABUF_ABI_VERSION */
	uint64_t max_io;	/* MOCK_MAX_IO */
	int bars;		/* devices of the BAR exporter: 2 */
	int bar_error;		/* of opening one: 0 */
	uint64_t bar_free[2];	/* bytes: MOCK_BUF_SIZE each */
	uint32_t where;		/* of GPUDMABUF_PATH: GPUDMABUF_WHERE_DEVICE */
	int mmap_error;		/* 0 */

	/* The fail_nth time that fail_cmd is called (from 1) it fails. */
	unsigned long fail_cmd;
	int fail_nth;
	int fail_error;
	uint32_t fail_reason;
	uint64_t fail_detail;
	int explain_error;	/* what EXPLAIN says it was: 0, the real one */

	/* What happened. */
	struct gpudmabuf_io io[MOCK_IO_LOG];
	int n_io;
	int n_sync;		/* DMA_BUF_IOCTL_SYNC calls */
	uint64_t sync_flags;	/* of the last one */
	uint32_t alloc_flags;	/* of the last GPUDMABUF_BAR_ALLOC */
	int mmap_prot;		/* of the last mmap() */
	int n_mmap;
	int n_fsync;
	int n_explain;
};

extern struct mock mock;

void mock_reset(void);
void mock_fail(unsigned long cmd, int nth, int error, uint32_t reason,
	       uint64_t detail);

/* Descriptors that a caller has already. */
int mock_dmabuf(uint64_t size, int mode);
int mock_other_fd(void);
void mock_close(int fd);

/* How many descriptors, registrations and mappings are alive. */
int mock_alive(void);

#endif /* TESTS_MOCK_H */
