#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Faults of gdb; see judge.bash.

# shellcheck disable=SC2016 # quoted text is for a stand-in

# bats file_tags=slow
load judge

run_dir=build/xsk-netns-cookie/before

# gdb_that TEXT: replace the gdb that records a timeline.
gdb_that() {
	stand_in gdb "[[ \" \$* \" == *xsklab-timeline* ]] || exec \"\$REAL\" \"\$@\"
$1"
}

# gdb_gets SIGNAL CONDITION: send it as soon as the condition holds, in the run's folder.
gdb_gets() {
	gdb_that "(until $2 2>/dev/null; do kill -0 \$\$ || exit; sleep 0.01; done; kill -$1 \$\$) >/dev/null 2>&1 &
		exec \"\$REAL\" \"\$@\""
}

# timeline_through COMMAND: pass the complete timeline through it.
timeline_through() { # COMMAND
	gdb_that "\"\$REAL\" \"\$@\"; $1 <timeline.jsonl >changed; mv changed timeline.jsonl"
}

probing() { # FUNCTION
	case_of case.json jq --arg function "$1" '.probes += [{$function, ring: 0}]'
}

# Give the guest a kernel whose build id differs from vmlinux's in the last byte.
give_guest_another_kernel() {
	local kernel=$BATS_TEST_TMPDIR/vmlinux.boot last
	cp "$LAB/build/kernel/vmlinux.boot" "$kernel"
	objcopy --dump-section ".notes=$BATS_TEST_TMPDIR/notes" "$kernel"
	last=$(tail -c 1 "$BATS_TEST_TMPDIR/notes" | tr '\0-\377' '\1-\377\0')
	head -c -1 "$BATS_TEST_TMPDIR/notes" >"$BATS_TEST_TMPDIR/changed"
	printf %s "$last" >>"$BATS_TEST_TMPDIR/changed"
	objcopy --update-section ".notes=$BATS_TEST_TMPDIR/changed" "$kernel"
	qemu_that "exec \"\$REAL\" \"\${@/*\\/vmlinux.boot/$kernel}\""
}

@test "gdb: missing" {
	path_without gdb
	fault 2 5 'type: sudo apt-get install --no-install-recommends gdb' '' \
		repro/run
}

@test "gdb: without Python" {
	gdb_that 'echo "Python scripting is not supported in this copy of GDB." >&2; exit 1'
	fault 125 60 'gdb: this gdb has no Python' $run_dir \
		repro/run
}

@test "gdb: killed at its start" {
	gdb_gets KILL true
	fault 125 60 'gdb: gdb was killed by SIGKILL before it was done' $run_dir \
		repro/run
}

# bats test_tags=quick
@test "gdb: killed between two calls" {
	gdb_gets KILL 'grep -q xsk_bind timeline.jsonl'
	fault 125 60 'gdb: gdb was killed by SIGKILL before it was done' $run_dir \
		repro/run
}

@test "gdb: stopped between two calls" {
	gdb_gets STOP 'grep -q xsk_bind timeline.jsonl'
	fault 125 20 'hang: the guest was still running after 8 s' $run_dir \
		repro/run DEADLINE=8
}

@test "gdb: never connects" {
	gdb_that 'exec sleep 60'
	fault 125 15 'hang: the guest was still running after 5 s' $run_dir \
		repro/run DEADLINE=5
}

@test "gdb: quits at once with 0" {
	gdb_that 'exit 0'
	fault 125 60 'gdb: gdb exited with 0 before it was done' $run_dir \
		repro/run
}

@test "gdb: disconnects" {
	gdb_that "exec \"\$REAL\" -iex 'source $BATS_TEST_DIRNAME/disconnect.py' \"\$@\""
	fault 125 60 'gdb: (timeline: |gdb .* before it was done)' $run_dir \
		repro/run
}

@test "gdb: a probe that never fires" {
	fault 125 60 'gdb: timeline: xsk_poll was never called' build/faulty/before \
		repro/run "$(probing xsk_poll)"
}

@test "gdb: a function that was inlined away" {
	fault 125 60 'gdb: timeline: no function xsk_lookup_xsk_from_fd in vmlinux: inlined away' build/faulty/before \
		repro/run "$(probing xsk_lookup_xsk_from_fd)"
}

@test "gdb: a function that this kernel lacks" {
	fault 125 60 'gdb: timeline: no function xsk_no_such_function in vmlinux' build/faulty/before \
		repro/run "$(probing xsk_no_such_function)"
}

@test "gdb: a value that cannot be read" {
	fault 125 60 'gdb: timeline: xsk_bind: .*Cannot access memory' build/faulty/before \
		repro/run "$(case_of case.json jq '.probes[2].values.bytes = "*(long *)8"')"
}

@test "gdb: vmlinux is not the kernel that runs" {
	give_guest_another_kernel
	fault 125 60 'gdb: timeline: vmlinux is not the kernel that runs: build id [0-9a-f]{40} instead of [0-9a-f]{40}' $run_dir \
		repro/run ACCEL=tcg
}

@test "gdb: half a timeline" {
	timeline_through 'head -n 5'
	fault 125 60 'before: the timeline is cut off' build/xsk-netns-cookie \
		repro/run
}

@test "gdb: a timeline that lacks a line" {
	timeline_through 'sed 2d'
	fault 125 60 'a line of the timeline is missing' build/xsk-netns-cookie \
		repro/run
}

@test "gdb: a garbled timeline" {
	timeline_through 'sed 3s/[a-m]/\\xff/g'
	fault 125 60 "garbled (result|timeline): a line is not JSON" build/xsk-netns-cookie \
		repro/run
}

# The comment changes the question: the cache must not have the answer.
@test "gdb: killed while looking for the line that refused" {
	stand_in gdb '[[ " $* " == *xsklab-why* ]] || exec "$REAL" "$@"
		kill -KILL $$'
	fault 125 60 'gdb: gdb was killed by SIGKILL before it was done' build/faulty/before/refused.0 \
		repro/run "$(case_with "\$a # $RANDOM")"
}

@test "gdb: cannot read the source of the line that refused" {
	stand_in gdb 'printf "define directory\nend\n" >directory.gdb; exec "$REAL" -x directory.gdb "$@"'
	fault 125 60 "gdb: why: the kernel's source is gone: there is no .*net/xdp/xsk_buff_pool.c" build/faulty/before/refused.0 \
		repro/run "$(case_with "\$a # $RANDOM")"
}
