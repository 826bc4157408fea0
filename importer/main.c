// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: /dev/gpudmabuf and the work queue.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "gimp.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

EXPORT_TRACEPOINT_SYMBOL_GPL(gimp_map);
EXPORT_TRACEPOINT_SYMBOL_GPL(gimp_unmap);

struct workqueue_struct *gimp_wq;

static int gimp_open(struct inode *inode, struct file *filp)
{
	struct gimp_ctx *ctx = gimp_ctx_create();

	if (!ctx)
		return -ENOMEM;

	filp->private_data = ctx;
	return 0;
}

static int gimp_release(struct inode *inode, struct file *filp)
{
	gimp_ctx_destroy(filp->private_data);
	return 0;
}

static const struct file_operations gimp_fops = {
	.owner		= THIS_MODULE,
	.open		= gimp_open,
	.release	= gimp_release,
	.unlocked_ioctl	= gimp_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice gimp_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "gpudmabuf",
	.fops	= &gimp_fops,
	.mode	= 0600,
};

static int __init gimp_init(void)
{
	int ret;

	gimp_wq = alloc_workqueue("gpudmabuf", WQ_UNBOUND, 0);
	if (!gimp_wq)
		return -ENOMEM;

	ret = gimp_ctrl_init();
	if (ret)
		goto err_destroy_wq;

	ret = gimp_pm_init();
	if (ret)
		goto err_ctrl_exit;

	ret = misc_register(&gimp_misc);
	if (ret)
		goto err_pm_exit;

	return 0;

err_pm_exit:
	gimp_pm_exit();
err_ctrl_exit:
	gimp_ctrl_exit();
err_destroy_wq:
	destroy_workqueue(gimp_wq);
	return ret;
}

static void __exit gimp_exit(void)
{
	misc_deregister(&gimp_misc);
	gimp_pm_exit();
	/* What exporters revoked: the work holds the last references. */
	flush_workqueue(gimp_wq);
	gimp_ctrl_exit();
	destroy_workqueue(gimp_wq);
	/*
	 * Somebody may still be on the way out of our text: RCU callbacks,
	 * completions in interrupt context, preempted tails of completions.
	 */
	rcu_barrier();
	synchronize_rcu();
	synchronize_rcu_tasks();
}

module_init(gimp_init);
module_exit(gimp_exit);

MODULE_DESCRIPTION("NVMe block I/O into dma-bufs");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
