# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: run every row of the menu under strace. In the log, on fd 3, a line "# ROW"
# precedes each row. Two rows also run without a network: then one does not reach its call, and
# one is not refused.
set -eu

menu=/case/errno-menu

for row in collision share-other-device; do
	status=0
	"$menu" "$row" || status=$?
	echo "{\"without_network\":\"$row\",\"exit\":$status}"
done

# The kernel releases a queue some time after its socket is closed: repeat a row that finds it
# busy, at most 50 times.
provoke() { # ROW
	try=0
	while
		status=0
		strace -f -n -o /tmp/strace "$menu" "$1" || status=$?
		[ "$status" = 3 ] && grep -q EBUSY /tmp/strace && [ $((try += 1)) -lt 50 ]
	do
		sleep 0.1
	done
}

colliding-veth up
for row in $("$menu" --list); do
	provoke "$row"
	echo "{\"row\":\"$row\",\"exit\":$status}"
	echo "# $row" >&3
	cat /tmp/strace >&3
done
