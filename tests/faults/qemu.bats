#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Faults of QEMU; see judge.bash.

# shellcheck disable=SC2016 # quoted text is for a stand-in

# bats file_tags=slow
load judge

run_dir=build/xsk-netns-cookie/before

# qemu_gets SIGNAL CONDITION: send it as soon as the condition holds, in the run's folder.
qemu_gets() {
	qemu_that "(until $2 2>/dev/null; do kill -0 \$\$ || exit; sleep 0.01; done; kill -$1 \$\$) >/dev/null 2>&1 &
		exec \"\$REAL\" \"\$@\""
}

@test "QEMU: missing" {
	path_without qemu-system-x86_64
	fault 2 10 'type: sudo apt-get install --no-install-recommends qemu-system-x86' '' \
		repro/run
}

@test "QEMU: missing, and apt-get fails" {
	[ "$(id -u)" = 0 ] || skip "only root installs"
	path_without qemu-system-x86_64
	rm "$BATS_TEST_TMPDIR/bin/id"
	stand_in apt-get 'exit 100'
	fault 125 10 'apt-get cannot install qemu-system-x86' build/install.log \
		repro/run
}

@test "QEMU: too old" {
	stand_in qemu-system-x86_64 'echo "QEMU emulator version 3.1.0 (Debian 1:3.1+dfsg-8)"'
	fault 2 10 'QEMU 3.1.0 is too old; put qemu-system-x86_64 5.2 or later on PATH' '' \
		repro/run
}

@test "QEMU: SIGKILL at its start" {
	qemu_gets KILL true
	fault 125 60 'qemu: QEMU was killed by SIGKILL' $run_dir \
		repro/run
}

@test "QEMU: SIGKILL when the kernel boots" {
	qemu_gets KILL 'grep -q "Linux version" console.log'
	fault 125 60 'qemu: QEMU was killed by SIGKILL' $run_dir \
		repro/run
}

@test "QEMU: SIGKILL after PID 1 has started" {
	qemu_gets KILL 'grep -q boot result.jsonl'
	fault 125 60 'qemu: QEMU was killed by SIGKILL' $run_dir \
		repro/run
}

# bats test_tags=quick
@test "QEMU: SIGKILL between two rows" {
	qemu_gets KILL 'grep -q row result.jsonl'
	fault 125 60 'qemu: QEMU was killed by SIGKILL' $run_dir \
		repro/run
}

@test "QEMU: SIGKILL in its last 100 ms" {
	qemu_gets KILL 'grep -q last result.jsonl'
	fault 125 60 'qemu: QEMU was killed by SIGKILL' build/faulty/before \
		repro/run "$(at end 'echo "{\"last\":1}"; sleep 0.1')"
}

@test "QEMU: SIGSTOP while the case runs" {
	qemu_gets STOP 'grep -q row result.jsonl'
	fault 125 20 'hang: the guest was still running after 8 s' $run_dir \
		repro/run DEADLINE=8
}

@test "QEMU: aborts at once" {
	qemu_that 'echo "qemu: assertion failed" >&2; kill -ABRT $$'
	fault 125 60 'qemu: QEMU was killed by SIGABRT: qemu: assertion failed' $run_dir \
		repro/run
}

@test "QEMU: exits at once with 0" {
	qemu_that 'exit 0'
	fault 125 60 'reset: the guest ended before its case did' $run_dir \
		repro/run
}

@test "QEMU: does not know an option" {
	qemu_that 'exec "$REAL" "$@" -no-such-option'
	fault 125 60 'qemu: QEMU exited with 1: .*-no-such-option: invalid option' $run_dir \
		repro/run
}

@test "QEMU: never answers" {
	qemu_that 'exec sleep 60'
	fault 125 15 'hang: the guest was still running after 5 s' $run_dir \
		repro/run DEADLINE=5 ACCEL=tcg
}

@test "QEMU: ignores SIGTERM" {
	qemu_that 'trap "" TERM; while :; do sleep 60; done'
	fault 125 15 'hang: the guest was still running after 5 s' $run_dir \
		repro/run DEADLINE=5 ACCEL=tcg
}

@test "QEMU: cannot allocate the guest's memory" {
	qemu_that 'ulimit -v 200000; exec "$REAL" "$@"'
	fault 125 60 'qemu: QEMU exited with 1: .*Cannot allocate memory' $run_dir \
		repro/run
}

@test "QEMU: has no seccomp sandbox, which is fine" {
	stand_in qemu-system-x86_64 'case $1 in
		-help) "$REAL" -help | grep -v "^-sandbox" ;;
		*) [[ " $* " != *" -sandbox "* ]] && exec "$REAL" "$@" ;;
		esac'
	fault 0 60 '' '' repro/run
}
