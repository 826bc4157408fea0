// SPDX-License-Identifier: GPL-2.0-only
/* Before, the status was BLK_STS_NEXUS. */
#include <linux/blk_types.h>

blk_status_t kcompat_probe(void);
blk_status_t kcompat_probe(void)
{
	return BLK_STS_RESV_CONFLICT;
}
