# SPDX-License-Identifier: MIT
"""Checks every DMA of the emulated controllers against the mappings alive.

tests/kernel/oracle tells of maps and unmaps through a port whose writes QEMU
puts into the same trace as the controllers' commands.  A command in flight must
name only mapped memory, from when the controller takes its addresses until its
completion.
"""

import collections
import re

# For the marker of a test's guest.
QEMU = ("-chardev null,id=oracle -device isa-parallel,chardev=oracle "
        "-trace parallel_ioport_write")

_PORT = re.compile(r"parallel_ioport_write \S+ \[\w+\] addr 0x0+ "
                   r"val 0x([0-9a-f]+)")
_COMMAND = re.compile(r"pci_nvme_io_cmd cid (\d+) .* sqid (\d+) ")
_ADDRESS = re.compile(r"pci_nvme_map_addr addr 0x([0-9a-f]+) len (\d+)")
_DONE = re.compile(r"pci_nvme_enqueue_req_completion cid (\d+) cqid (\d+) ")


class Oracle:
    """Reads a trace; violations is what was wrong in it."""

    def __init__(self, first, last):
        """first, last: the memory that is watched, as bus addresses."""
        self.first, self.last = first, last
        self.violations = []
        self.maps = self.unmaps = self.commands = 0
        self._live = collections.Counter()
        self._flight = {}
        self._current = None
        self._message = bytearray()

    def read(self, lines):
        """Feed the lines of a trace."""
        for line in lines:
            if line.startswith("parallel"):
                found = _PORT.match(line)
                if found:
                    self._byte(int(found[1], 16))
            elif line.startswith("pci_nvme_io_cmd"):
                found = _COMMAND.match(line)
                self._current = found[2], found[1]
                self._flight[self._current] = []
            elif line.startswith("pci_nvme_map_addr"):
                found = _ADDRESS.match(line)
                if found:
                    self._dma(int(found[1], 16), int(found[2]))
            elif line.startswith("pci_nvme_enqueue_req_completion"):
                found = _DONE.match(line)
                self._flight.pop((found[2], found[1]), None)
        return self

    def _byte(self, value):
        message = self._message
        # The firmware looks for a printer there, before there is a message.
        if not message and value not in b"MU":
            return
        message.append(value)
        # After 'M' or 'U' come segments of 17 bytes, then 'E'.
        if (len(message) - 2) % 17 or message[-1] != ord("E"):
            return
        segments = [(int.from_bytes(message[at + 1:at + 9], "little"),
                     int.from_bytes(message[at + 9:at + 17], "little"))
                    for at in range(1, len(message) - 1, 17)]
        if message[0] == ord("M"):
            self.maps += 1
            self._live.update(segments)
        else:
            self.unmaps += 1
            self._live.subtract(segments)
            self._live += collections.Counter()
            self._look_at_flight()
        message.clear()

    def _dma(self, addr, length):
        if addr > self.last or addr + length <= self.first:
            return
        self.commands += not self._flight.get(self._current)
        self._flight.setdefault(self._current, []).append((addr, length))
        if not self._mapped(addr, length):
            self.violations.append(
                f"{length} bytes at {addr:#x} are not mapped")

    def _look_at_flight(self):
        for command, used in self._flight.items():
            lost = [addr for addr, length in used
                    if not self._mapped(addr, length)]
            if lost:
                self.violations.append(
                    f"unmapped under command {command}: {lost[0]:#x} and "
                    f"{len(lost) - 1} more")

    def _mapped(self, addr, length):
        return any(start <= addr and addr + length <= start + size
                   for start, size in self._live)
