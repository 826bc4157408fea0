// SPDX-License-Identifier: GPL-2.0-only
#include <linux/blkdev.h>

struct block_device *kcompat_probe(struct file *filp);
struct block_device *kcompat_probe(struct file *filp)
{
	return file_bdev(filp);
}
