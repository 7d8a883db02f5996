#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/nightly: cells, how they end, and the words that choose them.

# shellcheck disable=SC2016 # quoted text is for another shell
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats, results and lab by setup

load lib
load nightly

@test "a pass, a failure and a lab failure exit with 1, and each has its result" {
	run -1 --separate-stderr nightly "good wrong lost"
	[ "$(cells '"\(.kernel): \(.words): \(.result)"')" = \
"good: : as predicted
good: LAYOUT=different: as predicted
good: QUEUES=2: as predicted
wrong: : not as predicted
wrong: LAYOUT=different: not as predicted
wrong: QUEUES=2: not as predicted
lost: : lab failure
lost: LAYOUT=different: lab failure
lost: QUEUES=2: lab failure" ]
	# repro/run gets the words of an entry; other knobs have their defaults.
	[ "$(grep -c "^again good upstream LAYOUT=different QUEUES=$" "$CALLS")" = 1 ]
	[ "$(grep -c "^again good upstream LAYOUT= QUEUES=2$" "$CALLS")" = 1 ]
	run -0 jq -rs '.[0] | "\(.format) \(.version): \(.cells) \(.as_predicted) \(.not_as_predicted) \(.lab_failures)"' "$results"
	[ "$output" = "xsklab nightly 3: 9 3 3 3" ]
}

@test "the exit code is 0 if all is as predicted, 125 if only lab failures are not" {
	run -0 --separate-stderr nightly good
	run -125 --separate-stderr nightly "good lost"
	[[ $output == *"# Nightly: 3 of 6 cells as predicted, 0 not, 3 lab failures"* ]]
}

@test "a cell with a lab failure is tried once more, one with a verdict is not" {
	run -1 nightly "good wrong lost flaky" JOBS=4
	[ "$(cells '"\(.kernel) \(.tries) \(.result)"' | sort -u)" = \
"flaky 2 as predicted
good 1 as predicted
lost 2 lab failure
wrong 1 not as predicted" ]
	for kernel in good:3 wrong:3 lost:6 flaky:6; do
		[ "$(grep -c "^again ${kernel%:*} " "$CALLS")" = "${kernel#*:}" ]
	done
}

@test "an exit code without the matching verdict is a lab failure" {
	run -125 nightly "liar silent crash"
	[ "$(cells .result | sort -u)" = "lab failure" ]
	[ "$(cells '.reason | sub("; see .*"; "")' | sort -u)" = \
"repro/run exited with 0, but the verdict is missing
repro/run exited with 0, but the verdict is not-reproduced
repro/run exited with 137, but the verdict is missing" ]
}

@test "if a kernel cannot be fetched or built, its cells are lab failures, and the others run" {
	run -125 --separate-stderr nightly "nowhere good unbuildable"
	[ "$(cells '"\(.kernel) \(.result): \(.reason)"' | sort -u)" = \
"good as predicted: EINVAL before the fix, success after it
nowhere lab failure: KERNEL=nowhere: no such kernel
unbuildable lab failure: the kernel does not build" ]
	[ "$(grep -c '^build nowhere' "$CALLS")" = 1 ]
	[ "$(grep -c '^build unbuildable' "$CALLS")" = 2 ]
	run -1 grep -E '^again (nowhere|unbuildable)' "$CALLS"
}

@test "kernel and library are built once for all entries, before any cell runs" {
	run -0 nightly "good good2" LIBXDPS="one two"
	[ "$(head -n 4 "$CALLS" | cut -d' ' -f1-3)" = \
"build good one
build good two
build good2 one
build good2 two" ]
	[ "$(grep -c '^again' "$CALLS")" = 12 ]
	# The cells had what was built, but not its lock, and keep only results.
	[ "$(grep -c '^has program$' "$CALLS.has")" = 12 ]
	[ -z "$(find "$lab/build/nightly/cells" -name program)" ]
}

@test "JOBS cells run at once, no more and no fewer" {
	# A cell ends when MEET cells run, or fails after PATIENCE tries.
	MEET=3 run -0 nightly meets JOBS=3
	MEET=2 PATIENCE=5 run -125 nightly meets JOBS=1
	[ "$(cells '"\(.tries)"' | sort -u)" = 2 ]
}

@test "invalid knobs are refused in one line, before anything is done" {
	for knob in JOBS=0 JOBS=many JOBS=1000 KERNEL=v5.15 LIBXDP=distro LAYOUT=different QUEUES=2 INDEX=x ACCEL=x DEADLINE=0 "KERNELS= " "LIBXDPS= " "CASES= " CASES=nowhere \
		"CASES=all xsk-netns-cookie" CASE=tcp-ports SWAP=1 BUILD=a%b; do
		run -2 --separate-stderr "$lab/repro/nightly" "$knob"
		one_line
		[ ! -e "$CALLS" ]
	done
	LAYOUT=different run -2 --separate-stderr "$lab/repro/nightly"
	one_line
	said "LAYOUT=different: the nightly list of the case xsk-forward chooses LAYOUT"
	for words in BUILD=/tmp/a BUILD=../a CASES=repro/cases/tcp-ports; do
		run -2 --separate-stderr "$lab/repro/nightly" HOSTS=a "$words"
		one_line
		said "HOSTS=a: needs a BUILD within the checkout"
	done
	[ ! -e "$CALLS" ]
}

@test "CASES=all is every case but the template; a knob goes to the cases that have it" {
	run -0 "$lab/repro/nightly" plan KERNELS="a b" LIBXDPS=one INDEX=7
	[ "$(jq -rs 'map(.case) | unique | join(" ")' <<<"$output")" = "$(cd "$lab/repro/cases" && rm -r template && echo *)" ]
	[ "$(jq -rs 'map(select(.run | index("INDEX=7"))) | map(.case) | unique | .[]' <<<"$output")" = \
		"$(grep -l '"INDEX"' "$lab"/repro/cases/*/case.json | xargs -n 1 dirname | xargs -n 1 basename | sort)" ]
	[ "$(jq -rs 'map(select(.case == "tcp-ports")) | length' <<<"$output")" = 2 ]
	[ "$(jq -rs 'map(.id) | length == (unique | length)' <<<"$output")" = true ]
	[ ! -e "$lab/build" ]
}

@test "plan, run and collect do in three places what nightly does in one" {
	cd "$BATS_TEST_TMPDIR"
	run -0 --separate-stderr nightly "good wrong" plan
	echo "$output" >plan
	for kernel in good wrong; do
		mkdir "$kernel"
		cp -r "$lab/repro" "$lab/vm" "$kernel"
		jq -c "select(.kernel == \"$kernel\")" plan | "$kernel/repro/nightly" run
		mkdir -p "$lab/build/nightly/cells"
		cp -r "$kernel/build/nightly/cells/." "$lab/build/nightly/cells"
	done
	rm -r "$lab/build/nightly/cells/"xsk-netns-cookie-good*-2 # a machine that was lost
	run -1 --separate-stderr "$lab/repro/nightly" collect PREVIOUS=none <plan
	[ "$(cells '"\(.kernel) \(.words) \(.result)"')" = \
"good  as predicted
good LAYOUT=different lab failure
good QUEUES=2 as predicted
wrong  not as predicted
wrong LAYOUT=different not as predicted
wrong QUEUES=2 not as predicted" ]
	[[ $(cells 'select(.result == "lab failure") | .reason') == "no host ran this cell to its end; see build/"* ]]
	for text in "" "no JSON"; do
		run -2 --separate-stderr "$lab/repro/nightly" run <<<"$text"
		one_line
	done
}

# another_case FILTER: make the case "other" in that lab, from the existing one with jq.
another_case() {
	local other=$lab/repro/cases/other
	cp -r "$lab/repro/cases/xsk-netns-cookie" "$other"
	jq "$1" "$lab/repro/cases/xsk-netns-cookie/case.json" >"$other/case.json"
}

@test "a case with nothing to choose has one cell; one that chooses its kernels ignores KERNELS" {
	another_case 'del(.library, .knobs, .nightly) | .columns |= map_values(.words = "KERNEL=v6.1") | .rows = ["a"] | .expect = [{is: {}}]'
	LIBXDPS="one two" run -0 --separate-stderr "$lab/repro/nightly" KERNELS="good wrong" CASES=other
	[ "$(cells '"\(.kernel):\(.library):\(.words): \(.result)"')" = "::: as predicted" ]
	[ "$(cut -d' ' -f1 "$CALLS")" = $'build\nagain' ]
	[[ $output == *"| \`other\` | \`the case's kernels\` | \`5.15.0\` |  |  | \`before: EINVAL; after: success\` | as predicted | 1.5 |"* ]]
	[ "$(xml 'string(//testcase/@name)')" = "the case's kernels, defaults" ]
	[ "$(tap "$lab/build/nightly/results.ktap")" = "1 0 0 0" ]
	# If one column chooses no kernel, each of KERNELS counts.
	rm -r "$lab/repro/cases/other"
	another_case 'del(.library, .nightly) | .columns |= {a: {words: "KERNEL=v6.1"}, b: {}, c: {}}
		| .expect |= map(del(.columns))'
	run -2 --separate-stderr nightly "good wrong" CASES=other
	said "unknown knob LIBXDPS=upstream"
	run -1 --separate-stderr "$lab/repro/nightly" KERNELS="good wrong" CASES=other INDEX=7
	[ "$(cells '"\(.kernel):\(.library):\(.words): \(.result)"')" = $'good::: as predicted\nwrong::: not as predicted' ]
}

@test "an interrupted run leaves no results and no process" {
	run -0 nightly good
	for signal in INT TERM KILL; do
		interrupt $signal
		for file in results.jsonl junit.xml results.ktap summary.md; do
			[ ! -e "$lab/build/nightly/$file" ]
		done
		for _ in {1..30}; do
			pgrep -f "$lab" >/dev/null || break
			sleep 0.1
		done
		run -1 pgrep -f "$lab"
	done
	run -0 nightly good
}

@test "a nightly with a kernel, exchanged columns, and a missing kernel" {
	kernel=${KERNEL:-$(jq -r 'if .source == "kernel.org" then "v5.15" else "distro" end' build/kernel.json)}
	libxdp=${LIBXDP:-$(jq -r 'if .source == "xdp-tools" then "upstream" else "distro" end' build/libxdp/FIX/library.json)}
	lab=$BATS_TEST_TMPDIR/real
	results=$lab/build/nightly/results.jsonl
	mkdir "$lab"
	cp -r Makefile repro vm kernel-config gdbscripts netns "$lab"
	export ZSTD_LEVEL=1 # fast: nobody reads these two reports
	run -1 --separate-stderr "$lab/repro/nightly" CASES=xsk-netns-cookie KERNELS="$kernel /nonexistent" LIBXDPS="$libxdp" SWAP=1
	[ "$(cells '"\(.words): \(.result) \(.outcomes.before) \(.outcomes.after)"')" = \
": not as predicted success EINVAL
LAYOUT=different: as predicted success success
QUEUES=2: not as predicted success EINVAL
: lab failure null null
LAYOUT=different: lab failure null null
QUEUES=2: lab failure null null" ]
	[ "$(cells 'select(.kernel == "/nonexistent") | .reason' | sort -u)" = \
		"KERNEL=/nonexistent: must be vX.Y[.Z], distro, a folder, or GITDIR#REF" ]
	[ "$(xml 'count(//failure)')" = 2 ]
	[ "$(xml 'count(//error)')" = 3 ]
}

@test "make nightly passes the knobs on, and fails if a cell is not as predicted" {
	cp Makefile "$lab"
	run -0 make -s -C "$lab" nightly CASES=xsk-netns-cookie KERNELS="good /a/git#v1" LIBXDPS=upstream BUILD=out
	[ "$(grep -c '^again /a/git#v1 ' "$CALLS")" = 3 ]
	[ -s "$lab/out/nightly/results.jsonl" ]
	# The next one there is compared with it.
	run -0 make -s -C "$lab" nightly CASES=xsk-netns-cookie KERNELS=good LIBXDPS=upstream BUILD=out
	[ -s "$lab/out/nightly/previous.jsonl" ]
	run -2 make -s -C "$lab" nightly CASES=xsk-netns-cookie KERNELS=wrong LIBXDPS=upstream
	run -2 make -s -C "$lab" nightly CASE=tcp-ports
	[[ $output == *"unknown knob CASE=tcp-ports; name it in CASES"* ]]
}
