// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI driver: which devices it takes, and what becomes of the memory when
 * one is removed, reset or put to sleep.
 *
 * A device is taken when it is named by the parameter devices= or when its
 * driver_override says gpudmabuf_bar; never from another driver.  The module
 * loads only if every device of devices= could be taken:
 *
 *   EINVAL	devices= is malformed
 *   ENODEV	no such PCI device, or it has no memory to serve
 *   EBUSY	another driver is bound to it
 */
#include <linux/module.h>
#include "gbar.h"

/* An NVMe controller's registers are needed besides the memory it serves. */
static int gbar_bars(struct pci_dev *pdev, const struct gbar_range *range)
{
	return BIT(range->bar) | (gbar_pci_is_nvme(pdev) ? BIT(0) : 0);
}

static int gbar_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	const struct gbar_spec *spec = gbar_spec_find(pdev);
	struct gbar_range range;
	struct gbar_dev *gdev;
	int ret;

	/* Only the ID was added, for a device of the same kind. */
	if (!spec && !device_has_driver_override(&pdev->dev))
		return -ENODEV;

	ret = pci_enable_device_mem(pdev);
	if (ret)
		return ret;

	ret = gbar_range_get(pdev, spec, &range);
	if (ret)
		goto err_disable;

	ret = pci_request_selected_regions(pdev, gbar_bars(pdev, &range),
					   GBAR_NAME);
	if (ret)
		goto err_put_range;

	gdev = gbar_dev_create(pdev, &range);
	if (IS_ERR(gdev)) {
		ret = PTR_ERR(gdev);
		goto err_release;
	}

	pci_set_drvdata(pdev, gdev);
	pci_save_state(pdev);
	pci_info(pdev, "BAR %d: %llu KiB at offset %#llx as /dev/%s\n",
		 range.bar, range.size >> 10, range.offset, gdev->nodename);
	return 0;

err_release:
	pci_release_selected_regions(pdev, gbar_bars(pdev, &range));
err_put_range:
	gbar_range_put(pdev);
err_disable:
	pci_disable_device(pdev);
	return ret;
}

static void gbar_remove(struct pci_dev *pdev)
{
	struct gbar_dev *gdev = pci_get_drvdata(pdev);
	int bars = gbar_bars(pdev, &gdev->range);

	/* Returns when nothing of ours reaches the BAR any more. */
	gbar_dev_destroy(gdev);
	pci_release_selected_regions(pdev, bars);
	gbar_range_put(pdev);
	pci_disable_device(pdev);
}

/*
 * The contents of a BAR do not survive D3.  Where buffers hold some, sleep is
 * refused: their owner decides, and nothing is lost behind his back.
 */
static int gbar_suspend(struct device *dev)
{
	return gbar_dev_stop_idle(dev_get_drvdata(dev));
}

static int gbar_resume(struct device *dev)
{
	return gbar_dev_start(dev_get_drvdata(dev));
}

static DEFINE_SIMPLE_DEV_PM_OPS(gbar_pm_ops, gbar_suspend, gbar_resume);

/* After a reset the memory holds who knows what: its buffers are revoked. */
static void gbar_reset_prepare(struct pci_dev *pdev)
{
	gbar_dev_stop(pci_get_drvdata(pdev));
}

static void gbar_reset_done(struct pci_dev *pdev)
{
	if (gbar_dev_start(pci_get_drvdata(pdev)))
		pci_err(pdev, "no memory after reset\n");
}

static pci_ers_result_t gbar_error_detected(struct pci_dev *pdev,
					    pci_channel_state_t state)
{
	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;

	gbar_dev_stop(pci_get_drvdata(pdev));
	return state == pci_channel_io_frozen ? PCI_ERS_RESULT_NEED_RESET :
						PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t gbar_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static const struct pci_error_handlers gbar_err_handler = {
	.error_detected	= gbar_error_detected,
	.slot_reset	= gbar_slot_reset,
	.resume		= gbar_reset_done,
	.reset_prepare	= gbar_reset_prepare,
	.reset_done	= gbar_reset_done,
};

/*
 * No .shutdown: it would wait for importers that may never let go, and a peer
 * that still writes to the BAR then harms no host memory.
 */
static struct pci_driver gbar_driver = {
	.name		= GBAR_NAME,
	.probe		= gbar_probe,
	.remove		= gbar_remove,
	.err_handler	= &gbar_err_handler,
	.driver		= {
		.probe_type	= PROBE_FORCE_SYNCHRONOUS,
		.pm		= pm_sleep_ptr(&gbar_pm_ops),
	},
};

/* Whose the device is, after it has been offered to us: 0 if ours. */
static int gbar_bound(struct pci_dev *pdev)
{
	const struct device_driver *drv;
	int ret = 0;

	device_lock(&pdev->dev);
	drv = pdev->dev.driver;
	if (!drv) {
		pr_err("%s: cannot be served\n", pci_name(pdev));
		ret = -ENODEV;
	} else if (drv != &gbar_driver.driver) {
		pr_err("%s: bound to driver %s, unbind it first\n",
		       pci_name(pdev), drv->name);
		ret = -EBUSY;
	}
	device_unlock(&pdev->dev);
	return ret;
}

/*
 * Adding the device's ID makes the core offer us every free device that has
 * it, now and when one is plugged in; probe takes those in devices= alone.
 */
static int gbar_bind(const struct gbar_spec *spec)
{
	struct pci_dev *pdev;
	int ret;

	pdev = pci_get_domain_bus_and_slot(spec->domain, spec->bus,
					   spec->devfn);
	if (!pdev) {
		pr_err("%04x:%02x:%02x.%d: no such PCI device\n", spec->domain,
		       spec->bus, PCI_SLOT(spec->devfn),
		       PCI_FUNC(spec->devfn));
		return -ENODEV;
	}

	ret = pci_add_dynid(&gbar_driver, pdev->vendor, pdev->device,
			    pdev->subsystem_vendor, pdev->subsystem_device,
			    0, 0, 0);
	if (!ret)
		ret = gbar_bound(pdev);

	pci_dev_put(pdev);
	return ret;
}

static int __init gbar_init(void)
{
	int ret;

	ret = gbar_params_parse();
	if (ret)
		return ret;

	ret = pci_register_driver(&gbar_driver);
	if (ret)
		goto err_free;

	ret = gbar_spec_for_each(gbar_bind);
	if (ret)
		goto err_unregister;
	return 0;

err_unregister:
	pci_unregister_driver(&gbar_driver);
err_free:
	gbar_params_free();
	return ret;
}

/* Open nodes and dma-bufs hold the module: here are neither. */
static void __exit gbar_exit(void)
{
	pci_unregister_driver(&gbar_driver);
	gbar_params_free();
}

module_init(gbar_init);
module_exit(gbar_exit);
MODULE_DESCRIPTION("PCI BAR memory as dma-bufs");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
