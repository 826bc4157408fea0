# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Run in the guest after each test: is a dma-buf left?  What is released in the
# background has two seconds.

PATH=/run/gpudmabuf/bin
info=/sys/kernel/debug/dma_buf/bufinfo
tries=0

[ -e $info ] || exit 0
until grep -q '^Total 0 objects' $info; do
	tries=$((tries + 1))
	if [ $tries -ge 20 ]; then
		cat $info
		exit 1
	fi
	usleep 100000
done
