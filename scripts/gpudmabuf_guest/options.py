# SPDX-License-Identifier: MIT
"""What a guest has."""

from dataclasses import dataclass


class OptionError(ValueError):
    """A combination that no guest can have."""


@dataclass(frozen=True)
class Options:
    """Options of a guest; equal options mean an interchangeable guest.

    Sizes are in MiB.  gpus is the number of GPUs, each with vram.  qemu comes last on QEMU's command line; append is added
    to the kernel's; nvme_args to each controller's -device and drive_args to
    each -drive (",max_ioqpairs=2", ",throttling.iops-total=10").
    """

    kernel: str = "debian-6.1"
    nvme: int = 1
    nvme_size: int = 1024
    vram: int = 256
    gpus: int = 1
    cmb: int = 0
    cpus: int = 2
    memory: int = 2048
    iommu: bool = False
    icount: bool = False
    topology: str = "switch"
    qemu: str = ""
    append: str = ""
    nvme_args: str = ""
    drive_args: str = ""

    @property
    def vram_files(self):
        """Names of the files behind the GPUs' memory."""
        count = self.gpus if self.vram else 0
        return ["vram", *(f"vram{n}" for n in range(1, count))][:count]

    @property
    def patience(self):
        """How many times longer than usual all may take."""
        return 5 if self.kernel.startswith("debug") else 1

    def check(self):
        """Raise OptionError for what QEMU would refuse less clearly."""
        if not 0 <= self.nvme <= 8:
            raise OptionError("between 0 and 8 controllers are possible")
        if not 1 <= self.gpus <= 4:
            raise OptionError("between 1 and 4 GPUs are possible")
        if self.vram and self.vram & (self.vram - 1):
            raise OptionError("the VRAM size is a BAR's: a power of two")
        if self.cmb and self.cmb & (self.cmb - 1):
            raise OptionError("the CMB size is a BAR's: a power of two")
        if self.topology not in ("switch", "root"):
            raise OptionError("the topology is switch or root")
        if self.icount and self.cpus > 1:
            raise OptionError("--icount has one CPU")
        for name in ("nvme_size", "cpus", "memory"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be positive")
