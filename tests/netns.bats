#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# netns/: colliding-veth and inode-reuse, on this host in a throw-away namespace, and in the
# guest.

# shellcheck disable=SC2016 # quoted text is for another shell

load lib

setup() {
	[[ $BATS_TEST_DESCRIPTION != "in the guest"* ]] || return 0
	unshare=(unshare --net --mount)
	[ "$(id -u)" = 0 ] || unshare+=(--map-root-user)
	"${unshare[@]}" ip link add type veth 2>/dev/null ||
		skip "this user cannot create a network namespace with veth here"
}

# away SCRIPT: run it as root of a throw-away namespace with a /run of its own.
away() {
	"${unshare[@]}" bash -euc "
		mount -t tmpfs none /run
		export PATH=\$PWD/netns:\$PATH:/usr/sbin QUEUES=\${QUEUES-1}
		$1"
}

ifindex='jq -r ".[] | select(.ifname == \"outer\" or .ifname == \"inner\") | .ifindex"'

@test "both ends get the same ifindex, each in its namespace" {
	run -0 --separate-stderr away "colliding-veth up; colliding-veth show | $ifindex"
	[ "$output" = $'4242\n4242' ]
}

@test "in the control layout the ends get different ones" {
	LAYOUT=different run -0 --separate-stderr away "colliding-veth up; colliding-veth show | $ifindex"
	[ "$output" = $'4242\n4243' ]
}

@test "addresses, queues and offloads are as documented" {
	QUEUES=2 run -0 --separate-stderr away 'colliding-veth up
		ip -json -d addr show outer | jq -c ".[] | [.addr_info[0].local, .addr_info[0].prefixlen, .num_rx_queues, .num_tx_queues]"
		ip -n inner-ns -json -d addr show inner | jq -c ".[] | [.addr_info[0].local, .addr_info[0].prefixlen, .num_rx_queues, .num_tx_queues]"
		ip -n inner-ns -json link show lo | jq -r ".[].flags | index(\"UP\") != null"
		ethtool -k outer | grep -cE "^(tx-checksumming|rx-vlan-offload|tx-vlan-offload): off"
		ip netns exec inner-ns ethtool -k inner | grep -cE "^(tx-checksumming|rx-vlan-offload|tx-vlan-offload): off"'
	[ "${lines[0]}" = '["169.254.0.1",30,2,2]' ]
	[ "${lines[1]}" = '["169.254.0.2",30,2,2]' ]
	[ "${lines[2]}" = true ]
	[ "${lines[3]}" = 3 ]
	[ "${lines[4]}" = 3 ]
}

@test "both ends are up, and have no IPv6 address" {
	run -0 --separate-stderr away 'colliding-veth up; colliding-veth show |
		jq -c ".[] | [.ifname, (.flags | index(\"LOWER_UP\") != null), (.addr_info | length)]"'
	[ "$output" = $'["outer",true,1]\n["inner",true,1]' ]
}

@test "a packet gets from one end to the other" {
	run -0 away 'colliding-veth up; busybox ping -c1 -W2 169.254.0.2'
}

@test "up and down may be repeated, and down leaves nothing behind" {
	run -0 away 'colliding-veth up; colliding-veth up; colliding-veth down; colliding-veth down
		[ -z "$(ip netns; ip -o link show type veth)" ]'
}

@test "the names of devices and namespace are knobs" {
	OUTER_VETH=o INNER_VETH=i TEST_NAMESPACE=n INDEX=77 run -0 --separate-stderr away \
		'colliding-veth up; ip -json link show o | jq .[].ifindex; ip -n n -json link show i | jq .[].ifindex'
	[ "$output" = $'77\n77' ]
}

@test "bad values are refused in one line" {
	for bad in QUEUES=0 QUEUES=1000 QUEUES=two INDEX=1 INDEX=x LAYOUT=none; do
		run -2 --separate-stderr away "env $bad colliding-veth up"
		one_line
	done
	run -2 --separate-stderr away 'colliding-veth sideways'
	run -2 --separate-stderr away 'colliding-veth'
}

@test "in the guest, a namespace's inode number is reused, its cookie is not" {
	if older_than 5.14; then
		run -125 --separate-stderr guest inode-reuse
		said "was reused, but the cookies cannot be read"
		return
	fi
	run -0 --separate-stderr guest inode-reuse
	jq -c 'select(.namespace)' "$BATS_TEST_TMPDIR/out/result.jsonl" >"$BATS_TEST_TMPDIR/namespaces"
	tail -n 2 "$BATS_TEST_TMPDIR/namespaces" | jq -es '(.[0].inode | type) == "number" and .[0].inode == .[1].inode'
	jq -es 'map(.cookie) | all(type == "number" and . > 1) and length >= 2 and unique == sort' \
		"$BATS_TEST_TMPDIR/namespaces"
}

# told COOKIE-COMMAND: run inode-reuse with that as its netns-cookie.
told() {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\n%s\n' "$1" >"$BATS_TEST_TMPDIR/bin/netns-cookie"
	chmod +x "$BATS_TEST_TMPDIR/bin/netns-cookie"
	away "PATH=$BATS_TEST_TMPDIR/bin:\$PATH; inode-reuse"
}

@test "inode-reuse fails if the cookie is reused, too, and leaves nothing behind" {
	run -1 --separate-stderr told 'echo 7'
	said "was reused, and so was cookie 7"
	one_line
	run -0 away "PATH=$BATS_TEST_TMPDIR/bin:\$PATH"'; inode-reuse || [ -z "$(ls -A /run/netns)" ]'
}

@test "inode-reuse fails on a kernel without cookies, and prints null for them" {
	run -1 --separate-stderr told 'echo "netns-cookie: SO_NETNS_COOKIE: Protocol not available" >&2; exit 1'
	[ "$(tail -n 1 <<<"$output" | jq -c '[(.inode | type), .cookie]')" = '["number",null]' ]
	said "the cookies cannot be read"
}

@test "inode-reuse refuses a namespace that exists already" {
	run -2 --separate-stderr away 'ip netns add inode-reuse; inode-reuse'
	said "exists"
	one_line
	run -2 --separate-stderr away 'inode-reuse now'
	TEST_NAMESPACE=a/b run -2 --separate-stderr away inode-reuse
}
