// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test equipment: tells the host which addresses the importer has mapped.
 *
 * Each map and unmap is written, byte by byte, to the data register of the
 * parallel port.  QEMU writes what that port gets to the same trace as the
 * addresses that the emulated controller uses, in order, so that the host can
 * check the ones against the others (tests/harness/oracle.py).
 *
 *	'M' or 'U', then for each DMA segment 'S', address, length (64 bits each,
 *	lowest byte first), then 'E'.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>

#include "gimp.h"
#include "trace.h"

#define GIMP_ORACLE_PORT 0x378

/* One message at a time, whatever the number of CPUs. */
static DEFINE_SPINLOCK(gimp_oracle_lock);

static void gimp_oracle_put64(u64 value)
{
	int i;

	for (i = 0; i < 8; i++)
		outb(value >> (8 * i), GIMP_ORACLE_PORT);
}

static void gimp_oracle_tell(u8 what, const struct gimp_attach *attach)
{
	struct scatterlist *sg;
	int i;

	spin_lock(&gimp_oracle_lock);
	outb(what, GIMP_ORACLE_PORT);
	for_each_sgtable_dma_sg(attach->sgt, sg, i) {
		outb('S', GIMP_ORACLE_PORT);
		gimp_oracle_put64(sg_dma_address(sg));
		gimp_oracle_put64(sg_dma_len(sg));
	}
	outb('E', GIMP_ORACLE_PORT);
	spin_unlock(&gimp_oracle_lock);
}

static void gimp_oracle_map(void *data, const struct gimp_attach *attach)
{
	gimp_oracle_tell('M', attach);
}

static void gimp_oracle_unmap(void *data, const struct gimp_attach *attach)
{
	gimp_oracle_tell('U', attach);
}

static int __init gimp_oracle_init(void)
{
	int ret;

	ret = register_trace_gimp_map(gimp_oracle_map, NULL);
	if (ret)
		return ret;

	ret = register_trace_gimp_unmap(gimp_oracle_unmap, NULL);
	if (ret)
		unregister_trace_gimp_map(gimp_oracle_map, NULL);
	return ret;
}

static void __exit gimp_oracle_exit(void)
{
	unregister_trace_gimp_unmap(gimp_oracle_unmap, NULL);
	unregister_trace_gimp_map(gimp_oracle_map, NULL);
	tracepoint_synchronize_unregister();
}

module_init(gimp_oracle_init);
module_exit(gimp_oracle_exit);

MODULE_DESCRIPTION("gpudmabuf test equipment: DMA oracle");
MODULE_LICENSE("GPL");
