// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter of dma-bufs that does what exporters do, may do and should not do.
 *
 *   insmod hostile_exporter.ko base=ADDRESS size=BYTES [hole=ADDRESS]
 *
 * base and size name a part of a BAR that nobody else uses; it is given to one
 * buffer at a time.  At hole no device answers.
 */
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "hostile.h"

#define HOSTILE_MAX	SZ_4M
/* Pages of the segments of HOSTILE_SPLIT, again and again. */
static const unsigned int hostile_split[] = { 1, 3, 1, 7, 2, 5, 13, 1 };

static ulong base, size, hole;
module_param(base, ulong, 0444);
module_param(size, ulong, 0444);
module_param(hole, ulong, 0444);

static struct workqueue_struct *hostile_wq;
static atomic_t hostile_bar_used;

/**
 * struct hostile_seg - a piece of a buffer
 * @phys: where it is
 * @len: bytes
 * @host: in host memory
 */
struct hostile_seg {
	phys_addr_t phys;
	size_t len;
	bool host;
};

/**
 * struct hostile_buf - a dma-buf and how it misbehaves
 * @mode: enum hostile_mode
 * @flags: enum hostile_flags
 * @param: belongs to @mode
 * @len: bytes
 * @host: twice @len bytes of host memory, or NULL
 * @phys: the memory of the first segment's kind
 * @bar: the BAR is ours
 * @segs: pieces, in the order of the dma-buf
 * @nr: of them
 * @revoked: map answers -ENODEV
 * @attached: attachments
 * @mapped: mappings alive
 * @maps: mappings ever tried
 */
struct hostile_buf {
	u32 mode;
	u32 flags;
	u32 param;
	size_t len;
	void *host;
	phys_addr_t phys;
	bool bar;
	struct hostile_seg *segs;
	unsigned int nr;
	bool revoked;
	atomic_t attached;
	atomic_t mapped;
	atomic_t maps;
};

/**
 * struct hostile_map - one mapping
 * @sgt: what the importer gets
 * @addr: true DMA addresses, one for each segment; 0 where nothing is mapped
 */
struct hostile_map {
	struct sg_table sgt;
	dma_addr_t addr[];
};

/* A fence that signals by itself, or when the module goes. */

struct hostile_fence {
	struct dma_fence fence;		/* first: freed by the core */
	spinlock_t lock;		/* the core's */
	struct delayed_work work;
	struct list_head node;		/* until it signals */
};

static LIST_HEAD(hostile_fences);
static DEFINE_SPINLOCK(hostile_fences_lock);

static const char *hostile_fence_name(struct dma_fence *fence)
{
	return "hostile";
}

static const struct dma_fence_ops hostile_fence_ops = {
	.get_driver_name = hostile_fence_name,
	.get_timeline_name = hostile_fence_name,
};

static void hostile_fence_work(struct work_struct *work)
{
	struct hostile_fence *f = container_of(to_delayed_work(work),
					       struct hostile_fence, work);

	spin_lock(&hostile_fences_lock);
	list_del(&f->node);
	spin_unlock(&hostile_fences_lock);
	dma_fence_signal(&f->fence);
	dma_fence_put(&f->fence);
}

static int hostile_fence_add(struct dma_resv *resv, unsigned int ms)
{
	struct hostile_fence *f;
	int ret;

	dma_resv_assert_held(resv);

	ret = dma_resv_reserve_fences(resv, 1);
	if (ret)
		return ret;
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;

	spin_lock_init(&f->lock);
	dma_fence_init(&f->fence, &hostile_fence_ops, &f->lock,
		       dma_fence_context_alloc(1), 1);
	INIT_DELAYED_WORK(&f->work, hostile_fence_work);
	dma_resv_add_fence(resv, &f->fence, DMA_RESV_USAGE_KERNEL);
	/* The first reference is the work's. */
	spin_lock(&hostile_fences_lock);
	list_add(&f->node, &hostile_fences);
	queue_delayed_work(hostile_wq, &f->work, msecs_to_jiffies(ms));
	spin_unlock(&hostile_fences_lock);
	return 0;
}

/* Nobody sets new ones. */
static void hostile_fences_signal(void)
{
	struct hostile_fence *f;

	spin_lock(&hostile_fences_lock);
	list_for_each_entry(f, &hostile_fences, node)
		mod_delayed_work(hostile_wq, &f->work, 0);
	spin_unlock(&hostile_fences_lock);
	flush_workqueue(hostile_wq);
}

/* Mapping. */

static int hostile_attach(struct dma_buf *dmabuf,
			  struct dma_buf_attachment *attach)
{
	struct hostile_buf *buf = dmabuf->priv;

	if (buf->mode == HOSTILE_ATTACH_ERROR)
		return -(int)buf->param;
	if (buf->flags & HOSTILE_NO_P2P)
		attach->peer2peer = false;
	/* Put back at detach. */
	if (buf->mode == HOSTILE_MASK && attach->dev->dma_mask) {
		attach->priv = attach->dev->dma_mask;
		attach->dev->dma_mask = kmemdup(&(u64){ DMA_BIT_MASK(buf->param) },
						sizeof(u64), GFP_KERNEL);
		if (!attach->dev->dma_mask) {
			attach->dev->dma_mask = attach->priv;
			return -ENOMEM;
		}
	}
	atomic_inc(&buf->attached);
	return 0;
}

static void hostile_detach(struct dma_buf *dmabuf,
			   struct dma_buf_attachment *attach)
{
	struct hostile_buf *buf = dmabuf->priv;

	if (attach->priv) {
		kfree(attach->dev->dma_mask);
		attach->dev->dma_mask = attach->priv;
	}
	atomic_dec(&buf->attached);
}

static int hostile_pin(struct dma_buf_attachment *attach)
{
	struct hostile_buf *buf = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (buf->mode == HOSTILE_IN_PIN)
		dma_buf_invalidate_mappings(attach->dmabuf);
	return 0;
}

static void hostile_unpin(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);
}

/* Addresses that exist in no bridge need no mapping. */
static bool hostile_invents(const struct hostile_buf *buf)
{
	return buf->mode == HOSTILE_MASK || buf->mode == HOSTILE_WRAP ||
	       buf->mode == HOSTILE_HOLE;
}

static dma_addr_t hostile_invent(const struct hostile_buf *buf, size_t off)
{
	switch (buf->mode) {
	case HOSTILE_MASK:
		return BIT_ULL(buf->param) + off;
	case HOSTILE_WRAP:
		return -(dma_addr_t)PAGE_SIZE;
	default:
		return hole + off;
	}
}

static dma_addr_t hostile_map_seg(struct device *dev,
				  const struct hostile_seg *seg)
{
	if (seg->host)
		return dma_map_page(dev, pfn_to_page(PHYS_PFN(seg->phys)), 0,
				    seg->len, DMA_BIDIRECTIONAL);
	return dma_map_resource(dev, seg->phys, seg->len, DMA_BIDIRECTIONAL,
				DMA_ATTR_SKIP_CPU_SYNC);
}

static void hostile_unmap_all(struct dma_buf_attachment *attach,
			      struct hostile_map *map)
{
	struct hostile_buf *buf = attach->dmabuf->priv;
	unsigned int i;

	for (i = 0; i < buf->nr; i++) {
		if (!map->addr[i])
			continue;
		if (buf->segs[i].host)
			dma_unmap_page(attach->dev, map->addr[i],
				       buf->segs[i].len, DMA_BIDIRECTIONAL);
		else
			dma_unmap_resource(attach->dev, map->addr[i],
					   buf->segs[i].len, DMA_BIDIRECTIONAL,
					   DMA_ATTR_SKIP_CPU_SYNC);
	}
	map->sgt.orig_nents = map->sgt.nents;
	sg_free_table(&map->sgt);
	kfree(map);
}

/* What is told to the importer of a segment that is right so far. */
static void hostile_spoil(const struct hostile_buf *buf, unsigned int i,
			  struct scatterlist *sg)
{
	switch (buf->mode) {
	case HOSTILE_ADDR:
		if (i == 1)
			sg_dma_address(sg) += buf->param;
		break;
	case HOSTILE_LEN:
		if (!i)
			sg_dma_len(sg) += buf->param;
		break;
	case HOSTILE_SHORT:
		if (i == 1)
			sg_dma_len(sg) -= PAGE_SIZE;
		break;
	}
}

static struct hostile_map *hostile_map_all(struct dma_buf_attachment *attach)
{
	struct hostile_buf *buf = attach->dmabuf->priv;
	struct hostile_map *map;
	struct scatterlist *sg;
	unsigned int i;
	size_t off = 0;

	map = kzalloc(struct_size(map, addr, buf->nr), GFP_KERNEL);
	if (!map)
		return ERR_PTR(-ENOMEM);
	if (sg_alloc_table(&map->sgt, buf->nr, GFP_KERNEL)) {
		kfree(map);
		return ERR_PTR(-ENOMEM);
	}

	for_each_sgtable_sg(&map->sgt, sg, i) {
		const struct hostile_seg *seg = &buf->segs[i];

		sg_dma_len(sg) = seg->len;
		if (hostile_invents(buf)) {
			sg_dma_address(sg) = hostile_invent(buf, off);
		} else if (seg->len) {
			map->addr[i] = hostile_map_seg(attach->dev, seg);
			if (dma_mapping_error(attach->dev, map->addr[i])) {
				map->addr[i] = 0;
				hostile_unmap_all(attach, map);
				return ERR_PTR(-EIO);
			}
			sg_dma_address(sg) = map->addr[i];
		}
		hostile_spoil(buf, i, sg);
		off += seg->len;
	}
	map->sgt.orig_nents = 0;
	return map;
}

/* What map does besides mapping; an error that it answers with. */
static int hostile_misbehave(struct dma_buf_attachment *attach)
{
	struct hostile_buf *buf = attach->dmabuf->priv;
	bool first = atomic_inc_return(&buf->maps) == 1;

	if (READ_ONCE(buf->revoked))
		return -ENODEV;

	switch (buf->mode) {
	case HOSTILE_MAP_ERROR:
		return -(int)buf->param;
	case HOSTILE_MAP_ONCE:
		return first ? -(int)buf->param : 0;
	case HOSTILE_FENCE:
		if (!first)
			return 0;
		fallthrough;
	case HOSTILE_FENCES:
		return hostile_fence_add(attach->dmabuf->resv, buf->param);
	case HOSTILE_IN_MAP:
		dma_buf_invalidate_mappings(attach->dmabuf);
		return 0;
	default:
		return 0;
	}
}

static struct sg_table *hostile_map(struct dma_buf_attachment *attach,
				    enum dma_data_direction dir)
{
	struct hostile_buf *buf = attach->dmabuf->priv;
	struct hostile_map *map;
	int ret;

	ret = hostile_misbehave(attach);
	if (ret)
		return ERR_PTR(ret);
	if (buf->mode == HOSTILE_MAP_NULL)
		return NULL;

	map = hostile_map_all(attach);
	if (IS_ERR(map))
		return ERR_CAST(map);
	atomic_inc(&buf->mapped);
	return &map->sgt;
}

static void hostile_unmap(struct dma_buf_attachment *attach,
			  struct sg_table *sgt, enum dma_data_direction dir)
{
	struct hostile_buf *buf = attach->dmabuf->priv;

	hostile_unmap_all(attach, container_of(sgt, struct hostile_map, sgt));
	atomic_dec(&buf->mapped);
}

/* The CPU's view, right in every mode. */

static vm_fault_t hostile_fault(struct vm_fault *vmf)
{
	struct hostile_buf *buf = vmf->vma->vm_private_data;
	size_t off = vmf->pgoff << PAGE_SHIFT;
	unsigned int i;

	for (i = 0; i < buf->nr && off >= buf->segs[i].len; i++)
		off -= buf->segs[i].len;
	if (i == buf->nr)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      PHYS_PFN(buf->segs[i].phys + off));
}

static const struct vm_operations_struct hostile_vm_ops = {
	.fault = hostile_fault,
};

static int hostile_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct hostile_buf *buf = dmabuf->priv;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	/* Host memory may not be, and a mapping has one protection. */
	if (!buf->host)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	vma->vm_private_data = buf;
	vma->vm_ops = &hostile_vm_ops;
	return 0;
}

/* Life. */

static void hostile_free(struct hostile_buf *buf)
{
	if (buf->host)
		free_pages_exact(buf->host, 2 * buf->len);
	if (buf->bar)
		atomic_set(&hostile_bar_used, 0);
	kfree(buf->segs);
	kfree(buf);
}

static void hostile_release(struct dma_buf *dmabuf)
{
	hostile_free(dmabuf->priv);
}

static const struct dma_buf_ops hostile_static_ops = {
	.attach		= hostile_attach,
	.detach		= hostile_detach,
	.map_dma_buf	= hostile_map,
	.unmap_dma_buf	= hostile_unmap,
	.release	= hostile_release,
	.mmap		= hostile_mmap,
};

static const struct dma_buf_ops hostile_dynamic_ops = {
	.attach		= hostile_attach,
	.detach		= hostile_detach,
	.pin		= hostile_pin,
	.unpin		= hostile_unpin,
	.map_dma_buf	= hostile_map,
	.unmap_dma_buf	= hostile_unmap,
	.release	= hostile_release,
	.mmap		= hostile_mmap,
};

static void hostile_add_seg(struct hostile_buf *buf, phys_addr_t phys,
			    size_t len)
{
	buf->segs[buf->nr++] = (struct hostile_seg){
		.phys = phys, .len = len, .host = !buf->bar,
	};
}

/* From the end of the memory to its beginning, with a page between two. */
static void hostile_split_all(struct hostile_buf *buf)
{
	phys_addr_t end = buf->phys + 2 * buf->len;
	size_t left, len;

	for (left = buf->len; left; left -= len) {
		len = hostile_split[buf->nr % ARRAY_SIZE(hostile_split)];
		len = min_t(size_t, len * PAGE_SIZE, left);
		end -= len + PAGE_SIZE;
		hostile_add_seg(buf, end, len);
	}
}

static void hostile_halve(struct hostile_buf *buf)
{
	size_t half = buf->len / 2;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (buf->mode == HOSTILE_EMPTY && buf->param == i)
			hostile_add_seg(buf, 0, 0);
		hostile_add_seg(buf, buf->phys + i * (half + PAGE_SIZE), half);
	}
	if (buf->mode == HOSTILE_MIXED) {
		buf->segs[1].phys = virt_to_phys(buf->host);
		buf->segs[1].host = true;
	}
}

/* Twice the length: what lies between segments is nobody's. */
static int hostile_get_memory(struct hostile_buf *buf)
{
	bool host = buf->flags & HOSTILE_HOST;

	if (host || buf->mode == HOSTILE_MIXED) {
		buf->host = alloc_pages_exact(2 * buf->len,
					      GFP_KERNEL | __GFP_ZERO);
		if (!buf->host)
			return -ENOMEM;
		buf->phys = virt_to_phys(buf->host);
	}
	if (host)
		return 0;
	if (2 * buf->len > size)
		return -ENOSPC;
	if (atomic_cmpxchg(&hostile_bar_used, 0, 1))
		return -EBUSY;
	buf->bar = true;
	buf->phys = base;
	return 0;
}

static struct hostile_buf *hostile_alloc(const struct hostile_create *arg)
{
	struct hostile_buf *buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->mode = arg->mode;
	buf->flags = arg->flags;
	buf->param = arg->param;
	buf->len = arg->length;
	buf->segs = kcalloc(buf->len >> PAGE_SHIFT, sizeof(*buf->segs),
			    GFP_KERNEL);
	if (buf->segs)
		ret = hostile_get_memory(buf);
	if (ret) {
		hostile_free(buf);
		return ERR_PTR(ret);
	}

	if (buf->mode == HOSTILE_SPLIT)
		hostile_split_all(buf);
	else
		hostile_halve(buf);
	return buf;
}

static int hostile_create(struct hostile_create *arg)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct hostile_buf *buf;
	struct dma_buf *dmabuf;

	if (arg->mode >= HOSTILE_MODES || arg->flags & ~HOSTILE_FLAGS ||
	    arg->length < 4 * PAGE_SIZE || arg->length > HOSTILE_MAX ||
	    !IS_ALIGNED(arg->length, 2 * PAGE_SIZE))
		return -EINVAL;

	buf = hostile_alloc(arg);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	info.ops = buf->flags & HOSTILE_DYNAMIC ? &hostile_dynamic_ops :
						  &hostile_static_ops;
	info.size = buf->len;
	info.flags = O_RDWR;
	info.priv = buf;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		hostile_free(buf);
		return PTR_ERR(dmabuf);
	}

	arg->out_fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (arg->out_fd < 0)
		dma_buf_put(dmabuf);
	return min(arg->out_fd, 0);
}

static struct dma_buf *hostile_get(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return dmabuf;
	if (dmabuf->ops == &hostile_static_ops ||
	    dmabuf->ops == &hostile_dynamic_ops)
		return dmabuf;
	dma_buf_put(dmabuf);
	return ERR_PTR(-EINVAL);
}

static int hostile_invalidate(struct hostile_invalidate *arg)
{
	struct dma_buf *dmabuf = hostile_get(arg->fd);
	struct hostile_buf *buf;
	u32 i;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	buf = dmabuf->priv;
	dma_resv_lock(dmabuf->resv, NULL);
	if (arg->revoke)
		WRITE_ONCE(buf->revoked, true);
	for (i = 0; i < arg->times; i++)
		dma_buf_invalidate_mappings(dmabuf);
	msleep(arg->hold_ms);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_put(dmabuf);
	return 0;
}

static int hostile_stat(struct hostile_stat *arg)
{
	struct dma_buf *dmabuf = hostile_get(arg->fd);
	struct hostile_buf *buf;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	buf = dmabuf->priv;
	arg->out_attached = atomic_read(&buf->attached);
	arg->out_mapped = atomic_read(&buf->mapped);
	arg->out_maps = atomic_read(&buf->maps);
	dma_buf_put(dmabuf);
	return 0;
}

static long hostile_ioctl(struct file *file, unsigned int nr,
			  unsigned long user)
{
	union {
		struct hostile_create create;
		struct hostile_invalidate invalidate;
		struct hostile_stat stat;
	} arg;
	size_t len = nr == HOSTILE_CREATE ? sizeof(arg.create) :
		     nr == HOSTILE_INVALIDATE ? sizeof(arg.invalidate) :
						sizeof(arg.stat);
	int ret;

	if (copy_from_user(&arg, (void __user *)user, len))
		return -EFAULT;
	switch (nr) {
	case HOSTILE_CREATE:
		ret = hostile_create(&arg.create);
		break;
	case HOSTILE_INVALIDATE:
		ret = hostile_invalidate(&arg.invalidate);
		break;
	case HOSTILE_STAT:
		ret = hostile_stat(&arg.stat);
		break;
	default:
		return -ENOTTY;
	}
	if (!ret && copy_to_user((void __user *)user, &arg, len))
		ret = -EFAULT;
	return ret;
}

static const struct file_operations hostile_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= hostile_ioctl,
};

static struct miscdevice hostile_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "hostile-exporter",
	.fops	= &hostile_fops,
	.mode	= 0600,
};

static int __init hostile_init(void)
{
	int ret;

	hostile_wq = alloc_workqueue("hostile", WQ_UNBOUND, 0);
	if (!hostile_wq)
		return -ENOMEM;
	ret = misc_register(&hostile_misc);
	if (ret)
		destroy_workqueue(hostile_wq);
	return ret;
}

static void __exit hostile_exit(void)
{
	misc_deregister(&hostile_misc);
	/* Fences may outlive the dma-bufs that they were set on. */
	hostile_fences_signal();
	destroy_workqueue(hostile_wq);
}

module_init(hostile_init);
module_exit(hostile_exit);
MODULE_DESCRIPTION("Misbehaving dma-buf exporter, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
