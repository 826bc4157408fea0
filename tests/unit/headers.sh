#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh [--list | CASE]: every public header compiles alone, in C and in
# C++; the kernel's have the same layout for 32-bit programs.
set -eu

top=$(dirname "$0")/../..
public=$top/libgpudmabuf/include/gpudmabuf.h
uapi="$top/uapi/linux/gpudmabuf.h $top/uapi/linux/gpudmabuf_bar.h"
strict="-Wall -Wextra -Wpedantic -Werror -I$top/uapi -fsyntax-only"

# Word splitting of flags and lists of headers is meant.
# shellcheck disable=SC2086
run() {
	case $1 in
	c11)
		for h in $public $uapi; do
			${CC:-cc} -std=c11 $strict -x c "$h"
		done ;;
	cxx17)
		for h in $public $uapi; do
			${CXX:-c++} -std=c++17 $strict -x c++ "$h"
		done ;;
	layout_m32)
		wide=$(layout -m64)
		test -n "$wide" && test "$wide" = "$(layout -m32)" ;;
	*)
		echo "headers.sh: no case $1" >&2
		exit 2 ;;
	esac
}

# Size and offset of each member as the compiler has them, name by name.
# shellcheck disable=SC2086
layout() {
	for h in $uapi; do
		echo "#include \"$h\""
		for s in $(sed -n 's/^struct \([a-z_]*\) {$/\1/p' "$h"); do
			echo "unsigned int ${s}__bytes_in_all = sizeof(struct $s);"
			sed -n "/^struct $s {/,/^};/s/^\t__[a-z0-9_]* \([a-z_]*\)\(\[.*\]\)\?;.*/\1/p" "$h" |
				while read -r m; do
					echo "unsigned int ${s}__$m = __builtin_offsetof(struct $s, $m);"
				done
		done
	done |
		${CC:-cc} "$1" -idirafter "/usr/include/$(${CC:-cc} -print-multiarch)" \
			-I"$top/uapi" -S -x c -o - - |
		grep -E '^[a-z_]+:|\.long|\.zero'
}

if [ "${1:-}" = --list ]; then
	printf '%s\n' c11 cxx17 layout_m32
elif [ $# -eq 1 ]; then
	run "$1"
else
	for c in c11 cxx17 layout_m32; do run "$c"; done
fi
