# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Run in the guest before it goes down: ends what commands left behind, unloads
# the drivers and says what is wrong.

PATH=/run/gpudmabuf/bin

# Sets session to that of a process; kernel threads have 0.  Commands have one
# each, the agents share theirs with process 1.
find_session() {
	session=0
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
	# shellcheck disable=SC2086 # split on purpose
	set -- ${stat##*) }
	session=$4
}

find_session 1
agents=$session
find_session $$
own=$session
for p in /proc/[0-9]*; do
	pid=${p#/proc/}
	find_session "$pid"
	case $session in
	0|"$agents"|"$own") ;;
	*) kill -9 "$pid" 2>/dev/null ;;
	esac
done

# On a kernel with kmemleak: report what nothing points to any more.  It names only
# what is 5 s old and did not change since the scan before.
kmemleak=/sys/kernel/debug/kmemleak
find_leaks() {
	[ -w $kmemleak ] || return 0
	sleep 5
	echo scan >$kmemleak
	echo scan >$kmemleak
	grep -q . $kmemleak || return 0
	echo "leaks, $1:"
	cat $kmemleak
	echo clear >$kmemleak
	rc=1
}

rc=0
# Once with the names of functions, and once without what the modules' own data
# still points to.
find_leaks "modules loaded"
where=$(grep '^gpudmabuf' /proc/modules)
for module in gpudmabuf gpudmabuf_bar; do
	[ -d /sys/module/$module ] || continue
	tries=0
	until message=$(rmmod $module 2>&1); do
		tries=$((tries + 1))
		if [ $tries -ge 20 ]; then
			echo "$message"
			echo "module $module does not unload," \
				"references $(cat /sys/module/$module/refcnt)"
			rc=1
			break
		fi
		sleep 0.1
	done
done
find_leaks "modules unloaded, which were
$where"
exit $rc
