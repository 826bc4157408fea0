// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gates: what a block device must be before a command of ours goes to it.
 */
#include <linux/blk-integrity.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/nvme_ioctl.h>
#include <linux/pci.h>

#include "gimp.h"

static bool gimp_disk_is_nvme(const struct gendisk *disk)
{
	/* NULL: nvme_core is built in. The parent's class decides then. */
	return !disk->fops->owner || !strcmp(disk->fops->owner->name,
					     "nvme_core");
}

static struct pci_dev *gimp_disk_pdev(const struct gendisk *disk)
{
	struct device *ctrl = disk_to_dev(disk)->parent;
	struct device *dev;

	/* nvme over TCP or RDMA gets this far; its parent is no PCI device. */
	dev = ctrl->parent;
	return dev && dev_is_pci(dev) ? to_pci_dev(dev) : NULL;
}

static bool gimp_disk_on_nvme_ctrl(const struct gendisk *disk)
{
	struct device *parent = disk_to_dev(disk)->parent;

	return parent && parent->class && !strcmp(parent->class->name, "nvme");
}

static int gimp_disk_gate_driver(struct block_device *bdev,
				 struct gimp_disk *ret, struct gimp_why *why)
{
	const struct gendisk *disk = bdev->bd_disk;

	if (!gimp_disk_is_nvme(disk))
		return gimp_refuse(why, -EOPNOTSUPP,
				   queue_is_mq(ret->q) ?
				   GPUDMABUF_REASON_NOT_NVME :
				   GPUDMABUF_REASON_BIO_BASED, 0);
	if (!queue_is_mq(ret->q))
		return gimp_refuse(why, -EOPNOTSUPP,
				   disk->fops->owner ?
				   GPUDMABUF_REASON_MULTIPATH :
				   GPUDMABUF_REASON_BIO_BASED, 0);
	if (!gimp_disk_on_nvme_ctrl(disk))
		return gimp_refuse(why, -EOPNOTSUPP,
				   GPUDMABUF_REASON_NOT_NVME, 0);

	ret->pdev = gimp_disk_pdev(disk);
	if (!ret->pdev)
		return gimp_refuse(why, -EOPNOTSUPP, GPUDMABUF_REASON_NOT_PCI,
				   0);
	return 0;
}

static int gimp_disk_gate_format(struct block_device *bdev,
				 struct gimp_disk *ret, struct gimp_why *why)
{
	if (bdev_is_zoned(bdev))
		return gimp_refuse(why, -EOPNOTSUPP, GPUDMABUF_REASON_ZONED, 0);
	if (bdev_get_integrity(bdev))
		return gimp_refuse(why, -EOPNOTSUPP,
				   GPUDMABUF_REASON_INTEGRITY, 0);
	if (!ret->capacity)
		return gimp_refuse(why, -EOPNOTSUPP, GPUDMABUF_REASON_EMPTY, 0);
	if (ret->block_size > GIMP_PAGE_SIZE)
		return gimp_refuse(why, -EOPNOTSUPP,
				   GPUDMABUF_REASON_BLOCK_SIZE,
				   ret->block_size);
	if (ret->q->rq_timeout > GIMP_MAX_TIMEOUT)
		return gimp_refuse(why, -EOPNOTSUPP,
				   GPUDMABUF_REASON_IO_TIMEOUT,
				   jiffies_to_msecs(ret->q->rq_timeout));
	return 0;
}

/**
 * gimp_disk_identify - find the namespace behind a block device
 * @bdev: open
 * @ret: set on success
 * @why: set on refusal
 *
 * Asks only what the block layer and the driver publish; the driver's private
 * structures are never read.  That the controller is bound to the kernel's nvme
 * driver is for gimp_ctrl_get() to see, under the device's lock.
 */
int gimp_disk_identify(struct block_device *bdev, struct gimp_disk *ret,
		       struct gimp_why *why)
{
	struct gimp_disk disk = { .q = bdev_get_queue(bdev) };
	int err;

	err = gimp_disk_gate_driver(bdev, &disk, why);
	if (err)
		return err;

	disk.block_size = bdev_logical_block_size(bdev);
	disk.capacity = get_capacity(bdev->bd_disk);
	err = gimp_disk_gate_format(bdev, &disk, why);
	if (err)
		return err;

	err = bdev->bd_disk->fops->ioctl(bdev, 0, NVME_IOCTL_ID, 0);
	if (err <= 0)
		return gimp_refuse(why, -EOPNOTSUPP,
				   GPUDMABUF_REASON_NOT_NVME, 0);
	disk.nsid = err;

	*ret = disk;
	return 0;
}

/*
 * True while the namespace is as it was found.  Holds for a request only when
 * asked after its allocation: a format freezes the queue, and waits for it.
 */
bool gimp_disk_unchanged(struct block_device *bdev,
			 const struct gimp_disk *disk)
{
	return bdev_logical_block_size(bdev) == disk->block_size &&
	       get_capacity(bdev->bd_disk) == READ_ONCE(disk->capacity) &&
	       !bdev_get_integrity(bdev);
}
