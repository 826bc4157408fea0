#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check.sh PAGE FOLDER: PAGE and the pages in FOLDER are formatted without a
# warning.
set -eu

warnings=$(for page in "$1" "$2"/*.3; do
	LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 "$page" \
		2>&1 >/dev/null
done)
[ -z "$warnings" ] || { echo "$warnings" >&2; exit 1; }
