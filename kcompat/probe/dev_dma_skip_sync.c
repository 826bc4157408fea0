// SPDX-License-Identifier: GPL-2.0-only
/* Like dma_dev_need_sync(), but the same with CONFIG_DMA_API_DEBUG. */
#include <linux/device.h>

bool kcompat_probe(struct device *dev);
bool kcompat_probe(struct device *dev)
{
	return dev_dma_skip_sync(dev);
}
