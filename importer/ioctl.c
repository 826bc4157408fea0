// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls: one table row each, one copy in, one copy out.
 */
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "gimp.h"

union gimp_arg {
	/* Every structure begins like this. */
	struct {
		u32 size;
		u32 flags;
	};
	struct gpudmabuf_query query;
	struct gpudmabuf_buf_register buf_register;
	struct gpudmabuf_buf_unregister buf_unregister;
	struct gpudmabuf_file_register file_register;
	struct gpudmabuf_file_unregister file_unregister;
	struct gpudmabuf_path path;
	struct gpudmabuf_io io;
	struct gpudmabuf_explain explain;
};

typedef int (*gimp_handler)(struct gimp_ctx *ctx, union gimp_arg *arg,
			    struct gimp_why *why);

static int gimp_ioctl_query(struct gimp_ctx *ctx, union gimp_arg *arg,
			    struct gimp_why *why)
{
	struct gpudmabuf_query *query = &arg->query;

	query->out_abi = GPUDMABUF_ABI_VERSION;
	query->out_max_bufs = GIMP_MAX_BUFS;
	query->out_max_files = GIMP_MAX_FILES;
	query->out_reserved = 0;
	query->out_features = GPUDMABUF_FEATURE_BLOCK;
	query->out_max_io = GIMP_MAX_IO;
	return 0;
}

static int gimp_ioctl_buf_register(struct gimp_ctx *ctx, union gimp_arg *arg,
				   struct gimp_why *why)
{
	struct gpudmabuf_buf_register *reg = &arg->buf_register;

	return gimp_buf_register(ctx, reg->fd, &reg->out_buf_id,
				 &reg->out_length, why);
}

static void gimp_undo_buf_register(struct gimp_ctx *ctx, union gimp_arg *arg)
{
	struct gimp_why ignored;

	gimp_buf_unregister(ctx, arg->buf_register.out_buf_id, &ignored);
}

static int gimp_ioctl_buf_unregister(struct gimp_ctx *ctx, union gimp_arg *arg,
				     struct gimp_why *why)
{
	if (arg->buf_unregister.reserved)
		return gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_RESERVED, 0);

	return gimp_buf_unregister(ctx, arg->buf_unregister.buf_id, why);
}

static int gimp_ioctl_file_register(struct gimp_ctx *ctx, union gimp_arg *arg,
				    struct gimp_why *why)
{
	return gimp_file_register(ctx, &arg->file_register, why);
}

static void gimp_undo_file_register(struct gimp_ctx *ctx, union gimp_arg *arg)
{
	struct gimp_why ignored;

	gimp_file_unregister(ctx, arg->file_register.out_file_id, &ignored);
}

static int gimp_ioctl_file_unregister(struct gimp_ctx *ctx,
				      union gimp_arg *arg, struct gimp_why *why)
{
	if (arg->file_unregister.reserved)
		return gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_RESERVED, 0);

	return gimp_file_unregister(ctx, arg->file_unregister.file_id, why);
}

static int gimp_ioctl_path(struct gimp_ctx *ctx, union gimp_arg *arg,
			   struct gimp_why *why)
{
	return gimp_path(ctx, &arg->path, why);
}

static int gimp_ioctl_io(struct gimp_ctx *ctx, union gimp_arg *arg,
			 struct gimp_why *why)
{
	return gimp_rw(ctx, &arg->io, why);
}

static int gimp_ioctl_explain(struct gimp_ctx *ctx, union gimp_arg *arg,
			      struct gimp_why *why)
{
	struct gimp_why last;

	gimp_ctx_get_why(ctx, &last);
	arg->explain.out_reason = last.reason;
	arg->explain.out_error = last.error;
	arg->explain.out_detail = last.detail;
	return 0;
}

/**
 * struct gimp_call - one row of the table
 * @handler: does it
 * @undo: takes it back when its result cannot be told to the caller, or NULL
 * @size: of the structure that this module knows
 * @min_size: of the first version ever released
 * @flags: bits that are known
 */
struct gimp_call {
	gimp_handler handler;
	void (*undo)(struct gimp_ctx *ctx, union gimp_arg *arg);
	u32 size;
	u32 min_size;
	u32 flags;
};

#define GIMP_CALL(_nr, _handler, _undo, _size, _min_size, _flags)	\
	[(_nr) - GPUDMABUF_CMD_QUERY] = {				\
		.handler = (_handler),					\
		.undo = (_undo),					\
		.size = (_size),					\
		.min_size = (_min_size),				\
		.flags = (_flags),					\
	}

static const struct gimp_call gimp_calls[] = {
	GIMP_CALL(GPUDMABUF_CMD_QUERY, gimp_ioctl_query, NULL,
		  sizeof(struct gpudmabuf_query),
		  offsetofend(struct gpudmabuf_query, out_max_io), 0),
	GIMP_CALL(GPUDMABUF_CMD_BUF_REGISTER,
		  gimp_ioctl_buf_register, gimp_undo_buf_register,
		  sizeof(struct gpudmabuf_buf_register),
		  offsetofend(struct gpudmabuf_buf_register, out_length), 0),
	GIMP_CALL(GPUDMABUF_CMD_BUF_UNREGISTER, gimp_ioctl_buf_unregister, NULL,
		  sizeof(struct gpudmabuf_buf_unregister),
		  offsetofend(struct gpudmabuf_buf_unregister, reserved), 0),
	GIMP_CALL(GPUDMABUF_CMD_FILE_REGISTER,
		  gimp_ioctl_file_register, gimp_undo_file_register,
		  sizeof(struct gpudmabuf_file_register),
		  offsetofend(struct gpudmabuf_file_register, out_reserved), 0),
	GIMP_CALL(GPUDMABUF_CMD_FILE_UNREGISTER,
		  gimp_ioctl_file_unregister, NULL,
		  sizeof(struct gpudmabuf_file_unregister),
		  offsetofend(struct gpudmabuf_file_unregister, reserved), 0),
	GIMP_CALL(GPUDMABUF_CMD_PATH, gimp_ioctl_path, NULL,
		  sizeof(struct gpudmabuf_path),
		  offsetofend(struct gpudmabuf_path, out_segments), 0),
	GIMP_CALL(GPUDMABUF_CMD_IO, gimp_ioctl_io, NULL,
		  sizeof(struct gpudmabuf_io),
		  offsetofend(struct gpudmabuf_io, out_done), GPUDMABUF_IO_WRITE),
	GIMP_CALL(GPUDMABUF_CMD_EXPLAIN, gimp_ioctl_explain, NULL,
		  sizeof(struct gpudmabuf_explain),
		  offsetofend(struct gpudmabuf_explain, out_detail), 0),
};

static int gimp_call_copy_in(const struct gimp_call *call, void __user *user,
			     union gimp_arg *arg, u32 *ret_size,
			     struct gimp_why *why)
{
	u32 size;
	int ret;

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < call->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;

	ret = copy_struct_from_user(arg, call->size, user, size);
	if (ret)
		return ret;

	if (arg->flags & ~call->flags)
		return gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_FLAGS,
				   arg->flags & ~call->flags);

	/* Once read, the size counts; what userspace does to it does not. */
	arg->size = size;
	*ret_size = min(size, call->size);
	return 0;
}

long gimp_ioctl(struct file *filp, unsigned int cmd, unsigned long user_arg)
{
	void __user *user = (void __user *)user_arg;
	struct gimp_ctx *ctx = filp->private_data;
	const struct gimp_call *call;
	struct gimp_why why = {};
	union gimp_arg arg;
	unsigned int nr;
	u32 size;
	int ret;

	nr = _IOC_NR(cmd) - GPUDMABUF_CMD_QUERY;
	if (cmd != _IO(GPUDMABUF_TYPE, _IOC_NR(cmd)) ||
	    nr >= ARRAY_SIZE(gimp_calls))
		return -ENOTTY;
	call = &gimp_calls[array_index_nospec(nr, ARRAY_SIZE(gimp_calls))];

	ret = gimp_call_copy_in(call, user, &arg, &size, &why);
	if (!ret)
		ret = call->handler(ctx, &arg, &why);
	if (!ret && copy_to_user(user, &arg, size)) {
		ret = -EFAULT;
		if (call->undo)
			call->undo(ctx, &arg);
	}

	/* A short transfer succeeds and has a reason, too. */
	if (unlikely(ret || why.reason)) {
		if (!why.error)
			why.error = -ret;
		/* What the caller will see when the call is not restarted. */
		if (why.error == ERESTARTSYS)
			why.error = EINTR;
		gimp_ctx_set_why(ctx, &why);
	}
	return ret;
}
