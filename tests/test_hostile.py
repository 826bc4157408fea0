# SPDX-License-Identifier: MIT
"""Exporters that do what they may do, and what they should not do.

Each is refused with its reason, or survived.  hostile_exporter (tests/kernel)
has the second GPU's BAR for itself.
"""

import enum
import errno

import pytest

from harness import TOP
from harness.disks import HELPERS
from harness.kmods import loaded

PAGE = 4096
MIB = 1 << 20
VRAM = 16 * MIB
LEN = 512 << 10

# As declared in tests/kernel/hostile.h.
Mode = enum.IntEnum("Mode", [
    "GOOD", "SPLIT", "ADDR", "LEN", "SHORT", "EMPTY", "MAP_NULL", "MAP_ONCE",
    "MAP_ERROR", "ATTACH_ERROR", "FENCE", "FENCES", "IN_MAP", "IN_PIN",
    "MASK", "WRAP", "HOLE", "MIXED"], start=0)
STATIC, DYNAMIC, HOST, NO_P2P = 0, 1, 2, 4

hostile_guest = pytest.mark.guest(vram=VRAM // MIB, gpus=2)
pytestmark = [hostile_guest, pytest.mark.slow]

KINDS = pytest.mark.parametrize("kind", [STATIC, DYNAMIC],
                                ids=["static", "dynamic"])


def test_modes_are_numbered_alike():
    text = (TOP / "tests/kernel/hostile.h").read_text()
    assert [text.index(f"HOSTILE_{mode.name},") for mode in Mode] == sorted(
        text.index(f"HOSTILE_{mode.name},") for mode in Mode)


def second_bar(guest):
    """Bus address of the BAR that the exporter of this project leaves alone."""
    path = "/sys/bus/pci/drivers/gpudmabuf_bar/0000:*/resource"
    shown = guest.run(f"set -- {path}; cat $2", check=True).stdout
    first, last, _ = shown.splitlines()[2].split()
    assert int(last, 16) - int(first, 16) + 1 == VRAM
    return int(first, 16)


class Answer:
    """What the helper printed."""

    def __init__(self, text):
        self.lines = text.splitlines()
        last = self.lines.pop().split()
        self.attached, self.mapped, self.maps = map(int, last[1::2])
        self.ms = [int(line.split()[1]) for line in self.lines
                   if line.startswith("ms ")]

    def all(self, what):
        return [line.split()[1:] for line in self.lines
                if line.startswith(f"{what} ")]

    @property
    def path(self):
        return self.all("path")[0]

    @property
    def io(self):
        return self.all("io")[0]


@pytest.fixture
def hostile(guest):
    """Runs the helper; nothing may stay attached or mapped, ever."""
    bar = second_bar(guest)
    with loaded(guest, "hostile_exporter", f"base={bar:#x}", f"size={VRAM}",
                f"hole={HOLE:#x}"):
        def run(mode, flags=DYNAMIC, param=0, *action):
            result = guest.run([HELPERS / "hostile", int(mode), flags, param,
                                *(action or ("io",))], timeout=60, check=True)
            answer = Answer(result.stdout)
            assert (answer.attached, answer.mapped) == (0, 0), result
            return answer
        yield run


# Far above all memory and all bridges' windows.
HOLE = 1 << 38


def assert_good(answer, where="DEVICE", segments=2):
    assert answer.path == [where, str(segments)]
    assert answer.io == ["ok"]


def assert_refused(answer, error, reason, detail=None):
    assert answer.path[:2] == [error, reason]
    assert detail is None or answer.path[2] == str(detail)
    assert not answer.all("io")


@KINDS
def test_two_segments(hostile, kind):
    """That it can be good, or refusals would prove nothing."""
    assert_good(hostile(Mode.GOOD, kind))


@KINDS
def test_odd_segments(hostile, kind):
    """Of 1 to 13 pages, in another order than they lie in the BAR."""
    answer = hostile(Mode.SPLIT, kind)
    pages, lengths = LEN // PAGE, [1, 3, 1, 7, 2, 5, 13, 1]
    count = 0
    while pages > 0:
        pages -= lengths[count % len(lengths)]
        count += 1
    assert_good(answer, segments=count)


@pytest.mark.parametrize("before", [0, 1])
def test_empty_segment(hostile, before):
    assert_good(hostile(Mode.EMPTY, DYNAMIC, before), segments=3)


@pytest.mark.parametrize("by", [4, 512, PAGE - 4])
def test_unaligned_address(hostile, by):
    assert_refused(hostile(Mode.ADDR, DYNAMIC, by), "EXDEV", "SEG_ALIGN")


@pytest.mark.parametrize("by", [4, 512, PAGE - 4])
def test_unaligned_length(hostile, by):
    assert_refused(hostile(Mode.LEN, DYNAMIC, by), "EXDEV", "SEG_ALIGN")


@KINDS
def test_spoilt_segment_of_each_kind(hostile, kind):
    """What was mapped to be refused is unmapped in the kind's own way."""
    assert_refused(hostile(Mode.ADDR, kind, 512), "EXDEV", "SEG_ALIGN")


def test_longer_than_the_dmabuf(hostile):
    """A table that covers more: the rest is not used."""
    answer = hostile(Mode.LEN, DYNAMIC, PAGE, "plain")
    assert answer.path == ["DEVICE", "2"] and answer.io == ["ok"]


@KINDS
def test_short_table(hostile, kind):
    assert_refused(hostile(Mode.SHORT, kind), "EXDEV", "SEG_SHORT", LEN - PAGE)


@KINDS
def test_map_returns_null(hostile, kind):
    answer = hostile(Mode.MAP_NULL, kind)
    assert_refused(answer, "ENOMEM", "NO_MEMORY")


@KINDS
@pytest.mark.parametrize("error, reason", [
    ("ENOMEM", "NO_MEMORY"), ("ENODEV", "MEMORY_GONE"), ("EINTR", "KILLED")])
def test_map_fails(hostile, kind, error, reason):
    answer = hostile(Mode.MAP_ERROR, kind, getattr(errno, error))
    assert_refused(answer, error, reason)


@KINDS
@pytest.mark.parametrize("error", ["EIO", "EBUSY"])
def test_map_fails_otherwise(hostile, kind, error):
    number = getattr(errno, error)
    answer = hostile(Mode.MAP_ERROR, kind, number)
    # Old kernels map what is static when it is attached.
    assert answer.path in (["EXDEV", "MAP_REFUSED", str(number)],
                           ["EXDEV", "ATTACH_REFUSED", str(number)])


@KINDS
def test_map_fails_once(hostile, kind):
    """Interrupted: the next call may succeed, and does."""
    answer = hostile(Mode.MAP_ONCE, kind, errno.EINTR, "again")
    first, second = answer.all("path")
    assert first[:2] == ["EINTR", "KILLED"]
    assert second == ["DEVICE", "2"] and answer.io == ["ok"]


@pytest.mark.parametrize("error", ["EIO", "EOPNOTSUPP"])
def test_attach_fails(hostile, error):
    number = getattr(errno, error)
    answer = hostile(Mode.ATTACH_ERROR, DYNAMIC, number)
    assert_refused(answer, "EXDEV", "ATTACH_REFUSED", number)
    assert not answer.maps


def test_slow_fence(hostile):
    """The memory is not used before the exporter says so."""
    answer = hostile(Mode.FENCE, DYNAMIC, 700)
    assert_good(answer)
    assert 650 <= answer.ms[0] < 3000


def test_slow_fence_interrupted(hostile):
    answer = hostile(Mode.FENCE, DYNAMIC, 8000, "interrupt", 300)
    assert_refused(answer, "EINTR", "KILLED")
    assert answer.ms[0] < 3000


def test_fence_with_each_map(hostile):
    assert_good(hostile(Mode.FENCES, DYNAMIC, 20))


def test_invalidated_inside_map(hostile):
    assert_good(hostile(Mode.IN_MAP))


def test_invalidated_inside_pin(hostile):
    assert_good(hostile(Mode.IN_PIN))


def test_invalidated_during_io(hostile):
    answer = hostile(Mode.SPLIT, DYNAMIC, 0, "invalidate", 1, 0, 200)
    assert answer.io == ["ok"]
    assert answer.maps > 50


def test_invalidated_twice(hostile):
    """Without a map in between."""
    answer = hostile(Mode.GOOD, DYNAMIC, 0, "invalidate", 2, 0, 50)
    assert answer.io == ["ok"]


def test_invalidated_inside_each_map_during_io(hostile):
    answer = hostile(Mode.IN_MAP, DYNAMIC, 0, "invalidate", 1, 0, 50)
    assert answer.io == ["ok"]


@pytest.mark.slow
def test_lock_held_for_long(hostile):
    """5 s in the hands of the exporter that invalidates: I/O waits."""
    answer = hostile(Mode.GOOD, DYNAMIC, 0, "invalidate", 1, 5000, 1)
    assert answer.io == ["ok"]


@KINDS
def test_peer2peer_cleared(hostile, kind):
    """As amdgpu does: the memory is the host's, and is said to be."""
    assert_good(hostile(Mode.GOOD, kind | HOST | NO_P2P), "HOST")


def test_peer2peer_cleared_in_the_bar(hostile):
    """The exporter's word counts, wherever the addresses seem to be."""
    assert_good(hostile(Mode.GOOD, DYNAMIC | NO_P2P), "HOST")


def test_host_memory_behind_an_empty_segment(hostile):
    assert_good(hostile(Mode.EMPTY, DYNAMIC | HOST, 0), "HOST", 3)


def test_partly_host_memory(hostile):
    """What is not all in the device is not called so."""
    assert_good(hostile(Mode.MIXED), "HOST")


@KINDS
def test_host_memory_of_a_peer(hostile, kind):
    """The exporter never looked at the flag."""
    assert_good(hostile(Mode.SPLIT, kind | HOST), "HOST",
                hostile(Mode.SPLIT, kind).path[1])


@pytest.mark.parametrize("bits", [32, 48])
def test_beyond_the_mask(hostile, bits):
    answer = hostile(Mode.MASK, DYNAMIC, bits)
    assert_refused(answer, "EXDEV", "DMA_MASK", bits)


def test_addresses_wrap_around(hostile):
    assert_refused(hostile(Mode.WRAP), "EXDEV", "DMA_MASK", 64)


def test_nothing_answers(hostile):
    """Addresses in a hole.  The drive may say that all is well: nobody but a
    reader of the data can tell.  The next buffer is as good as before."""
    assert hostile(Mode.HOLE, DYNAMIC, 0, "plain").path[0] == "DEVICE"
    assert_good(hostile(Mode.GOOD))


@KINDS
def test_revoked_during_io(hostile, kind):
    answer = hostile(Mode.GOOD, kind, 0, "revoke")
    assert [words[:2] for words in answer.all("io")] == [
        ["ENODEV", "MEMORY_GONE"]] * 2
    told, ended = answer.ms
    assert told < 1000 and ended < 1000
