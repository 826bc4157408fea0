/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gpudmabuf.ko, the importer: a dma-buf is attached to an NVMe controller,
 * mapped, and named in NVMe commands by its DMA addresses.
 *
 *   ctx ──< buf ──< attach >── ctrl >── file's controller
 *    └───< file ──> pool (command slots) ──> ctrl
 *
 * A ctx is one open of /dev/gpudmabuf.  A buf is a registration of a dma-buf,
 * a file a registration of a target.  An attach is dma-buf × controller and is
 * shared by all registrations of the dma-buf; the map that it publishes is what
 * an I/O takes a reference on.
 *
 * Lock order: device_lock(PCI device) → list of controllers → gimp_ctrl.lock →
 * gimp_attach.lock → dma_resv, and gimp_ctrl.lock → gimp_pool.probe_lock.
 * Nothing of this is held while an I/O is submitted, but for probe_lock, for the
 * probe itself.
 */
#ifndef GIMP_H
#define GIMP_H

#include <linux/atomic.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/nvme.h>
#include <linux/percpu-refcount.h>
#include <linux/refcount.h>
#include <linux/sbitmap.h>
#include <linux/sched/user.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <linux/gpudmabuf.h>

/* The controller's page.  Linux sets 4096 on every host (CC.MPS = 0). */
#define GIMP_PAGE_SHIFT		12
#define GIMP_PAGE_SIZE		BIT(GIMP_PAGE_SHIFT)
/* Entries in one PRP list page; a list of ours never has a second page. */
#define GIMP_PRP_ENTRIES	(GIMP_PAGE_SIZE / sizeof(__le64))

/* Draining waits for the slowest command; nobody waits longer than this. */
#define GIMP_MAX_TIMEOUT	(60U * HZ)

#define GIMP_MAX_BUFS		4096
#define GIMP_MAX_FILES		1024
#define GIMP_MAX_IO		BIT_ULL(30)

struct gimp_ctrl;
struct gimp_file;
struct gimp_map;
struct gimp_pool;
struct pci_dev;

/**
 * struct gimp_why - the reason behind an errno, for GPUDMABUF_EXPLAIN
 * @reason: enum gpudmabuf_reason
 * @error: the errno, positive
 * @detail: belongs to the reason
 */
struct gimp_why {
	u32 reason;
	u32 error;
	u64 detail;
};

static inline int gimp_refuse(struct gimp_why *why, int err,
			      enum gpudmabuf_reason reason, u64 detail)
{
	why->reason = reason;
	why->error = -err;
	why->detail = detail;
	return err;
}

/*
 * ctx.c
 */
#define GIMP_WHYS 16

/**
 * struct gimp_ctx - one open of /dev/gpudmabuf
 * @bufs: id → struct gimp_buf
 * @files: id → struct gimp_file
 * @user: who opened it; address arrays and command slots are charged to it
 * @why_lock: protects @whys and @why_next
 * @whys: the last refusals, by thread
 * @why_next: the entry that is overwritten next
 */
struct gimp_ctx {
	struct xarray bufs;
	struct xarray files;
	struct user_struct *user;
	spinlock_t why_lock; /* whys */
	struct {
		pid_t tid;
		struct gimp_why why;
	} whys[GIMP_WHYS];
	unsigned int why_next;
};

struct gimp_ctx *gimp_ctx_create(void);
void gimp_ctx_destroy(struct gimp_ctx *ctx);
void gimp_ctx_set_why(struct gimp_ctx *ctx, const struct gimp_why *why);
void gimp_ctx_get_why(struct gimp_ctx *ctx, struct gimp_why *ret);

/*
 * ioctl.c
 */
long gimp_ioctl(struct file *filp, unsigned int cmd, unsigned long arg);

/*
 * main.c
 */
extern struct workqueue_struct *gimp_wq;

/*
 * buf.c
 */

/* What of a dma-buf commands can name: its whole pages. */
static inline u64 gimp_dmabuf_length(const struct dma_buf *dmabuf)
{
	return round_down((u64)dmabuf->size, GIMP_PAGE_SIZE);
}

/**
 * struct gimp_buf - a dma-buf registered in a context
 * @refs: the context's and those of calls under way
 * @dmabuf: a reference of ours
 * @user: who pays for the address arrays
 * @charged: pages charged to @user
 * @lock: serialises the creation of attaches
 * @attaches: controller's id → struct gimp_attach, a use of each
 * @leaving: unregister waits for calls under way
 * @rcu: freed after lookups are done
 */
struct gimp_buf {
	refcount_t refs;
	bool leaving;
	struct dma_buf *dmabuf;
	struct user_struct *user;
	unsigned long charged;
	struct mutex lock; /* creation in attaches */
	struct xarray attaches;
	struct rcu_head rcu;
};

int gimp_buf_register(struct gimp_ctx *ctx, int fd, u32 *ret_id, u64 *ret_len,
		      struct gimp_why *why);
int gimp_buf_unregister(struct gimp_ctx *ctx, u32 id, struct gimp_why *why);
struct gimp_buf *gimp_buf_get(struct gimp_ctx *ctx, u32 id,
			      struct gimp_why *why);
void gimp_buf_put(struct gimp_buf *buf);
struct gimp_attach *gimp_buf_attach(struct gimp_buf *buf,
				    struct gimp_ctrl *ctrl,
				    struct gimp_why *why);

/*
 * ctrl.c
 */

/**
 * struct gimp_ctrl - an NVMe controller bound to the kernel's nvme driver
 * @refs: the driver binding's (devres), each attach's and each pool's
 * @node: in the list of all controllers
 * @pdev: a reference of ours
 * @id: small and unique among living controllers
 * @lock: protects @attaches and @pools, and writes of @dead
 * @dead: the driver is being unbound: nothing new is mapped or allocated
 * @attaches: struct gimp_attach.node
 * @pools: struct gimp_pool.node
 */
struct gimp_ctrl {
	refcount_t refs;
	struct list_head node;
	struct pci_dev *pdev;
	u32 id;
	struct mutex lock; /* attaches, pools, dead */
	bool dead;
	struct list_head attaches;
	struct list_head pools;
};

struct gimp_ctrl *gimp_ctrl_get(struct pci_dev *pdev);
void gimp_ctrl_hold(struct gimp_ctrl *ctrl);
void gimp_ctrl_put(struct gimp_ctrl *ctrl);
int gimp_ctrl_init(void);
void gimp_ctrl_exit(void);
void gimp_ctrl_unmap_all(void);

/*
 * pm.c
 */
bool gimp_pm_suspended(void);
int gimp_pm_wait_awake(void);
int gimp_pm_init(void);
void gimp_pm_exit(void);

/*
 * disk.c
 */

/**
 * struct gimp_disk - what the gates found out about a namespace
 * @q: its queue
 * @pdev: its controller; borrowed, the open block device keeps it
 * @nsid: namespace id
 * @block_size: bytes in a logical block
 * @capacity: sectors of 512 bytes in the namespace
 */
struct gimp_disk {
	struct request_queue *q;
	struct pci_dev *pdev;
	u32 nsid;
	u32 block_size;
	sector_t capacity;
};

int gimp_disk_identify(struct block_device *bdev, struct gimp_disk *ret,
		       struct gimp_why *why);
bool gimp_disk_unchanged(struct block_device *bdev,
			 const struct gimp_disk *disk);

/*
 * probe.c
 */

/* Where the probing command points: block, what follows it, metadata. */
enum { GIMP_PROBE_DATA, GIMP_PROBE_BEHIND, GIMP_PROBE_META, GIMP_PROBE_PAGES };
#define GIMP_PROBE_SIZE		(GIMP_PROBE_PAGES * GIMP_PAGE_SIZE)

int gimp_probe_blocks(struct gimp_pool *pool, const struct gimp_disk *disk,
		      struct gimp_why *why);

/*
 * pool.c
 */

/**
 * struct gimp_io - one I/O: a request of a caller, as several commands
 * @pending: commands in flight, and one while they are being submitted
 * @done: all commands have ended
 * @lock: protects @failed_off and @status
 * @failed_off: where the first failed command began, relative to the I/O
 * @status: what it failed with
 *
 * On the caller's stack: like direct I/O by pread(), it is waited for whatever
 * happens to the caller, so that nothing lands after a process is gone.
 */
struct gimp_io {
	atomic_t pending;
	struct completion done;
	spinlock_t lock; /* failed_off, status */
	u64 failed_off;
	blk_status_t status;
};

/**
 * struct gimp_cmd - the slot of one NVMe command
 * @io: the I/O that it is part of
 * @map: the mapping whose addresses the command holds; a reference
 * @off: where it begins, relative to the I/O
 * @prp: a page for the PRP list, and its DMA address @prp_dma
 * @pool: where this belongs
 * @index: which of the pool's it is
 */
struct gimp_cmd {
	struct gimp_io *io;
	struct gimp_map *map;
	u64 off;
	__le64 *prp;
	dma_addr_t prp_dma;
	struct gimp_pool *pool;
	unsigned int index;
};

/**
 * struct gimp_pool - command slots of one user on one controller
 * @refs: files that draw from it
 * @node: in &gimp_ctrl.pools
 * @ctrl: a reference
 * @uid: whose it is
 * @depth: commands that may be in flight: a quarter of the queue's tags
 * @map: which of @cmds are in use
 * @wait: spreads waiters of @map
 * @probe_lock: protects @probe and is held while it is used
 * @probe: pages for probe.c, and their DMA address @probe_dma
 * @cmds: the slots
 */
struct gimp_pool {
	refcount_t refs;
	struct list_head node;
	struct gimp_ctrl *ctrl;
	kuid_t uid;
	unsigned int depth;
	struct sbitmap_queue map;
	atomic_t wait;
	struct mutex probe_lock; /* probe */
	u8 *probe;
	dma_addr_t probe_dma;
	struct gimp_cmd *cmds;
};

struct gimp_pool *gimp_pool_get(struct gimp_ctrl *ctrl, kuid_t uid,
				struct request_queue *q);
void gimp_pool_put(struct gimp_pool *pool);
void gimp_pool_free_dma(struct gimp_pool *pool);
struct gimp_cmd *gimp_cmd_get(struct gimp_pool *pool);
void gimp_cmd_free(struct gimp_cmd *cmd);

/*
 * file.c
 */

/**
 * struct gimp_file - a target registered in a context
 * @refs: the context's, and those of calls under way
 * @filp: a reference of ours: the target stays open while I/O is in flight
 * @bdev: the namespace or partition; borrowed from @filp
 * @disk: what the gates found
 * @pool: where I/O takes its command slots
 * @lock: serialises checking the target again
 * @stale: the namespace is not what it was when it was registered
 * @unproven: the last proof could not be made; there is none until it can
 * @rcu: freed after lookups are done
 */
struct gimp_file {
	refcount_t refs;
	struct file *filp;
	struct block_device *bdev;
	struct gimp_disk disk;
	struct gimp_pool *pool;
	struct mutex lock; /* stale, unproven */
	bool stale;
	bool unproven;
	struct rcu_head rcu;
};

int gimp_file_register(struct gimp_ctx *ctx,
		       struct gpudmabuf_file_register *arg,
		       struct gimp_why *why);
int gimp_file_unregister(struct gimp_ctx *ctx, u32 id, struct gimp_why *why);
struct gimp_file *gimp_file_get(struct gimp_ctx *ctx, u32 id,
				struct gimp_why *why);
void gimp_file_put(struct gimp_file *file);
int gimp_file_recheck(struct gimp_file *file, struct gimp_why *why);
int gimp_file_alive(const struct gimp_file *file, struct gimp_why *why);
u32 gimp_file_max_command(const struct gimp_file *file);

/*
 * attach.c
 */

/**
 * struct gimp_attach - a dma-buf attached to a controller
 * @refs: whoever may still touch this memory
 * @users: registrations; the last one to go closes it
 * @node: in &gimp_ctrl.attaches
 * @ctrl: a reference
 * @dmabuf: a reference
 * @lock: serialises attach, map and close.  Never taken by the exporter's
 *	  callback, which may come from inside our own attach or map.
 * @dba: the attachment; under @lock
 * @sgt: what the exporter mapped; under the dma-buf's dma_resv
 * @map: published for I/O; written under the dma-buf's dma_resv
 * @state: enum gimp_attach_state; written under the dma-buf's dma_resv
 * @where: enum gpudmabuf_where of the last map; under @lock
 * @segments: DMA segments of the last map; under @lock
 * @work: closes what the exporter revoked
 */
struct gimp_attach {
	refcount_t refs;
	refcount_t users;
	struct list_head node;
	struct gimp_ctrl *ctrl;
	struct dma_buf *dmabuf;
	struct mutex lock; /* dba, where, segments */
	struct dma_buf_attachment *dba;
	struct sg_table *sgt;
	struct gimp_map __rcu *map;
	unsigned int state;
	u32 where;
	u32 segments;
	struct work_struct work;
};

/**
 * enum gimp_attach_state
 * @GIMP_ATTACH_LIVE: may be mapped
 * @GIMP_ATTACH_REVOKED: the exporter took the memory away for good
 * @GIMP_ATTACH_CLOSED: no user left, or the controller is gone
 */
enum gimp_attach_state {
	GIMP_ATTACH_LIVE,
	GIMP_ATTACH_REVOKED,
	GIMP_ATTACH_CLOSED,
};

struct gimp_attach *gimp_attach_get(struct gimp_ctrl *ctrl,
				    struct dma_buf *dmabuf);
void gimp_attach_unuse(struct gimp_attach *attach);
void gimp_attach_put(struct gimp_attach *attach);
void gimp_attach_close(struct gimp_attach *attach);
void gimp_attach_kill(struct gimp_attach *attach);
void gimp_attach_suspend(struct gimp_attach *attach);
struct gimp_map *gimp_attach_tryget_map(struct gimp_attach *attach);
int gimp_attach_map(struct gimp_attach *attach, struct gimp_why *why);

/*
 * map.c
 */

/**
 * struct gimp_map - the DMA addresses of a mapped dma-buf
 * @owners: the attach, and @refs until they are drained
 * @refs: one for each NVMe command that holds addresses of it
 * @drained: @refs were killed and the last is gone
 * @killed: bit 0: @refs are killed once
 * @nr: entries in @addr
 * @addr: the DMA address of each 4096 bytes, as the controller wants it
 * @rcu: freed after lookups are done
 */
struct gimp_map {
	refcount_t owners;
	struct percpu_ref refs;
	struct completion drained;
	unsigned long killed;
	unsigned long nr;
	__le64 *addr;
	struct rcu_head rcu;
};

struct gimp_map *gimp_map_create(struct gimp_attach *attach,
				 struct gimp_why *why);
void gimp_map_kill(struct gimp_map *map);
void gimp_map_drain(struct gimp_map *map, struct pci_dev *pdev);
void gimp_map_put(struct gimp_map *map);

/*
 * io.c, submit.c
 */

/**
 * struct gimp_request - a checked transfer
 * @file: the target
 * @attach: the memory, on the target's controller
 * @write: from memory to the target
 * @fua: the device must have it on the medium when it completes
 * @pos: first byte in the target
 * @buf_off: first byte in the dma-buf
 * @len: bytes
 */
struct gimp_request {
	struct gimp_file *file;
	struct gimp_attach *attach;
	bool write;
	bool fua;
	u64 pos;
	u64 buf_off;
	u64 len;
};

int gimp_path(struct gimp_ctx *ctx, struct gpudmabuf_path *arg,
	      struct gimp_why *why);
int gimp_rw(struct gimp_ctx *ctx, struct gpudmabuf_io *arg,
	    struct gimp_why *why);
void gimp_request_init(struct request *rq, struct nvme_command *c);
bool gimp_status_retryable(blk_status_t status);
int gimp_submit_and_wait(const struct gimp_request *req, u64 *ret_done,
			 struct gimp_why *why);

#endif /* GIMP_H */
