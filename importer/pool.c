// SPDX-License-Identifier: GPL-2.0-only
/*
 * Command slots.  What an I/O needs besides the request is allocated once, when
 * a user's first target on a controller is registered, and the number of slots
 * is what one user may have in flight there: I/O of ours passes the block
 * layer's own throttles by.
 */
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "gimp.h"

static void gimp_pool_free(struct gimp_pool *pool)
{
	sbitmap_queue_free(&pool->map);
	kvfree(pool->cmds);
	kfree(pool);
}

/*
 * Gives the pages back to the controller.  No request uses them: either no file
 * is left, or the driver was unbound and has ended all requests.
 */
void gimp_pool_free_dma(struct gimp_pool *pool)
{
	struct device *dev = &pool->ctrl->pdev->dev;
	unsigned int i;

	lockdep_assert_held(&pool->ctrl->lock);

	for (i = 0; i < pool->depth; i++) {
		struct gimp_cmd *cmd = &pool->cmds[i];

		if (cmd->prp)
			dma_free_coherent(dev, GIMP_PAGE_SIZE, cmd->prp,
					  cmd->prp_dma);
		cmd->prp = NULL;
	}

	/* The prober looks at its pages without a request. */
	mutex_lock(&pool->probe_lock);
	if (pool->probe)
		dma_free_coherent(dev, GIMP_PROBE_SIZE, pool->probe,
				  pool->probe_dma);
	pool->probe = NULL;
	mutex_unlock(&pool->probe_lock);
}

static int gimp_pool_alloc_dma(struct gimp_pool *pool)
{
	struct device *dev = &pool->ctrl->pdev->dev;
	unsigned int i;

	pool->probe = dma_alloc_coherent(dev, GIMP_PROBE_SIZE,
					 &pool->probe_dma, GFP_KERNEL);
	if (!pool->probe)
		return -ENOMEM;

	for (i = 0; i < pool->depth; i++) {
		struct gimp_cmd *cmd = &pool->cmds[i];

		cmd->prp = dma_alloc_coherent(dev, GIMP_PAGE_SIZE,
					      &cmd->prp_dma, GFP_KERNEL);
		if (!cmd->prp)
			return -ENOMEM;
	}
	return 0;
}

static int gimp_pool_alloc_slots(struct gimp_pool *pool)
{
	unsigned int i;
	int ret;

	pool->cmds = kvcalloc(pool->depth, sizeof(*pool->cmds),
			      GFP_KERNEL_ACCOUNT);
	if (!pool->cmds)
		return -ENOMEM;

	for (i = 0; i < pool->depth; i++) {
		pool->cmds[i].pool = pool;
		pool->cmds[i].index = i;
	}

	ret = sbitmap_queue_init_node(&pool->map, pool->depth, -1, false,
				      GFP_KERNEL, NUMA_NO_NODE);
	/* It frees what it allocated, but leaves pointers to it. */
	if (ret)
		memset(&pool->map, 0, sizeof(pool->map));
	return ret;
}

static struct gimp_pool *gimp_pool_create(struct gimp_ctrl *ctrl, kuid_t uid,
					  struct request_queue *q)
{
	struct gimp_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL_ACCOUNT);

	if (!pool)
		return ERR_PTR(-ENOMEM);

	refcount_set(&pool->refs, 1);
	pool->uid = uid;
	pool->ctrl = ctrl;
	pool->depth = max_t(unsigned int, q->nr_requests / 4, 1);
	mutex_init(&pool->probe_lock);

	if (gimp_pool_alloc_slots(pool))
		goto err_free;
	if (gimp_pool_alloc_dma(pool))
		goto err_free_dma;

	gimp_ctrl_hold(ctrl);
	list_add_tail(&pool->node, &ctrl->pools);
	return pool;

err_free_dma:
	gimp_pool_free_dma(pool);
err_free:
	gimp_pool_free(pool);
	return ERR_PTR(-ENOMEM);
}

/**
 * gimp_pool_get - the slots of a user on a controller
 * @ctrl: the controller
 * @uid: the user
 * @q: a namespace's queue there; all have the same number of tags
 *
 * Return: a reference, or -ENODEV when the controller is going away, or
 * -ENOMEM.
 */
struct gimp_pool *gimp_pool_get(struct gimp_ctrl *ctrl, kuid_t uid,
				struct request_queue *q)
{
	struct gimp_pool *pool;
	unsigned int noio;

	/* Reclaim must not wait for the disk whose unbind waits for the lock. */
	noio = memalloc_noio_save();
	mutex_lock(&ctrl->lock);
	if (ctrl->dead) {
		pool = ERR_PTR(-ENODEV);
		goto out_unlock;
	}
	list_for_each_entry(pool, &ctrl->pools, node) {
		if (uid_eq(pool->uid, uid)) {
			refcount_inc(&pool->refs);
			goto out_unlock;
		}
	}
	pool = gimp_pool_create(ctrl, uid, q);
out_unlock:
	mutex_unlock(&ctrl->lock);
	memalloc_noio_restore(noio);
	return pool;
}

/* All I/O of the files that held it has ended. */
void gimp_pool_put(struct gimp_pool *pool)
{
	struct gimp_ctrl *ctrl = pool->ctrl;

	if (!refcount_dec_and_mutex_lock(&pool->refs, &ctrl->lock))
		return;

	list_del(&pool->node);
	gimp_pool_free_dma(pool);
	mutex_unlock(&ctrl->lock);

	gimp_pool_free(pool);
	gimp_ctrl_put(ctrl);
}

/* A free slot; waits for one. NULL when the caller is being killed. */
struct gimp_cmd *gimp_cmd_get(struct gimp_pool *pool)
{
	struct sbitmap_queue *sbq = &pool->map;
	struct sbq_wait_state *ws;
	DEFINE_SBQ_WAIT(wait);
	int bit;

	bit = __sbitmap_queue_get(sbq);
	if (likely(bit >= 0))
		return &pool->cmds[bit];

	ws = sbq_wait_ptr(sbq, &pool->wait);
	for (;;) {
		sbitmap_prepare_to_wait(sbq, ws, &wait, TASK_KILLABLE);
		bit = __sbitmap_queue_get(sbq);
		if (bit >= 0 || fatal_signal_pending(current))
			break;
		io_schedule();
	}
	sbitmap_finish_wait(sbq, ws, &wait);
	if (bit >= 0)
		return &pool->cmds[bit];

	/* A wake-up that a dying waiter got was meant for somebody. */
	sbitmap_queue_wake_all(sbq);
	return NULL;
}

void gimp_cmd_free(struct gimp_cmd *cmd)
{
	sbitmap_queue_clear(&cmd->pool->map, cmd->index,
			    raw_smp_processor_id());
}
