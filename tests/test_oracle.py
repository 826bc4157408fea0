# SPDX-License-Identifier: MIT
"""Every DMA lies in a mapping that is alive, also when the memory goes."""

import pytest

from harness import BUILD, oracle

from gpudmabuf_guest import kernel

STORM = BUILD / "tests/guest/helpers/storm"
DRIVER = "/sys/bus/pci/drivers/gpudmabuf_bar"

# Commands stay in flight for a while.
guest_options = pytest.mark.guest(qemu=oracle.QEMU,
                                  drive_args=",throttling.iops-total=400")


@pytest.fixture
def watched(guest, request):
    """A guest that tells of maps and unmaps, and the memory's range."""
    found = kernel.find(request.config.getoption("kernel"))
    module, = kernel.build_modules(found, ["tests/kernel/oracle"])
    (guest.work / module.name).write_bytes(module.read_bytes())
    guest.run(f"insmod $WORK/{module.name}", check=True)
    lines = guest.run(f"cat {DRIVER}/0000:*/resource",
                      check=True).stdout.splitlines()
    first, last, _ = (int(word, 16) for word in lines[2].split())
    yield guest, first, last
    guest.run("rmmod gimp_oracle", check=True)


def verdict(guest, first, last):
    with open(guest.trace) as trace:
        return oracle.Oracle(first, last).read(trace)


@pytest.mark.slow
@guest_options
def test_kills(watched):
    guest, first, last = watched
    guest.run([STORM, "/dev/nvme0n1", 3, 30], check=True)
    seen = verdict(guest, first, last)
    assert seen.maps == seen.unmaps >= 20
    assert seen.commands >= 20
    assert not seen.violations


@pytest.mark.slow
@guest_options
def test_revoke(watched):
    """The memory's device is unbound in the middle of I/O, 10 times."""
    guest, first, last = watched
    before = verdict(guest, first, last)
    guest.run(f"""
        cd {DRIVER} && device=$(echo 0000:*)
        for i in $(seq 10); do
            {STORM} /dev/nvme0n1 4 1 60000000 2>/dev/null & pid=$!
            sleep 0.4
            echo $device >unbind || exit 1
            wait $pid
            echo $device >bind || exit 1
        done""", check=True, timeout=120)
    seen = verdict(guest, first, last)
    assert seen.maps - before.maps == seen.unmaps - before.unmaps >= 10
    assert seen.commands - before.commands >= 10
    assert not seen.violations


def test_can_fire():
    """A made-up trace: a DMA after the unmap, and an unmap under a DMA."""
    def port(text):
        return [f"parallel_ioport_write write [SW] addr 0x00 val 0x{byte:02x}"
                for byte in text]

    def segment(addr, size):
        return b"S" + addr.to_bytes(8, "little") + size.to_bytes(8, "little")

    command = ["pci_nvme_io_cmd cid 1 nsid 0x1 sqid 2 opc 0x2 opname 'X'",
               "pci_nvme_map_addr addr 0x11000 len 4096"]
    done = ["pci_nvme_enqueue_req_completion cid 1 cqid 2 dw0 0x0"]
    mapped = port(b"M" + segment(0x10000, 0x4000) + b"E")
    unmapped = port(b"U" + segment(0x10000, 0x4000) + b"E")

    def violations(*parts):
        lines = [line for part in parts for line in part]
        return oracle.Oracle(0x10000, 0x1ffff).read(lines).violations

    assert not violations(mapped, command, done, unmapped)
    assert len(violations(mapped, command, unmapped, done)) == 1
    assert len(violations(mapped, unmapped, command, done)) == 1
    assert len(violations(command, done)) == 1
