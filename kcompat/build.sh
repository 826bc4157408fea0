#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh KDIR OUT MODULE [MAKE-ARGUMENT...]
#
# Builds one module directory (importer, exporter/kmod, tests/kernel) against
# the kernel build folder KDIR.  Objects go to OUT, where the sources are
# mirrored as symbolic links, so that one checkout serves several kernels.
# What the kernel offers is probed first, into OUT/kcompat/kcompat_config.h.
#
# KCOMPAT_ROOT=DIR in the environment: KDIR lies in the root folder DIR of another
# system, whose make and compiler are to be used.
set -eu

[ $# -ge 3 ] || { echo "usage: $0 KDIR OUT MODULE [MAKE-ARGUMENT...]" >&2; exit 2; }
kdir=$(realpath "$1") module=$3
top=$(realpath "$(dirname "$0")/..")
mkdir -p "$2"
out=$(realpath "$2")
shift 3

exec 9>"$out/.lock"
flock 9

# The build folder as make sees it.
build=$kdir
root=${KCOMPAT_ROOT:+$(realpath "$KCOMPAT_ROOT")}
[ -z "$root" ] || build=${kdir#"$root"}

# In a mount namespace of its own: a root that has the other system's programs,
# and this one's sources and objects.
# shellcheck disable=SC2016 # the inner shell's variables
in_root='
	new=$1 root=$2 top=$3 out=$4
	shift 4
	mount -t tmpfs tmpfs "$new"
	for f in "$root"/*; do
		[ ! -L "$f" ] || cp -P "$f" "$new"
	done
	mkdir -p "$new/usr" "$new/tmp" "$new/dev" "$new/proc" "$new$top"
	mount --bind "$root/usr" "$new/usr"
	mount --rbind /dev "$new/dev"
	mount --rbind /proc "$new/proc"
	mount --bind "$top" "$new$top"
	mkdir -p "$new$out"
	mount --bind "$out" "$new$out"
	cd /
	exec chroot "$new" make "$@"
'
run_make() {
	[ -n "$root" ] || { make "$@"; return; }
	map_user=
	[ "$(id -u)" = 0 ] || map_user=-r
	mkdir -p "$out/.root"
	PATH=/usr/sbin:/usr/bin:/sbin:/bin unshare $map_user -m sh -euc \
		"$in_root" sh "$out/.root" "$root" "$top" "$out" "$@"
}

# Mirror one source directory: links to what is there, none to what is gone.
mirror() {
	mkdir -p "$out/$1"
	find "$out/$1" -maxdepth 1 -type l ! -exec test -e {} \; -delete
	for f in "$top/$1"/*; do
		[ ! -f "$f" ] || ln -sfn "$f" "$out/$1/${f##*/}"
	done
}

for dir in kcompat kcompat/probe uapi/linux exporter importer "$module"; do
	mirror "$dir"
done

probe() {
	config=$out/kcompat/kcompat_config.h
	stamp=$kdir/include/generated/utsrelease.h
	if [ -f "$config" ] && [ "$config" -nt "$stamp" ] &&
	   [ -z "$(find "$top/kcompat" -newer "$config" -name '*.[ch]*')" ]; then
		return
	fi

	objs=
	for f in "$out"/kcompat/probe/*.c; do
		[ -f "$f" ] || continue
		f=${f##*/}
		objs="$objs ${f%.c}.o"
	done
	rm -f "$out"/kcompat/probe/*.o "$config"
	: >"$out/kcompat/probe/Kbuild"
	if [ -n "$objs" ]; then
		echo "obj-m := $objs" >"$out/kcompat/probe/Kbuild"
		# A probe that does not compile is an answer, not an error.
		# shellcheck disable=SC2086
		run_make -C "$build" M="$out/kcompat/probe" -k $objs \
			>"$out/kcompat/probe/log" 2>&1 || :
	fi
	{
		echo "/* SPDX-License-Identifier: GPL-2.0-only */"
		for o in $objs; do
			[ ! -f "$out/kcompat/probe/$o" ] ||
				echo "#define KCOMPAT_HAVE_${o%.o} 1"
		done
	} | sed '/^#define/y/abcdefghijklmnopqrstuvwxyz/ABCDEFGHIJKLMNOPQRSTUVWXYZ/;s/^#DEFINE/#define/' >"$config.tmp"
	if ! grep -q 'HAVE_ALWAYS' "$config.tmp"; then
		cat "$out/kcompat/probe/log" >&2
		echo "$0: nothing can be compiled against $kdir" >&2
		exit 1
	fi
	mv "$config.tmp" "$config"
}

probe
run_make -C "$build" M="$out/$module" "$@" modules
