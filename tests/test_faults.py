# SPDX-License-Identifier: MIT
"""Disks, memory and processes that go away or fail in the middle of I/O."""

import contextlib
import os
import time

import pytest

from harness.disks import HELPERS, VERIFY, start_io

pytestmark = pytest.mark.slow

MIB = 1 << 20
DISK = "/dev/nvme0n1"
POISON = b"\xc5" * (128 * MIB)

# Shared with no other group: what is not survived takes nobody else along.
FAULTS = {"vram": 128}
faults = pytest.mark.guest(**FAULTS)

BAD_READ, BAD_WRITE = 2 * MIB + 123 * 512, 34 * MIB + 123 * 512
BAD = ",file.driver=blkdebug" + "".join(
    f",file.inject-error.{n}.event=none,file.inject-error.{n}.iotype={kind},"
    f"file.inject-error.{n}.errno=5,file.inject-error.{n}.sector={at // 512}"
    for n, (kind, at) in enumerate((("read", BAD_READ), ("write", BAD_WRITE))))
bad_sectors = pytest.mark.guest(vram=64, drive_args=BAD)


@contextlib.contextmanager
def unbinding(guest, driver):
    """PCI address of a driver's only device, which gets its driver back."""
    place = f"/sys/bus/pci/drivers/{driver}"
    address = guest.run(f"cd {place} && echo 0000:*",
                        check=True).stdout.strip()
    try:
        yield address
    finally:
        if guest.alive and not guest.broken:
            guest.run(f"[ -e {place}/{address} ] || echo {address} "
                      f">{place}/bind; until [ -b {DISK} ]; do sleep 0.02; "
                      "done", check=True)


def unbind(guest, driver, address):
    guest.run(f"echo {address} >/sys/bus/pci/drivers/{driver}/unbind",
              check=True, timeout=60)


def slow(guest, iops):
    """So many commands a second, or as many as can be for 0."""
    guest.qmp("block_set_io_throttle", device="n0", bps=0, bps_rd=0, bps_wr=0,
              iops=iops, iops_rd=0, iops_wr=0)


@pytest.fixture
def throttled(guest):
    """Four commands a second: 4 MiB, which are eight, take two seconds."""
    slow(guest, 4)
    yield guest
    if guest.alive:
        slow(guest, 0)


def poison(guest):
    """From here on the memory is its owner's: nothing may land there."""
    with open(guest.vram, "r+b") as vram:
        vram.write(POISON)


def assert_poisoned(guest):
    """With the disk at full speed, so that what is late comes now."""
    slow(guest, 0)
    time.sleep(2)
    late = guest.vram.read_bytes() != POISON
    assert not late, "bytes landed afterwards"


def reload(guest):
    """Unload the importer at once and load it again."""
    guest.run("rmmod gpudmabuf && insmod "
              "$(grep -o '^[^ ]*/gpudmabuf.ko' /run/gpudmabuf/ctl/drivers)",
              check=True)


def assert_io_works(guest, disk=DISK):
    result = guest.run([VERIFY, disk, 2, MIB, 1], check=True)
    assert result.stdout.count("rounds") == 2, result


# Medium errors.

@bad_sectors
def test_bad_sector_read(guest):
    """What lies before the failing command is transferred, and right."""
    data = os.urandom(8 * MIB)
    (guest.work / "data").write_bytes(data)
    guest.run(f"dd if=$WORK/data of={DISK} bs=1M oflag=direct status=none",
              check=True)
    guest.run([HELPERS / "partial", "read", DISK, 4 * MIB, 0,
               guest.work / "memory"], check=True)
    memory = (guest.work / "memory").read_bytes()
    done = int((guest.work / "memory.done").read_text().split()[0])
    # The command that met the bad sector began no earlier than its limit.
    assert BAD_READ - 512 * 1024 <= done <= BAD_READ
    assert memory[:done] == data[:done]


@bad_sectors
def test_bad_sector_read_at_the_start(guest):
    """Nothing before it: the device's errno, and what follows is readable."""
    guest.run([HELPERS / "partial", "read", DISK, MIB, BAD_READ,
               guest.work / "memory"], check=True)
    answer = (guest.work / "memory.done").read_text().split()
    assert answer == ["-1", "ENODATA", "DEVICE_ERROR"]
    # The rest of the disk.
    guest.run([HELPERS / "partial", "read", DISK, MIB, BAD_READ + 512,
               guest.work / "memory"], check=True)
    answer = (guest.work / "memory.done").read_text().split()
    assert answer[0] == str(MIB)


@bad_sectors
def test_bad_sector_write(guest):
    begin = 32 * MIB
    guest.run([HELPERS / "partial", "write", DISK, 4 * MIB, begin,
               guest.work / "memory"], check=True)
    memory = (guest.work / "memory").read_bytes()
    done = int((guest.work / "memory.done").read_text().split()[0])
    assert BAD_WRITE - begin - 512 * 1024 <= done <= BAD_WRITE - begin
    with open(guest.disk(), "rb") as image:
        image.seek(begin)
        assert image.read(done) == memory[:done]
    guest.run([HELPERS / "partial", "write", DISK, MIB, BAD_WRITE,
               guest.work / "memory"], check=True)
    answer = (guest.work / "memory.done").read_text().split()
    assert answer == ["-1", "ENODATA", "DEVICE_ERROR"]


# The controller.

@faults
def test_controller_reset(guest):
    """Twenty resets under verified I/O: no error, no wrong byte."""
    io = start_io(guest, DISK, 1, 2 * MIB, seconds=600)
    guest.run("cd /sys/class/nvme/nvme0; for i in $(seq 20); do "
              "echo 1 >reset_controller || exit; sleep 0.1; done",
              check=True)
    guest.run("kill -INT $(pidof verify)")
    result = io.wait()
    assert result.rc == 0, result
    rounds = [int(line.split()[0]) for line in result.stdout.splitlines()]
    assert len(rounds) == 1 and rounds[0] > 1, result


@faults
def test_driver_unbound(guest):
    """nvme leaves the controller in the middle of I/O, and comes back."""
    with unbinding(guest, "nvme") as address:
        io = start_io(guest, DISK, 3, 2 * MIB)
        unbind(guest, "nvme", address)
        result = io.wait()
    assert result.rc == 0, result
    assert result.stdout.split("\n")[:3] == ["ENODEV DISK_GONE"] * 3
    assert result.seconds < 30
    assert_io_works(guest)


@faults
def test_driver_unbound_in_flight(throttled):
    """The same with commands that the disk is slow to answer."""
    guest = throttled
    with unbinding(guest, "nvme") as address:
        io = start_io(guest, "-r", DISK, 2, 4 * MIB)
        unbind(guest, "nvme", address)
        result = io.wait()
        poison(guest)
        assert_poisoned(guest)
    assert result.stdout.split("\n")[:2] == ["ENODEV DISK_GONE"] * 2
    assert_io_works(guest)


# The memory.

@faults
def test_memory_revoked(guest):
    """An idle disk: I/O ends within a second, the disk works on."""
    with unbinding(guest, "gpudmabuf_bar") as address:
        io = start_io(guest, "-p", DISK, 3, MIB)
        ended = guest.run(
            f"echo {address} >/sys/bus/pci/drivers/gpudmabuf_bar/unbind; "
            "t=0; while pidof verify >/dev/null; do sleep 0.05; "
            "t=$((t + 1)); [ $t -lt 200 ] || exit 1; done; echo $t",
            check=True)
        poison(guest)
        result = io.wait()
        guest.run(f"dd if={DISK} of=/dev/null bs=1M count=8 iflag=direct "
                  "status=none", check=True)
        assert_poisoned(guest)
    assert result.stdout.split("\n")[:3] == ["ENODEV MEMORY_GONE"] * 3
    assert int(ended.stdout) <= 20
    assert_io_works(guest)


@faults
def test_memory_revoked_in_flight(throttled):
    """Unbind waits for what the disk still has to write there."""
    guest = throttled
    with unbinding(guest, "gpudmabuf_bar") as address:
        io = start_io(guest, "-r", DISK, 2, 4 * MIB)
        unbind(guest, "gpudmabuf_bar", address)
        poison(guest)
        result = io.wait()
        assert_poisoned(guest)
    assert result.stdout.split("\n")[:2] == ["ENODEV MEMORY_GONE"] * 2
    assert_io_works(guest)


# The scheduler.

@faults
def test_bfq(guest):
    """An elevator that looks at the bio which our requests lack."""
    knob = "/sys/block/nvme0n1/queue/scheduler"
    guest.run(f"modprobe bfq && echo bfq >{knob} && grep -F '[bfq]' {knob}",
              check=True)
    try:
        result = guest.run([VERIFY, DISK, 4, 4 * MIB, 6], check=True)
        assert result.stdout.count("rounds") == 4, result
        guest.run(f"dd if={DISK} of=/dev/null bs=64K count=64 iflag=direct & "
                  f"{VERIFY} {DISK} 4 65536 3 && wait", check=True)
    finally:
        if guest.alive:
            guest.run(f"echo none >{knob}", check=True)


# Processes.

@faults
def test_killed_in_flight(throttled):
    """kill -9 with commands at a slow disk: the process goes with them."""
    guest = throttled
    guest.run(f"{VERIFY} -r {DISK} 2 {4 * MIB} 60 & pid=$!; "
              "sleep 1.5; kill -9 $pid; wait $pid; [ $? = 137 ]", check=True,
              timeout=60)
    poison(guest)
    reload(guest)
    assert_poisoned(guest)


@faults
def test_unregister_waits(throttled):
    """For another thread's I/O into the buffer."""
    result = throttled.run([HELPERS / "inflight", DISK])
    assert result.rc == 0, result
    assert "the read succeeded" in result.stdout
    assert float(result.stdout.split()[2]) > 0.5


@faults
def test_module_in_use(guest):
    """Not while a context is open, and right after it is closed."""
    result = guest.run(
        "exec 9<>/dev/gpudmabuf; rmmod gpudmabuf && exit 10; exec 9>&-; "
        "rmmod gpudmabuf || exit 11")
    guest.run("[ -e /dev/gpudmabuf ] || insmod "
              "$(grep -o '^[^ ]*/gpudmabuf.ko' /run/gpudmabuf/ctl/drivers)",
              check=True)
    assert result.rc == 0, result
    assert "in use" in result.stderr


@faults
def test_shared_between_processes(guest):
    """One dma-buf in two contexts; one of them dies, again and again."""
    guest.run([HELPERS / "shared", DISK, 30], check=True)


# Last: it leaves another disk behind.

def plug(guest):
    """Put a disk with the same image where the first was."""
    guest.qmp("blockdev-add", **{
        "node-name": "again", "driver": "raw",
        "file": {"driver": "file", "filename": str(guest.disk())}})
    guest.qmp("device_add", driver="nvme", id="nvme0", serial="gpudmabuf0",
              drive="again", bus="dn1")


@pytest.mark.guest(**FAULTS, private=True)
def test_controller_unplugged(guest):
    """QEMU's slot: the guest is asked, and lets go while I/O runs."""
    io = start_io(guest, DISK, 3, 2 * MIB)
    guest.qmp("device_del", id="nvme0")
    result = io.wait()
    assert result.rc == 0, result
    assert result.stdout.split("\n")[:3] == ["ENODEV DISK_GONE"] * 3
    guest.qmp.wait_event("DEVICE_DELETED")
    reload(guest)
    plug(guest)
    guest.run("for t in $(seq 300); do "
              f"[ ! -b {DISK} ] || exit 0; sleep 0.1; done; exit 1",
              check=True)
    assert_io_works(guest)
