// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Controller Memory Buffer of an NVMe controller that its driver has given
 * up.  The controller stays disabled (CC.EN = 0): the CMB is plain memory for
 * the CPU and for peers, and only its registers say where it is.
 */
#include <linux/io-64-nonatomic-hi-lo.h>
#include <linux/nvme.h>
#include <linux/sizes.h>
#include "gbar.h"

/* CBAI in CMBSTS: the address in CMBMSC is not one the controller accepts. */
#define GBAR_NVME_REG_CMBSTS	0x58
#define GBAR_CMBSTS_CBAI	BIT(0)
/* CMBSZ.SZU counts in powers of 16 from 4 KiB; more than 64 GiB is reserved. */
#define GBAR_CMBSZ_SZU_MAX	6

static void __iomem *gbar_cmb_regs(struct pci_dev *pdev)
{
	return pci_iomap_range(pdev, 0, 0, SZ_4K);
}

static int gbar_cmb_read(struct pci_dev *pdev, void __iomem *regs,
			 struct gbar_range *ret_range)
{
	u32 sz = readl(regs + NVME_REG_CMBSZ);
	u32 loc = readl(regs + NVME_REG_CMBLOC);
	u32 szu = (sz >> NVME_CMBSZ_SZU_SHIFT) & NVME_CMBSZ_SZU_MASK;
	u64 unit, size, offset, bar_len;
	int bar = NVME_CMB_BIR(loc);

	if (!sz || sz == ~0U || szu > GBAR_CMBSZ_SZU_MAX ||
	    bar >= PCI_STD_NUM_BARS)
		return -ENODEV;
	/* Some have a CMB for queues only. */
	if (!(sz & NVME_CMBSZ_WDS) || !(sz & NVME_CMBSZ_RDS))
		return -ENODEV;

	unit = (u64)SZ_4K << (4 * szu);
	size = unit * ((sz >> NVME_CMBSZ_SZ_SHIFT) & NVME_CMBSZ_SZ_MASK);
	offset = unit * NVME_CMB_OFST(loc);
	bar_len = pci_resource_len(pdev, bar);
	if (offset >= bar_len)
		return -ENODEV;

	/* Behind a bridge a BAR may be smaller than the CMB. */
	*ret_range = (struct gbar_range){
		.bar = bar,
		.offset = offset,
		.size = min(size, bar_len - offset),
	};
	return 0;
}

/*
 * Since NVMe 1.4 the registers are empty until CRE is set, and the memory
 * answers once CMSE is, with the address at which the controller itself would
 * know it.
 */
int gbar_cmb_enable(struct pci_dev *pdev, struct gbar_range *ret_range)
{
	struct gbar_range range;
	void __iomem *regs;
	bool msc;
	int ret;

	regs = gbar_cmb_regs(pdev);
	if (!regs)
		return -ENOMEM;

	msc = NVME_CAP_CMBS(readq(regs + NVME_REG_CAP));
	if (msc)
		writel(NVME_CMBMSC_CRE, regs + NVME_REG_CMBMSC);

	ret = gbar_cmb_read(pdev, regs, &range);
	if (!ret && msc) {
		writeq(NVME_CMBMSC_CRE | NVME_CMBMSC_CMSE |
		       (pci_bus_address(pdev, range.bar) + range.offset),
		       regs + NVME_REG_CMBMSC);
		if (readl(regs + GBAR_NVME_REG_CMBSTS) & GBAR_CMBSTS_CBAI)
			ret = -EIO;
	}
	if (ret && msc)
		writeq(0, regs + NVME_REG_CMBMSC);

	pci_iounmap(pdev, regs);
	if (!ret)
		*ret_range = range;
	return ret;
}

/* Leaves the controller as it was before; its driver sets CMBMSC afresh. */
void gbar_cmb_disable(struct pci_dev *pdev)
{
	void __iomem *regs = gbar_cmb_regs(pdev);

	if (!regs)
		return;
	if (NVME_CAP_CMBS(readq(regs + NVME_REG_CAP)))
		writeq(0, regs + NVME_REG_CMBMSC);
	pci_iounmap(pdev, regs);
}
