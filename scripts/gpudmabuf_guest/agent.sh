#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash disable=SC2154
#
# Process 1 of a guest once the root is in place: loads the drivers, then runs
# the commands that the host sends.  Each channel is three virtio ports:
#
#   ctlN	from the host: "run ID", "reboot";
#		to the host: "ready", "fail TEXT", "done ID STATUS"
#   outN, errN	what the command prints, then the line "end ID"
#
# A command is the script ctl/ID.sh of the control share.  A line on the port
# "sysrq" goes to /proc/sysrq-trigger, whatever else hangs.

base=/run/gpudmabuf
bin=$base/bin
mkdir -p $bin
$base/busybox --install -s $bin
export PATH=$bin
# shellcheck source=/dev/null
. $base/ctl/config

exec </dev/null >/dev/console 2>&1

port() {
	tries=0
	while [ $tries -lt 200 ]; do
		for p in /sys/class/virtio-ports/*; do
			read -r name <"$p/name" 2>/dev/null || continue
			if [ "$name" = "$1" ] && [ -c "/dev/${p##*/}" ]; then
				echo "/dev/${p##*/}"
				return
			fi
		done
		usleep 20000
		tries=$((tries + 1))
	done
	echo "agent: no port $1"
	return 1
}

# The end of the kernel log on one line, for the host's message.
log_tail() {
	dmesg | tail -n 6 | sed 's/^\[[^]]*\] //' | tr '\n' ';'
}

# pci_devices TEST: addresses of the devices that TEST accepts.  Those in slots 10
# to 1e of the root bus and behind them, which the host counts, come first.
pci_devices() {
	for pass in ours other; do
		for d in /sys/bus/pci/devices/*; do
			case $(readlink -f "$d") in
			*/pci0000:00/0000:00:1*) owner=ours ;;
			*) owner=other ;;
			esac
			[ $owner = $pass ] && "$1" "$d" && echo "${d##*/}"
		done
	done
}

is_nvme() {
	[ "$(cat "$1/class")" = 0x010802 ]
}

is_ivshmem() {
	[ "$(cat "$1/vendor")$(cat "$1/device")" = 0x1af40x1110 ]
}

bind_nvme() {
	for d in $(pci_devices is_nvme); do
		echo "$d" >/sys/bus/pci/drivers/nvme/bind ||
			{ echo "nvme does not bind to $d: $(log_tail)"; return 1; }
	done
	n=0
	while [ $n -lt "$nvme" ]; do
		tries=0
		until [ -b /dev/nvme${n}n1 ]; do
			[ $tries -lt 500 ] ||
				{ echo "no /dev/nvme${n}n1: $(log_tail)"; return 1; }
			usleep 20000
			tries=$((tries + 1))
		done
		n=$((n + 1))
	done
}

# load KO ARGUMENT...
load() {
	ko=$1
	shift
	[ -e "$ko" ] || return 0
	for dep in $(PATH=$PATH:/sbin:/usr/sbin /sbin/modinfo -F depends "$ko" |
		     tr ',' ' '); do
		/sbin/modprobe "$dep" || { echo "no $dep for $ko"; return 1; }
	done
	insmod "$ko" "$@" ||
		{ echo "$ko $* does not load: $(log_tail)"; return 1; }
}

load_bar() {
	[ -e $base/modules/gpudmabuf_bar.ko ] || return 0
	addresses=$(pci_devices is_ivshmem)
	list=
	for d in $addresses; do
		list=$list,$d/2
	done
	load $base/modules/gpudmabuf_bar.ko ${list:+devices=${list#,}} ||
		return 1
	for d in $addresses; do
		case $(readlink /sys/bus/pci/devices/"$d"/driver) in
		*/gpudmabuf*) ;;
		*) echo "gpudmabuf_bar does not bind to $d: $(log_tail)"
		   return 1 ;;
		esac
	done
}

prepare() {
	hostname gpudmabuf
	ifconfig lo up
	echo 1 >/proc/sys/kernel/sysrq
	echo 1 >/sys/bus/pci/drivers_autoprobe
	mkdir -p $base/modules
	while read -r ko; do
		ln -s "$ko" $base/modules/
	done <$base/ctl/drivers
	bind_nvme && load_bar && load $base/modules/gpudmabuf.ko
}

serve() {
	n=$1
	ctl=$(port "ctl$n") && out=$(port "out$n") && err=$(port "err$n") ||
		return
	mkfifo $base/out"$n" $base/err"$n"
	cat $base/out"$n" >"$out" &
	cat $base/err"$n" >"$err" &
	# Held open, so that cat sees no end between two commands.
	exec 3>$base/out"$n" 4>$base/err"$n" 5<>"$ctl"
	echo "$2" >&5
	while read -r verb id <&5; do
		case $verb in
		run)
			setsid sh "$base/ctl/$id.sh" </dev/null >&3 2>&4 \
				3>&- 4>&- 5>&-
			rc=$?
			printf '\036end %s\n' "$id" >&3
			printf '\036end %s\n' "$id" >&4
			echo "done $id $rc" >&5
			;;
		reboot)
			sync
			echo b >/proc/sysrq-trigger
			;;
		esac
	done
}

sysrq() {
	p=$(port sysrq) || return
	while read -r key; do
		echo "$key" >/proc/sysrq-trigger
	done <"$p"
}

message=$(prepare 2>&1) && message=ready ||
	message="fail $(echo "$message" | tr '\n' ' ')"
sysrq &
n=$((channels - 1))
while [ $n -gt 0 ]; do
	serve $n ready &
	n=$((n - 1))
done
serve 0 "$message" &

# Process 1 must not end; wait also buries the orphans.
while :; do
	wait
	usleep 200000
done
