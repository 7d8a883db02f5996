#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/judge/verdict.jq: what a real run left behind, changed in one place each, is judged
# for what it is. "as predicted" is the same run unchanged.

load lib

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	repro/run >/dev/null 2>&1
	cp -r build/xsk-netns-cookie "$BATS_FILE_TMPDIR/run"
}

setup() {
	export CASE=$BATS_TEST_TMPDIR/golden
	cp -r repro/cases/xsk-netns-cookie "$CASE"
	run_dir=build/golden
	rm -rf "$run_dir"
	cp -r "$BATS_FILE_TMPDIR/run" "$run_dir"
}

teardown() { rm -rf build/golden; }

# change VARIANT/FILE FILTER: by jq, line by line.
change() {
	jq -c "$2" "$run_dir/$1" >"$BATS_TEST_TMPDIR/changed"
	run -1 cmp "$run_dir/$1" "$BATS_TEST_TMPDIR/changed"
	cp "$BATS_TEST_TMPDIR/changed" "$run_dir/$1"
}

# judged STATUS VERDICT REASON
judged() {
	run "-$1" --separate-stderr repro/run judge
	[ "$(jq -r .verdict "$run_dir/verdict.json")" = "$2" ]
	jq -e --arg reason "$3" '.reason | contains($reason)' "$run_dir/verdict.json" >/dev/null ||
		{ jq .reason "$run_dir/verdict.json"; return 1; }
}

@test "unchanged: as predicted" {
	judged 0 reproduced "EINVAL before the fix, success after it"
}

@test "a timeline that was cut off is a lab failure" {
	change before/timeline.jsonl 'select(.done | not)'
	judged 125 lab-failure "before: the timeline is cut off"
}

@test "a call whose return was not seen is a lab failure" {
	change after/timeline.jsonl 'select(.return.function != "xsk_create_ctx")'
	judged 125 lab-failure "after: xsk_create_ctx was not seen to return"
}

@test "no socket line is a lab failure, and not success" {
	change before/result.jsonl 'select(type != "object" or (.socket | not))'
	judged 125 lab-failure "before: the program reported 0 sockets instead of 2"
}

@test "an empty result is a lab failure" {
	: >"$run_dir/after/result.jsonl"
	judged 125 lab-failure "after: "
}

@test "a garbled line is a lab failure" {
	echo '{"socket":{"device":"in' >>"$run_dir/after/result.jsonl"
	judged 125 lab-failure "no JSON"
}

@test "kernel and program that disagree on a netns cookie are a lab failure" {
	change before/timeline.jsonl 'if .call.function == "xsk_bind" then .call.values.netns_cookie += 100 else . end'
	judged 125 lab-failure "netns_cookie is "
}

@test "another outcome under strace is a lab failure" {
	awk '/"socket"/ && ++n == 4 { sub(/"errno":0/, "\"errno\":16") } 1' \
		"$BATS_FILE_TMPDIR/run/after/result.jsonl" >"$run_dir/after/result.jsonl"
	judged 125 lab-failure "after: under strace the sockets ended differently: success, EBUSY"
}

@test "a refusal whose line is not known is a lab failure" {
	echo null >"$run_dir/before/origin.json"
	judged 125 lab-failure "before: the line that refused is not known"
}

@test "a kernel that the case predicts nothing for is a lab failure" {
	jq '.predictions |= map(.since = "99.0")' "$CASE.json" >"$CASE.new"
	mv "$CASE.new" "$CASE.json"
	judged 125 lab-failure "predicts nothing"
}

@test "an error before the fix that is not EINVAL is not the bug" {
	change before/result.jsonl 'if .socket.errno? == 22 then .socket.errno = 16 else . end'
	change before/timeline.jsonl 'if .return.value == -22 then .return.value = -16 else . end'
	judged 1 not-reproduced "EBUSY at bind instead of EINVAL at bind"
}

@test "a success before the fix is not the bug" {
	for file in result timeline; do
		cp "$run_dir/after/$file.jsonl" "$run_dir/before/$file.jsonl"
	done
	cp "$run_dir/after/strace.log" "$run_dir/before/strace.log"
	judged 1 not-reproduced "success before the fix, success after it"
}

@test "EINVAL for another reason than the NULL rings is not this bug" {
	change before/timeline.jsonl 'if .call.values.flags == 1 then .call.values.fq_tmp = "0xffff888000000000" else . end'
	judged 1 not-reproduced "fq_tmp was 0xffff888000000000 instead of NULL"
}

@test "before Linux 5.14 EINVAL after the fix is predicted" {
	for file in result timeline; do
		cp "$run_dir/before/$file.jsonl" "$run_dir/after/$file.jsonl"
	done
	cp "$run_dir"/before/{strace.log,origin.json} "$run_dir/after"
	for variant in before after; do
		change $variant/result.jsonl 'if .boot? then .boot.release = "5.10.1" else . end'
	done
	judged 0 reproduced "EINVAL before the fix, EINVAL after it: no SO_NETNS_COOKIE"
}

@test "a lost run is shown as such" {
	jq -n '{case: "golden", verdict: "lab-failure", reason: "the run did not come to its end"}' >"$run_dir/verdict.json"
	run -125 --separate-stderr repro/run show
	[[ $output == *"LAB FAILURE: the run did not come to its end" ]]
}
