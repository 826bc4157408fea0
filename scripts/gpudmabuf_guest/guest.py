# SPDX-License-Identifier: MIT
"""A guest: start, run commands, stop."""

import itertools
import os
import pathlib
import queue
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

from . import kernel, klog, qemu
from .channel import Ports, Qmp

HERE = pathlib.Path(__file__).resolve().parent

# Commands that can run at the same time.
CHANNELS = 2

# In seconds, like all others; times Options.patience.
BOOT_TIMEOUT = 120
STOP_TIMEOUT = 60

CHECK_COMMAND = ("/run/gpudmabuf/busybox", "sh",
                 "/run/gpudmabuf/ctl/check.sh")
STOP_COMMAND = ("/run/gpudmabuf/busybox", "sh", "/run/gpudmabuf/ctl/stop.sh")


class GuestError(Exception):
    """The guest cannot be started or used."""


class GuestDied(GuestError):
    """QEMU is gone: a panic, or a command line that it does not accept."""


class GuestTimeout(GuestError):
    """Something took longer than it may."""


@dataclass
class Result:
    """What a command did."""

    command: str
    rc: int
    stdout_bytes: bytes
    stderr_bytes: bytes
    seconds: float

    @property
    def stdout(self):
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self):
        return self.stderr_bytes.decode(errors="replace")

    def __str__(self):
        return (f"$ {self.command}\n{self.stdout}{self.stderr}"
                f"status {self.rc}, {self.seconds:.1f} s")


class CommandFailed(AssertionError):
    """A command that was to succeed did not."""


class Guest:
    """A QEMU guest.

        with Guest(Options(vram=64), keep=None) as guest:
            guest.run("dd if=/dev/nvme0n1 of=/dev/null bs=1M", check=True)
            problems = guest.stop()

    folder holds nvmeN.img, vram, trace.log, kernel.log, qemu.cmd, qemu.log and
    work (the command's $WORK); it is removed at close() unless keep names it.
    start() must be called by a thread that outlives the guest: QEMU is killed
    when the thread that started it ends.
    """

    def __init__(self, options, keep=None, cwd=None):
        options.check()
        self.options = options
        self.cwd = pathlib.Path(cwd or os.getcwd())
        self.process = None
        self.qmp = None
        self._keep = keep
        self._ports = None
        self._channels = queue.SimpleQueue()
        self._ids = itertools.count(1)
        self._checked = 0
        self.broken = False
        self._control = None
        self.folder = None

    # Paths on the host.

    @property
    def vram(self):
        """The file behind the first GPU's BAR 2; the next has vram1."""
        return self.folder / "vram"

    @property
    def trace(self):
        """What the controllers were given."""
        return self.folder / "trace.log"

    @property
    def work(self):
        """Shared with the guest, where it has the same path and is $WORK."""
        return self.folder / "work"

    def disk(self, number=0):
        """The image of /dev/nvmeNn1."""
        return self.folder / f"nvme{number}.img"

    # Life.

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def busy(self):
        """Whether a command is running."""
        return self._channels.qsize() < CHANNELS

    def start(self, timeout=None):
        """Boot, load the drivers, return when commands can run.

        timeout: in seconds, whatever the kernel; a build is within it.
        """
        if timeout is None:
            timeout = BOOT_TIMEOUT * self.options.patience
        deadline = time.monotonic() + timeout
        try:
            found = kernel.find(self.options.kernel)
            drivers = kernel.build_modules(found)
            boot = kernel.image(found), kernel.initramfs(found)
        except kernel.KernelError as error:
            raise GuestError(str(error)) from error
        self._prepare_folder()
        self._prepare_control(found, drivers)
        self._launch(*boot)
        for number in range(CHANNELS):
            self._greeting(number, deadline)
            self._channels.put(number)

    def _prepare_folder(self):
        if self._keep:
            self.folder = pathlib.Path(self._keep).resolve()
            self.folder.mkdir(parents=True, exist_ok=True)
        else:
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpudmabuf-"))
        self.work.mkdir(exist_ok=True)
        for old in ("trace.log", "kernel.log", "qemu.log"):
            (self.folder / old).unlink(missing_ok=True)
        # Disks keep their contents from one run to the next, memory does not.
        for number in range(self.options.nvme):
            with open(self.disk(number), "ab") as image:
                image.truncate(self.options.nvme_size << 20)
        for name in self.options.vram_files:
            with open(self.folder / name, "wb") as vram:
                vram.truncate(self.options.vram << 20)

    def _prepare_control(self, found, drivers):
        """The share that init.sh and agent.sh read."""
        self._control = pathlib.Path(tempfile.mkdtemp(prefix="gpudmabuf-ctl-"))
        config = {"release": found.release, "modules": found.modules,
                  "work": self.work, "cwd": self.cwd,
                  "nvme": self.options.nvme, "channels": CHANNELS}
        lines = [f"{key}={shlex.quote(str(value))}\n"
                 for key, value in config.items()]
        (self._control / "config").write_text("".join(lines))
        (self._control / "drivers").write_text(
            "".join(f"{driver}\n" for driver in drivers))
        for script in ("agent.sh", "check.sh", "stop.sh"):
            shutil.copy(HERE / script, self._control)

    def _launch(self, image, initramfs):
        names = ["qmp", "sysrq"]
        for number in range(CHANNELS):
            names += [f"ctl{number}", f"out{number}", f"err{number}"]
        self._ports = Ports(names)
        far_ends = self._ports.far_ends()
        shares = (("host", "/", ",readonly=on"),
                  ("ctl", self._control, ",readonly=on"),
                  ("work", self.work, ""))
        command = qemu.command_line(self.options, image, initramfs,
                                    self.folder, shares, far_ends)
        (self.folder / "qemu.cmd").write_text(shlex.join(command) + "\n")
        with open(self.folder / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=list(far_ends.values()), start_new_session=True)
        self._ports.start()
        self.qmp = Qmp(self._ports)

    def _greeting(self, number, deadline):
        line = self._line(f"ctl{number}", deadline, "booting")
        if line != "ready":
            raise GuestError("the guest is not usable: "
                             + line.removeprefix("fail "))

    def kill(self):
        """End QEMU at once."""
        if self.alive:
            self.process.kill()
        if self.process is not None:
            self.process.wait()

    def close(self):
        """End QEMU if it still runs and remove what is temporary."""
        self.kill()
        if self._ports:
            self._ports.close()
            self._ports = None
        if self._control:
            shutil.rmtree(self._control, ignore_errors=True)
            self._control = None
        if self.folder and not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        """Unload the drivers and shut down; return a list of problems.

        Kernel log lines that were not checked before count as well.
        """
        problems = []
        try:
            result = self.run(STOP_COMMAND, timeout=STOP_TIMEOUT)
            if result.rc:
                problems.append((result.stdout + result.stderr).strip())
            excerpt = self.check_log()
            self._ports.send("ctl0", "reboot")
            self.process.wait(20 * self.options.patience)
        except subprocess.TimeoutExpired:
            problems.append("the guest does not shut down")
            excerpt = self.check_log()
        except GuestError as error:
            problems.append(str(error))
            excerpt = None
        if excerpt:
            problems.append(f"the kernel log says:\n{excerpt}")
        self.kill()
        return problems

    # Commands.

    def run(self, command, timeout=120, check=False, cwd=None, env=None,
            stdout=None, stderr=None):
        """Run a command as root and return its Result.

        command is a string for sh or a list of arguments.  With check, a
        status other than 0 raises CommandFailed.  stdout and stderr are binary
        files that receive the output as it comes; it is not in the Result
        then.  Two commands can run at the same time, from two threads.  timeout
        is for a kernel of usual speed; a slow one has more.
        """
        timeout *= self.options.patience
        if not isinstance(command, str):
            command = [str(word) for word in command]
        if not self.alive:
            raise self._died("running a command")
        try:
            number = self._channels.get(timeout=timeout)
        except queue.Empty:
            raise GuestTimeout("no channel is free") from None
        sinks = {f"{name}{number}": _Copy(file)
                 for name, file in (("out", stdout), ("err", stderr)) if file}
        for port, sink in sinks.items():
            self._ports.set_sink(port, sink)
        try:
            result = self._run(number, command, timeout, cwd, env)
        finally:
            for port in sinks:
                self._ports.set_sink(port, None)
            # One whose command did not end is of no use any more.
            if not self.broken:
                self._channels.put(number)
        if check and result.rc:
            raise CommandFailed(str(result))
        return result

    def _run(self, number, command, timeout, cwd, env):
        start = time.monotonic()
        deadline = start + timeout
        shown = command if isinstance(command, str) else shlex.join(command)
        name = f"c{next(self._ids)}"
        script = self._control / f"{name}.sh"
        script.write_text(self._script(command, cwd or self.cwd, env or {}))
        self._ports.send(f"ctl{number}", f"run {name}")
        mark = f"\036end {name}\n".encode()
        out, err = (self._until(f"{port}{number}", mark, deadline, shown)
                    for port in ("out", "err"))
        done = self._line(f"ctl{number}", deadline, shown).split()
        script.unlink()
        return Result(shown, int(done[2]), out, err, time.monotonic() - start)

    def _script(self, command, cwd, env):
        if isinstance(command, str):
            command = ["sh", "-c", command]
        variables = {"PATH": kernel.environment()["PATH"],
                     "WORK": str(self.work)}
        for name in ("HOME", "TERM", "LANG"):
            if name in os.environ:
                variables[name] = os.environ[name]
        variables.update(env)
        words = ["/usr/bin/env", "-i"]
        words += [f"{key}={value}" for key, value in variables.items()]
        return (f"cd {shlex.quote(str(cwd))} || exit 126\n"
                f"exec {shlex.join(words + command)}\n")

    def start_command(self, command, **options):
        """Begin run() in a thread; the returned object's wait() gives it."""
        return _Background(self, command, options)

    def sysrq(self, key):
        """Send a sysrq key, whatever else hangs."""
        self._ports.send("sysrq", key)

    def _line(self, port, deadline, what):
        return self._until(port, b"\n", deadline, what).decode()

    def _until(self, port, mark, deadline, what):
        try:
            data = self._ports.wait(port, mark, deadline)
        except EOFError:
            raise self._died(what) from None
        if data is None:
            raise self._timed_out(what)
        return data

    def _died(self, what):
        self.broken = True
        self.kill()
        said = (self.folder / "qemu.log").read_text(errors="replace").strip()
        log = self.log_text()
        excerpt = klog.problem(log) or klog.tail(log)
        return GuestDied(f"the guest died while {what}\n{said}\n{excerpt}")

    def _timed_out(self, what):
        self.broken = True
        before = self.log_text()
        # Blocked tasks, for the reader of the log.
        self.sysrq("w")
        time.sleep(1)
        blocked = self.log_text()[len(before):].splitlines()[:60]
        return GuestTimeout("\n".join([f"timed out: {what}",
                                       klog.tail(before, 10), *blocked]))

    # Verdicts.

    def check(self):
        """Return a list of what the last command left wrong.

        The kernel log's new part must be clean and no dma-buf may be left.
        """
        problems = []
        result = self.run(CHECK_COMMAND, timeout=STOP_TIMEOUT)
        if result.rc:
            problems.append(f"dma-bufs are left:\n{result.stdout.strip()}")
        excerpt = self.check_log()
        if excerpt:
            problems.append(f"the kernel log says:\n{excerpt}")
        return problems

    @property
    def log(self):
        """The serial console, on the host."""
        return self.folder / "kernel.log"

    def log_text(self):
        """The kernel log so far."""
        try:
            return self.log.read_text(errors="replace").replace("\r", "")
        except FileNotFoundError:
            return ""

    def log_sync(self, timeout=20):
        """Wait until all that the kernel said so far is in the log."""
        mark = f"gpudmabuf: log mark {next(self._ids)}."
        self.run(["/run/gpudmabuf/busybox", "sh", "-c",
                  'echo "$0" >/dev/kmsg', mark], timeout=timeout)
        deadline = time.monotonic() + timeout * self.options.patience
        while mark not in self.log_text() and time.monotonic() < deadline:
            time.sleep(0.02)

    def log_new(self):
        """The part of the log that check_log() has not seen yet."""
        return self.log_text()[self._checked:]

    def check_log(self):
        """Return an excerpt if the new part of the log has a problem."""
        if self.alive and not self.broken:
            self.log_sync()
        new = self.log_new()
        self._checked += len(new)
        return klog.problem(new)


class _Copy:
    """A sink that passes output on, but leaves the end mark in the buffer."""

    def __init__(self, file):
        self._file = file

    def __call__(self, data):
        keep = data.find(b"\036")
        if keep < 0 or not b"\036end ".startswith(data[keep:keep + 5]):
            keep = len(data) if keep < 0 else keep + 1
        if keep:
            self._file.write(data[:keep])
            self._file.flush()
            del data[:keep]


class _Background:
    """A command that runs while the host does something else."""

    def __init__(self, guest, command, options):
        self._result = None
        self._error = None
        self._thread = threading.Thread(
            target=self._run, args=(guest, command, options), daemon=True)
        self._thread.start()

    def _run(self, guest, command, options):
        try:
            self._result = guest.run(command, **options)
        except BaseException as error:  # handed to the waiter
            self._error = error

    def wait(self):
        """Return the command's Result, or raise what run() raised."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._result
