// SPDX-License-Identifier: GPL-2.0-only
/* driver_override lives in struct device; before, in struct pci_dev. */
#include <linux/device.h>

bool kcompat_probe(struct device *dev);
bool kcompat_probe(struct device *dev)
{
	return device_has_driver_override(dev);
}
