#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash disable=SC2154
#
# First process of a guest, in the initramfs.  Puts the host's file system under
# a tmpfs overlay and hands over to agent.sh there.  What differs from one run
# to the next comes as files in the 9p share "ctl":
#
#   config	shell assignments: release, modules, work, cwd, nvme, channels
#   agent.sh	the second half

/bin/busybox mkdir -p /proc /sys /dev /host /ctl /rw /new
/bin/busybox --install -s /bin
export PATH=/bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec </dev/null >/dev/console 2>&1

die() {
	echo "guest init: $*"
	sync
	echo 1 >/proc/sys/kernel/sysrq
	echo b >/proc/sysrq-trigger
}

# nvme.ko comes last: its controllers are bound one by one later, so that their
# names are certain.  What this CPU cannot use does not load; that is checked
# where it matters.
while read -r module; do
	[ "$module" != nvme.ko ] || echo 0 >/sys/bus/pci/drivers_autoprobe
	insmod "/modules/$module" 2>/dev/null
done </modules/order

p9=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o "$p9,ro,cache=loose" host /host || die "no root over 9p"
mount -t 9p -o "$p9,ro,cache=none" ctl /ctl || die "no control share"
# shellcheck source=/dev/null
. /ctl/config || die "no configuration"

mount -t tmpfs -o mode=755,size=75% rw /rw
mkdir /rw/upper /rw/work /rw/cwd
overlay() {
	mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" \
		overlay "$3"
}
overlay /host /rw /new || die "no overlay"

cd /new || die "no root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs dev dev
mkdir -p dev/pts dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t debugfs debugfs sys/kernel/debug
mount -t tracefs tracefs sys/kernel/tracing
mount -t cgroup2 cgroup2 sys/fs/cgroup
ln -sfn /proc/self/fd dev/fd
ln -sfn /proc/self/fd/0 dev/stdin
ln -sfn /proc/self/fd/1 dev/stdout
ln -sfn /proc/self/fd/2 dev/stderr

# The host's lib/modules holds nothing for this kernel.
mkdir -p "lib/modules/$release"
mount --bind "/host$modules" "lib/modules/$release" || die "no modules"

# The caller's folder may lie under /tmp or /run, which are empty here.
if [ ! -d ".$cwd" ]; then
	mkdir -p ".$cwd" /rw/cwd/upper /rw/cwd/work
	overlay "/host$cwd" /rw/cwd ".$cwd" || die "no $cwd"
fi
mkdir -p ".$work"
mount -t 9p -o "$p9,rw,cache=mmap" work ".$work" || die "no work folder"

mkdir -p run/gpudmabuf/ctl
cp /bin/busybox run/gpudmabuf/busybox
mount --move /ctl run/gpudmabuf/ctl
cp run/gpudmabuf/ctl/agent.sh run/gpudmabuf/agent.sh
umount /sys /dev /proc 2>/dev/null
exec switch_root /new /run/gpudmabuf/busybox sh /run/gpudmabuf/agent.sh
