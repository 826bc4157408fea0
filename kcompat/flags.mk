# SPDX-License-Identifier: GPL-2.0-only
# Flags of every module; the including Kbuild sets top to the mirror's root.
ccflags-y += -I$(top)/uapi -I$(top)/kcompat -include $(top)/kcompat/kcompat.h
ccflags-y += -Wall -Werror -Wmissing-prototypes
