# SPDX-License-Identifier: MIT
"""What the emulated controller was told, from QEMU's trace."""

import re

BLOCK = 512

_READ = re.compile(r"pci_nvme_read .* lba 0x([0-9a-f]+)")
_ADDR = re.compile(r"pci_nvme_map_addr(?:_cmb|_pmr)? addr 0x([0-9a-f]+) "
                   r"len (\d+)")


class TraceError(AssertionError):
    """The trace is not what the test needs."""


def data_between(text, marker):
    """Data addresses between the last two reads of the block at marker.

    text: the trace; marker: a byte offset on the disk.  Returns a list of
    (address, length).
    """
    marks = [found.start() for found in _READ.finditer(text)
             if int(found[1], 16) * BLOCK == marker]
    if len(marks) < 2:
        raise TraceError(f"{len(marks)} reads of the marker block in the trace")
    # The address of the first marker's own data comes right behind it.
    begin = text.index("pci_nvme_enqueue_req_completion", marks[-2])
    return [(int(found[1], 16), int(found[2]))
            for found in _ADDR.finditer(text, begin, marks[-1])]


def outside(addresses, first, last):
    """Those of addresses that are not entirely within first..last."""
    return [(addr, length) for addr, length in addresses
            if addr < first or addr + length - 1 > last]
