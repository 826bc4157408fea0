# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034
#
# What the scripts share.  Sourced, never run; the caller has set -eu.

# Everything downloaded or derived from downloads lives here, never in the tree.
cache=${GPUDMABUF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gpudmabuf}

# depmod, modprobe and mkfs are not on every user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() {
	echo "${0##*/}: $*" >&2
}

die() {
	say "$@"
	exit 1
}

# Run a command as root, through sudo where the caller is not root.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root or sudo: $*"
	fi
}

# Run a command and show what it printed only if it fails.
quietly() {
	_log=$(mktemp)
	if "$@" >"$_log" 2>&1; then
		rm -f "$_log"
	else
		_rc=$?
		cat "$_log" >&2
		rm -f "$_log"
		say "failed: $*"
		return "$_rc"
	fi
}

# Names, out of those given, of the packages that are not installed.
missing_packages() {
	# shellcheck disable=SC2016 # the format is dpkg-query's
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^installed //p' | sort -u >"$_installed"
	printf '%s\n' "$@" | sort -u | comm -23 - "$_installed"
}

install_packages() {
	_installed=$(mktemp)
	_missing=$(missing_packages "$@")
	rm -f "$_installed"
	[ -n "$_missing" ] || return 0

	# shellcheck disable=SC2086 # a list of package names
	say "installing" $_missing
	quietly as_root apt-get -q -o DPkg::Lock::Timeout=600 update
	# shellcheck disable=SC2086
	quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=600 install --no-install-recommends $_missing
}

# The lists that name the packages may be absent (container images drop them).
need_apt_lists() {
	apt-cache show "$1" >/dev/null 2>&1 ||
		quietly as_root apt-get -q -o DPkg::Lock::Timeout=600 update
}
