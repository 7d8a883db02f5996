#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/soak: its counts and exit codes, and what it keeps.

# shellcheck disable=SC2016 # quoted text is for another shell
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats

load lib

run_dir=build/xsk-netns-cookie

# runs FILTER: read the last soak's runs.jsonl.
runs() { jq -r "$1" build/soak/runs.jsonl; }

# counted VERDICT N: does the table have N of this verdict?
counted() { [[ $output =~ $1\ +$2$'\n' ]] || { echo "$output"; return 1; }; }

# stand_in TEXT: put a QEMU on PATH that does TEXT instead.
stand_in() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/bash\n[ "$1" != --version ] || exec %s --version\n%s\n' \
		"$(command -v qemu-system-x86_64)" "$1" >"$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	chmod +x "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# bats test_tags=slow
@test "two runs as predicted are counted, timed and measured, and not kept" {
	N=2 run -0 --separate-stderr make -s soak
	[[ $output == "2 of 2 runs"* ]]
	counted reproduced 2
	counted not-reproduced 0
	counted lab-failure 0
	[ "$(runs '"\(.run) \(.status) \(.verdict)"')" = $'1 0 reproduced\n2 0 reproduced' ]
	# A guest of 256 MiB takes at least 64, and at most that plus QEMU.
	[ "$(runs 'select(.qemu > 65536 and .qemu < 524288 and .gdb > 16384 and .all > .qemu + .gdb).run')" = $'1\n2' ]
	slowest=$(jq -rs 'map(.seconds) | max * 10 | round / 10' build/soak/runs.jsonl)
	[[ $output == *"slowest $slowest s"* ]]
	[ -z "$(find build/soak -mindepth 1 -maxdepth 1 -type d -name '[0-9]*')" ]
}

# bats test_tags=slow
@test "after a run that is not as predicted, soak exits with 1 and keeps its folder and screen" {
	N=1 SWAP=1 run -1 --separate-stderr tests/soak
	counted reproduced 0
	counted not-reproduced 1
	said "kept in build/soak/001"
	[ "$(jq -r .verdict build/soak/001/verdict.json)" = not-reproduced ]
	cmp "$run_dir/before/timeline.jsonl" build/soak/001/before/timeline.jsonl
	grep -q "NOT REPRODUCED" build/soak/001/screen
}

# bats test_tags=slow
@test "after a lab failure, soak exits with 125 and keeps the run" {
	stand_in 'echo "qemu: no" >&2; kill -ABRT $$'
	N=2 run -125 --separate-stderr tests/soak
	counted reproduced 0
	counted lab-failure 2
	ends_with "2 of 2 runs were lab failures; see build/soak"
	[ "$(jq -r .verdict build/soak/002/verdict.json)" = lab-failure ]
}

# bats test_tags=slow
@test "LOAD=1 keeps every processor busy until soak ends" {
	(
		until [ -s build/xsk-netns-cookie/before/console.log ] && pgrep -f 'sha256sum /dev/zero' >"$BATS_TEST_TMPDIR/loads"; do
			sleep 0.1
		done
	) 3>&- &
	rm -rf build/xsk-netns-cookie/before
	N=1 LOAD=1 run -0 --separate-stderr tests/soak
	[[ $output == "1 of 1 runs, all $(nproc) processors busy with something else"* ]]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/loads")" -ge "$(nproc)" ]
	while read -r pid; do
		run ! kill -0 "$pid"
	done <"$BATS_TEST_TMPDIR/loads"
}

# bats test_tags=slow
@test "Ctrl-C shows the results so far, and ends all processes" {
	rm -rf build/soak
	N=50 env --default-signal=INT tests/soak >"$BATS_TEST_TMPDIR/output" 2>"$BATS_TEST_TMPDIR/stderr" 3>&- &
	pid=$!
	until [ -s build/soak/runs.jsonl ]; do
		kill -0 "$pid"
		sleep 0.1
	done
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" = 125 ]
	grep -qx "1 of 50 runs" "$BATS_TEST_TMPDIR/output"
	tail -n 1 "$BATS_TEST_TMPDIR/stderr" | grep -q "ended before 50 runs were done"
	run ! pgrep -f "$PWD/build/soak/bin"
}

@test "an invalid N or LOAD is bad usage" {
	for n in 0 x -1 1.5 100000; do
		N=$n run -2 --separate-stderr tests/soak
		said "N=$n: must be between"
		one_line
	done
	LOAD=2 run -2 --separate-stderr tests/soak
	said "LOAD=2: must be 0 or 1"
	run -2 tests/soak 5
}
