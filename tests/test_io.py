# SPDX-License-Identifier: MIT
"""Data, seen from outside the guest: the disk's image and the BAR's file."""

import mmap
import os

import pytest

from harness import BUILD

from gpudmabuf_guest import trace

MIB = 1 << 20
TRANSFER = BUILD / "tests/guest/helpers/transfer"
STORM = BUILD / "tests/guest/helpers/storm"


def find_in_vram(guest, data):
    """Where in the BAR's file data begins; it must all be there."""
    with open(guest.vram, "rb") as file, \
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as vram:
        at = vram.find(data[:4096])
        assert at >= 0, "the data is not in the BAR"
        assert vram[at:at + len(data)] == data, "the BAR holds something else"
        return at


def put_on_disk(guest, data):
    """Write data to the namespace's beginning, with dd, in the guest."""
    (guest.work / "data").write_bytes(data)
    guest.run("dd if=$WORK/data of=/dev/nvme0n1 bs=1M oflag=direct "
              "conv=notrunc", check=True)


def bar(guest):
    """First and last bus address of the stand-in for GPU memory."""
    lines = guest.run("cat /sys/bus/pci/drivers/gpudmabuf_bar/0000:*/resource",
                      check=True).stdout.splitlines()
    first, last, _ = lines[2].split()
    return int(first, 16), int(last, 16)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shift", [0, 1536])
def test_random_read(guest, seed, shift):
    data = os.urandom(64 * MIB)
    put_on_disk(guest, data)
    guest.run([TRANSFER, "read", "/dev/nvme0n1", len(data), seed, shift],
              check=True)
    find_in_vram(guest, data)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shift", [0, 1536])
def test_random_write(guest, seed, shift):
    data = os.urandom(64 * MIB)
    (guest.work / "data").write_bytes(data)
    guest.run(f"{TRANSFER} write /dev/nvme0n1 {len(data)} {seed} {shift} "
              "<$WORK/data", check=True)
    guest.run("dd if=/dev/nvme0n1 of=$WORK/back bs=1M count=64 iflag=direct",
              check=True)
    assert (guest.work / "back").read_bytes() == data
    with open(guest.disk(), "rb") as image:
        assert image.read(len(data)) == data


def traced_transfer(guest, direction):
    """Data addresses that the controller was given for a transfer."""
    marker = 1000 * MIB
    put_on_disk(guest, os.urandom(8 * MIB))
    guest.run(f"{TRANSFER} {direction} /dev/nvme0n1 {8 * MIB} 3 512 {marker} "
              "<$WORK/data", check=True)
    return trace.data_between(guest.trace.read_text(), marker)


@pytest.mark.parametrize("direction", ["read", "write"])
def test_no_host_memory(guest, direction):
    addresses = traced_transfer(guest, direction)
    assert sum(length for _, length in addresses) == 8 * MIB
    assert not trace.outside(addresses, *bar(guest))


def test_no_host_memory_can_fail(guest):
    """The same transfer to host memory: the check above must see it."""
    marker = 1000 * MIB
    mark = f"dd if=/dev/nvme0n1 of=/dev/null bs=512 skip={marker // 512} " \
           "count=1 iflag=direct"
    guest.run(f"{mark}; dd if=/dev/nvme0n1 of=/dev/null bs=1M count=8 "
              f"iflag=direct; {mark}", check=True)
    addresses = trace.data_between(guest.trace.read_text(), marker)
    assert sum(length for _, length in addresses) == 8 * MIB
    assert len(trace.outside(addresses, *bar(guest))) == len(addresses)


@pytest.mark.guest(iommu=True)
def test_iommu_strict(guest):
    """Both directions with the IOMMU on; a stray DMA faults in the log."""
    data = os.urandom(16 * MIB)
    put_on_disk(guest, data)
    guest.run([TRANSFER, "read", "/dev/nvme0n1", len(data), 5, 512],
              check=True)
    find_in_vram(guest, data)
    guest.run(f"{TRANSFER} write /dev/nvme0n1 {len(data)} 6 1024 <$WORK/data",
              check=True)
    with open(guest.disk(), "rb") as image:
        assert image.read(len(data)) == data


def test_kill_in_flight(guest):
    """kill -9 in the middle of I/O, 200 times; nothing is left."""
    guest.run([STORM, "/dev/nvme0n1", 3, 200], check=True)
    guest.run("rmmod gpudmabuf", check=True)
    guest.run("grep 'Total 0 objects' /sys/kernel/debug/dma_buf/bufinfo",
              check=True)
    guest.run("insmod $(grep -o '^[^ ]*/gpudmabuf.ko' "
              "/run/gpudmabuf/ctl/drivers)", check=True)


@pytest.mark.guest(topology="root")
def test_peers_without_a_switch(guest):
    """Both devices on the root bus: the refusal says so."""
    result = guest.run([BUILD / "tools/gpudmabuf", "read", "/dev/nvme0n1",
                        "--length", "1M"])
    assert result.rc == 3
    assert "switch" in result.stderr
