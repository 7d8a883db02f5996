# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: every row of the menu under strace. In its log, on fd 3, a line
# "# ROW" stands before each. Two rows are also tried without a network: one that
# does not come to its call then, and one that is not refused.
set -eu

menu=/case/errno-menu

for row in collision share-other-device; do
	status=0
	"$menu" "$row" || status=$?
	echo "{\"without_network\":\"$row\",\"exit\":$status}"
done

# The kernel releases a queue some time after its socket was closed: a row that
# finds the last one's is tried again, 50 times at most.
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
