// SPDX-License-Identifier: GPL-2.0-only
/*
 * The served range as memory: which pieces are free, clearing, flushing.
 *
 * Every kernel and user mapping of it is write-combined: mixed memory types
 * for one address are not allowed, and a GPU's BAR is slow without.
 */
#include <linux/genalloc.h>
#include <linux/io.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include "gbar.h"

/* Cleared between two looks at signals and the scheduler. */
#define GBAR_CLEAR_STEP		SZ_4M
/* Large buffers begin at a multiple of this where there is room for it. */
#define GBAR_ALIGN_MAX		SZ_2M

int gbar_mem_init(struct gbar_dev *gdev)
{
	int node = dev_to_node(&gdev->pdev->dev);
	int ret;

	gdev->pool = gen_pool_create(PAGE_SHIFT, node);
	if (!gdev->pool)
		return -ENOMEM;
	ret = gen_pool_add_virt(gdev->pool, gdev->start, gdev->start,
				gdev->range.size, node);
	if (ret)
		return ret;

	/* Fails where somebody maps it uncached: slow, but it works. */
	gdev->wc = !arch_io_reserve_memtype_wc(gdev->start, gdev->range.size);
	gdev->flush = ioremap_wc(gdev->start, PAGE_SIZE);
	if (!gdev->flush) {
		gbar_mem_unmap(gdev);
		return -ENOMEM;
	}
	return 0;
}

/* Ends the kernel's own access.  Accounting lives on, for late releases. */
void gbar_mem_unmap(struct gbar_dev *gdev)
{
	if (gdev->flush)
		iounmap(gdev->flush);
	gdev->flush = NULL;
	if (gdev->wc)
		arch_io_free_memtype_wc(gdev->start, gdev->range.size);
	gdev->wc = false;
}

void gbar_mem_destroy(struct gbar_dev *gdev)
{
	if (gdev->pool)
		gen_pool_destroy(gdev->pool);
}

/*
 * Pushes what the CPU has written out to the device: the barrier empties the
 * write-combining buffers, and no read overtakes a posted write.
 */
void gbar_mem_flush(struct gbar_dev *gdev)
{
	wmb();	/* write-combining buffers, before the read */
	readl(gdev->flush);
}

/**
 * gbar_place_alloc - take a piece of the range
 * @gdev: the device; only accounting is touched
 * @size: bytes, a multiple of PAGE_SIZE
 *
 * Returns the place, with what its former owner left in it, or an ERR_PTR:
 * -ENOSPC, -ENOMEM.  Sleeps.
 */
struct gbar_place *gbar_place_alloc(struct gbar_dev *gdev, size_t size)
{
	struct genpool_data_align align = {
		.align = min_t(unsigned long, size, GBAR_ALIGN_MAX),
	};
	struct gbar_place *place;

	place = kzalloc(sizeof(*place), GFP_KERNEL_ACCOUNT);
	if (!place)
		return ERR_PTR(-ENOMEM);
	refcount_set(&place->refs, 1);
	place->gdev = gdev;
	place->size = size;

	align.align = rounddown_pow_of_two(align.align);
	place->addr = gen_pool_alloc_algo(gdev->pool, size,
					  gen_pool_first_fit_align, &align);
	if (!place->addr)
		place->addr = gen_pool_alloc(gdev->pool, size);
	if (!place->addr) {
		kfree(place);
		return ERR_PTR(-ENOSPC);
	}
	return place;
}

/**
 * gbar_place_clear - so that nobody sees what a former owner left
 * @place: its device's life is read-held, and it is alive
 *
 * Returns 0, -ENOMEM, or -EINTR if killed.  Sleeps.
 */
int gbar_place_clear(struct gbar_place *place)
{
	phys_addr_t addr = place->addr;
	size_t size = place->size;

	lockdep_assert_held_read(&place->gdev->life);

	while (size) {
		size_t step = min_t(size_t, size, GBAR_CLEAR_STEP);
		void __iomem *io = ioremap_wc(addr, step);

		if (!io)
			return -ENOMEM;
		memset_io(io, 0, step);
		iounmap(io);
		addr += step;
		size -= step;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	gbar_mem_flush(place->gdev);
	return 0;
}

void gbar_place_get(struct gbar_place *place)
{
	refcount_inc(&place->refs);
}

/* Also after the PCI device is gone: accounting lives on. */
void gbar_place_put(struct gbar_place *place)
{
	if (!refcount_dec_and_test(&place->refs))
		return;

	gen_pool_free(place->gdev->pool, place->addr, place->size);
	kfree(place);
}

size_t gbar_mem_avail(struct gbar_dev *gdev)
{
	return gen_pool_avail(gdev->pool);
}
