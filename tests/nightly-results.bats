#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/nightly: the results in all formats, and the comparison with an earlier run.

# shellcheck disable=SC2016 # quoted text is for another shell
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats, results and lab by setup

load lib
load nightly

# changes: print each kernel's changes against the results in $earlier.
changes() { cells '"\(.kernel) \(.change)"' | sort -u; }

@test "JUnit: the file is valid by Jenkins's schema, and its counts are right" {
	run -1 nightly "good wrong lost" CASES="xsk-netns-cookie tcp-ports"
	[ "$(xml 'string(/testsuites/@tests)')" = 12 ]
	[ "$(xml 'string(/testsuites/@failures)')" = 4 ]
	[ "$(xml 'string(/testsuites/@errors)')" = 4 ]
	[ "$(xml 'count(//testsuite)')" = 2 ]
	[ "$(xml 'count(//testsuite[@name="xsk-netns-cookie"]/testcase/failure)')" = 3 ]
	[ "$(xml 'count(//testsuite[@name="xsk-netns-cookie"]/testcase/error)')" = 3 ]
	[ "$(xml 'count(//testsuite[@name="tcp-ports"]/testcase)')" = 3 ]
	[ "$(xml 'count(//failure | //error)')" = 8 ]
	[ "$(xml 'string(//testcase[@classname="xsk-netns-cookie"][4]/@name)')" = "wrong, upstream, defaults" ]
	[ "$(xml 'string(//testcase[@classname="xsk-netns-cookie"][5]/@name)')" = "wrong, upstream, LAYOUT=different" ]
	[ "$(xml 'string(//testcase[@classname="tcp-ports"][2]/@name)')" = "wrong, defaults" ]
	[[ $(xml 'string(//failure/@message)') == "success before the fix"* ]]
}

@test "KTAP: prove's parser reads passes, failures and skips" {
	run -1 nightly "good wrong lost" CASES="xsk-netns-cookie tcp-ports xsk-bindtodevice" # a subtest for each case
	[ "$(tap "$lab/build/nightly/results.ktap")" = "0 3 0 0" ]
	sed -n 's/^  //p' "$lab/build/nightly/results.ktap" |
		awk -v dir="$BATS_TEST_TMPDIR" '/^KTAP/ { n++ } { print > (dir "/" n ".tap") }'
	[ "$(tap "$BATS_TEST_TMPDIR/1.tap")" = "6 3 3 0" ] # it passes what is skipped
	[ "$(tap "$BATS_TEST_TMPDIR/2.tap")" = "2 1 1 0" ]
	run -125 nightly lost
	[ "$(tap "$lab/build/nightly/results.ktap")" = "1 0 1 0" ]
}

@test "KTAP: the kernel's kunit.py counts the cells, hostile words or not" {
	command -v python3 >/dev/null || skip "python3 is missing"
	for tree in "$(jq -r .source_dir build/kernel.json)" "${XDG_CACHE_HOME:-$HOME/.cache}"/xsklab/sources/*; do
		kunit=$tree/tools/testing/kunit
		! grep -qs KTAP "$kunit/kunit_parser.py" || break
	done
	grep -qs KTAP "$kunit/kunit_parser.py" || skip "the kernels here are older than KTAP"
	run -1 nightly "good wrong lost hostile"
	PYTHONDONTWRITEBYTECODE=1 run -1 python3 "$kunit/kunit.py" parse "$lab/build/nightly/results.ktap"
	[[ $output == *"Ran 12 tests: passed: 3, failed: 6, skipped: 3"* ]]
}

@test "the summary has a row for each cell, with its outcomes" {
	run -1 --separate-stderr nightly "good wrong lost"
	[ "$output" = "$(cat "$lab/build/nightly/summary.md")" ]
	[[ ${lines[0]} == "# Nightly: 3 of 9 cells as predicted, 3 not, 3 lab failures" ]]
	[[ $output == *'| case | kernel | release | library | words | outcomes | result | s |'* ]]
	[ "$(grep -c '^| `' <<<"$output")" = 9 ]
	[[ $output == *'| `xsk-netns-cookie` | `good` | `5.15.0` | `upstream` | `QUEUES=2` | `before: EINVAL; after: success` | as predicted | 1.5 |'* ]]
	[[ $output == *'| `xsk-netns-cookie` | `wrong` | `5.15.0` | `upstream` |  | `before: success; after: success` | **not as predicted** | 1.5 |'* ]]
	[[ $output == *'| `xsk-netns-cookie` | `lost` |  | `upstream` |  |  | **lab failure**, tried 2 times | 0 |'* ]]
	[[ $output == *'- `xsk-netns-cookie lost upstream LAYOUT=different`: `panic: Kernel panic - not syncing; see build/x`; log: '* ]]
}

@test "the summary is appended to GITHUB_STEP_SUMMARY" {
	echo before >"$BATS_TEST_TMPDIR/step"
	GITHUB_STEP_SUMMARY=$BATS_TEST_TMPDIR/step run -0 nightly good
	[ "$(cat "$BATS_TEST_TMPDIR/step")" = "before
$(cat "$lab/build/nightly/summary.md")" ]
}

@test "PREVIOUS: changes are newly failing, still failing, fixed, lab failure, or none" {
	earlier=$BATS_TEST_TMPDIR/earlier.jsonl
	run -1 nightly "good wrong lost"
	# Pretend that other kernels were good and wrong the night before.
	jq -c 'if .kernel then
			.kernel = {good: "wrong", wrong: "wrong2", lost: "good"}[.kernel],
			(select(.kernel == "wrong") | .kernel = "good2"), (select(.kernel == "wrong") | .kernel = "lost")
		else . end' "$results" >"$earlier"
	run -1 --separate-stderr nightly "good good2 wrong wrong2 lost" PREVIOUS="$earlier"
	[ "$(changes)" = \
"good null
good2 fixed
lost lab failure
wrong newly failing
wrong2 still failing" ]
	[[ $output == *"compared with \`$(jq -rs .[0].started "$earlier")\`: 3 fixed, 3 newly failing, 3 still failing."* ]]
	[[ $output == *"**not as predicted**, newly failing"* ]]
}

@test "a lab failure in between does not make an old failure new" {
	run -1 nightly wrong
	jq -c 'if .kernel then .kernel = "lost" else . end' "$results" >"$BATS_TEST_TMPDIR/1"
	run -125 nightly lost PREVIOUS="$BATS_TEST_TMPDIR/1"
	jq -c 'if .kernel then .kernel = "wrong" else . end' "$results" >"$BATS_TEST_TMPDIR/2"
	run -1 nightly wrong PREVIOUS="$BATS_TEST_TMPDIR/2"
	[ "$(changes)" = "wrong still failing" ]
}

@test "without PREVIOUS a run is compared with the last complete one here" {
	run -1 --separate-stderr nightly wrong
	said "not comparing with an earlier run: no build/nightly/previous.jsonl"
	[ "$(changes)" = "wrong null" ]
	interrupt TERM
	[ ! -e "$results" ]
	run -1 --separate-stderr nightly wrong
	[ "$(changes)" = "wrong still failing" ]
}

# bats test_tags=slow
@test "an unusable PREVIOUS gives one line, and the run goes on" {
	run -0 nightly good
	cp "$results" "$BATS_TEST_TMPDIR/whole"
	cd "$BATS_TEST_TMPDIR"
	: >empty
	echo "no JSON" >text
	head -c 300 whole >half
	sed '1s/"version":3/"version":2/' whole >version
	echo '{"kernel":"good"}' >headless
	echo '[1,2]' >array
	head -c 4096 /dev/urandom >random
	for file in missing empty text half version headless array random "$BATS_TEST_TMPDIR"; do
		[ "$file" = "$BATS_TEST_TMPDIR" ] || file=$BATS_TEST_TMPDIR/$file
		run -0 --separate-stderr nightly good PREVIOUS="$file"
		[ "$(grep -c "not comparing with an earlier run: .*$file" <<<"$stderr")" = 1 ]
		[ "$(grep -vcE '^xsklab: (building for|xsk-netns-cookie good|not comparing)' <<<"$stderr")" = 0 ]
		[ "$(changes)" = "good null" ]
	done
	said "$BATS_TEST_TMPDIR"
	run -0 --separate-stderr nightly good PREVIOUS="$BATS_TEST_TMPDIR/version"
	said "$BATS_TEST_TMPDIR/version has version 2 of the format instead of 3"
}

@test "earlier results with unknown fields do not end the run" {
	printf '%s\n' '{"format":"xsklab nightly","version":3}' '{"kernel":{"a":[]}}' '{}' \
		'{"case":"xsk-netns-cookie","kernel":"wrong","library":"upstream","words":"","last_known":7}' >"$BATS_TEST_TMPDIR/odd"
	run -1 nightly wrong PREVIOUS="$BATS_TEST_TMPDIR/odd"
	[ "$(changes)" = "wrong newly failing" ]
}

@test "hostile words of a guest stay words in every format" {
	run -1 --separate-stderr nightly hostile
	# One line each, no control characters, valid XML of the same structure.
	[ "$(wc -l <"$results")" = 4 ]
	for file in results.jsonl junit.xml results.ktap summary.md; do
		run -1 grep -P '[\x00-\x08\x0b-\x1f\x7f]' "$lab/build/nightly/$file"
	done
	[ "$(xml 'count(//*)')" = 8 ] # testsuites, testsuite, 3 x (testcase, failure)
	[[ $(xml 'string(//failure/@message)') == *'<script>alert("1")</script> ]]> & &amp;'* ]]
	# Each row has as many cells as the head, and no Markdown of its own.
	[ "$(grep '^|' "$lab/build/nightly/summary.md" | sed 's/\\|//g' | tr -cd '|\n' | sort -u)" = '|||||||||' ]
	run -1 grep -E '^(#|##|-) *(injected|\[x\])' "$lab/build/nightly/summary.md"
	[ "$(grep -c '^- `xsk-netns-cookie hostile' "$lab/build/nightly/summary.md")" = 3 ]
	[ "$(sed 's/`[^`]*`//g' "$lab/build/nightly/summary.md" | grep -cE '@|<|script|\$\(')" = 0 ]
	# No directive, no extra test.
	[ "$(grep -cE '^ *(not )?ok ' "$lab/build/nightly/results.ktap")" = 4 ]
	run -1 grep -E '# (SKIP|Subtest: [^x])' "$lab/build/nightly/results.ktap"
	[ ! -e "$lab/injected" ]
}

@test "each cell that is not as predicted gets a report, and no other" {
	printf '#!/bin/sh\necho "$@" >>"$CALLS.report"\n[ -e "$1/verdict.json" ] && mkdir "$2"\n' >"$lab/repro/report"
	chmod +x "$lab/repro/report"
	run -1 nightly "good wrong lost"
	[ "$(wc -l <"$CALLS.report")" = 3 ]
	[ "$(cells 'select(.result == "not as predicted") | .report' | grep -c '^build/nightly/cells/.*/report$')" = 3 ]
	[ "$(cells 'select(.result != "not as predicted") | .report' | sort -u)" = null ]
	grep -q '; report: `build/nightly/cells/' "$lab/build/nightly/summary.md"
	# A failing report gives a message, and changes no result.
	printf '#!/bin/sh\nexit 125\n' >"$lab/repro/report"
	run -1 --separate-stderr nightly wrong
	said "xsk-netns-cookie: no report; see build/nightly/cells/"
}
