#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The cases of TCP and UDP ports, veth and AF_XDP queues: each as expected, and a broken variant of
# each that must not be reproduced.

load lib

RELEASES='5.10.262 5.15.0 6.1.190 6.12.117 7.2.13'

# facts CASE FILTER: of the last run's rows in its first column, by name.
facts() { jq -r "[.columns[0].rows[] | {(.row): (.facts + {errno, call})}] | add | $2" "build/$1/verdict.json"; }

# uncovered CASE: print the rows without an expectation on a kernel of the shelf.
uncovered() {
	jq -r -L repro/judge --arg releases "$RELEASES" 'include "rules"; . as $case
		| .rows[] as $row | (.columns | keys[]) as $column | ($releases / " ")[] as $release
		| select(any($case.expect[]; speaks($row; {name: $column}; $release)) | not)
		| "\($row) on \($release)"' "repro/cases/$1/case.json"
}

@test "every row has an expectation on each kernel of the shelf" {
	for case in connectx veth-xdp tcp-port-share xsk-close-rebind; do
		run -0 uncovered "$case"
		[ -z "$output" ]
	done
}

@test "programs refuse wrong arguments before they do anything" {
	local name words
	for name in connectx tcp-port-share veth-xdp xsk-bindtodevice xsk-close-rebind xsk-forward xsk-need-wakeup; do
		# shellcheck disable=SC2046 # words
		cc -o "$BATS_TEST_TMPDIR/$name" repro/cases/"$name"/*.c $([ "$name" != xsk-forward ] || cat build/libxdp/FIX/flags)
		for words in '' '1 2 3 4 5'; do
			# shellcheck disable=SC2086 # words
			run -2 "$BATS_TEST_TMPDIR/$name" $words
			[[ $output == "usage: "* ]]
		done
	done
	while read -r name words; do
		# shellcheck disable=SC2086 # words
		run -2 "$BATS_TEST_TMPDIR/$name" $words
		[[ $output == "usage: "* ]]
	done <<-EOF
		connectx 40000 40003 0
		connectx 40000 40003 10001
		connectx 40000 40003 1x
		connectx 40003 40000 1
		connectx 40000 40002 1
		connectx 40000 40017 1
		connectx 65534 65537 1
		connectx -1 2 1
		tcp-port-share 0
		tcp-port-share 65616
		tcp-port-share 80x
		tcp-port-share 80 last
		xsk-close-rebind lo -1
		xsk-close-rebind lo 1001
		xsk-close-rebind lo 1x
		xsk-forward 0 1 on
		xsk-forward 1000001 1 on
		xsk-forward 8 5 on
		xsk-forward 8 0 on
		xsk-forward 8 1 maybe
	EOF
}

# bats test_tags=slow
@test "connectx: a port for each server, one owner for each 4-tuple; without the lock, not reproduced" {
	CASE=connectx run -0 --separate-stderr repro/run
	[ "$(facts connectx '[.[] | select(.rounds)] | length')" = 4 ]
	[ "$(facts connectx '[."race udp4", ."race udp6" | .rounds, .owners, .doubles, .overshadowed] | join(" ")')" = "200 200 0 0 200 200 0 0" ]
	[ "$(facts connectx '."race udp4, without the lock".overshadowed > 0')" = true ]
	[ "$(facts connectx '[to_entries[] | select(.key | startswith("connectx")) | .value | select(.all > 0) | "\(.one) \(.all) \(.overshadowed)"] | unique | join(", ")')" = "4 12 0" ]
	CASE=connectx CFLAGS=-DWITHOUT_LOCK run -1 --separate-stderr repro/run
	said "seen: race udp4: doubles is "
}

# bats test_tags=slow
@test "veth-xdp: the ack says what the system call refuses; with a small MTU, not reproduced" {
	CASE=veth-xdp run -0 --separate-stderr repro/run
	run -0 facts veth-xdp '.[] | select(.ack) | "\(.errno) \(.call) \(.ack_errno) \(.ack)"'
	[ "${#lines[@]}" = 5 ]
	[ "${lines[2]}" = "ERANGE bpf 34 veth: Peer MTU is too large to set XDP" ]
	CASE=veth-xdp ARGS="plain plain queues" run -1 --separate-stderr repro/run
	said "seen: native, the peer's MTU is 9000: success instead of ERANGE"
}

# bats test_tags=slow
@test "tcp-port-share: a port that was bound is lost; if it was bound before, not reproduced" {
	older_than 6.17.8 || skip "this kernel has the fix, so no variant differs"
	CASE=tcp-port-share run -0 --separate-stderr repro/run
	[ "$(facts tcp-port-share '[."closed before the first connection", .closed | .errno] | tojson')" = '[null,"EADDRNOTAVAIL"]' ]
	CASE=tcp-port-share ARGS=first run -1 --separate-stderr repro/run
	said "seen: closed: success instead of EADDRNOTAVAIL"
}

# bats test_tags=slow
@test "xsk-close-rebind: the queue is busy for some milliseconds; 200 ms later, not reproduced" {
	CASE=xsk-close-rebind run -0 --separate-stderr repro/run
	CASE=xsk-close-rebind ARGS=200 run -1 --separate-stderr repro/run
	said "seen: at once: busy is 0 instead of 15 or more"
}
