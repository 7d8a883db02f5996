#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# .github/workflows/nightly.yml, which calls repro/nightly.

# shellcheck disable=SC2016 # quoted text is for another shell
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats, results and lab by setup

load lib
load nightly

# steps: write the shell code of each run step of the workflow into $steps/JOB.NUMBER.
steps() {
	steps=$BATS_TEST_TMPDIR/steps
	mkdir "$steps"
	awk -v dir="$steps" '
		/^  [a-z-]+:$/ { job = substr($1, 1, length($1) - 1) }
		/^      - / { file = sprintf("%s/%s.%02d", dir, job, ++n); block = 0 }
		/^        run: \|$/ { block = 1; next }
		/^        run: / { sub(/^        run: /, ""); print >file; next }
		block && /^          / { print substr($0, 11) >file; next }
		{ block = 0 }' .github/workflows/nightly.yml
}

# github: put stand-ins for GitHub's programs on PATH. gh records its arguments and stdin;
# apt-get does nothing.
github() {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "gh $*" >>"$CALLS.gh"\n[ "$1" = issue ] && [ "$2" = list ] && cat "$CALLS.issue" 2>/dev/null\ncase $* in *--body-file*) cat >"$CALLS.text" ;; esac\n[ "$1 $2" != "run download" ] || { mkdir -p previous && cp "$CALLS.previous" previous/results.jsonl; }\n' \
		>"$BATS_TEST_TMPDIR/bin/gh"
	printf '#!/bin/sh\n' | tee "$BATS_TEST_TMPDIR/bin/apt-get" >"$lab/repro/needs"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	export GITHUB_OUTPUT=$BATS_TEST_TMPDIR/output GITHUB_STEP_SUMMARY=$BATS_TEST_TMPDIR/step RUN_URL=https://example/run/1
}

# job NAME: run the steps of a job in order, as GitHub's runner does, until one fails.
job() {
	local step
	for step in "$steps/$1".*; do
		[ -z "$failed" ] || continue
		(cd "$lab" && bash --noprofile --norc -eo pipefail "$step") || failed=$step
	done
}

# workflow KERNEL: run the jobs of a nightly with one kernel, in one checkout, so that no step
# must fetch files. The last step is for a failed run.
workflow() {
	export CASES=xsk-netns-cookie KERNELS=$1 LIBXDPS=upstream failed=''
	: >"$GITHUB_OUTPUT"
	job plan
	[ "$(sed -n 's/^kernels=//p' "$GITHUB_OUTPUT")" = "[\"$1\"]" ]
	unset CASES KERNELS LIBXDPS
	KERNEL=$1 job kernel
	job collect
	[ -z "$failed" ] || (cd "$lab" && bash --noprofile --norc -eo pipefail "$steps/tell")
}

@test "the workflow's steps run by hand in a clean folder, and report a regression once" {
	local -a collect
	steps
	collect=("$steps"/collect.*)
	mv "${collect[-1]}" "$steps/tell"
	github
	mkdir -p "$BATS_TEST_TMPDIR/home/.cache/xsklab"/{kernels/a,libraries/b,sources/c}
	HOME=$BATS_TEST_TMPDIR/home

	workflow good # the first run: gh has no results
	[ -z "$failed" ]
	grep -q '^key=[0-9a-f]\{32\}$' "$GITHUB_OUTPUT"
	grep -q '^# Nightly: 3 of 3' "$GITHUB_STEP_SUMMARY"
	run -1 grep 'gh issue' "$CALLS.gh"

	jq -c 'if .kernel then .kernel = "wrong" else . end' "$results" >"$CALLS.previous"
	workflow wrong # a regression that has no issue yet
	[ -n "$failed" ]
	[ "$(grep -c '^gh issue create' "$CALLS.gh")" = 1 ]
	grep -q '^# Nightly: 0 of 3 cells as predicted, 3 not' "$CALLS.text"
	grep -q 'https://example/run/1' "$CALLS.text"

	cp "$results" "$CALLS.previous"
	echo 42 >"$CALLS.issue"
	: >"$CALLS.gh"
	workflow wrong # the same again: update the issue, send no mail
	[ "$(grep '^gh issue' "$CALLS.gh")" = "gh issue list --label nightly --state open --limit 1 --json number --jq .[].number
gh issue edit 42 --body-file -" ]

	: >"$CALLS.gh"
	workflow lost # a lab failure is not a regression
	[ -n "$failed" ]
	run -1 grep 'gh issue' "$CALLS.gh"

	jq -c 'if .kernel then .last_known = "as predicted" else . end' "$results" |
		sed 's/"lost"/"wrong"/' >"$CALLS.previous"
	workflow wrong # another regression while the issue is open
	[ "$(grep -c '^gh issue edit 42' "$CALLS.gh")" = 1 ]
	[ "$(grep -c '^gh issue comment 42' "$CALLS.gh")" = 1 ]
	run -1 grep 'gh issue create' "$CALLS.gh"
}

@test "the workflow puts no foreign text into a shell, and pins its actions" {
	steps
	[ "$(find "$steps" -type f | wc -l)" -ge 5 ]
	run -1 grep -r '\${{' "$steps"
	shellcheck -s bash "$steps"/*
	run -0 grep -E '^ *-? *uses: ' .github/workflows/nightly.yml
	for line in "${lines[@]}"; do
		[[ $line =~ uses:\ actions/[a-z/-]+@v[0-9]+$ ]]
	done
}
