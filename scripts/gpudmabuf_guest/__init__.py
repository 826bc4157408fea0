# SPDX-License-Identifier: MIT
"""Boots QEMU guests and runs commands in them.

    options.py  what a guest has
    kernel.py   the kernel it boots, our modules for it, its initramfs
    qemu.py     QEMU's command line
    channel.py  the ports between host and guest
    guest.py    Guest: start, run, stop
    klog.py     what in a kernel log means failure
    cli.py      scripts/guest
    init.sh, agent.sh, check.sh, stop.sh  the guest's own side
"""

from .guest import (CommandFailed, Guest, GuestDied, GuestError, GuestTimeout,
                    Result)
from .options import Options

__all__ = ["CommandFailed", "Guest", "GuestDied", "GuestError",
           "GuestTimeout", "Options", "Result"]
