/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: /sys/kernel/tracing/events/gpudmabuf.  The same that a test's
 * module hooks into to check every DMA against the mappings alive.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM gpudmabuf

#if !defined(GIMP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define GIMP_TRACE_H

#include <linux/pci.h>
#include <linux/tracepoint.h>

#include "gimp.h"

DECLARE_EVENT_CLASS(gimp_attach_class,
	TP_PROTO(const struct gimp_attach *attach),
	TP_ARGS(attach),
	TP_STRUCT__entry(
		__array(char, exporter, 32)
		__array(char, controller, 32)
		__field(unsigned long, inode)
		__field(size_t, size)
		__field(u32, where)
		__field(u32, segments)
	),
	TP_fast_assign(
		strscpy(__entry->exporter, attach->dmabuf->exp_name,
			sizeof(__entry->exporter));
		strscpy(__entry->controller, pci_name(attach->ctrl->pdev),
			sizeof(__entry->controller));
		__entry->inode = file_inode(attach->dmabuf->file)->i_ino;
		__entry->size = attach->dmabuf->size;
		__entry->where = attach->where;
		__entry->segments = attach->segments;
	),
	TP_printk("exporter=%s dmabuf=%lu controller=%s size=%zu where=%s segments=%u",
		  __entry->exporter, __entry->inode, __entry->controller,
		  __entry->size, __print_symbolic(__entry->where,
			{ GPUDMABUF_WHERE_DEVICE, "device" },
			{ GPUDMABUF_WHERE_HOST, "host" }),
		  __entry->segments)
);

/* Mapped; its addresses are about to be used by commands. */
DEFINE_EVENT(gimp_attach_class, gimp_map,
	TP_PROTO(const struct gimp_attach *attach), TP_ARGS(attach));

/* No command uses its addresses any more; about to be unmapped. */
DEFINE_EVENT(gimp_attach_class, gimp_unmap,
	TP_PROTO(const struct gimp_attach *attach), TP_ARGS(attach));

/* The exporter takes the memory back, to move it or for good. */
DEFINE_EVENT(gimp_attach_class, gimp_invalidate,
	TP_PROTO(const struct gimp_attach *attach), TP_ARGS(attach));

TRACE_EVENT(gimp_io,
	TP_PROTO(const struct gimp_request *req, u64 done, int error, u64 ns),
	TP_ARGS(req, done, error, ns),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(bool, write)
		__field(u64, pos)
		__field(u64, len)
		__field(u64, done)
		__field(int, error)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->dev = req->file->bdev->bd_dev;
		__entry->write = req->write;
		__entry->pos = req->pos;
		__entry->len = req->len;
		__entry->done = done;
		__entry->error = error;
		__entry->ns = ns;
	),
	TP_printk("dev=%d,%d %s pos=%llu len=%llu done=%llu error=%d ns=%llu",
		  MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->write ? "write" : "read", __entry->pos,
		  __entry->len, __entry->done, __entry->error, __entry->ns)
);

#endif /* GIMP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
