/* SPDX-License-Identifier: GPL-2.0-only */
/* What exporter/kmod uses and an older kernel lacks. */
#ifndef KCOMPAT_BAR_H
#define KCOMPAT_BAR_H

#include <linux/dma-buf.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>

/* Code passes a string, as the newest kernel wants it. */
#ifdef KCOMPAT_HAVE_IMPORT_NS_TOKEN
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns) MODULE_INFO(import_ns, ns)
#endif

#ifndef KCOMPAT_HAVE_VM_FLAGS_SET
/* The caller holds the mmap_lock or has the only reference. */
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma,
				  unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

#ifdef KCOMPAT_HAVE_DMA_BUF_INVALIDATE_MAPPINGS
/* The core pins nothing for an importer that can be told of a move. */
static inline bool kcompat_dma_buf_pins_at_map(struct dma_buf_attachment *attach)
{
	return false;
}
#else
#define dma_buf_invalidate_mappings(dmabuf) dma_buf_move_notify(dmabuf)

/* Where moves are off, the core pins before each map and unpins after unmap. */
static inline bool kcompat_dma_buf_pins_at_map(struct dma_buf_attachment *attach)
{
	return dma_buf_attachment_is_dynamic(attach) &&
	       !IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY);
}
#endif

#ifndef KCOMPAT_HAVE_DEVICE_DRIVER_OVERRIDE
/* Of PCI devices only.  The caller holds the device lock. */
static inline bool device_has_driver_override(struct device *dev)
{
	return to_pci_dev(dev)->driver_override;
}
#endif

#endif /* KCOMPAT_BAR_H */
