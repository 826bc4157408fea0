/* SPDX-License-Identifier: MIT */
/* The library's own objects, and what its files offer each other. */
#ifndef GDB_INTERNAL_H
#define GDB_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <gpudmabuf.h>

#define GDB_PUBLIC __attribute__((visibility("default")))

#define GDB_NAME_MAX 64

/* Why something was refused; gdb_why_text() makes words of it. */
struct gdb_why {
	int reason;		/* enum gdb_reason */
	int error;		/* positive; 0 while nothing was refused */
	uint64_t detail;
	char file[GDB_NAME_MAX];
	char buf[GDB_NAME_MAX];
};

/*
 * A context.  Nothing but refs changes once gdb_open() returned.  Each buffer
 * and each file holds a reference.
 */
struct gdb {
	atomic_uint refs;
	int dev_fd;		/* /dev/gpudmabuf; -1 if not to be had */
	struct gdb_why dev_why;	/* why it is not to be had */
	size_t max_io;		/* longest transfer of one ioctl, in bytes */
};

struct gdb_buf {
	struct gdb *g;
	int fd;			/* the dma-buf, owned */
	int mode;		/* O_ACCMODE part of its flags */
	size_t size;
	char name[GDB_NAME_MAX];

	bool registered;
	uint32_t id;		/* valid if registered */

	pthread_mutex_t map_lock;	/* protects map */
	void *map;		/* NULL until gdb_buf_map() */
};

struct gdb_file {
	struct gdb *g;
	int fd;			/* owned */
	unsigned int block_size;	/* bytes; 0 unless a block device */
	char name[GDB_NAME_MAX];

	bool registered;
	uint32_t id;		/* valid if registered */
	struct gdb_why why;	/* why it is not registered */
};

/* One transfer, or a piece of one. */
struct gdb_request {
	struct gdb_file *file;
	struct gdb_buf *buf;
	size_t len;
	off_t file_off;
	off_t buf_off;
	bool write;
};

/* context.c */
struct gdb *gdb_ref(struct gdb *g);
void gdb_unref(struct gdb *g);

/* buf.c: takes dmabuf_fd over, in case of an error too. */
int gdb_buf_adopt(struct gdb *g, int dmabuf_fd, const char *name,
		  struct gdb_buf **ret);

/* io.c */
int gdb_request_check(const struct gdb_request *rq, struct gdb_why *why);

/*
 * path_direct.c: the kernel module's calls.  Each returns -errno and then has
 * filled *why.  gdb_direct_open() succeeds without a module, too.
 */
int gdb_direct_open(struct gdb *g, struct gdb_why *why);
void gdb_direct_close(struct gdb *g);
int gdb_direct_add_buf(struct gdb_buf *b, struct gdb_why *why);
void gdb_direct_del_buf(struct gdb_buf *b);
int gdb_direct_add_file(struct gdb_file *f, struct gdb_why *why);
void gdb_direct_del_file(struct gdb_file *f);
int gdb_direct_suits(const struct gdb_request *rq, struct gdb_why *why);
ssize_t gdb_direct_io(const struct gdb_request *rq, struct gdb_why *why);
int gdb_direct_path(const struct gdb_file *f, const struct gdb_buf *b,
		    struct gdb_path_info *info, struct gdb_why *why);

/* why.c */
int gdb_why_set(struct gdb_why *why, int error, int reason, uint64_t detail);
void gdb_why_name(struct gdb_why *why, const struct gdb_file *f,
		  const struct gdb_buf *b);
void gdb_why_words(const struct gdb_why *why, struct gdb_explanation *ret);
/* Leaves *why for gdb_explain() and returns -why->error. */
int gdb_fail(const struct gdb_why *why);
int gdb_fail_reason(int error, int reason, uint64_t detail);

/* reasons.c: the table of reasons. */
struct gdb_reason_row {
	int reason;
	const char *name;
	/*
	 * {file} and {buf} stand for names, {detail} for the number, {errno}
	 * for the number as an errno, {known} for this library's ABI version.
	 */
	const char *text;
	const char *remedy;
};

const struct gdb_reason_row *gdb_reason_find(int reason);

#endif /* GDB_INTERNAL_H */
