# SPDX-License-Identifier: MIT
"""What tests of disks share: names, registrations, I/O, the trace."""

import re
import time

from . import BUILD

HELPERS = BUILD / "tests/guest/helpers"
VERIFY = HELPERS / "verify"

_ADDR = re.compile(r"pci_nvme_map_addr(?:_cmb|_pmr)? addr 0x([0-9a-f]+) "
                   r"len (\d+)")


def register(guest, disk):
    """Errno, reason and detail of a registration: ("ok", "NONE", 512)."""
    words = guest.run([HELPERS / "register", disk], check=True).stdout.split()
    return words[0], words[1], int(words[2])


def find_disks(guest, serial, nsid=1):
    """The block devices of a namespace; a path that is hidden has none."""
    shown = guest.run("grep -s . /sys/block/nvme*/device/serial "
                      "/sys/block/nvme*/nsid; true", check=True).stdout
    facts = re.findall(r"/sys/block/(nvme\d+n\d+)/(?:device/)?(\w+):(\S+)",
                       shown)
    names = sorted({name for name, _, _ in facts})
    found = [f"/dev/{name}" for name in names
             if (name, "serial", serial) in facts
             and (name, "nsid", str(nsid)) in facts]
    assert found, f"no namespace {nsid} of {serial}"
    return found


def find_disk(guest, serial, nsid=1):
    """The only block device of a namespace."""
    disks = find_disks(guest, serial, nsid)
    assert len(disks) == 1
    return disks[0]


def bar(guest):
    """First and last bus address of the stand-in for GPU memory."""
    lines = guest.run("cat /sys/bus/pci/drivers/gpudmabuf_bar/0000:*/resource",
                      check=True).stdout.splitlines()
    first, last, _ = lines[2].split()
    return int(first, 16), int(last, 16)


def start_io(guest, *arguments, seconds=60):
    """Run verify with arguments in the background; it is at it on return."""
    ready = guest.work / "ready"
    ready.unlink(missing_ok=True)
    command = guest.start_command([VERIFY, *arguments, seconds, ready])
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert time.monotonic() < deadline, "verify does not get going"
        time.sleep(0.02)
    ready.unlink()
    return command


class Traced:
    """What the controllers were given while a with block ran.

    text is that part of the trace, addresses a list of (address, length) of
    data, metadata and PRP lists.
    """

    def __init__(self, guest):
        self._trace = guest.trace
        self._begin = 0
        self.text = ""

    def __enter__(self):
        self._begin = self._trace.stat().st_size
        return self

    def __exit__(self, *_):
        with open(self._trace, encoding="ascii") as trace:
            trace.seek(self._begin)
            self.text = trace.read()

    @property
    def addresses(self):
        return [(int(found[1], 16), int(found[2]))
                for found in _ADDR.finditer(self.text)]
