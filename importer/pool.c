// SPDX-License-Identifier: GPL-2.0-only
/*
 * Command slots.  What an I/O needs besides the request is allocated once, when
 * a user's first target on a controller is registered, and the number of slots
 * is what one user may have in flight there: I/O of ours passes the block
 * layer's own throttles by.
 */
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "gimp.h"

static void gimp_pool_free(struct gimp_pool *pool)
{
	sbitmap_queue_free(&pool->io_map);
	sbitmap_queue_free(&pool->cmd_map);
	kvfree(pool->ios);
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

	pool->cmds = kvcalloc(pool->depth, sizeof(*pool->cmds), GFP_KERNEL);
	pool->ios = kvcalloc(pool->depth, sizeof(*pool->ios), GFP_KERNEL);
	if (!pool->cmds || !pool->ios)
		return -ENOMEM;

	for (i = 0; i < pool->depth; i++) {
		pool->cmds[i].pool = pool;
		pool->cmds[i].index = i;
		pool->ios[i].pool = pool;
		pool->ios[i].index = i;
		spin_lock_init(&pool->ios[i].lock);
	}

	if (sbitmap_queue_init_node(&pool->cmd_map, pool->depth, -1, false,
				    GFP_KERNEL, NUMA_NO_NODE))
		return -ENOMEM;
	return sbitmap_queue_init_node(&pool->io_map, pool->depth, -1, false,
				       GFP_KERNEL, NUMA_NO_NODE);
}

static struct gimp_pool *gimp_pool_create(struct gimp_ctrl *ctrl, kuid_t uid,
					  struct request_queue *q)
{
	struct gimp_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);

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

/* A free bit of a map; waits, but not when the caller is being killed. */
static int gimp_bit_get(struct sbitmap_queue *sbq, atomic_t *wait_index)
{
	struct sbq_wait_state *ws;
	DEFINE_SBQ_WAIT(wait);
	int bit;

	bit = __sbitmap_queue_get(sbq);
	if (likely(bit >= 0))
		return bit;

	ws = sbq_wait_ptr(sbq, wait_index);
	for (;;) {
		sbitmap_prepare_to_wait(sbq, ws, &wait, TASK_KILLABLE);
		bit = __sbitmap_queue_get(sbq);
		if (bit >= 0 || fatal_signal_pending(current))
			break;
		io_schedule();
	}
	sbitmap_finish_wait(sbq, ws, &wait);

	/* A wake-up that a dying waiter got was meant for somebody. */
	if (bit < 0)
		sbitmap_queue_wake_all(sbq);
	return bit;
}

/* NULL when the caller is being killed. */
struct gimp_io *gimp_io_get(struct gimp_pool *pool)
{
	int bit = gimp_bit_get(&pool->io_map, &pool->io_wait);

	return bit < 0 ? NULL : &pool->ios[bit];
}

void gimp_io_free(struct gimp_io *io)
{
	sbitmap_queue_clear(&io->pool->io_map, io->index,
			    raw_smp_processor_id());
}

/* NULL when the caller is being killed. */
struct gimp_cmd *gimp_cmd_get(struct gimp_pool *pool)
{
	int bit = gimp_bit_get(&pool->cmd_map, &pool->cmd_wait);

	return bit < 0 ? NULL : &pool->cmds[bit];
}

void gimp_cmd_free(struct gimp_cmd *cmd)
{
	sbitmap_queue_clear(&cmd->pool->cmd_map, cmd->index,
			    raw_smp_processor_id());
}
