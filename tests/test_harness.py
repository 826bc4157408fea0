# SPDX-License-Identifier: MIT
"""The test harness itself."""

import pathlib
import subprocess

import pytest

from gpudmabuf_guest import klog

TOP = pathlib.Path(__file__).resolve().parent.parent


def scripts_guest(*arguments):
    return subprocess.run([TOP / "scripts/guest", *arguments],
                          capture_output=True, text=True, timeout=120)


def test_status_and_streams(guest):
    result = guest.run("echo out; echo err >&2; exit 7")
    assert (result.rc, result.stdout, result.stderr) == (7, "out\n", "err\n")


def test_binary_output(guest):
    result = guest.run("head -c 3000000 /dev/zero; printf '\\036\\377'")
    assert result.stdout_bytes == bytes(3000000) + b"\036\377"


def test_two_commands_at_once(guest):
    fifo = guest.work / "fifo"
    reader = guest.start_command(f"mkfifo {fifo}.guest 2>/dev/null; "
                                 f"while [ ! -e {fifo} ]; do sleep 0.1; done")
    guest.run(["touch", str(fifo)], check=True)
    assert reader.wait().rc == 0


def test_environment_and_folder(guest):
    result = guest.run("pwd; env | cut -d= -f1 | sort", check=True)
    folder, *names = result.stdout.split()
    assert folder == str(pathlib.Path.cwd())
    assert set(names) <= {"HOME", "LANG", "PATH", "PWD", "TERM", "WORK"}


def test_only_work_reaches_the_host(guest):
    marker = f"gpudmabuf-{guest.folder.name}"
    guest.run(f"touch /etc/{marker} && test -e /etc/{marker}", check=True)
    assert not pathlib.Path("/etc", marker).exists()

    guest.run("echo from guest >$WORK/there", check=True)
    assert (guest.work / "there").read_text() == "from guest\n"
    (guest.work / "back").write_text("from host\n")
    result = guest.run("cat $WORK/back", check=True)
    assert result.stdout == "from host\n"


def test_warning_is_found(guest):
    guest.run("echo 'WARNING: CPU: 0 PID: 1 at made/up.c:1' >/dev/kmsg")
    guest.log_sync()
    assert "made/up.c" in guest.check_log()
    assert guest.check_log() is None


@pytest.mark.parametrize("line", [
    "BUG: unable to handle page fault for address: 0",
    "INFO: task dd:77 blocked for more than 120 seconds.",
    "WARNING: possible circular locking dependency detected",
    "DMAR: [DMA Write NO_PASID] Request device [03:00.0] fault addr 0x0",
    "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "UBSAN: array-index-out-of-bounds in made/up.c:1:2",
], ids=lambda line: line.split(":")[0].lower().replace(" ", "_"))
def test_bad_line(line):
    assert klog.problem(f"[ 1.0] fine\n[ 2.0] {line}\n")


def test_good_lines():
    assert not klog.problem("[ 1.0] AMD-Vi: ... - This is not a bug.\n"
                            "[ 2.0] DMA-API: preallocated 65536 entries\n")


def test_script_fails_on_warning():
    done = scripts_guest("--", "sh", "-c",
                         "echo said; echo 'BUG: made up' >/dev/kmsg")
    assert done.returncode == 125
    assert done.stdout == "said\n"
    assert "BUG: made up" in done.stderr


def test_script_times_out():
    done = scripts_guest("--timeout", "5", "--", "sleep", "60")
    assert done.returncode == 124
    assert "not done after 5 s" in done.stderr


@pytest.mark.slow
def test_script_reports_a_panic():
    done = scripts_guest("--", "sh", "-c", "echo c >/proc/sysrq-trigger")
    assert done.returncode == 125
    assert "Kernel panic" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("options, disks", [
    ("--iommu", 1), ("--topology root", 1), ("--nvme 2 --cmb 64", 2),
    ("--icount", 1), ("--nvme 0 --vram 0", 0), ("--qemu -snapshot", 1),
], ids=["iommu", "topology", "cmb", "icount", "nothing", "qemu"])
def test_script_option(options, disks):
    done = scripts_guest(*options.split(), "--", "ls", "/sys/block")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"nvme{n}n1" for n in range(disks)]
