#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/errno-menu: each row of the program is refused as errno-menu.json says, and make why finds
# the lines that it names.

load lib

data=tests/errno-menu/errno-menu.json

# One guest runs all rows, on the lab's kernel.
setup_file() {
	export out=$BATS_FILE_TMPDIR/out
	make -s --no-print-directory build/errno-menu
	strip -o "$BATS_FILE_TMPDIR/errno-menu" build/errno-menu
	vm/image build/gen_init_cpio "$BATS_FILE_TMPDIR/case.cpio" \
		/case/errno-menu.sh=tests/guests/errno-menu.sh /case/errno-menu="$BATS_FILE_TMPDIR/errno-menu"
	cat build/guest.cpio "$BATS_FILE_TMPDIR/case.cpio" >"$BATS_FILE_TMPDIR/initrd"
	DEADLINE=300 vm/boot build/kernel "$BATS_FILE_TMPDIR/initrd" "$out" CASE=errno-menu
}

# lines: print the data of each row that holds for the lab's kernel.
lines() {
	jq -c --arg release "$(jq -r .release build/kernel.json)" '
		def version: [scan("[0-9]+") | tonumber][:2];
		.rows[].lines | map(select((.since | version) <= ($release | version))) | last' "$data"
}

@test "program and data have the same rows, each once" {
	build/errno-menu --list >"$BATS_TEST_TMPDIR/program"
	jq -r '.rows[].name' "$data" >"$BATS_TEST_TMPDIR/data"
	diff "$BATS_TEST_TMPDIR/program" "$BATS_TEST_TMPDIR/data"
	[ -z "$(sort "$BATS_TEST_TMPDIR/program" | uniq -d)" ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/program")" -ge 25 ]
}

@test "every row's call is refused as the row expects" {
	diff <(jq -c '.rows[] | {row: .name, exit: 1}' "$data") \
		<(jq -c 'select(.row)' "$out/result.jsonl")
}

@test "strace sees each row's errno at its call, and no failing call after it" {
	diff <(jq -r '.rows[] | "\(.name) \(.call) \(.errno)"' "$data") <(awk '
		/^# / { rows[++n] = $2; next }
		match($0, / = -1 E[A-Z0-9]+ /) {
			failed = substr($0, RSTART + 6, RLENGTH - 7)
			sub(/^[0-9]+ +\[ *[0-9]+\] /, "")
			last[n] = substr($0, 1, index($0, "(") - 1) " " failed
		}
		END { for (i = 1; i <= n; i++) print rows[i], last[i] }' "$out/strace.log")
}

@test "a row that does not reach its call, or is not refused, exits with 3" {
	diff <(printf '{"without_network":"%s","exit":3}\n' collision share-other-device) \
		<(jq -c 'select(.without_network)' "$out/result.jsonl")
	grep -q "before the call: .*: No such device" "$out/console.log"
	grep -q "share-other-device: this should have been EINVAL" "$out/console.log"
}

@test "an unknown row is bad usage" {
	for words in "" "no-such-row" "ring-size ring-size" "--list --list"; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr build/errno-menu $words
		[ -z "$output" ]
		one_line
	done
}

@test "each row has lines for the oldest kernel, and newer ones in order" {
	jq -e 'def version: [scan("[0-9]+") | tonumber][:2];
		all(.rows[].lines | map(.since | version); .[0] == [5, 10] and . == (sort | unique))' "$data"
}

@test "the kernel's source has the conditions and statements of the data" {
	source=$(jq -r .source_dir build/kernel.json)
	[ -d "$source/net/xdp" ] || skip "the kernel's source is not there"
	lines >"$BATS_TEST_TMPDIR/lines"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/lines")" = "$(jq '.rows | length' "$data")" ]
	jq -r '.file as $file | .condition, .statement, .settled_by | select(.) | "\($file)\t\(.)"' \
		"$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/texts"
	while IFS=$'\t' read -r file text; do
		tr -s '[:space:]' ' ' <"$source/$file" | grep -qF -- " $text " || {
			echo "not in $file: $text"
			return 1
		}
	done <"$BATS_TEST_TMPDIR/texts"
}

# Ten different origins: privilege, a switch, a loop in another file, an inlined check, a
# pointer, a budget, no condition, set before the check, another task, outside the network.
KINDS=(xsk-unprivileged option-unknown umem-unmapped collision share-of-udp send-too-many
	connect-xsk tcp-port-in-use tcp-no-server open-absent)

# answer_row ROW: print make why's answer as a line of JSON, or why there is none. Runs at the same
# time have a build folder each.
answer_row() {
	local build=build/menu.$SLOT
	if BUILD=$build repro/why "PROG=$BATS_FILE_TMPDIR/errno-menu" "ARGS=$1" >"$BATS_TEST_TMPDIR/screen.$SLOT" 2>&1; then
		jq -c --arg row "$1" '{row: $row, call, errno, file, line, condition, statement, inlined, kind, seconds}' "$build/why.json"
	else
		echo "$1: $(tail -n 1 "$BATS_TEST_TMPDIR/screen.$SLOT")"
	fi
}

# answered ROW...: ask about the rows that this run of the file has not asked about yet, and
# compare all answers with the data.
answered() {
	local answers=$BATS_FILE_TMPDIR/answers asked
	touch "$answers"
	asked=$(jq -rR 'fromjson? // {} | .row // empty' "$answers")
	export -f answer_row
	# shellcheck disable=SC2016 # it is for the other bash
	printf '%s\n' "$@" | grep -vxF "${asked:-none}" |
		xargs -r -P "$(nproc)" -n 1 --process-slot-var=SLOT bash -c 'answer_row "$1"' answer_row >>"$answers"
	jq -nrR --slurpfile data "$data" --arg release "$(jq -r .release build/kernel.json)" '
		def version: [scan("[0-9]+") | tonumber][:2];
		[inputs | fromjson? // {row: .}] as $answers
		| ($data[0].rows | map({(.name): (. + (.lines | map(select((.since | version) <= ($release | version))) | last))}) | add) as $rows
		| $answers[] | $rows[.row] as $expected
		| if $expected == null then .row
		  elif .call != $expected.call or .errno != $expected.errno then "\(.row): \(.call) \(.errno)"
		  # The lab finds what another task stored, but not why.
		  elif (.kind == "elsewhere" and .condition == null | not) and
			([.condition, .inlined[].text] | index($expected.condition) == null and index($expected.settled_by) == null)
		  then "\(.row): \(.condition) instead of \($expected.condition)"
		  elif .statement.text != $expected.statement then "\(.row): \(.statement.text) instead of \($expected.statement)"
		  else empty end' "$answers" >"$BATS_TEST_TMPDIR/differences"
	diff /dev/null "$BATS_TEST_TMPDIR/differences"
	[ "$(wc -l <"$answers")" = $# ]
}

@test "make why names the condition and the statement of ten rows of different kinds" {
	answered "${KINDS[@]}"
}

# Two guests for each row: some minutes.
# bats test_tags=slow
@test "make why names the condition and the statement of every row" {
	mapfile -t rows < <(jq -r '.rows[].name' "$data")
	answered "${rows[@]}"
	cp "$BATS_FILE_TMPDIR/answers" build/errno-menu.answers
}

# bats test_tags=slow
@test "rows that the same line refuses have the same condition" {
	run jq -nr --slurpfile data "$data" --slurpfile answers build/errno-menu.answers --arg release "$(jq -r .release build/kernel.json)" '
		def version: [scan("[0-9]+") | tonumber][:2];
		($data[0].rows | map({(.name): (.lines | map(select((.since | version) <= ($release | version))) | last | "\(.file) \(.condition) \(.statement)")}) | add) as $expected
		| $answers | group_by([.file, .line, .statement.line])[]
		| select([$expected[.[].row]] | unique | length > 1) | map(.row) | join(" and ")'
	[ -z "$output" ] || { echo "$output"; return 1; }
	[ "$(jq -s 'map("\(.file):\(.line)") | unique | length' build/errno-menu.answers)" -ge 50 ]
}
