# SPDX-License-Identifier: MIT
"""The kernel that a guest boots, our modules for it, its initramfs."""

import fcntl
import hashlib
import lzma
import os
import pathlib
import shutil
import stat
import subprocess
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent

# What the initramfs must load to reach the root, and what makes disks appear.
# nvme stays last (init.sh).
BOOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay",
                "virtio_console", "nvme")

# Source folders of the modules that a guest loads; GPUDMABUF_DRIVERS, a list of
# folders, says which when one of them does not build at the moment.
DRIVERS = os.environ.get("GPUDMABUF_DRIVERS", "exporter/kmod importer").split()


class KernelError(Exception):
    """A kernel cannot be had or a module cannot be built."""


def environment():
    """The caller's environment, with modprobe, depmod and mkfs on the PATH."""
    env = dict(os.environ)
    path = env.get("PATH", "/usr/bin:/bin").split(":")
    path += [folder for folder in ("/usr/sbin", "/sbin")
             if folder not in path]
    env["PATH"] = ":".join(path)
    return env


def _output(*command, **variables):
    done = subprocess.run(command, env={**environment(), **variables},
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode:
        raise KernelError(f"{' '.join(map(str, command))}:\n"
                          f"{done.stdout}{done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Kernel:
    """Where the parts of a kernel are; see scripts/kernel."""

    name: str
    release: str
    kdir: pathlib.Path
    vmlinuz: pathlib.Path
    modules: pathlib.Path
    # Of the system that has a compiler for it, if not this one.
    compiler_root: str = ""

    @property
    def root(self):
        """The folder above lib/modules."""
        return self.modules.parent.parent.parent


def find(name):
    """Return the Kernel called name, fetched if needed."""
    done = subprocess.run([TOP / "scripts/kernel", name], text=True,
                          stdout=subprocess.PIPE)
    if done.returncode:
        raise KernelError(f"kernel {name} cannot be had")
    parts = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return Kernel(name, parts["release"],
                  *(pathlib.Path(parts[key])
                    for key in ("kdir", "vmlinuz", "modules")),
                  parts.get("root", ""))


class _Lock:
    """Holds a lock file, against a second run at the same time."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(self.path, "w")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.file.close()


def build_modules(kernel, folders=DRIVERS):
    """Bring the modules of these source folders up to date.

    Returns the .ko files.  A folder without a Kbuild has none yet.
    """
    out = TOP / "build-kmod" / kernel.name
    with _Lock(out.with_suffix(".lock")):
        stamp = out / "kdir"
        if out.exists() and (not stamp.exists() or
                             stamp.read_text() != str(kernel.kdir)):
            shutil.rmtree(out)
        out.mkdir(parents=True, exist_ok=True)
        stamp.write_text(str(kernel.kdir))
        found = []
        for folder in folders:
            if (TOP / folder / "Kbuild").exists():
                _output(TOP / "kcompat/build.sh", kernel.kdir, out, folder,
                        "-s", KCOMPAT_ROOT=kernel.compiler_root)
                found += sorted((out / folder).glob("*.ko"))
    return found


def _boot_modules(kernel):
    """Paths of the modules of the initramfs, in the order of loading."""
    shown = _output("modprobe", "--show-depends", "-d", kernel.root,
                    "-S", kernel.release, "-a", *BOOT_MODULES)
    paths = [line.split()[1] for line in shown.splitlines()
             if line.startswith("insmod ")]
    return [pathlib.Path(path) for path in dict.fromkeys(paths)]


def _plain_module(path):
    """Return name and contents; busybox loads no compressed modules."""
    if path.suffix == ".xz":
        return path.stem, lzma.decompress(path.read_bytes())
    return path.name, path.read_bytes()


def _cpio_entry(name, mode, data, number):
    """One file in cpio's "newc" format."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1,
              0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields)
    head += name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def _cpio(files):
    """An archive of (name, mode, contents)."""
    entries = [_cpio_entry(*file, number)
               for number, file in enumerate(files, 1)]
    return b"".join(entries) + _cpio_entry("TRAILER!!!", 0, b"", 0)


def image(kernel):
    """Return what QEMU is to boot: the kernel's ELF file where it can be had.

    An emulated CPU takes two seconds to unpack an xz image.  The ELF file has
    a PVH entry, which QEMU knows to use.
    """
    target = kernel.root / "vmlinux"
    if target.exists():
        return target
    packed = kernel.vmlinuz.read_bytes()
    start = packed.find(b"\xfd7zXZ\0")
    if start < 0:
        return kernel.vmlinuz
    try:
        plain = lzma.LZMADecompressor().decompress(packed[start:])
    except lzma.LZMAError:
        return kernel.vmlinuz
    if not plain.startswith(b"\x7fELF"):
        return kernel.vmlinuz
    with _Lock(kernel.root / ".vmlinux.lock"):
        scratch = kernel.root / ".vmlinux.tmp"
        scratch.write_bytes(plain)
        scratch.rename(target)
    return target


def initramfs(kernel):
    """Return the initramfs for kernel, made anew when its inputs changed."""
    busybox = pathlib.Path("/bin/busybox")
    init = HERE / "init.sh"
    inputs = [str(kernel.vmlinuz)] + [f"{path} {path.stat().st_mtime_ns}"
                                      for path in (busybox, init,
                                                   pathlib.Path(__file__))]
    key = hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:12]
    target = kernel.root / f"initramfs-{key}"
    if target.exists():
        return target

    folder, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    modules = [_plain_module(path) for path in _boot_modules(kernel)]
    order = "".join(f"{name}\n" for name, _ in modules).encode()
    files = [("bin", folder, b""), ("dev", folder, b""),
             ("modules", folder, b""),
             ("bin/busybox", program, busybox.read_bytes()),
             ("init", program, init.read_bytes()),
             ("modules/order", program, order)]
    files += [(f"modules/{name}", program, data) for name, data in modules]
    with _Lock(kernel.root / ".initramfs.lock"):
        for old in kernel.root.glob("initramfs-*"):
            old.unlink()
        scratch = kernel.root / ".initramfs.tmp"
        scratch.write_bytes(_cpio(files))
        scratch.rename(target)
    return target
