// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dma-buf attached to a controller: who shares it, when it is mapped, and how
 * the exporter takes its memory back.
 */
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "gimp.h"
#include "trace.h"

/* An exporter may keep moving the memory; nobody waits for it for ever. */
#define GIMP_MAP_ROUNDS		8

void gimp_attach_put(struct gimp_attach *attach)
{
	if (!refcount_dec_and_test(&attach->refs))
		return;

	dma_buf_put(attach->dmabuf);
	gimp_ctrl_put(attach->ctrl);
	kfree(attach);
}

/*
 * Unpublish, wait for the last command, unmap: nothing of the memory is used
 * when this returns.
 */
static void gimp_attach_unmap(struct gimp_attach *attach)
{
	struct dma_resv *resv = attach->dmabuf->resv;
	struct gimp_map *map;

	dma_resv_assert_held(resv);

	map = rcu_dereference_protected(attach->map, dma_resv_held(resv));
	if (map) {
		RCU_INIT_POINTER(attach->map, NULL);
		gimp_map_kill(map);
		gimp_map_drain(map, attach->ctrl->pdev);
		gimp_map_put(map);
	}

	if (attach->sgt) {
		trace_gimp_unmap(attach);
		dma_buf_unmap_attachment(attach->dba, attach->sgt,
					 DMA_BIDIRECTIONAL);
		attach->sgt = NULL;
	}
}

/* Idempotent. The controller's driver is bound, or is just being unbound. */
void gimp_attach_close(struct gimp_attach *attach)
{
	mutex_lock(&attach->lock);
	dma_resv_lock(attach->dmabuf->resv, NULL);
	if (attach->state == GIMP_ATTACH_LIVE)
		attach->state = GIMP_ATTACH_CLOSED;
	gimp_attach_unmap(attach);
	dma_resv_unlock(attach->dmabuf->resv);

	if (attach->dba)
		dma_buf_detach(attach->dmabuf, attach->dba);
	attach->dba = NULL;
	mutex_unlock(&attach->lock);
}

static void gimp_attach_work(struct work_struct *work)
{
	struct gimp_attach *attach = container_of(work, struct gimp_attach,
						  work);

	gimp_attach_close(attach);
	gimp_attach_put(attach);
}

/*
 * Called by the exporter, under the reservation lock, perhaps from inside our
 * own attach or map and perhaps twice: it takes no lock that those hold.
 */
static void gimp_attach_invalidate(struct dma_buf_attachment *dba)
{
	struct gimp_attach *attach = dba->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	trace_gimp_invalidate(attach);
	gimp_attach_unmap(attach);

	/*
	 * What a static exporter mapped at attach stays mapped until detach,
	 * which may not be called from here, and what it takes back it does not
	 * give again.
	 */
	if (kcompat_dma_buf_maps_at_attach(attach->dmabuf)) {
		attach->state = GIMP_ATTACH_REVOKED;
		/* The work has a reference of its own while it is queued. */
		refcount_inc(&attach->refs);
		if (!queue_work(gimp_wq, &attach->work))
			refcount_dec(&attach->refs);
	}
}

static const struct dma_buf_attach_ops gimp_attach_ops = {
	.allow_peer2peer = true,
	.KCOMPAT_INVALIDATE_MAPPINGS = gimp_attach_invalidate,
};

static struct gimp_attach *gimp_attach_create(struct gimp_ctrl *ctrl,
					      struct dma_buf *dmabuf)
{
	struct gimp_attach *attach = kzalloc(sizeof(*attach),
					     GFP_KERNEL_ACCOUNT);

	if (!attach)
		return ERR_PTR(-ENOMEM);

	refcount_set(&attach->refs, 1);
	refcount_set(&attach->users, 1);
	gimp_ctrl_hold(ctrl);
	attach->ctrl = ctrl;
	get_dma_buf(dmabuf);
	attach->dmabuf = dmabuf;
	mutex_init(&attach->lock);
	INIT_WORK(&attach->work, gimp_attach_work);
	list_add_tail(&attach->node, &ctrl->attaches);
	return attach;
}

/**
 * gimp_attach_get - a use of the attach of a dma-buf on a controller
 * @ctrl: the controller
 * @dmabuf: the dma-buf
 *
 * Finds the one that other registrations share, or makes it; nothing is
 * attached or mapped yet.
 *
 * Return: a use and a reference, to be given back by gimp_attach_unuse() and
 * gimp_attach_put(); or -ENODEV when the controller is going away, or -ENOMEM.
 */
struct gimp_attach *gimp_attach_get(struct gimp_ctrl *ctrl,
				    struct dma_buf *dmabuf)
{
	struct gimp_attach *attach;
	unsigned int noio;

	/* Reclaim must not wait for the disk whose unbind waits for the lock. */
	noio = memalloc_noio_save();
	mutex_lock(&ctrl->lock);
	if (ctrl->dead) {
		attach = ERR_PTR(-ENODEV);
		goto out_unlock;
	}
	list_for_each_entry(attach, &ctrl->attaches, node) {
		if (attach->dmabuf == dmabuf &&
		    refcount_inc_not_zero(&attach->users)) {
			refcount_inc(&attach->refs);
			goto out_unlock;
		}
	}
	attach = gimp_attach_create(ctrl, dmabuf);
out_unlock:
	mutex_unlock(&ctrl->lock);
	memalloc_noio_restore(noio);
	return attach;
}

/* The last use gone, it is closed: commands are waited for, then detached. */
void gimp_attach_unuse(struct gimp_attach *attach)
{
	if (!refcount_dec_and_test(&attach->users))
		return;

	gimp_attach_close(attach);
	mutex_lock(&attach->ctrl->lock);
	list_del(&attach->node);
	mutex_unlock(&attach->ctrl->lock);
}

/* Unmapped until somebody maps it again. */
void gimp_attach_suspend(struct gimp_attach *attach)
{
	dma_resv_lock(attach->dmabuf->resv, NULL);
	gimp_attach_unmap(attach);
	dma_resv_unlock(attach->dmabuf->resv);
}

/*
 * The controller's driver is about to go: no further command may use the
 * addresses. Those in flight end in the driver's remove().
 */
void gimp_attach_kill(struct gimp_attach *attach)
{
	struct gimp_map *map;

	rcu_read_lock();
	map = rcu_dereference(attach->map);
	if (map)
		gimp_map_kill(map);
	rcu_read_unlock();
}

/*
 * The published map, with a reference for one command, or NULL. The caller has
 * preemption off until the command is on its way: who invalidates waits for it.
 */
struct gimp_map *gimp_attach_tryget_map(struct gimp_attach *attach)
{
	struct gimp_map *map;

	lockdep_assert_preemption_disabled();

	rcu_read_lock();
	map = rcu_dereference(attach->map);
	if (map && !percpu_ref_tryget_live(&map->refs))
		map = NULL;
	rcu_read_unlock();
	return map;
}

/* An exporter's errno as one of ours. */
static int gimp_attach_refused(int err, enum gpudmabuf_reason reason,
			       struct gimp_why *why)
{
	switch (err) {
	case -EINTR:
	case -ERESTARTSYS:
		return gimp_refuse(why, err, GPUDMABUF_REASON_KILLED, 0);
	case -ENOMEM:
		return gimp_refuse(why, err, GPUDMABUF_REASON_NO_MEMORY, 0);
	case -ENODEV:
		return gimp_refuse(why, err, GPUDMABUF_REASON_MEMORY_GONE, 0);
	default:
		return gimp_refuse(why, -EXDEV, reason, -err);
	}
}

static int gimp_attach_open(struct gimp_attach *attach, struct gimp_why *why)
{
	struct dma_buf_attachment *dba;

	lockdep_assert_held(&attach->lock);

	dba = dma_buf_dynamic_attach(attach->dmabuf, &attach->ctrl->pdev->dev,
				     &gimp_attach_ops, attach);
	if (IS_ERR(dba))
		return gimp_attach_refused(PTR_ERR(dba),
					   GPUDMABUF_REASON_ATTACH_REFUSED,
					   why);
	attach->dba = dba;
	return 0;
}

static int gimp_attach_map_sgt(struct gimp_attach *attach,
			       struct gimp_why *why)
{
	struct sg_table *sgt;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (attach->sgt)
		return 0;

	sgt = dma_buf_map_attachment(attach->dba, DMA_BIDIRECTIONAL);
	if (IS_ERR_OR_NULL(sgt)) {
		ret = sgt ? PTR_ERR(sgt) : -ENOMEM;
		return gimp_attach_refused(ret, GPUDMABUF_REASON_MAP_REFUSED,
					   why);
	}
	attach->sgt = sgt;
	return 0;
}

/*
 * Map and publish. -EBUSY while the exporter's fences are not signalled or the
 * machine is suspended.
 */
static int gimp_attach_publish(struct gimp_attach *attach,
			       struct gimp_why *why)
{
	struct dma_resv *resv = attach->dmabuf->resv;
	struct gimp_map *map;
	int ret;

	dma_resv_assert_held(resv);

	if (attach->state != GIMP_ATTACH_LIVE)
		return gimp_refuse(why, -ENODEV, GPUDMABUF_REASON_MEMORY_GONE,
				   0);
	if (rcu_access_pointer(attach->map))
		return 0;
	if (gimp_pm_suspended())
		return -EBUSY;

	ret = gimp_attach_map_sgt(attach, why);
	if (ret)
		return ret;
	if (!dma_resv_test_signaled(resv, DMA_RESV_USAGE_KERNEL))
		return -EBUSY;

	map = gimp_map_create(attach, why);
	if (IS_ERR(map)) {
		gimp_attach_unmap(attach);
		return PTR_ERR(map);
	}
	trace_gimp_map(attach);
	rcu_assign_pointer(attach->map, map);
	return 0;
}

/* One attempt; -EBUSY as gimp_attach_publish(). */
static int gimp_attach_try_map(struct gimp_attach *attach,
			       struct gimp_why *why)
{
	struct dma_resv *resv = attach->dmabuf->resv;
	int ret;

	lockdep_assert_held(&attach->lock);

	/* Set before gimp_ctrl_shutdown() closes us, under our lock. */
	if (READ_ONCE(attach->ctrl->dead))
		return gimp_refuse(why, -ENODEV, GPUDMABUF_REASON_DISK_GONE, 0);

	if (!attach->dba && attach->state == GIMP_ATTACH_LIVE) {
		ret = gimp_attach_open(attach, why);
		if (ret)
			return ret;
	}

	if (dma_resv_lock_interruptible(resv, NULL))
		return gimp_attach_refused(-ERESTARTSYS, 0, why);
	ret = gimp_attach_publish(attach, why);
	dma_resv_unlock(resv);
	return ret;
}

/*
 * Until the machine is awake and the memory neither cleared nor copied by
 * fences. Without a lock: who waits can be frozen and killed, and nobody waits
 * for him.
 */
static int gimp_attach_wait_ready(struct gimp_attach *attach,
				  struct gimp_why *why)
{
	long ret;

	ret = gimp_pm_wait_awake();
	if (!ret)
		ret = dma_resv_wait_timeout(attach->dmabuf->resv,
					    DMA_RESV_USAGE_KERNEL, true,
					    MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? gimp_attach_refused(-ERESTARTSYS, 0, why) : 0;
}

/**
 * gimp_attach_map - make sure that a map is published
 * @attach: the attach
 * @why: set on refusal
 *
 * Sleeps: the exporter may move memory, and its fences are waited for. The map
 * may be taken back before the caller looks.
 *
 * Return: 0, or -EXDEV, -ENODEV, -ENOMEM, -EAGAIN, -EINTR, -ERESTARTSYS.
 */
int gimp_attach_map(struct gimp_attach *attach, struct gimp_why *why)
{
	unsigned int round;
	int ret;

	for (round = 0; round < GIMP_MAP_ROUNDS; round++) {
		ret = gimp_attach_wait_ready(attach, why);
		if (ret)
			return ret;
		if (mutex_lock_killable(&attach->lock))
			return gimp_refuse(why, -EINTR,
					   GPUDMABUF_REASON_KILLED, 0);
		ret = gimp_attach_try_map(attach, why);
		mutex_unlock(&attach->lock);
		if (ret != -EBUSY)
			return ret;
	}
	return gimp_refuse(why, -EAGAIN, GPUDMABUF_REASON_MOVING, 0);
}
