// SPDX-License-Identifier: GPL-2.0-only
/* Compiles everywhere: tells a broken build folder from a missing API. */
#include <linux/module.h>
