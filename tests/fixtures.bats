#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/run judge on recorded runs, one for each way in which a run ends: no guest, no kernel
# and no program is needed. tests/fixture records them anew.

# shellcheck disable=SC2154 # bats sets output and stderr

load lib

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	make -s --no-print-directory build/errno.json
}

# judged NAME STATUS VERDICT REASON DIFFERENCES: the run is judged so, and verdict and
# screen are to the letter what they were when it was recorded.
judged() {
	local out=$BATS_TEST_TMPDIR/$1
	run "-$2" --separate-stderr tests/fixture judge "$1" "$out"
	[ "$(jq -r .verdict "$out/verdict.json")" = "$3" ]
	[ "$(jq -r .reason "$out/verdict.json")" = "$4" ]
	[ "$(jq -r '.differences | length' "$out/verdict.json")" = "$5" ]
	diff "tests/fixtures/$1/screen" <(echo "$output")
	diff <(jq . "tests/fixtures/$1/run"/*/verdict.json) <(jq . "$out/verdict.json")
	[ -z "$(jq -r -L repro/judge --slurpfile schema repro/judge/verdict.schema.json 'include "validate"; errors($schema[0])' "$out"/*/verdict.json || echo failed)" ]
	# The calls that were asked about are those that the log has today.
	diff <(find "$out" -name 'refused.*.json' | sort -V | xargs -r cat) \
		<(jq -c '.[].refused[] | del(.rows)' "$out"/*/refusals.json)
}

@test "a run that reproduces the bug" {
	judged reproduced 0 reproduced "EINVAL before the fix, success after the fix" 0
	[[ ${lines[-1]} == "  REPRODUCED: "* ]]
}

@test "a control, in which the columns do not differ" {
	judged control 0 reproduced "success before the fix, success after the fix" 0
	[[ ${lines[-1]} == "  AS PREDICTED: "* ]]
}

@test "a run with its columns exchanged" {
	judged not-reproduced 1 not-reproduced \
		"success before the fix, EINVAL after the fix; before: inner 0: success instead of EINVAL" 5
	[[ ${lines[-1]} == "  NOT REPRODUCED: "* ]]
	# The other column's library went with it.
	library() { jq -r .version "tests/fixtures/not-reproduced/run/libxdp/$1/library.json"; }
	[[ ${lines[0]} == *"libxdp $(library FIX) / libxdp $(library FIX-parent)" ]]
}

@test "a run with more rows, of which a refusal has two" {
	judged two-queues 0 reproduced "EINVAL before the fix, success after the fix" 0
	[ "$(jq -c '[.columns[].refused[].rows]' "$BATS_TEST_TMPDIR/two-queues/verdict.json")" = '[["inner 0","inner 1"]]' ]
}

@test "a kernel for which the case expects something else, and says why" {
	judged before-5.14 0 reproduced \
		"EINVAL before the fix, EINVAL after the fix: no SO_NETNS_COOKIE before Linux 5.14, so the fix cannot tell the namespaces apart" 0
}

@test "a table of one column without probes, with two refusals and an error that the kernel did not make" {
	judged one-column 0 reproduced "all of 4 rows are as the case expects" 0
	[ "$(jq -c '[.columns[].refused[] | [.rows[0], .error, (.at.condition | length > 0)]]' "$BATS_TEST_TMPDIR/one-column/verdict.json")" = \
		'[["port in use","EADDRINUSE",true],["address of another host","EADDRNOTAVAIL",true]]' ]
	[ "$(jq -c '.columns[0].rows[3] | [.errno, .call]' "$BATS_TEST_TMPDIR/one-column/verdict.json")" = '["EAGAIN",null]' ]
}

@test "every recorded run has a row here" {
	for fixture in tests/fixtures/*; do
		grep -qE "judged ${fixture##*/} [01] " tests/fixtures.bats
	done
}
