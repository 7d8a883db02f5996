#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# make why on programs whose author did not know its answers, and read the cause in the source of
# Linux 6.12 first: tests/refusals/refusals.tsv. Each needs another ability: errors in data,
# decisions in callees, several reasons.

# shellcheck disable=SC2154 # bats sets output

load lib

# explained NAME: the answer has the call, the error and the condition of the table.
explained() {
	local name call error condition
	IFS=$'\t' read -r name call error condition < <(grep "^$1	" tests/refusals/refusals.tsv)
	gcc -O1 -static -pthread -o "$BATS_TEST_TMPDIR/$name" "tests/refusals/$name.c"
	set -- "PROG=$BATS_TEST_TMPDIR/$name"
	[ ! -e "tests/refusals/$name.setup" ] || set -- "$@" "SETUP=tests/refusals/$name.setup"
	run -0 --separate-stderr repro/why "$@" || { echo "$name: $output"; return 1; }
	jq -e --arg call "$call" --arg error "$error" --arg condition "$condition" '.call == $call and .errno == $error
		and any(.. | objects | select(.function?) | "\(.function): \(.condition // .text)"; test("^" + $condition + "( [{])?$"))' \
		build/why.json >/dev/null || { echo "$name: $output"; return 1; }
}

@test "an error in a completion of io_uring" {
	explained uring-no-buffers
	[[ ${lines[0]} == "io_uring_enter() completed a request with ENOBUFS (No buffer space available)"* ]]
	[[ $output == *"sel->addr = NULL"* ]]
}

@test "the BPF verifier's message, though the program did not ask for it; members behind macros" {
	explained v-ring-leak
	[[ $output == *'the kernel says "Unreleased reference id='* ]]
	explained repair-listener
	[[ $output == *"sk->sk_state = 10"*"TCP_LISTEN = 10"* || $output == *"TCP_LISTEN = 10"*"sk->sk_state = 10"* ]]
}

# bats test_tags=slow
@test "the other refusals of the table" {
	while IFS=$'\t' read -r name _; do
		explained "$name"
	done < <(grep -vE '^(#|uring-no-buffers|v-ring-leak|repair-listener)' tests/refusals/refusals.tsv)
}
