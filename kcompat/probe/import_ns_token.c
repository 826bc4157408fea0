// SPDX-License-Identifier: GPL-2.0-only
/* MODULE_IMPORT_NS() takes the bare name; later a string. */
#include <linux/module.h>

MODULE_IMPORT_NS(DMA_BUF);
