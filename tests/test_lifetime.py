# SPDX-License-Identifier: MIT
"""Memory that its exporter moves while it is used."""

import collections
import re

import pytest

from harness.disks import HELPERS
from harness.kmods import loaded

pytestmark = pytest.mark.slow

PAGE = 4096
EVICTIONS = 1000

# What evict leaves behind: nothing yet, its canary, its last word.
UNTOUCHED, CANARY, END = b"\0", b"\xc5", b"\x5a"
# Of its dma-buf.
PAGES = 2 * 64 * 1024 // PAGE

lifetime = pytest.mark.guest(vram=16)


def evict(guest, evictions):
    """Move memory under I/O; how often each thread went round meanwhile."""
    result = guest.run([HELPERS / "evict", "/dev/nvme0n1", evictions],
                       timeout=300)
    assert not result.rc, result
    return [int(count) for count in re.findall(r"(\d+) rounds", result.stdout)]


def pages_of(vram):
    """How often each page's contents occur in the BAR's file."""
    data = vram.read_bytes()
    return collections.Counter(data[at:at + PAGE]
                               for at in range(0, len(data), PAGE))


def assert_places(guest):
    """Everything is as its owner left it, in all places that there were."""
    pages = pages_of(guest.vram)
    assert pages.pop(END * PAGE) == PAGES
    # Three places: the buffer's, the one left before, the one on the way.
    assert pages.pop(CANARY * PAGE) >= 2 * PAGES
    pages.pop(UNTOUCHED * PAGE)
    assert not pages, f"{pages.total()} pages hold something else"


@lifetime
def test_evict_under_io(guest):
    """1,000 moves during verified I/O: right bytes, none in an old place."""
    rounds = evict(guest, EVICTIONS)
    assert len(rounds) == 2 and min(rounds) > EVICTIONS / 20, rounds
    assert_places(guest)


@pytest.mark.slow
@pytest.mark.guest(vram=16, iommu=True)
def test_evict_under_io_iommu(guest):
    """The same behind a strict IOMMU, where a late DMA faults."""
    evict(guest, EVICTIONS // 4)
    assert_places(guest)


PIN, VMAP, MAP = 1, 2, 4
# The second GPU keeps the options apart from those of the tests above.
held = pytest.mark.guest(vram=16, gpus=2)


def hold(guest, what):
    """Two moves, held and not; what each did, what is missing in the end."""
    with loaded(guest, "dmabuf_holder"):
        result = guest.run([HELPERS / "hold", what], check=True)
    return result.stdout.splitlines()


@held
@pytest.mark.parametrize("what", [PIN, VMAP, PIN | MAP, PIN | VMAP | MAP],
                         ids=["pinned", "vmapped", "pinned_and_mapped",
                              "all"])
def test_evict_refused(guest, what):
    assert hold(guest, what) == ["EBUSY", "moved 0", "0 bytes are missing"]


@held
def test_evict_mapped(guest):
    """An importer that lets go late: until then nobody gets the old place."""
    assert hold(guest, MAP) == [f"moved {1 << 20}", "moved 0",
                                "0 bytes are missing"]
