// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dma-buf registered in a context, and its way to the controllers that it is
 * used with.
 */
#include <linux/capability.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "gimp.h"

#define GIMP_BUF_UNCHARGED	XA_MARK_0

/* Pages of address array that one attach of this dma-buf needs. */
static unsigned long gimp_buf_pages(const struct gimp_buf *buf)
{
	u64 bytes = (gimp_dmabuf_length(buf->dmabuf) >> GIMP_PAGE_SHIFT) *
		    sizeof(__le64);

	return DIV_ROUND_UP_ULL(bytes, PAGE_SIZE);
}

/*
 * Each registration pays for the whole array, also where it is shared, so that
 * nobody's quota depends on what others do.
 */
static int gimp_buf_charge(struct gimp_buf *buf, struct gimp_why *why)
{
	unsigned long pages = gimp_buf_pages(buf);
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long sum;

	sum = atomic_long_add_return(pages, &buf->user->locked_vm);
	if (sum > limit && !capable(CAP_IPC_LOCK)) {
		atomic_long_sub(pages, &buf->user->locked_vm);
		return gimp_refuse(why, -ENOMEM, GPUDMABUF_REASON_MEMLOCK,
				   rlimit(RLIMIT_MEMLOCK));
	}
	buf->charged += pages;
	return 0;
}

static void gimp_buf_uncharge(struct gimp_buf *buf, unsigned long pages)
{
	atomic_long_sub(pages, &buf->user->locked_vm);
	buf->charged -= pages;
}

/*
 * What was mapped for controllers that are gone has been freed; the attaches
 * stay until the buf goes, for calls that may look at them.
 */
static void gimp_buf_uncharge_dead(struct gimp_buf *buf)
{
	struct gimp_attach *attach;
	unsigned long id;

	lockdep_assert_held(&buf->lock);

	xa_for_each(&buf->attaches, id, attach) {
		if (!READ_ONCE(attach->ctrl->dead) ||
		    xa_get_mark(&buf->attaches, id, GIMP_BUF_UNCHARGED))
			continue;
		xa_set_mark(&buf->attaches, id, GIMP_BUF_UNCHARGED);
		gimp_buf_uncharge(buf, gimp_buf_pages(buf));
	}
}

/* Nobody can look it up any more. */
static void gimp_buf_release(struct gimp_buf *buf)
{
	struct gimp_attach *attach;
	unsigned long id;

	xa_for_each(&buf->attaches, id, attach) {
		gimp_attach_unuse(attach);
		gimp_attach_put(attach);
	}
	xa_destroy(&buf->attaches);
	gimp_buf_uncharge(buf, buf->charged);
	free_uid(buf->user);
	dma_buf_put(buf->dmabuf);
	kfree_rcu(buf, rcu);
}

void gimp_buf_put(struct gimp_buf *buf)
{
	/* Keeps the memory, not the object, across the decrement. */
	rcu_read_lock();
	if (!refcount_dec_and_test(&buf->refs)) {
		smp_mb__after_atomic(); /* pairs with gimp_buf_unregister() */
		if (unlikely(READ_ONCE(buf->leaving)))
			wake_up_var(&buf->refs);
		rcu_read_unlock();
		return;
	}
	rcu_read_unlock();
	gimp_buf_release(buf);
}

struct gimp_buf *gimp_buf_get(struct gimp_ctx *ctx, u32 id,
			      struct gimp_why *why)
{
	struct gimp_buf *buf = NULL;

	rcu_read_lock();
	if (id < GIMP_MAX_BUFS)
		buf = xa_load(&ctx->bufs, array_index_nospec(id, GIMP_MAX_BUFS));
	if (buf && !refcount_inc_not_zero(&buf->refs))
		buf = NULL;
	rcu_read_unlock();

	if (!buf)
		gimp_refuse(why, -ENOENT, GPUDMABUF_REASON_NO_BUF, id);
	return buf;
}

static struct gimp_buf *gimp_buf_create(struct gimp_ctx *ctx, int fd,
					struct gimp_why *why)
{
	struct gimp_buf *buf;
	int ret;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf) {
		gimp_refuse(why, -ENOMEM, GPUDMABUF_REASON_NO_MEMORY, 0);
		return ERR_PTR(-ENOMEM);
	}

	buf->dmabuf = dma_buf_get(fd);
	if (IS_ERR(buf->dmabuf)) {
		ret = PTR_ERR(buf->dmabuf);
		gimp_refuse(why, ret, ret == -EBADF ?
			    GPUDMABUF_REASON_BAD_FD :
			    GPUDMABUF_REASON_NOT_DMABUF, 0);
		kfree(buf);
		return ERR_PTR(ret);
	}

	if (!gimp_dmabuf_length(buf->dmabuf)) {
		dma_buf_put(buf->dmabuf);
		kfree(buf);
		gimp_refuse(why, -EINVAL, GPUDMABUF_REASON_NOT_DMABUF, 0);
		return ERR_PTR(-EINVAL);
	}

	refcount_set(&buf->refs, 1);
	buf->user = get_uid(ctx->user);
	mutex_init(&buf->lock);
	xa_init(&buf->attaches);
	return buf;
}

int gimp_buf_register(struct gimp_ctx *ctx, int fd, u32 *ret_id, u64 *ret_len,
		      struct gimp_why *why)
{
	struct gimp_buf *buf = gimp_buf_create(ctx, fd, why);
	u64 len;
	int ret;

	if (IS_ERR(buf))
		return PTR_ERR(buf);

	/* Once it is in the array, another thread may unregister it. */
	len = gimp_dmabuf_length(buf->dmabuf);
	ret = xa_alloc(&ctx->bufs, ret_id, buf, XA_LIMIT(0, GIMP_MAX_BUFS - 1),
		       GFP_KERNEL_ACCOUNT);
	if (ret) {
		gimp_buf_put(buf);
		if (ret == -EBUSY)
			return gimp_refuse(why, -EMFILE,
					   GPUDMABUF_REASON_TOO_MANY,
					   GIMP_MAX_BUFS);
		return gimp_refuse(why, ret, GPUDMABUF_REASON_NO_MEMORY, 0);
	}

	*ret_len = len;
	return 0;
}

int gimp_buf_unregister(struct gimp_ctx *ctx, u32 id, struct gimp_why *why)
{
	struct gimp_buf *buf = NULL;
	int ret;

	if (id < GIMP_MAX_BUFS)
		buf = xa_erase(&ctx->bufs, array_index_nospec(id, GIMP_MAX_BUFS));
	if (!buf)
		return gimp_refuse(why, -ENOENT, GPUDMABUF_REASON_NO_BUF, id);

	/*
	 * Unregistered from here on, whatever else happens: a caller that is
	 * killed only does not wait for the calls under way; the last of them
	 * then releases.
	 */
	WRITE_ONCE(buf->leaving, true);
	smp_mb(); /* pairs with gimp_buf_put() */
	synchronize_rcu(); /* lookups have their reference, or fail */
	ret = wait_var_event_killable(&buf->refs,
				      refcount_read(&buf->refs) == 1);
	gimp_buf_put(buf);

	if (ret)
		return gimp_refuse(why, -EINTR, GPUDMABUF_REASON_KILLED, 0);
	return 0;
}

/*
 * The dma-buf's attach on a controller.  The buf holds a use of it, so it lasts
 * as long as the caller's reference on @buf.
 */
struct gimp_attach *gimp_buf_attach(struct gimp_buf *buf,
				    struct gimp_ctrl *ctrl,
				    struct gimp_why *why)
{
	struct gimp_attach *attach;
	unsigned long charged;
	int ret;

	attach = xa_load(&buf->attaches, ctrl->id);
	if (likely(attach))
		return attach;

	mutex_lock(&buf->lock);
	attach = xa_load(&buf->attaches, ctrl->id);
	if (attach)
		goto out_unlock;

	gimp_buf_uncharge_dead(buf);
	charged = buf->charged;
	ret = gimp_buf_charge(buf, why);
	if (ret) {
		attach = ERR_PTR(ret);
		goto out_unlock;
	}

	attach = gimp_attach_get(ctrl, buf->dmabuf);
	if (IS_ERR(attach)) {
		ret = PTR_ERR(attach);
		gimp_refuse(why, ret, ret == -ENODEV ?
			    GPUDMABUF_REASON_DISK_GONE :
			    GPUDMABUF_REASON_NO_MEMORY, 0);
		goto err_uncharge;
	}

	ret = xa_err(xa_store(&buf->attaches, ctrl->id, attach,
			      GFP_KERNEL_ACCOUNT));
	if (ret) {
		gimp_refuse(why, ret, GPUDMABUF_REASON_NO_MEMORY, 0);
		goto err_put_attach;
	}
	goto out_unlock;

err_put_attach:
	gimp_attach_unuse(attach);
	gimp_attach_put(attach);
	attach = ERR_PTR(ret);
err_uncharge:
	gimp_buf_uncharge(buf, buf->charged - charged);
out_unlock:
	mutex_unlock(&buf->lock);
	return attach;
}
