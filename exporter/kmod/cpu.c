// SPDX-License-Identifier: GPL-2.0-only
/* What the CPU does with a buffer: mmap, vmap, begin and end of access. */
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include "gbar.h"

/*
 * Fills page tables from the faulting page to the end of its PMD: a buffer is
 * mostly used from front to back.
 */
static vm_fault_t gbar_fault_locked(struct gbar_buf *buf, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PAGE_MASK;
	unsigned long end = min(vma->vm_end, ALIGN(addr + 1, PMD_SIZE));
	unsigned long pfn = PHYS_PFN(buf->place->addr) + vmf->pgoff;
	vm_fault_t ret;

	lockdep_assert_held_read(&buf->lock);

	if (buf->revoked || vmf->pgoff >= buf->size >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;

	ret = vmf_insert_pfn(vma, addr, pfn);
	if (ret != VM_FAULT_NOPAGE)
		return ret;

	for (addr += PAGE_SIZE, pfn++; addr < end; addr += PAGE_SIZE, pfn++) {
		if (vmf_insert_pfn(vma, addr, pfn) != VM_FAULT_NOPAGE)
			break;
	}
	return VM_FAULT_NOPAGE;
}

/*
 * Revoke unmaps after it has set the flag, a move while it keeps us out:
 * nothing is inserted behind either.
 */
static vm_fault_t gbar_fault(struct vm_fault *vmf)
{
	struct gbar_buf *buf = vmf->vma->vm_private_data;
	vm_fault_t ret;

	down_read(&buf->lock);
	ret = gbar_fault_locked(buf, vmf);
	up_read(&buf->lock);
	return ret;
}

/* The VMA holds the dma-buf's file, and so the gbar_buf. */
static const struct vm_operations_struct gbar_vm_ops = {
	.fault = gbar_fault,
};

/*
 * The core has checked that the range lies in the dma-buf.  A descriptor that
 * was opened read-only has lost VM_SHARED by now, hence VM_MAYSHARE; but an
 * importer may pass on an mmap of a file of its own, opened read-write.
 */
int gbar_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct gbar_buf *buf = dmabuf->priv;
	int ret;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (!(dmabuf->file->f_mode & FMODE_WRITE)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}

	ret = gbar_buf_use(buf);
	if (ret)
		return ret;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	vma->vm_private_data = buf;
	vma->vm_ops = &gbar_vm_ops;
	gbar_buf_unuse(buf);
	return 0;
}

static int gbar_vmap_locked(struct gbar_buf *buf, struct iosys_map *map)
{
	void __iomem *io;

	lockdep_assert_held_read(&buf->lock);

	if (buf->revoked)
		return -ENODEV;
	io = ioremap_wc(buf->place->addr, buf->size);
	if (!io)
		return -ENOMEM;
	atomic_inc(&buf->users);
	atomic_inc(&buf->vmaps);
	iosys_map_set_vaddr_iomem(map, io);
	return 0;
}

/*
 * Nobody tells a vmap's owner of a revoke or a move, so revoke waits for vunmap
 * and moves are refused until then.  Old kernels call without dma_resv.
 */
int gbar_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct gbar_buf *buf = dmabuf->priv;
	int ret;

	down_read(&buf->lock);
	ret = gbar_vmap_locked(buf, map);
	up_read(&buf->lock);
	return ret;
}

void gbar_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct gbar_buf *buf = dmabuf->priv;

	iounmap(map->vaddr_iomem);
	atomic_dec(&buf->vmaps);
	gbar_buf_unuse(buf);
}

/* Mappings are uncached: there is nothing to prepare. */
int gbar_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct gbar_buf *buf = dmabuf->priv;
	int ret;

	ret = gbar_buf_use(buf);
	if (ret)
		return ret;
	gbar_buf_unuse(buf);
	return 0;
}

/* A peer that reads next finds what the CPU wrote. */
int gbar_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct gbar_buf *buf = dmabuf->priv;
	int ret;

	ret = gbar_buf_use(buf);
	if (ret)
		return ret;
	if (dir != DMA_FROM_DEVICE)
		gbar_mem_flush(buf->gdev);
	gbar_buf_unuse(buf);
	return 0;
}
