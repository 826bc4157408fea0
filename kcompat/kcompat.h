/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before every source file of both modules (-include).  The code is
 * written for the newest kernel; what an older one lacks is supplied here.  A
 * KCOMPAT_HAVE_X comes from compiling probe/x.c, never from a version number:
 * point releases backport.
 */
#ifndef KCOMPAT_H
#define KCOMPAT_H

#include "kcompat_config.h"

/* Before any header, all of which come in ahead of the source file. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "kcompat_bar.h"
#include "kcompat_importer.h"
#include "kcompat_tests.h"

#endif /* KCOMPAT_H */
