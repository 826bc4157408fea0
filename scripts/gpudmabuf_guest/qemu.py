# SPDX-License-Identifier: MIT
"""QEMU's command line."""

import shlex

# Every address that the controller was given, and the commands around them.
TRACE = ("pci_nvme_map_*", "pci_nvme_io_cmd", "pci_nvme_read",
         "pci_nvme_write", "pci_nvme_enqueue_req_completion",
         "pci_nvme_err_*")

KERNEL_ARGS = ("console=ttyS0 panic=-1 oops=panic loglevel=7 mitigations=off "
               "random.trust_cpu=on no_timer_check tsc=reliable "
               "cryptomgr.notests audit=0 apparmor=0")


def _machine(opt):
    args = ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-accel", "tcg",
            "-cpu", "max,la57=off", "-m", str(opt.memory),
            "-smp", str(opt.cpus)]
    # An interrupt-remapping IOMMU wants its interrupt controllers in QEMU.
    args += ["-machine", "q35,kernel-irqchip=off" if opt.iommu else "q35"]
    if opt.iommu:
        args += ["-device", "intel-iommu"]
    if opt.icount:
        args += ["-icount", "shift=0,sleep=off"]
    return args


def _kernel(opt, vmlinuz, initramfs):
    words = [KERNEL_ARGS]
    if opt.iommu:
        words.append("intel_iommu=on iommu.strict=1")
    if opt.append:
        words.append(opt.append)
    return ["-kernel", str(vmlinuz), "-initrd", str(initramfs),
            "-append", " ".join(words)]


def _shares(folders):
    args = []
    for tag, path, extra in folders:
        escaped = str(path).replace(",", ",,")
        args += ["-fsdev", f"local,id=fs_{tag},path={escaped},"
                           f"security_model=none,multidevs=remap{extra}",
                 "-device", f"virtio-9p-pci,fsdev=fs_{tag},mount_tag={tag}"]
    return args


def _ports(sockets):
    args = ["-device", "virtio-serial-pci,id=ports,max_ports=31"]
    for number, (name, fd) in enumerate(sockets.items(), 1):
        args += ["-chardev", f"socket,id={name},fd={fd}"]
        if name == "qmp":
            args += ["-mon", "chardev=qmp,mode=control"]
        else:
            args += ["-device", f"virtserialport,bus=ports.0,nr={number},"
                                f"chardev={name},name={name}"]
    return args


def _bus(opt, number):
    """The place of device number: see pci_devices in agent.sh."""
    if opt.topology == "root":
        return f"bus=pcie.0,addr={0x10 + number:#x}"
    return f"bus=dn{number + 1}"


def _switch(count):
    """A switch with one port per device: peers below it reach each other."""
    args = ["-device", "pcie-root-port,id=rp1,chassis=1,slot=1,addr=0x10",
            "-device", "x3130-upstream,id=up1,bus=rp1"]
    for number in range(count):
        args += ["-device", f"xio3130-downstream,id=dn{number + 1},bus=up1,"
                            f"chassis={number + 9}"]
    return args


def _devices(opt, folder):
    place = str(folder).replace(",", ",,")
    args = []
    count = opt.nvme + len(opt.vram_files)
    if opt.topology == "switch" and count:
        args += _switch(count)
    for n in range(opt.nvme):
        cmb = f",cmb_size_mb={opt.cmb}" if opt.cmb else ""
        args += ["-drive", f"id=n{n},if=none,format=raw,cache=unsafe,"
                           f"discard=unmap,file={place}/nvme{n}.img"
                           f"{opt.drive_args}",
                 "-device", f"nvme,id=nvme{n},serial=gpudmabuf{n},"
                            f"drive=n{n},{_bus(opt, n)}{cmb}{opt.nvme_args}"]
    for n, name in enumerate(opt.vram_files):
        args += ["-object", f"memory-backend-file,id={name},share=on,"
                            f"mem-path={place}/{name},size={opt.vram}M",
                 "-device", f"ivshmem-plain,id=gpu{n},memdev={name},"
                            f"{_bus(opt, opt.nvme + n)}"]
    return args


def command_line(opt, vmlinuz, initramfs, folder, shares, sockets):
    """Return the argument vector.

    folder holds disk images and vram and receives the logs; shares are (tag,
    path, more options); sockets maps a port's name to an inherited descriptor.
    """
    place = str(folder).replace(",", ",,")
    args = _machine(opt) + _kernel(opt, vmlinuz, initramfs)
    args += ["-chardev", f"file,id=console,path={place}/kernel.log",
             "-serial", "chardev:console"]
    args += _shares(shares) + _ports(sockets) + _devices(opt, folder)
    for event in TRACE:
        args += ["-trace", event]
    args += ["-D", f"{folder}/trace.log"]
    return args + shlex.split(opt.qemu)
