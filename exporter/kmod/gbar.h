/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gpudmabuf_bar.ko, the exporter: memory behind a PCI BAR as dma-bufs.
 *
 * A gbar_dev is a PCI device that the driver is bound to and the range of one
 * BAR that it serves.  A gbar_buf is a piece of that range and its dma-buf.
 *
 *   pci_dev ── gbar_dev ──< gbar_buf ── dma_buf
 *
 * A dma-buf may outlive the device.  Then it is revoked: nothing of it reaches
 * the BAR any more and every call on it answers -ENODEV.  A gbar_buf keeps its
 * gbar_dev, so that only the pci_dev may be gone.
 *
 * Where a gbar_buf is in the range is its gbar_place.  A buffer of the static
 * kind has one for life; one of the dynamic kind may get another (move.c).
 *
 * Lock order: device_lock(PCI device) → gbar_dev.life → gbar_dev.lock;
 * mmap_lock → dma_resv → gbar_buf.lock → i_mmap_rwsem.  The two chains never
 * nest, save that a buffer is made and freed in the first.
 */
#ifndef GBAR_H
#define GBAR_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/gpudmabuf_bar.h>

#define GBAR_NAME	"gpudmabuf_bar"

struct gen_pool;

/**
 * struct gbar_spec - one entry of the parameter devices=
 * @domain: PCI address of the device
 * @bus: PCI address of the device
 * @devfn: PCI address of the device
 * @bar: the BAR to serve, or -1: what suits the device
 * @offset: first byte to serve in the BAR
 * @size: bytes to serve, or 0: up to the end
 */
struct gbar_spec {
	int domain;
	u8 bus;
	u8 devfn;
	int bar;
	u64 offset;
	u64 size;
};

/**
 * struct gbar_range - what is served of a device
 * @bar: number of the BAR
 * @offset: first byte in the BAR, a multiple of PAGE_SIZE
 * @size: bytes, a multiple of PAGE_SIZE
 */
struct gbar_range {
	int bar;
	u64 offset;
	u64 size;
};

/**
 * struct gbar_dev - a PCI device that serves memory
 * @ref: held by the driver's binding, each open node and each gbar_buf
 * @pdev: valid while @alive is set or a gbar_buf is in use
 * @misc: the device node
 * @name: "gpudmabuf-bar-" and the PCI address
 * @nodename: "gpudmabuf-bar/" and the PCI address
 * @range: what is served
 * @start: physical address of the range
 * @pool: free pieces of the range, by physical address
 * @flush: one page of the range, read to push posted writes out
 * @wc: the range is reserved as write-combined
 * @life: read-held by what needs the device to stay, written to stop it
 * @alive: the memory can be used; under @life
 * @lock: guards @bufs and @nr_bufs
 * @bufs: buffers that are not revoked
 * @nr_bufs: buffers alive, revoked ones too
 */
struct gbar_dev {
	struct kref ref;
	struct pci_dev *pdev;
	struct miscdevice misc;
	char name[32];
	char nodename[32];
	struct gbar_range range;
	phys_addr_t start;
	struct gen_pool *pool;
	void __iomem *flush;
	bool wc;

	struct rw_semaphore life;
	bool alive;

	struct mutex lock;	/* bufs, nr_bufs */
	struct list_head bufs;
	unsigned int nr_bufs;
};

/**
 * struct gbar_place - a piece of the range
 * @refs: the buffer that is there, and each DMA mapping: an importer that is
 *	  told of a move may unmap later, and until then nobody else gets it
 * @gdev: where it belongs; borrowed, a buffer has it
 * @addr: physical address
 * @size: bytes, a multiple of PAGE_SIZE
 */
struct gbar_place {
	refcount_t refs;
	struct gbar_dev *gdev;
	phys_addr_t addr;
	size_t size;
};

/**
 * struct gbar_buf - a piece of the range and its dma-buf
 * @gdev: a reference; its pdev may be touched between gbar_buf_use() and
 *	  gbar_buf_unuse() only
 * @dmabuf: owns this struct
 * @inode: the dma-buf's, a reference: it holds the mmaps, and the dentry drops
 *	   its own before it calls release
 * @node: in gdev->bufs until revoked or released
 * @refs: release and a running revoke; release waits for the last one
 * @idle: completed when @refs drops to 0
 * @lock: write-held, with dma_resv, to change @revoked and @place; read-held
 *	  by page faults and vmap
 * @revoked: the memory is no longer ours
 * @users: DMA mappings, vmaps and calls in progress; revoke waits for 0
 * @size: bytes, a multiple of PAGE_SIZE
 * @place: where the memory is; a reference, until revoked
 * @vmaps: 1 while the core has a vmap; incremented under @lock
 * @pins: calls of pin that unpin has not undone; under dma_resv
 * @map_pins: those of @pins that the core made for a mapping; under dma_resv
 * @kept: the place that was left last, if it is to be looked at; a reference,
 *	  under dma_resv
 * @kept_fill: what @kept was filled with
 */
struct gbar_buf {
	struct gbar_dev *gdev;
	struct dma_buf *dmabuf;
	struct inode *inode;
	struct list_head node;
	refcount_t refs;
	struct completion idle;

	struct rw_semaphore lock;
	bool revoked;
	atomic_t users;

	size_t size;
	struct gbar_place *place;
	atomic_t vmaps;

	unsigned int pins;
	unsigned int map_pins;
	struct gbar_place *kept;
	u8 kept_fill;
};

/* params.c */
extern bool gbar_topology_any;
int gbar_params_parse(void);
void gbar_params_free(void);
const struct gbar_spec *gbar_spec_find(struct pci_dev *pdev);
int gbar_spec_for_each(int (*fn)(const struct gbar_spec *spec));

/* range.c, cmb.c */
bool gbar_pci_is_nvme(struct pci_dev *pdev);
int gbar_range_get(struct pci_dev *pdev, const struct gbar_spec *spec,
		   struct gbar_range *ret_range);
int gbar_range_restore(struct pci_dev *pdev);
void gbar_range_put(struct pci_dev *pdev);
int gbar_cmb_enable(struct pci_dev *pdev, struct gbar_range *ret_range);
void gbar_cmb_disable(struct pci_dev *pdev);

/* device.c */
struct gbar_dev *gbar_dev_create(struct pci_dev *pdev,
				 const struct gbar_range *range);
void gbar_dev_destroy(struct gbar_dev *gdev);
void gbar_dev_get(struct gbar_dev *gdev);
void gbar_dev_put(struct gbar_dev *gdev);
int gbar_dev_start(struct gbar_dev *gdev);
void gbar_dev_stop(struct gbar_dev *gdev);
int gbar_dev_stop_idle(struct gbar_dev *gdev);

/* ioctl.c */
long gbar_ioctl(struct file *file, unsigned int nr, unsigned long arg);

/* mem.c */
int gbar_mem_init(struct gbar_dev *gdev);
void gbar_mem_unmap(struct gbar_dev *gdev);
void gbar_mem_destroy(struct gbar_dev *gdev);
size_t gbar_mem_avail(struct gbar_dev *gdev);
void gbar_mem_flush(struct gbar_dev *gdev);

struct gbar_place *gbar_place_alloc(struct gbar_dev *gdev, size_t size);
int gbar_place_clear(struct gbar_place *place);
void gbar_place_get(struct gbar_place *place);
void gbar_place_put(struct gbar_place *place);

/* buf.c */
struct dma_buf *gbar_buf_create(struct gbar_dev *gdev, size_t size,
				u32 flags);
struct gbar_buf *gbar_buf_of(struct dma_buf *dmabuf);
void gbar_bufs_revoke(struct gbar_dev *gdev);
int gbar_buf_use(struct gbar_buf *buf);
void gbar_buf_unuse(struct gbar_buf *buf);
int gbar_buf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);
struct sg_table *gbar_buf_map(struct dma_buf_attachment *attach,
			      enum dma_data_direction dir);
void gbar_buf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		    enum dma_data_direction dir);
void gbar_buf_release(struct dma_buf *dmabuf);

/* dynamic.c */
extern const struct dma_buf_ops gbar_dynamic_ops;
bool gbar_dynamic_pinned(struct gbar_buf *buf);

/* move.c */
int gbar_buf_move(struct gbar_buf *buf, u8 fill, bool keep, u64 *ret_stray);

/* cpu.c */
int gbar_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma);
int gbar_vmap(struct dma_buf *dmabuf, struct iosys_map *map);
void gbar_vunmap(struct dma_buf *dmabuf, struct iosys_map *map);
int gbar_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir);
int gbar_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir);

/* topology.c */
int gbar_topology_check(struct gbar_buf *buf, struct device *importer);

/* map_*.c */
struct sg_table *gbar_sgt_map(struct dma_buf_attachment *attach,
			      struct gbar_place *place,
			      enum dma_data_direction dir);
void gbar_sgt_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt);

#endif /* GBAR_H */
