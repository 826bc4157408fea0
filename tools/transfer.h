/* SPDX-License-Identifier: MIT */
/* What gpudmabuf read and gpudmabuf write have in common. */
#ifndef GPUDMABUF_TRANSFER_H
#define GPUDMABUF_TRANSFER_H

#include <stdio.h>

#include "tool.h"

struct transfer {
	const char *cmd;	/* "read" or "write" */
	const char *path;	/* the disk */
	const char *source;	/* the exporter */
	const char *host_file;	/* --output or --input; NULL if not given */
	uint64_t offset;	/* in the disk, bytes */
	uint64_t length;	/* bytes; valid if have_length */
	uint64_t buf_offset;	/* in the buffer, bytes */
	bool have_length;
	bool force;
	bool json;

	struct gdb *g;
	struct gdb_file *file;
	struct gdb_buf *buf;
	struct gdb_path_info info;
	size_t piece;		/* bytes of the buffer that are used at a time */
	uint64_t done;		/* bytes */
	double started;		/* seconds */
};

/* Sets *ret_exit and returns false where the command is to end at once. */
bool transfer_parse(struct transfer *t, int argc, char **argv,
		    const char *help, int *ret_exit);
int transfer_open_disk(struct transfer *t, int oflags);
/* Memory for up to @length bytes at a time, and the path to it. */
int transfer_open_memory(struct transfer *t, uint64_t length);
void transfer_report(const struct transfer *t, FILE *to);
void transfer_close(struct transfer *t);

#endif /* GPUDMABUF_TRANSFER_H */
