# SPDX-License-Identifier: MIT
"""Numbers that do not fit in 32 bits, and where a partition ends."""

import pytest

from harness import BUILD

ROUND_TRIP = BUILD / "examples/round_trip"
TRANSFER = BUILD / "tests/guest/helpers/transfer"

MIB = 1 << 20
GIB = 1 << 30


def stamp(guest, disk, offset, text):
    """Write one block that begins with text, in the guest, with dd."""
    guest.run(f"printf %-512s '{text}' | dd of={disk} bs=512 count=1 "
              f"seek={offset // 512} oflag=direct conv=notrunc status=none",
              check=True)


def block(guest, disk, offset):
    """What a block begins with, read with dd."""
    return guest.run(f"dd if={disk} bs=512 count=1 skip={offset // 512} "
                     "iflag=direct status=none", check=True).stdout.strip()


@pytest.mark.guest(nvme_size=3 * 1024 * 1024)
def test_block_address_above_32_bits(guest):
    """Blocks above 2^32 of a 3 TiB disk, told from those 2^32 below."""
    high, low = (1 << 32) * 512 + 5 * MIB, 5 * MIB
    stamp(guest, "/dev/nvme0n1", high, "high")
    stamp(guest, "/dev/nvme0n1", low, "low")
    guest.run([ROUND_TRIP, "/dev/nvme0n1", 4096, high, high + MIB],
              check=True)
    guest.run([ROUND_TRIP, "/dev/nvme0n1", 4096, low, low + MIB], check=True)
    assert block(guest, "/dev/nvme0n1", high + MIB) == "high"
    assert block(guest, "/dev/nvme0n1", low + MIB) == "low"
    with open(guest.disk(), "rb") as image:
        image.seek(high + MIB)
        assert image.read(4) == b"high"


@pytest.mark.slow
@pytest.mark.guest(vram=8192, nvme_size=6 * 1024)
def test_buffer_above_4_gib(guest):
    """5 GiB in one buffer and one call, its end and its beginning right."""
    size = 5 * GIB
    for where in (0, 4 * GIB - 512, 4 * GIB, size - 512):
        stamp(guest, "/dev/nvme0n1", where, f"at {where}")
    guest.run([TRANSFER, "read", "/dev/nvme0n1", size, 0], check=True,
              timeout=300)
    with open(guest.vram, "rb") as vram:
        for where in (0, 4 * GIB - 512, 4 * GIB, size - 512):
            vram.seek(where)
            assert vram.read(512).strip().decode() == f"at {where}"


@pytest.fixture
def partition(guest):
    """A partition of 8 MiB in the middle of the disk; its bytes."""
    guest.run("dd if=/dev/zero of=/dev/nvme0n1 bs=1M count=32 oflag=direct "
              "status=none && "
              "printf 'label: gpt\\nstart=8M, size=8M\\n' | "
              "sfdisk -q /dev/nvme0n1 && ls /dev/nvme0n1p1", check=True)
    yield 8 * MIB
    guest.run("sfdisk -q --delete /dev/nvme0n1 && "
              "dd if=/dev/zero of=/dev/nvme0n1 bs=1M count=32 oflag=direct "
              "status=none", check=True)


def test_partition_offset(guest, partition):
    """A partition's first and last block are its own."""
    stamp(guest, "/dev/nvme0n1p1", 0, "first")
    stamp(guest, "/dev/nvme0n1p1", partition - 512, "last")
    stamp(guest, "/dev/nvme0n1", 8 * MIB + partition, "behind")
    guest.run([ROUND_TRIP, "/dev/nvme0n1p1", 512, 0, 4096], check=True)
    guest.run([ROUND_TRIP, "/dev/nvme0n1p1", 512, partition - 512, 8192],
              check=True)
    assert block(guest, "/dev/nvme0n1p1", 4096) == "first"
    assert block(guest, "/dev/nvme0n1p1", 8192) == "last"
    assert block(guest, "/dev/nvme0n1", 8 * MIB + 4096) == "first"


def test_partition_end(guest, partition):
    """One past the last block: a read ends there, a write is refused."""
    stamp(guest, "/dev/nvme0n1", 8 * MIB + partition, "behind")
    result = guest.run([ROUND_TRIP, "/dev/nvme0n1p1", 4096, partition - 512,
                        0], check=True)
    assert "read  512 bytes" in result.stdout
    result = guest.run([ROUND_TRIP, "/dev/nvme0n1p1", 512, partition, 0],
                       check=True)
    assert "read  0 bytes" in result.stdout
    result = guest.run([ROUND_TRIP, "/dev/nvme0n1p1", 512, 0, partition])
    assert result.rc == 1
    assert "end" in result.stderr
    assert block(guest, "/dev/nvme0n1", 8 * MIB + partition) == "behind"
