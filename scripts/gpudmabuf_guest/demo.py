# SPDX-License-Identifier: MIT
"""scripts/demo: python3 -m gpudmabuf_guest.demo ROUND_TRIP FILE"""

import mmap
import pathlib
import signal
import sys

from . import trace
from .guest import CommandFailed, Guest, GuestError
from .options import Options

MIB = 1 << 20
PAGE = 4096
MARKER = 1000 * MIB
BACK = 512 * MIB
LARGEST = 192 * MIB

DRIVER = "/sys/bus/pci/drivers/{}/"


class DemoFailed(Exception):
    """Something is not as it should be."""


def say(what, text):
    """One line of the report."""
    print(f"  {what:<13} {text}", flush=True)


def verdict(good, otherwise):
    """The word for a check that holds; ends the demo if it does not."""
    if not good:
        raise DemoFailed(otherwise)
    return "yes"


def pci_device(guest, driver):
    """PCI address of the first device that a driver is bound to."""
    found = guest.run(f"cd {DRIVER.format(driver)} && ls -d 0000:*",
                      check=True).stdout.split()
    return found[0]


def memory_range(guest, device):
    """First and last bus address of the stand-in for GPU memory."""
    lines = guest.run(f"cat /sys/bus/pci/devices/{device}/resource",
                      check=True).stdout.splitlines()
    first, last, _ = lines[2].split()
    return int(first, 16), int(last, 16)


def in_vram(guest, data):
    """Whether the file behind the BAR holds data."""
    with open(guest.vram, "rb") as file, \
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as vram:
        return vram.find(data) >= 0


def on_disk(guest, data, where):
    """Whether the disk's image holds data at a byte offset."""
    with open(guest.disk(), "rb") as image:
        image.seek(where)
        return image.read(len(data)) == data


def show_machine(guest):
    """What the guest is made of."""
    release = guest.run("uname -r", check=True).stdout.strip()
    memory = pci_device(guest, "gpudmabuf_bar")
    say("kernel", f"{release}, Debian's own, with its own nvme driver")
    say("disk", f"/dev/nvme0n1 on {pci_device(guest, 'nvme')}")
    say("GPU memory", f"BAR 2 of {memory}, a file on the host behind it")
    print()
    return memory_range(guest, memory)


def transfer(guest, program, length):
    """The direct part, between two reads that mark it in the trace."""
    mark = (f"dd if=/dev/nvme0n1 of=/dev/null bs=512 count=1 iflag=direct "
            f"skip={MARKER // 512} status=none")
    result = guest.run(f"{mark}; {program} /dev/nvme0n1 {length} 0 {BACK} && "
                       f"{mark}", check=True)
    for line in result.stdout.splitlines():
        what, text = line.split(" ", 1)
        say(f"gdb_{'read' if what == 'read' else 'write'}", text.strip())


def run(guest, program, source):
    """Put the file on the disk, move it, look from outside."""
    size = pathlib.Path(source).stat().st_size
    if not 0 < size <= LARGEST:
        raise DemoFailed(f"{source} has {size} bytes; the demo takes files of "
                         f"1 to {LARGEST}")
    data = pathlib.Path(source).read_bytes()
    length = -(-len(data) // PAGE) * PAGE
    memory = show_machine(guest)

    guest.run(f"dd if={source} of=/dev/nvme0n1 bs={PAGE} conv=sync "
              "oflag=direct status=none", check=True)
    say("file", f"{source}, {len(data)} bytes, put on the disk with dd")
    transfer(guest, program, length)
    print()

    say("in the BAR", verdict(in_vram(guest, data), "the BAR does not hold "
                              "the file") + ": the file behind it holds the "
        "same bytes")
    say("on the disk", verdict(on_disk(guest, data, BACK), "the disk does not "
                               "hold the file") + ": its image holds them "
        f"again at {BACK // MIB} MiB")
    say("host memory", "none" + data_addresses(guest, memory, 2 * length))


def data_addresses(guest, memory, expected):
    """Where the controller's data went between the marks, in words."""
    addresses = trace.data_between(guest.trace.read_text(), MARKER)
    elsewhere = sum(size for _, size in trace.outside(addresses, *memory))
    direct = sum(size for _, size in addresses) - elsewhere
    verdict(direct == expected and elsewhere <= PAGE,
            f"the controller moved {elsewhere} bytes elsewhere")
    return (f": the controller moved {direct} bytes to and from the BAR\n"
            f"{'':16}({elsewhere} bytes to the module's own page prove the "
            "block size)")


def _interrupted(number, _frame):
    raise SystemExit(128 + number)


def main(program, source):
    """Run the demo and return its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    print("gpudmabuf: from an NVMe disk into GPU memory and back, in a guest\n")
    try:
        with Guest(Options()) as guest:
            guest.start()
            run(guest, program, source)
            problems = guest.stop()
    except (CommandFailed, DemoFailed, GuestError, trace.TraceError) as error:
        print(f"\nscripts/demo failed: {error}", file=sys.stderr)
        return 1
    for problem in problems:
        print(f"\nscripts/demo failed: {problem}", file=sys.stderr)
    if not problems:
        say("clean", "yes: no warning in the kernel log, both modules unloaded")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
