// SPDX-License-Identifier: GPL-2.0-only
/*
 * NVMe controllers, and what must happen when their driver is unbound.
 *
 * At BUS_NOTIFY_UNBIND_DRIVER the driver still works: new use is refused and
 * the maps' references are killed, but nothing is waited for: after a surprise
 * removal only nvme_remove(), which comes later, ends the requests in flight.
 * The device resource that we added while the driver was bound is released
 * after nvme_remove() and before the DMA ops go: then no request is left, and
 * everything is unmapped, detached and freed.
 */
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "gimp.h"

static LIST_HEAD(gimp_ctrls);
static DEFINE_MUTEX(gimp_ctrls_lock); /* protects gimp_ctrls */
static u32 gimp_ctrl_next_id; /* under gimp_ctrls_lock; ids are not reused */
static atomic_t gimp_ctrl_count = ATOMIC_INIT(0);

void gimp_ctrl_hold(struct gimp_ctrl *ctrl)
{
	refcount_inc(&ctrl->refs);
}

void gimp_ctrl_put(struct gimp_ctrl *ctrl)
{
	if (!refcount_dec_and_test(&ctrl->refs))
		return;

	WARN_ON(!list_empty(&ctrl->attaches) || !list_empty(&ctrl->pools));
	pci_dev_put(ctrl->pdev);
	kfree(ctrl);
	if (atomic_dec_and_test(&gimp_ctrl_count))
		wake_up_var(&gimp_ctrl_count);
}

static struct gimp_ctrl *gimp_ctrl_find(struct pci_dev *pdev)
{
	struct gimp_ctrl *ctrl, *found = NULL;

	mutex_lock(&gimp_ctrls_lock);
	list_for_each_entry(ctrl, &gimp_ctrls, node) {
		if (ctrl->pdev == pdev) {
			gimp_ctrl_hold(ctrl);
			found = ctrl;
			break;
		}
	}
	mutex_unlock(&gimp_ctrls_lock);
	return found;
}

/* Takes back all that a controller was given. Its requests have ended. */
static void gimp_ctrl_shutdown(struct gimp_ctrl *ctrl)
{
	struct gimp_attach *attach;
	struct gimp_pool *pool;

	device_lock_assert(&ctrl->pdev->dev);

	mutex_lock(&ctrl->lock);
	WRITE_ONCE(ctrl->dead, true);
	list_for_each_entry(attach, &ctrl->attaches, node)
		gimp_attach_close(attach);
	list_for_each_entry(pool, &ctrl->pools, node)
		gimp_pool_free_dma(pool);
	mutex_unlock(&ctrl->lock);

	mutex_lock(&gimp_ctrls_lock);
	list_del(&ctrl->node);
	mutex_unlock(&gimp_ctrls_lock);
}

/* The device resource holds a pointer to its controller. */
static void gimp_ctrl_devres_release(struct device *dev, void *res)
{
	struct gimp_ctrl *ctrl = *(struct gimp_ctrl **)res;

	gimp_ctrl_shutdown(ctrl);
	gimp_ctrl_put(ctrl);
}

static int gimp_ctrl_devres_match(struct device *dev, void *res, void *ctrl)
{
	return *(struct gimp_ctrl **)res == ctrl;
}

static struct gimp_ctrl *gimp_ctrl_create(struct pci_dev *pdev)
{
	struct gimp_ctrl *ctrl, **res;

	ctrl = kzalloc(sizeof(*ctrl), GFP_KERNEL);
	res = devres_alloc(gimp_ctrl_devres_release, sizeof(*res), GFP_KERNEL);
	if (!ctrl || !res) {
		kfree(ctrl);
		devres_free(res);
		return ERR_PTR(-ENOMEM);
	}

	refcount_set(&ctrl->refs, 2); /* the device resource's, the caller's */
	ctrl->pdev = pci_dev_get(pdev);
	mutex_init(&ctrl->lock);
	INIT_LIST_HEAD(&ctrl->attaches);
	INIT_LIST_HEAD(&ctrl->pools);
	atomic_inc(&gimp_ctrl_count);

	*res = ctrl;
	devres_add(&pdev->dev, res);

	mutex_lock(&gimp_ctrls_lock);
	ctrl->id = gimp_ctrl_next_id++;
	list_add_tail(&ctrl->node, &gimp_ctrls);
	mutex_unlock(&gimp_ctrls_lock);
	return ctrl;
}

/**
 * gimp_ctrl_get - the controller object of a PCI device
 * @pdev: an NVMe controller
 *
 * Return: a reference, or -ENODEV when the kernel's nvme driver is not bound
 * (any more), or -ENOMEM.
 */
struct gimp_ctrl *gimp_ctrl_get(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev;
	struct gimp_ctrl *ctrl;
	unsigned int noio;

	/*
	 * Keeps the driver bound: what we add to it is released with it.
	 * Reclaim must not wait for a disk whose unbind waits for the lock.
	 */
	noio = memalloc_noio_save();
	device_lock(dev);
	if (!dev->driver || strcmp(dev->driver->name, "nvme")) {
		ctrl = ERR_PTR(-ENODEV);
		goto out_unlock;
	}
	ctrl = gimp_ctrl_find(pdev);
	if (!ctrl)
		ctrl = gimp_ctrl_create(pdev);
out_unlock:
	device_unlock(dev);
	memalloc_noio_restore(noio);
	return ctrl;
}

static int gimp_ctrl_notify(struct notifier_block *nb, unsigned long event,
			    void *data)
{
	struct device *dev = data;
	struct gimp_attach *attach;
	struct gimp_ctrl *ctrl;

	if (event != BUS_NOTIFY_UNBIND_DRIVER)
		return NOTIFY_DONE;

	ctrl = gimp_ctrl_find(to_pci_dev(dev));
	if (!ctrl)
		return NOTIFY_DONE;

	mutex_lock(&ctrl->lock);
	WRITE_ONCE(ctrl->dead, true);
	list_for_each_entry(attach, &ctrl->attaches, node)
		gimp_attach_kill(attach);
	mutex_unlock(&ctrl->lock);

	gimp_ctrl_put(ctrl);
	return NOTIFY_OK;
}

/* For suspend: every mapping ends; the next I/O maps again. */
void gimp_ctrl_unmap_all(void)
{
	struct gimp_attach *attach;
	struct gimp_ctrl *ctrl;

	mutex_lock(&gimp_ctrls_lock);
	list_for_each_entry(ctrl, &gimp_ctrls, node) {
		mutex_lock(&ctrl->lock);
		list_for_each_entry(attach, &ctrl->attaches, node)
			gimp_attach_suspend(attach);
		mutex_unlock(&ctrl->lock);
	}
	mutex_unlock(&gimp_ctrls_lock);
}

static struct notifier_block gimp_ctrl_nb = {
	.notifier_call = gimp_ctrl_notify,
};

int gimp_ctrl_init(void)
{
	return bus_register_notifier(&pci_bus_type, &gimp_ctrl_nb);
}

static struct gimp_ctrl *gimp_ctrl_first(void)
{
	struct gimp_ctrl *ctrl;

	mutex_lock(&gimp_ctrls_lock);
	ctrl = list_first_entry_or_null(&gimp_ctrls, struct gimp_ctrl, node);
	if (ctrl)
		gimp_ctrl_hold(ctrl);
	mutex_unlock(&gimp_ctrls_lock);
	return ctrl;
}

/*
 * No context is open any more, so no controller is added.  Unbinding holds the
 * device lock from before remove() until after the device resources: under it
 * a resource is either still there or entirely released.
 */
void gimp_ctrl_exit(void)
{
	struct gimp_ctrl *ctrl;

	bus_unregister_notifier(&pci_bus_type, &gimp_ctrl_nb);

	while ((ctrl = gimp_ctrl_first())) {
		struct device *dev = &ctrl->pdev->dev;

		device_lock(dev);
		devres_release(dev, gimp_ctrl_devres_release,
			       gimp_ctrl_devres_match, ctrl);
		device_unlock(dev);
		gimp_ctrl_put(ctrl);
	}

	/* One that an unbind found first. */
	wait_var_event(&gimp_ctrl_count, !atomic_read(&gimp_ctrl_count));
}
