#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/judge/verdict.jq: judge the files of a real run; each test changes one thing in them.

load lib

setup() {
	CASE=$BATS_TEST_TMPDIR/golden BUILD=$BATS_TEST_TMPDIR/build
	export CASE BUILD
	make -s --no-print-directory BUILD=build build/errno.json
	cp -r repro/cases/xsk-netns-cookie "$CASE"
	cp -r tests/fixtures/reproduced/run "$BUILD"
	cp build/errno.json "$BUILD"
	run_dir=$BUILD/golden
	mv "$BUILD/xsk-netns-cookie" "$run_dir"
}

# change COLUMN/FILE FILTER: change it with jq, line by line.
change() {
	jq -c "$2" "$run_dir/$1" >"$BATS_TEST_TMPDIR/changed"
	run -1 cmp "$run_dir/$1" "$BATS_TEST_TMPDIR/changed"
	cp "$BATS_TEST_TMPDIR/changed" "$run_dir/$1"
}

# change_text COLUMN/FILE SED...: change it with sed.
change_text() {
	sed "${@:2}" "$run_dir/$1" >"$BATS_TEST_TMPDIR/changed"
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

@test "the unchanged run is as predicted" {
	judged 0 reproduced "EINVAL before the fix, success after the fix"
}

@test "a truncated timeline is a lab failure" {
	change before/timeline.jsonl 'select(.done | not)'
	judged 125 lab-failure "before: the timeline is cut off"
}

@test "a timeline that lacks a line is a lab failure" {
	change before/timeline.jsonl 'select(.call.function != "main")'
	judged 125 lab-failure "before: a line of the timeline is missing"
}

@test "a call whose return gdb did not see is a lab failure" {
	change after/timeline.jsonl 'select(.return.function != "xsk_create_ctx")'
	judged 125 lab-failure "after: gdb did not see xsk_create_ctx return"
}

@test "no rows are a lab failure, not success" {
	change before/result.jsonl 'select(type != "object" or (has("row") | not))'
	judged 125 lab-failure 'before: row "outer 0" was not reported'
	[ "$(jq -c '[.differences[] | select(contains("was not reported"))] | length' "$run_dir/verdict.json")" = 2 ]
}

@test "a missing row is a lab failure" {
	for file in result timeline; do
		change before/$file.jsonl 'select(type != "object" or .row != "inner 0")
			| if .rows then .rows.names -= ["inner 0"] else . end'
	done
	change_text before/strace.log '/write(.*inner 0/d'
	judged 125 lab-failure 'before: row "inner 0" was not reported'
}

@test "a row that is reported twice is a lab failure" {
	change after/result.jsonl 'if type == "object" and .row == "inner 0" then ., . else . end'
	judged 125 lab-failure 'after: row "inner 0" was reported 2 times'
}

@test "a row that the case does not declare is a lab failure" {
	change after/result.jsonl 'if type == "object" and .row == "inner 0" then ., .row = "inner 1" else . end'
	judged 125 lab-failure 'after: row "inner 1" was reported, but the case does not declare it'
}

@test "two rows in one write are a lab failure, as their calls cannot be told apart" {
	change before/timeline.jsonl 'if .rows then .rows.names = (if .rows.names == ["outer 0"] then [] else ["outer 0", "inner 0"] end) else . end'
	judged 125 lab-failure 'before: the rows "outer 0", "inner 0" came in one write()'
}

@test "rows that gdb did not see, or saw in another order, are a lab failure" {
	change before/timeline.jsonl 'if .rows.names == ["inner 0"] then .rows.names = [] else . end'
	judged 125 lab-failure 'before: gdb saw writes of the rows "outer 0" before main() returned, but the program reported "outer 0", "inner 0"'
	cp "tests/fixtures/reproduced/run/xsk-netns-cookie/before/timeline.jsonl" "$run_dir/before"
	change before/timeline.jsonl 'if .rows then .rows.names |= map(if . == "inner 0" then "outer 0" else "inner 0" end) else . end'
	judged 125 lab-failure 'before: gdb saw writes of the rows "inner 0", "outer 0" before main() returned, but the program reported "outer 0", "inner 0"'
}

@test "rows that strace did not see are a lab failure, not rows without a call" {
	change_text before/strace.log '/write(.*inner 0/d'
	judged 125 lab-failure 'before: strace saw writes that begin with the rows "outer 0", but'
	: >"$run_dir/before/strace.log"
	judged 125 lab-failure 'before: strace saw writes that begin with the rows none, but'
}

@test "an empty result is a lab failure" {
	: >"$run_dir/after/result.jsonl"
	judged 125 lab-failure "after: "
}

@test "a garbled line is a lab failure" {
	echo '{"row":"in' >>"$run_dir/after/result.jsonl"
	judged 125 lab-failure "not JSON"
}

@test "a guest that ran another kernel is a lab failure" {
	change after/result.jsonl 'if type == "object" and .boot then .boot.release = "6.12.118" else . end'
	judged 125 lab-failure "after: the guest ran Linux 6.12.118 instead of $(jq -r .release "$BUILD/kernel.json")"
}

@test "kernel and program disagreeing on a netns cookie are a lab failure" {
	change before/timeline.jsonl 'if .call.function == "xsk_bind" then .call.values.netns_cookie += 100 else . end'
	judged 125 lab-failure "the program reports netns_cookie "
}

@test "another outcome under strace is a lab failure" {
	awk '/"row"/ && ++n == 4 { sub(/"errno":0/, "\"errno\":16") } 1' \
		tests/fixtures/reproduced/run/xsk-netns-cookie/after/result.jsonl >"$run_dir/after/result.jsonl"
	judged 125 lab-failure "after: under strace the rows ended differently: outer 0 success, inner 0 EBUSY"
}

@test "a call with different results under strace and gdb is a lab failure" {
	change_text before/strace.log '/bind(.*EINVAL/s/EINVAL (Invalid argument)/EBUSY (Device or resource busy)/'
	judged 125 lab-failure 'before: row "inner 0": under gdb bind returned EINVAL, but under strace no call did'
}

@test "a refusal without a known line is a lab failure" {
	echo null >"$run_dir/before/origin.0.json"
	judged 125 lab-failure "before: the line that refused bind with EINVAL is not known"
	rm "$run_dir/before/origin.0.json"
	judged 125 lab-failure "before: the line that refused bind with EINVAL is not known"
}

@test "a line that refused another call does not count" {
	change before/refused.0.json '.nth += 1'
	judged 125 lab-failure "before: the line that refused bind with EINVAL is not known"
}

@test "a kernel that no rule covers is a lab failure" {
	jq '.expect |= map(.since = "99.0")' repro/cases/xsk-netns-cookie/case.json >"$CASE/case.json"
	judged 125 lab-failure "no rule of the case covers row \"outer 0\" on Linux $(jq -r .release "$BUILD/kernel.json")"
}

@test "an expected fact that no row reports is a lab failure" {
	jq '.outcomes["own rings"].reuse = true' repro/cases/xsk-netns-cookie/case.json >"$CASE/case.json"
	judged 125 lab-failure 'row "inner 0" does not report the fact reuse'
}

@test "the refused call is strace's, whatever the program reports" {
	change before/result.jsonl 'if type == "object" and .row == "inner 0" then .call = "connect" else . end'
	judged 0 reproduced "EINVAL before the fix, success after the fix"
	jq '.outcomes["another socket'\''s context"].call = "connect"' repro/cases/xsk-netns-cookie/case.json >"$CASE/case.json"
	judged 1 not-reproduced "before: inner 0: call is bind instead of connect"
}

@test "a fact that differs or is out of range is not reproduced" {
	for is in 4243 '{"min": 4243}' '{"max": 4241}' null true '"4242"'; do
		jq --argjson is "$is" '.outcomes["own rings"].ifindex = $is' repro/cases/xsk-netns-cookie/case.json >"$CASE/case.json"
		judged 1 not-reproduced "after: inner 0: ifindex is 4242 instead of "
	done
	for is in 4242 '{"min": 4242}' '{"max": 4242}' '{"min": 1, "max": 5000}' '"set"'; do
		jq --argjson is "$is" '.outcomes["own rings"].ifindex = $is' repro/cases/xsk-netns-cookie/case.json >"$CASE/case.json"
		judged 0 reproduced "EINVAL before the fix, success after the fix"
	done
}

@test "an error other than EINVAL before the fix is not the bug" {
	change before/result.jsonl 'if type == "object" and .errno == 22 then .errno = 16 else . end'
	change before/timeline.jsonl 'if .return.value == -22 then .return.value = -16 else . end'
	change_text before/strace.log '/bind(.*EINVAL/s/EINVAL (Invalid argument)/EBUSY (Device or resource busy)/'
	change before/refused.0.json '.errno = 16'
	judged 1 not-reproduced "before: inner 0: EBUSY instead of EINVAL"
}

@test "a success before the fix is not the bug" {
	for file in result timeline; do
		cp "$run_dir/after/$file.jsonl" "$run_dir/before/$file.jsonl"
	done
	cp "$run_dir/after/strace.log" "$run_dir/before/strace.log"
	judged 1 not-reproduced "success before the fix, success after the fix"
}

@test "EINVAL for a reason other than the NULL rings is not this bug" {
	change before/timeline.jsonl 'if .call.values.flags == 1 then .call.values.fq_tmp = "0xffff888000000000" else . end'
	judged 1 not-reproduced "fq_tmp was 0xffff888000000000 instead of NULL"
}

# on_kernel RELEASE: pretend that both guests ran it and were refused.
on_kernel() {
	rm -rf "$run_dir/after"
	cp -r "$run_dir/before" "$run_dir/after"
	for column in before after; do
		change $column/result.jsonl "if type == \"object\" and .boot then .boot.release = \"$1\" else . end"
	done
	jq --arg release "$1" '.release = $release' "$BUILD/kernel.json" >"$BUILD/kernel.new"
	mv "$BUILD/kernel.new" "$BUILD/kernel.json"
}

@test "EINVAL after the fix is predicted before Linux 5.14, and not on 5.14" {
	on_kernel 5.10.1
	judged 0 reproduced "EINVAL before the fix, EINVAL after the fix: no SO_NETNS_COOKIE"
	on_kernel 5.13.19
	judged 0 reproduced "EINVAL before the fix, EINVAL after the fix: no SO_NETNS_COOKIE"
	on_kernel 5.14.0-rc1
	judged 1 not-reproduced "after: inner 0: EINVAL instead of success"
}

@test "a lost run is shown as a lab failure" {
	jq -n '{version: 1, case: "golden", verdict: "lab-failure", reason: "the run did not finish"}' >"$run_dir/verdict.json"
	run -125 --separate-stderr repro/run show
	[[ $output != *"did not finish"* ]] # but on stderr
	said "lab failure: the run did not finish"
}

@test "no run, half a run or a failing judge is a lab failure, and no verdict stays" {
	for file in result.jsonl strace.log; do
		mv "$run_dir/before/$file" "$BATS_TEST_TMPDIR"
		run -125 --separate-stderr repro/run judge
		said "no $run_dir/before/$file to judge"
		mv "$BATS_TEST_TMPDIR/$file" "$run_dir/before"
	done
	for broken in errno.json kernel.json libxdp/FIX/library.json golden/before/timeline.jsonl; do
		rm -rf "$run_dir"
		cp -r tests/fixtures/reproduced/run/xsk-netns-cookie "$run_dir"
		mv "$BUILD/$broken" "$BATS_TEST_TMPDIR/whole"
		run -125 --separate-stderr repro/run judge
		[ "$(jq -r .verdict "$run_dir/verdict.json")" = lab-failure ] || { echo "without $broken"; false; }
		: >"$BUILD/$broken"
		cp tests/fixtures/reproduced/run/xsk-netns-cookie/verdict.json "$run_dir"
		run -125 --separate-stderr repro/run judge
		[ "$(jq -r .verdict "$run_dir/verdict.json")" = lab-failure ] || { echo "with an empty $broken"; false; }
		mv "$BATS_TEST_TMPDIR/whole" "$BUILD/$broken"
	done
	rm -r "$run_dir"
	run -125 --separate-stderr repro/run judge
	ends_with "no run in $run_dir; run make repro"
}
