# SPDX-License-Identifier: MIT
"""scripts/guest"""

import argparse
import signal
import sys
import time

from .guest import Guest, GuestError, GuestTimeout
from .options import OptionError, Options

# Statuses of scripts/guest itself, beside the command's.
TIMED_OUT, BROKEN, USAGE = 124, 125, 2

EPILOG = """\
The command sees the host's file system; what it writes is lost, except in the
folder $WORK, which is DIR/work on the host.  DIR also holds the disk images
(kept from one run to the next), vram, the controllers' trace.log, kernel.log
and QEMU's command line.  The modules lie in /run/gpudmabuf/modules.

The exit status is the command's; 124 after a timeout; 125 when the guest is
not usable, or the command succeeded but the kernel log holds a warning or a
driver does not unload.  GPUDMABUF_DRIVERS="exporter/kmod importer" in the
environment says which drivers are built and loaded.
"""


def _say(text):
    print(f"scripts/guest: {text}", file=sys.stderr, flush=True)


def _parser():
    parser = argparse.ArgumentParser(
        prog="scripts/guest", epilog=EPILOG,
        usage="scripts/guest [OPTION]... -- COMMAND...",
        description="Run a command in a guest with an emulated GPU and NVMe "
                    "disks.",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Options()
    add = parser.add_argument
    add("--kernel", metavar="NAME", default=default.kernel,
        help="kernel to boot (%(default)s)")
    add("--nvme", metavar="N", type=int, default=default.nvme,
        help="number of NVMe controllers (%(default)s)")
    add("--nvme-size", metavar="MiB", type=int, default=default.nvme_size,
        help="size of each disk, sparse (%(default)s)")
    add("--vram", metavar="MiB", type=int, default=default.vram,
        help="size of the GPU's memory; 0 for no GPU (%(default)s)")
    add("--cmb", metavar="MiB", type=int, default=default.cmb,
        help="size of each controller's memory buffer (none)")
    add("--cpus", metavar="N", type=int,
        help=f"number of CPUs ({default.cpus})")
    add("--iommu", action="store_true", help="with a strict IOMMU")
    add("--icount", action="store_true",
        help="the guest's clock counts instructions; one CPU")
    add("--topology", choices=("switch", "root"), default=default.topology,
        help="GPU and disks below one switch, or on the root bus, where they "
             "cannot reach each other (%(default)s)")
    add("--timeout", metavar="S", type=float, default=300,
        help="seconds until the guest is killed (%(default)s)")
    add("--keep", metavar="DIR", help="keep everything in DIR")
    add("--qemu", metavar="ARGS", action="append", default=[],
        help="more arguments for QEMU, last on its command line")
    return parser


def _split(argv):
    """Options and command; --qemu's value may begin with a dash."""
    if "--" not in argv:
        return argv, []
    where = argv.index("--")
    options, command = argv[:where], argv[where + 1:]
    if "--qemu" in options:
        joined = []
        words = iter(options)
        for word in words:
            value = next(words, None) if word == "--qemu" else None
            joined.append(word if value is None else f"--qemu={value}")
        options = joined
    return options, command


def _options(args):
    cpus = args.cpus
    if cpus is None:
        cpus = 1 if args.icount else Options.cpus
    return Options(kernel=args.kernel, nvme=args.nvme,
                   nvme_size=args.nvme_size, vram=args.vram, cmb=args.cmb,
                   cpus=cpus, iommu=args.iommu, icount=args.icount,
                   topology=args.topology, qemu=" ".join(args.qemu))


def _run(guest, command, timeout):
    deadline = time.monotonic() + timeout
    guest.start(timeout)
    left = deadline - time.monotonic()
    result = guest.run(command, timeout=left / guest.options.patience,
                       stdout=sys.stdout.buffer, stderr=sys.stderr.buffer)
    problems = guest.stop()
    for problem in problems:
        _say(problem)
    return BROKEN if problems and not result.rc else result.rc


def _interrupted(number, _frame):
    raise SystemExit(128 + number)


def main(argv):
    """Run scripts/guest and return its exit status."""
    argv, command = _split(argv)
    parser = _parser()
    args = parser.parse_args(argv)
    if not command:
        parser.error("no command: scripts/guest [OPTION]... -- COMMAND...")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        with Guest(_options(args), keep=args.keep) as guest:
            return _run(guest, command, args.timeout)
    except OptionError as error:
        parser.error(str(error))
    except GuestTimeout as error:
        _say(error)
        _say(f"not done after {args.timeout:g} s")
        return TIMED_OUT
    except GuestError as error:
        _say(error)
        return BROKEN
    return USAGE
