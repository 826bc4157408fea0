#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh KDIR OUT MODULE [MAKE-ARGUMENT...]
#
# Builds one module directory (importer, exporter/kmod, tests/kernel) against
# the kernel build folder KDIR.  Objects go to OUT, where the sources are
# mirrored as symbolic links, so that one checkout serves several kernels.
# What the kernel offers is probed first, into OUT/kcompat/kcompat_config.h.
set -eu

[ $# -ge 3 ] || { echo "usage: $0 KDIR OUT MODULE [MAKE-ARGUMENT...]" >&2; exit 2; }
kdir=$(realpath "$1") module=$3
top=$(realpath "$(dirname "$0")/..")
mkdir -p "$2"
out=$(realpath "$2")
shift 3

exec 9>"$out/.lock"
flock 9

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
		make -C "$kdir" M="$out/kcompat/probe" -k $objs \
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
make -C "$kdir" M="$out/$module" "$@" modules
