// SPDX-License-Identifier: GPL-2.0-only
/*
 * A context: one open of /dev/gpudmabuf, and what is registered in it.
 */
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "gimp.h"

struct gimp_ctx *gimp_ctx_create(void)
{
	struct gimp_ctx *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);

	if (!ctx)
		return NULL;

	xa_init_flags(&ctx->bufs, XA_FLAGS_ALLOC);
	xa_init_flags(&ctx->files, XA_FLAGS_ALLOC);
	spin_lock_init(&ctx->why_lock);
	ctx->user = get_uid(current_user());
	return ctx;
}

/*
 * No call is under way any more, I/O of killed callers may be: it holds what
 * it needs by itself.
 */
void gimp_ctx_destroy(struct gimp_ctx *ctx)
{
	struct gimp_file *file;
	struct gimp_buf *buf;
	unsigned long id;

	xa_for_each(&ctx->files, id, file)
		gimp_file_put(file);
	xa_for_each(&ctx->bufs, id, buf)
		gimp_buf_put(buf);

	xa_destroy(&ctx->files);
	xa_destroy(&ctx->bufs);
	free_uid(ctx->user);
	kfree(ctx);
}

/* Remembers a refusal for the thread that met it. */
void gimp_ctx_set_why(struct gimp_ctx *ctx, const struct gimp_why *why)
{
	pid_t tid = task_pid_nr(current);
	unsigned int i;

	spin_lock(&ctx->why_lock);
	for (i = 0; i < GIMP_WHYS; i++)
		if (ctx->whys[i].tid == tid)
			break;
	if (i == GIMP_WHYS) {
		i = ctx->why_next;
		ctx->why_next = (i + 1) % GIMP_WHYS;
	}
	ctx->whys[i].tid = tid;
	ctx->whys[i].why = *why;
	spin_unlock(&ctx->why_lock);
}

void gimp_ctx_get_why(struct gimp_ctx *ctx, struct gimp_why *ret)
{
	pid_t tid = task_pid_nr(current);
	unsigned int i;

	*ret = (struct gimp_why) {};
	spin_lock(&ctx->why_lock);
	for (i = 0; i < GIMP_WHYS; i++)
		if (ctx->whys[i].tid == tid)
			*ret = ctx->whys[i].why;
	spin_unlock(&ctx->why_lock);
}
