// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that serves memory: its life and its node.
 *
 * The node's owner may keep it open, and dma-bufs may live, after the PCI
 * device is gone.  So a gbar_dev is counted; the driver's binding is one of
 * the references.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "gbar.h"

static void gbar_dev_release(struct kref *ref)
{
	struct gbar_dev *gdev = container_of(ref, struct gbar_dev, ref);

	gbar_mem_destroy(gdev);
	mutex_destroy(&gdev->lock);
	kfree(gdev);
}

void gbar_dev_get(struct gbar_dev *gdev)
{
	kref_get(&gdev->ref);
}

void gbar_dev_put(struct gbar_dev *gdev)
{
	kref_put(&gdev->ref, gbar_dev_release);
}

/* misc_open() holds misc_mtx, so misc_deregister() cannot pass us here. */
static int gbar_open(struct inode *inode, struct file *file)
{
	struct gbar_dev *gdev = container_of(file->private_data,
					     struct gbar_dev, misc);

	gbar_dev_get(gdev);
	file->private_data = gdev;
	return nonseekable_open(inode, file);
}

static int gbar_release(struct inode *inode, struct file *file)
{
	gbar_dev_put(file->private_data);
	return 0;
}

static const struct file_operations gbar_fops = {
	.owner		= THIS_MODULE,
	.open		= gbar_open,
	.release	= gbar_release,
	.unlocked_ioctl	= gbar_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

/*
 * Not for everybody: memory is a resource, and DMA into it is watched by
 * nobody.  A udev rule may give the node to a group.
 */
static int gbar_dev_register(struct gbar_dev *gdev)
{
	gdev->misc = (struct miscdevice){
		.minor		= MISC_DYNAMIC_MINOR,
		.name		= gdev->name,
		.nodename	= gdev->nodename,
		.mode		= 0600,
		.fops		= &gbar_fops,
		.parent		= &gdev->pdev->dev,
	};
	return misc_register(&gdev->misc);
}

/**
 * gbar_dev_create - serve the memory of a device
 * @pdev: enabled, its regions requested
 * @range: what to serve
 *
 * Returns the device, to be ended with gbar_dev_destroy(), or an ERR_PTR.
 */
struct gbar_dev *gbar_dev_create(struct pci_dev *pdev,
				 const struct gbar_range *range)
{
	struct gbar_dev *gdev;
	int ret;

	gdev = kzalloc(sizeof(*gdev), GFP_KERNEL);
	if (!gdev)
		return ERR_PTR(-ENOMEM);
	kref_init(&gdev->ref);
	init_rwsem(&gdev->life);
	mutex_init(&gdev->lock);
	INIT_LIST_HEAD(&gdev->bufs);
	gdev->pdev = pdev;
	gdev->range = *range;
	gdev->start = pci_resource_start(pdev, range->bar) + range->offset;
	snprintf(gdev->name, sizeof(gdev->name), "gpudmabuf-bar-%s",
		 pci_name(pdev));
	snprintf(gdev->nodename, sizeof(gdev->nodename), "gpudmabuf-bar/%s",
		 pci_name(pdev));

	ret = gbar_mem_init(gdev);
	if (ret)
		goto err_put;
	gdev->alive = true;
	ret = gbar_dev_register(gdev);
	if (ret)
		goto err_unmap;
	return gdev;

err_unmap:
	gbar_mem_unmap(gdev);
err_put:
	gbar_dev_put(gdev);
	return ERR_PTR(ret);
}

/* Revokes every buffer; the PCI device is not touched any more afterwards. */
void gbar_dev_destroy(struct gbar_dev *gdev)
{
	misc_deregister(&gdev->misc);
	gbar_dev_stop(gdev);
	gbar_mem_unmap(gdev);
	gbar_dev_put(gdev);
}

/* Undoes gbar_dev_stop() and gbar_dev_stop_idle(); the node has stayed. */
int gbar_dev_start(struct gbar_dev *gdev)
{
	int ret = 0;

	down_write(&gdev->life);
	if (!gdev->alive) {
		ret = gbar_range_restore(gdev->pdev);
		gdev->alive = !ret;
	}
	up_write(&gdev->life);
	return ret;
}

/* No new buffers; the old ones are revoked, which waits for importers. */
void gbar_dev_stop(struct gbar_dev *gdev)
{
	down_write(&gdev->life);
	gdev->alive = false;
	up_write(&gdev->life);

	gbar_bufs_revoke(gdev);
}

/* The same where nothing has to be revoked; otherwise -EBUSY. */
int gbar_dev_stop_idle(struct gbar_dev *gdev)
{
	int ret = 0;

	down_write(&gdev->life);
	mutex_lock(&gdev->lock);
	if (list_empty(&gdev->bufs))
		gdev->alive = false;
	else
		ret = -EBUSY;
	mutex_unlock(&gdev->lock);
	up_write(&gdev->life);
	return ret;
}
