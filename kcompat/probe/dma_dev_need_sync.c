// SPDX-License-Identifier: GPL-2.0-only
/* The device knows whether its mappings ever need a sync. */
#include <linux/dma-mapping.h>

bool kcompat_probe(struct device *dev);
bool kcompat_probe(struct device *dev)
{
	return dma_dev_need_sync(dev);
}
