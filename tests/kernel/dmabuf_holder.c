// SPDX-License-Identifier: GPL-2.0-only
/*
 * An importer that holds on to a dma-buf until its descriptor is closed: pinned,
 * mapped for the CPU, or mapped for DMA and deaf to the exporter.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hostile.h"

/**
 * struct holder - one open of the node; used by one thread
 * @dmabuf: a reference, or NULL
 * @dba: the attachment, or NULL
 * @sgt: its mapping, or NULL
 * @vmap: the CPU's mapping
 * @pinned: pinned once
 */
struct holder {
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *dba;
	struct sg_table *sgt;
	struct iosys_map vmap;
	bool pinned;
};

/* What is mapped stays so: that is for the exporter to live with. */
static void holder_invalidate(struct dma_buf_attachment *dba)
{
	dma_resv_assert_held(dba->dmabuf->resv);
}

static const struct dma_buf_attach_ops holder_ops = {
	.allow_peer2peer = true,
	.KCOMPAT_INVALIDATE_MAPPINGS = holder_invalidate,
};

static int holder_attach(struct holder *h)
{
	struct pci_dev *pdev = pci_get_class(PCI_CLASS_STORAGE_EXPRESS, NULL);
	struct dma_buf_attachment *dba;

	if (!pdev)
		return -ENODEV;
	dba = dma_buf_dynamic_attach(h->dmabuf, &pdev->dev, &holder_ops, h);
	/* The tests leave the drive where it is. */
	pci_dev_put(pdev);
	if (IS_ERR(dba))
		return PTR_ERR(dba);
	h->dba = dba;
	return 0;
}

static int holder_hold_locked(struct holder *h, u32 what)
{
	struct sg_table *sgt;
	int ret;

	dma_resv_assert_held(h->dmabuf->resv);

	if (what & HOLDER_PIN) {
		ret = dma_buf_pin(h->dba);
		if (ret)
			return ret;
		h->pinned = true;
	}
	if (what & HOLDER_MAP) {
		sgt = dma_buf_map_attachment(h->dba, DMA_BIDIRECTIONAL);
		if (IS_ERR(sgt))
			return PTR_ERR(sgt);
		h->sgt = sgt;
	}
	return 0;
}

static int holder_hold(struct holder *h, u32 what)
{
	int ret;

	if (what & HOLDER_VMAP) {
		ret = kcompat_dma_buf_vmap_unlocked(h->dmabuf, &h->vmap);
		if (ret)
			return ret;
	}
	if (!(what & (HOLDER_PIN | HOLDER_MAP)))
		return 0;

	ret = holder_attach(h);
	if (ret)
		return ret;
	dma_resv_lock(h->dmabuf->resv, NULL);
	ret = holder_hold_locked(h, what);
	dma_resv_unlock(h->dmabuf->resv);
	return ret;
}

static int holder_open(struct inode *inode, struct file *file)
{
	struct holder *h = kzalloc(sizeof(*h), GFP_KERNEL);

	file->private_data = h;
	return h ? 0 : -ENOMEM;
}

static int holder_release(struct inode *inode, struct file *file)
{
	struct holder *h = file->private_data;

	if (h->dba) {
		dma_resv_lock(h->dmabuf->resv, NULL);
		if (h->sgt)
			dma_buf_unmap_attachment(h->dba, h->sgt,
						 DMA_BIDIRECTIONAL);
		if (h->pinned)
			dma_buf_unpin(h->dba);
		dma_resv_unlock(h->dmabuf->resv);
		dma_buf_detach(h->dmabuf, h->dba);
	}
	if (iosys_map_is_set(&h->vmap))
		kcompat_dma_buf_vunmap_unlocked(h->dmabuf, &h->vmap);
	if (h->dmabuf)
		dma_buf_put(h->dmabuf);
	kfree(h);
	return 0;
}

/* Once; what was done before a failure is undone by close. */
static long holder_ioctl(struct file *file, unsigned int nr,
			 unsigned long user)
{
	struct holder *h = file->private_data;
	struct holder_hold arg;
	struct dma_buf *dmabuf;

	if (nr != HOLDER_HOLD)
		return -ENOTTY;
	if (copy_from_user(&arg, (void __user *)user, sizeof(arg)))
		return -EFAULT;
	if (h->dmabuf)
		return -EBUSY;
	dmabuf = dma_buf_get(arg.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	h->dmabuf = dmabuf;
	return holder_hold(h, arg.what);
}

static const struct file_operations holder_fops = {
	.owner		= THIS_MODULE,
	.open		= holder_open,
	.release	= holder_release,
	.unlocked_ioctl	= holder_ioctl,
};

static struct miscdevice holder_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "dmabuf-holder",
	.fops	= &holder_fops,
	.mode	= 0600,
};

module_misc_device(holder_misc);
MODULE_DESCRIPTION("Importer that holds on to a dma-buf, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
