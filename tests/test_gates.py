# SPDX-License-Identifier: MIT
"""Which disks are refused, and with what reason; nothing strays on the way."""

import os

import pytest

from harness import BUILD
from harness.disks import (HELPERS, Traced, bar, find_disk, find_disks,
                           register, start_io)

PAGE = 4096
MIB = 1 << 20

# Namespaces that hold nothing: reads give zeros, writes are dropped.
EMPTY = "driver=null-co,size=64M,read-zeroes=on,if=none"

# Each is a namespace of the controller "formats": nsid → what it is.
FORMATS = {
    1: "",
    **{10 + pi: f",ms=8,mset=1,pi={pi}" for pi in range(4)},
    **{20 + pi: f",ms=8,mset=0,pi={pi}" for pi in range(4)},
    30: ",zoned=on,zoned.zone_size=4M",
    40: "",
}
# With peers in reach, for the transfers around a format.
FORMATS_QEMU = ("-device xio3130-downstream,id=dn9,bus=up1,chassis=19 "
                "-device nvme,id=formats,serial=formats,bus=dn9 ")
FORMATS_QEMU += " ".join(
    f"-drive {EMPTY},id=f{nsid} "
    f"-device nvme-ns,drive=f{nsid},bus=formats,nsid={nsid}{extra}"
    for nsid, extra in FORMATS.items())
FORMATS_QEMU += f" -drive {EMPTY},id=vd -device virtio-blk-pci,drive=vd"

# Its own first disk has blocks of 4096 bytes.
GATES = {"vram": 64, "qemu": FORMATS_QEMU,
         "nvme_args": ",logical_block_size=4096,physical_block_size=4096"}
gates = pytest.mark.guest(**GATES)

# One namespace behind two controllers, as data-centre drives have it.
PATHS_QEMU = ("-device nvme-subsys,id=ss,nqn=shared "
              "-device nvme,id=path0,serial=shared,subsys=ss "
              "-device nvme,id=path1,serial=shared,subsys=ss "
              f"-drive {EMPTY},id=both "
              "-device nvme-ns,drive=both,bus=path0,nsid=1,shared=on")
PATHS = {"vram": 64, "qemu": PATHS_QEMU}
paths = pytest.mark.guest(**PATHS)


def assert_inside_probe(addresses):
    """All within the three pages that the probe owns, none at the bus's 0."""
    first = min(addr for addr, _ in addresses) // PAGE * PAGE
    assert first > 0
    assert all(addr + length <= first + 3 * PAGE
               for addr, length in addresses), addresses


def put(guest, disk, data):
    (guest.work / "data").write_bytes(data)
    guest.run(f"dd if=$WORK/data of={disk} bs=1M oflag=direct conv=notrunc "
              "status=none", check=True)


# Blocks of 4096 bytes.

@gates
def test_4096_byte_blocks(guest):
    data = os.urandom(8 * MIB)
    disk = find_disk(guest, "gpudmabuf0")
    assert register(guest, disk) == ("ok", "NONE", 4096)
    put(guest, disk, data)
    guest.run([BUILD / "tools/gpudmabuf", "read", disk, "--length", len(data),
               "--output", guest.work / "back"], check=True)
    assert (guest.work / "back").read_bytes() == data
    # At another place in disk and memory.
    guest.run([BUILD / "examples/round_trip", disk, PAGE, 3 * PAGE,
               16 * MIB + PAGE], check=True)
    with open(guest.disk(), "rb") as image:
        image.seek(16 * MIB + PAGE)
        assert image.read(PAGE) == data[3 * PAGE:4 * PAGE]


@gates
def test_4096_byte_blocks_alignment(guest):
    """What is a multiple of 512 only is refused."""
    disk = find_disk(guest, "gpudmabuf0")
    result = guest.run([BUILD / "examples/round_trip", disk, PAGE, 512, 0])
    assert result.rc == 1
    assert "4096" in result.stderr


# Metadata.

@gates
@pytest.mark.parametrize("pi", range(4))
def test_metadata_in_the_block(guest, pi):
    """Extended blocks; with PI the block layer shows them as usual ones."""
    disk = find_disk(guest, "formats", 10 + pi)
    with Traced(guest) as trace:
        error, reason, _ = register(guest, disk)
    assert error == "EOPNOTSUPP"
    assert reason == ("METADATA" if pi else "EMPTY")
    if pi:
        # Longer than the block, which is why the probe has room behind.
        assert max(length for _, length in trace.addresses) > 512
        assert_inside_probe(trace.addresses)
    else:
        assert not trace.addresses


@gates
def test_metadata_is_hidden(guest):
    """Only the canary tells: full capacity, no integrity profile, 512."""
    disk = find_disk(guest, "formats", 11)
    name = os.path.basename(disk)
    shown = guest.run(f"blockdev --getsize64 --getss {disk}; "
                      f"cat /sys/block/{name}/integrity/format",
                      check=True).stdout.split()
    assert int(shown[0]) > 60 * MIB
    assert shown[1:] == ["512", "none"]
    assert register(guest, disk)[1] == "METADATA"


@gates
@pytest.mark.parametrize("pi", range(4))
def test_metadata_apart(guest, pi):
    disk = find_disk(guest, "formats", 20 + pi)
    with Traced(guest) as trace:
        error, reason, _ = register(guest, disk)
    assert (error, reason) == ("EOPNOTSUPP", "INTEGRITY")
    assert not trace.addresses


@gates
def test_probe_reads_inside_its_pages(guest):
    """A good disk: two reads of one block, data and metadata pointers apart."""
    disk = find_disk(guest, "formats", 1)
    with Traced(guest) as trace:
        assert register(guest, disk) == ("ok", "NONE", 512)
    assert [length for _, length in trace.addresses] == [512, 512]
    assert_inside_probe(trace.addresses)


# A format under a registered disk: (LBAF, MSET, PI) of QEMU's table.

@gates
@pytest.mark.parametrize("format_, refusal", [
    ((4, 0, 0), "EOPNOTSUPP REFORMATTED"),
    ((1, 1, 1), "EOPNOTSUPP REFORMATTED"),
    # The driver takes such a disk's capacity away, as that of one that goes.
    ((1, 1, 0), "ENODEV DISK_GONE"),
    ((1, 0, 1), "EOPNOTSUPP REFORMATTED"),
], ids=["blocks_of_4096", "extended_pi", "extended", "separate"])
def test_reformatted_under_us(guest, format_, refusal):
    disk = find_disk(guest, "formats", 40)
    with Traced(guest) as trace:
        result = guest.run([HELPERS / "reformat", disk, *format_])
    # What it was before is accepted again.
    guest.run([HELPERS / "reformat", "-o", disk, 0, 0, 0], check=True)
    assert register(guest, disk) == ("ok", "NONE", 512)
    lines = result.stdout.splitlines()
    assert result.rc == 0, result
    assert lines[0] == "before transferred 65536"
    assert lines[1:] == [f"read {refusal}", f"write {refusal}"] * 2
    first, last = bar(guest)
    assert sum(length for addr, length in trace.addresses
               if first <= addr <= last) == 65536, "named after the format"


@gates
def test_reformatted_during_io(guest):
    """Each thread's next I/O is refused; none fails in another way."""
    disk = find_disk(guest, "formats", 40)
    io = start_io(guest, "-p", disk, 3, MIB)
    guest.run([HELPERS / "reformat", "-o", disk, 4, 0, 0], check=True)
    result = io.wait()
    guest.run([HELPERS / "reformat", "-o", disk, 0, 0, 0], check=True)
    assert result.stdout.split("\n")[:3] == ["EOPNOTSUPP REFORMATTED"] * 3


# Other kinds of disks.

@gates
def test_zoned(guest):
    disk = find_disk(guest, "formats", 30)
    with Traced(guest) as trace:
        assert register(guest, disk)[:2] == ("EOPNOTSUPP", "ZONED")
    assert not trace.addresses


@gates
def test_loop(guest):
    disk = guest.run("truncate -s 16M /run/loop.img && modprobe loop && "
                     "/sbin/losetup -f --show /run/loop.img",
                     check=True).stdout.strip()
    answer = register(guest, disk)
    guest.run(f"/sbin/losetup -d {disk}; rm /run/loop.img", check=True)
    assert answer[:2] == ("EOPNOTSUPP", "NOT_NVME")


@gates
def test_loop_over_nvme(guest):
    """Blocks of a loop device are not the namespace's."""
    disk = find_disk(guest, "gpudmabuf0")
    loop = guest.run(f"modprobe loop && /sbin/losetup -f --show {disk}",
                     check=True).stdout.strip()
    answer = register(guest, loop)
    guest.run(f"/sbin/losetup -d {loop}", check=True)
    assert answer[:2] == ("EOPNOTSUPP", "NOT_NVME")


@gates
def test_virtio_blk(guest):
    guest.run("modprobe virtio_blk; until [ -b /dev/vda ]; do sleep 0.1; done",
              check=True)
    assert register(guest, "/dev/vda")[:2] == ("EOPNOTSUPP", "NOT_NVME")


@gates
def test_ram_disk(guest):
    """A driver without request queue."""
    guest.run("modprobe brd rd_nr=1 rd_size=16384; "
              "until [ -b /dev/ram0 ]; do sleep 0.1; done", check=True)
    answer = register(guest, "/dev/ram0")
    guest.run("rmmod brd", check=True)
    assert answer[:2] == ("EOPNOTSUPP", "BIO_BASED")


MIRROR = """
modprobe md_mod && modprobe raid1 &&
echo md_gate >/sys/module/md_mod/parameters/new_array &&
cd /sys/block/md_gate/md &&
echo none >metadata_version && echo raid1 >level && echo 1 >raid_disks &&
echo $1 >new_dev && echo 0 >dev-$2/slot &&
echo 16384 >dev-$2/size && echo active >array_state
"""


@gates
def test_md_over_nvme(guest):
    """A mirror of one namespace, made without mdadm."""
    name = os.path.basename(find_disk(guest, "formats", 1))
    number = guest.run(f"cat /sys/block/{name}/dev", check=True).stdout.strip()
    try:
        guest.run(["sh", "-c", MIRROR, "mirror", number, name], check=True)
        answer = register(guest, "/dev/md_gate")
    finally:
        guest.run("echo clear >/sys/block/md_gate/md/array_state")
    assert answer[:2] == ("EOPNOTSUPP", "BIO_BASED")


@gates
def test_device_mapper_over_nvme(guest):
    disk = find_disk(guest, "formats", 1)
    if guest.run("[ -x /sbin/dmsetup ]").rc:
        pytest.skip("dmsetup is not installed")
    guest.run("modprobe dm_mod && /sbin/dmsetup create --noudevsync gate "
              f"--table '0 2048 linear {disk} 0'", check=True)
    try:
        minor = guest.run("/sbin/dmsetup info -c --noheadings -o minor gate",
                          check=True).stdout.strip()
        answer = register(guest, f"/dev/dm-{minor}")
    finally:
        guest.run("/sbin/dmsetup remove --noudevsync gate", check=True)
    assert answer[:2] == ("EOPNOTSUPP", "BIO_BASED")


# A drain waits for the slowest command.

@gates
def test_io_timeout(guest):
    disk = find_disk(guest, "formats", 1)
    knob = f"/sys/block/{os.path.basename(disk)}/queue/io_timeout"
    before = guest.run(f"cat {knob}", check=True).stdout.strip()
    try:
        for wanted in (60004, 3600000, 4294967295):
            guest.run(f"echo {wanted} >{knob}", check=True)
            error, reason, detail = register(guest, disk)
            assert (error, reason) == ("EOPNOTSUPP", "IO_TIMEOUT")
            # Kept in ticks.
            assert detail > 60000
            assert abs(detail - wanted) <= 10 or wanted > 3600000
        guest.run(f"echo 60000 >{knob}", check=True)
        assert register(guest, disk)[0] == "ok"
    finally:
        guest.run(f"echo {before} >{knob}", check=True)
    assert register(guest, disk)[0] == "ok"


# Paths. nvme_core takes its parameter only when it is loaded.

def set_multipath(guest, value):
    """Have nvme_core loaded with this value of its parameter."""
    guest.run(
        "set -e; "
        f"[ $(cat /sys/module/nvme_core/parameters/multipath) != {value} ] "
        "|| exit 0; "
        "ko=$(grep -o '^[^ ]*/gpudmabuf.ko' /run/gpudmabuf/ctl/drivers); "
        "rmmod gpudmabuf; "
        "for m in nvme_tcp nvme_fabrics; do "
        "[ ! -d /sys/module/$m ] || rmmod $m; done; "
        "rmmod nvme; rmmod nvme_core; "
        f"modprobe nvme_core multipath={value}; modprobe nvme; insmod $ko; "
        "for t in $(seq 100); do "
        "[ $(ls -d /sys/block/nvme*n1 | wc -l) -lt 2 ] || exit 0; "
        "sleep 0.1; done; exit 1", check=True)


@paths
def test_multipath(guest):
    """The head of a namespace with two controllers."""
    set_multipath(guest, "Y")
    disk = find_disk(guest, "shared")
    with Traced(guest) as trace:
        assert register(guest, disk)[:2] == ("EOPNOTSUPP", "MULTIPATH")
    assert not trace.addresses
    result = guest.run([BUILD / "tools/gpudmabuf", "read", disk])
    assert result.rc == 3
    assert "nvme_core.multipath=N" in result.stderr


@paths
def test_multipath_off(guest):
    """The remedy that the refusal names."""
    set_multipath(guest, "N")
    disks = find_disks(guest, "shared")
    assert len(disks) == 2
    for disk in disks:
        assert register(guest, disk) == ("ok", "NONE", 512)


TARGET = """
set -e
modprobe nvmet-tcp
modprobe nvme-tcp
modprobe brd rd_nr=1 rd_size=16384
mkdir -p /run/configfs
mount -t configfs configfs /run/configfs
cd /run/configfs/nvmet
mkdir subsystems/loopback
echo 1 >subsystems/loopback/attr_allow_any_host
mkdir subsystems/loopback/namespaces/1
echo /dev/ram0 >subsystems/loopback/namespaces/1/device_path
echo 1 >subsystems/loopback/namespaces/1/enable
mkdir ports/1
cd ports/1
echo tcp >addr_trtype; echo ipv4 >addr_adrfam
echo 127.0.0.1 >addr_traddr; echo 4420 >addr_trsvcid
ln -s /run/configfs/nvmet/subsystems/loopback subsystems/
printf 'transport=tcp,traddr=127.0.0.1,trsvcid=4420,nqn=loopback' \
    >/dev/nvme-fabrics
for t in $(seq 100); do
    for c in /sys/class/nvme/nvme*; do
        [ "$(cat $c/transport)" = tcp ] || continue
        d=$(ls -d $c/nvme*n1 2>/dev/null) || continue
        [ -b /dev/${d##*/} ] && echo /dev/${d##*/} && exit 0
    done
    sleep 0.1
done
exit 1
"""

TARGET_END = """
cd /run/configfs/nvmet
for c in /sys/class/nvme/nvme*; do
    [ "$(cat $c/transport)" != tcp ] || echo 1 >$c/delete_controller
done
rm ports/1/subsystems/loopback
rmdir ports/1
echo 0 >subsystems/loopback/namespaces/1/enable
rmdir subsystems/loopback/namespaces/1 subsystems/loopback
cd /
umount /run/configfs
rmmod brd nvme_tcp nvmet_tcp
"""


@paths
def test_nvme_over_tcp(guest):
    """Passes every check but that its controller is no PCI device."""
    set_multipath(guest, "N")
    disk = guest.run(TARGET, check=True).stdout.strip()
    answer = register(guest, disk)
    guest.run(TARGET_END, check=True)
    assert answer[:2] == ("EOPNOTSUPP", "NOT_PCI")
