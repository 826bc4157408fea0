// SPDX-License-Identifier: GPL-2.0-only
/* The device knows whether its mappings ever need a sync. */
#include <linux/device.h>

bool kcompat_probe(struct device *dev);
bool kcompat_probe(struct device *dev)
{
	return dev->dma_skip_sync;
}
