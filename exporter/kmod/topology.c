// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a device reach the BAR of another?
 *
 * Below one PCIe switch it can: the switch routes by address from port to port.
 * What a root complex does with a request from one root port to another is
 * known to its maker only; many drop it.  So without the kernel's own list of
 * good ones (CONFIG_PCI_P2PDMA, off in Debian up to 6.12) a common switch is
 * asked for, unless the administrator says topology=any.
 *
 * Through an IOMMU that translates, a request carries an address that means
 * nothing to the switch, and goes up to the root complex and down again.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include "gbar.h"

static bool gbar_iommu_translates(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && (domain->type & __IOMMU_DOMAIN_PAGING);
}

/* The bridge at which the ways of two devices part. */
static struct pci_dev *gbar_common_bridge(struct pci_dev *a, struct pci_dev *b)
{
	struct pci_dev *up_a, *up_b;

	for (up_a = pci_upstream_bridge(a); up_a;
	     up_a = pci_upstream_bridge(up_a)) {
		for (up_b = pci_upstream_bridge(b); up_b;
		     up_b = pci_upstream_bridge(up_b)) {
			if (up_a == up_b)
				return up_a;
		}
	}
	return NULL;
}

/* Access control in a port below the switch sends peers' requests upstream. */
static bool gbar_acs_redirects(struct pci_dev *dev, struct pci_dev *top)
{
	u16 ctrl;

	for (; dev && dev != top; dev = pci_upstream_bridge(dev)) {
		if (!dev->acs_cap)
			continue;
		pci_read_config_word(dev, dev->acs_cap + PCI_ACS_CTRL, &ctrl);
		if (ctrl & (PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC))
			return true;
	}
	return false;
}

/*
 * Addresses that are not translated must be right as they are, wherever in the
 * range a buffer may move to.
 */
static bool gbar_bus_address_ok(struct gbar_buf *buf, struct device *importer)
{
	struct gbar_dev *gdev = buf->gdev;
	u64 limit = min_not_zero(dma_get_mask(importer),
				 importer->bus_dma_limit);

	return pci_bus_address(gdev->pdev, gdev->range.bar) ==
	       pci_resource_start(gdev->pdev, gdev->range.bar) &&
	       gdev->start + gdev->range.size - 1 <= limit;
}

static bool gbar_switch_ok(struct pci_dev *pdev, struct pci_dev *peer,
			   bool translated)
{
	struct pci_dev *bridge = gbar_common_bridge(pdev, peer);

	if (!bridge || !pci_is_pcie(bridge) ||
	    pci_pcie_type(bridge) != PCI_EXP_TYPE_UPSTREAM)
		return false;
	return translated || (!gbar_acs_redirects(pdev, bridge) &&
			      !gbar_acs_redirects(peer, bridge));
}

/**
 * gbar_topology_check - refuse an importer that cannot reach the memory
 * @buf: in use
 * @importer: the device that would do the DMA
 *
 * Returns 0 or -EXDEV.
 */
int gbar_topology_check(struct gbar_buf *buf, struct device *importer)
{
	struct pci_dev *pdev = buf->gdev->pdev;
	bool translated = gbar_iommu_translates(importer);

	if (!dev_is_pci(importer)) {
		dev_dbg(importer, "not a PCI device\n");
		return -EXDEV;
	}
	if (!translated && !gbar_bus_address_ok(buf, importer)) {
		dev_dbg(importer, "cannot address %s\n", pci_name(pdev));
		return -EXDEV;
	}
	if (!READ_ONCE(gbar_topology_any) &&
	    !gbar_switch_ok(pdev, to_pci_dev(importer), translated)) {
		dev_dbg(importer, "no PCIe switch leads to %s\n",
			pci_name(pdev));
		return -EXDEV;
	}
	return 0;
}
