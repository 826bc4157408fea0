// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend: memory and controllers are powered down in an order that knows
 * nothing of us, so nothing is mapped from before the first device sleeps until
 * after the last one woke up.
 */
#include <linux/freezer.h>
#include <linux/notifier.h>
#include <linux/suspend.h>
#include <linux/wait.h>

#include "gimp.h"

static bool gimp_pm_asleep;
static DECLARE_WAIT_QUEUE_HEAD(gimp_pm_wait);

/* Asked under the dma-buf's reservation lock, by who is about to publish. */
bool gimp_pm_suspended(void)
{
	return READ_ONCE(gimp_pm_asleep);
}

/* Waits until the machine is awake; frozen meanwhile. */
int gimp_pm_wait_awake(void)
{
	return wait_event_freezable(gimp_pm_wait, !gimp_pm_suspended());
}

static int gimp_pm_notify(struct notifier_block *nb, unsigned long event,
			  void *data)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		/* What is published after this is seen is taken back below. */
		WRITE_ONCE(gimp_pm_asleep, true);
		gimp_ctrl_unmap_all();
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		WRITE_ONCE(gimp_pm_asleep, false);
		wake_up_all(&gimp_pm_wait);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block gimp_pm_nb = {
	.notifier_call = gimp_pm_notify,
};

int gimp_pm_init(void)
{
	return register_pm_notifier(&gimp_pm_nb);
}

void gimp_pm_exit(void)
{
	unregister_pm_notifier(&gimp_pm_nb);
}
