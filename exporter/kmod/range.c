// SPDX-License-Identifier: GPL-2.0-only
/* Which range of which BAR a device serves. */
#include "gbar.h"

bool gbar_pci_is_nvme(struct pci_dev *pdev)
{
	return pdev->class == PCI_CLASS_STORAGE_EXPRESS;
}

static bool gbar_bar_usable(struct pci_dev *pdev, int bar)
{
	unsigned long flags = pci_resource_flags(pdev, bar);

	return (flags & IORESOURCE_MEM) && !(flags & IORESOURCE_UNSET) &&
	       pci_resource_start(pdev, bar) && pci_resource_len(pdev, bar);
}

static int gbar_largest_bar(struct pci_dev *pdev)
{
	int bar, best = -1;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (!gbar_bar_usable(pdev, bar))
			continue;
		if (best < 0 || pci_resource_len(pdev, bar) >
				pci_resource_len(pdev, best))
			best = bar;
	}
	return best;
}

/* All that the device could serve of @bar (-1: of the BAR that suits it). */
static int gbar_range_whole(struct pci_dev *pdev, int bar,
			    struct gbar_range *ret_range)
{
	int ret;

	if (gbar_pci_is_nvme(pdev)) {
		ret = gbar_cmb_enable(pdev, ret_range);
		if (ret)
			return ret;
		return bar < 0 || bar == ret_range->bar ? 0 : -ENODEV;
	}

	if (bar < 0)
		bar = gbar_largest_bar(pdev);
	if (bar < 0 || !gbar_bar_usable(pdev, bar))
		return -ENODEV;
	*ret_range = (struct gbar_range){
		.bar = bar,
		.size = pci_resource_len(pdev, bar),
	};
	return 0;
}

/* spec's offset counts from the start of the BAR, for a CMB too. */
static bool gbar_range_clip(struct gbar_range *range,
			    const struct gbar_spec *spec)
{
	u64 end = range->offset + range->size;

	if (spec->offset < range->offset || spec->offset > end ||
	    spec->size > end - spec->offset)
		return false;
	range->offset = spec->offset;
	range->size = spec->size;
	return true;
}

static int gbar_range_fit(struct pci_dev *pdev, const struct gbar_spec *spec,
			  struct gbar_range *range)
{
	if (spec && spec->size && !gbar_range_clip(range, spec)) {
		pci_err(pdev, "%#llx+%#llx is outside the memory of BAR %d\n",
			spec->offset, spec->size, range->bar);
		return -ENODEV;
	}
	if (!PAGE_ALIGNED(pci_resource_start(pdev, range->bar) +
			  range->offset) ||
	    !PAGE_ALIGNED(range->size) || !range->size) {
		pci_err(pdev, "BAR %d is not made of pages\n", range->bar);
		return -ENODEV;
	}
	return 0;
}

/**
 * gbar_range_get - find what a device is to serve, and switch it on
 * @pdev: enabled
 * @spec: the user's wish, or NULL
 * @ret_range: the range; give it back with gbar_range_put()
 *
 * Returns 0, -ENODEV if there is no such memory, or the CMB's error.
 */
int gbar_range_get(struct pci_dev *pdev, const struct gbar_spec *spec,
		   struct gbar_range *ret_range)
{
	struct gbar_range range;
	int ret;

	ret = gbar_range_whole(pdev, spec ? spec->bar : -1, &range);
	if (ret) {
		pci_err(pdev, "no memory to serve (%d)\n", ret);
		return ret;
	}
	ret = gbar_range_fit(pdev, spec, &range);
	if (ret) {
		gbar_range_put(pdev);
		return ret;
	}
	*ret_range = range;
	return 0;
}

/* After a reset: a BAR comes back by itself, a CMB has to be switched on. */
int gbar_range_restore(struct pci_dev *pdev)
{
	struct gbar_range cmb;

	return gbar_pci_is_nvme(pdev) ? gbar_cmb_enable(pdev, &cmb) : 0;
}

void gbar_range_put(struct pci_dev *pdev)
{
	if (gbar_pci_is_nvme(pdev))
		gbar_cmb_disable(pdev);
}
