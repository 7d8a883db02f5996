#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Faults of the guest; see judge.bash.

# shellcheck disable=SC2016 # quoted text is for the guest, or a stand-in

# bats file_tags=slow
load judge

# Make the guest's kernel spin with interrupts on when it reaches FUNCTION: an expression of the
# case has gdb write "jmp ." there.
spinning_in() { # FUNCTION
	case_of case.json jq --arg code "*(unsigned short *)$1 = 0xfeeb" '.probes[2].values.bytes = $code'
}

# Change the result after the guest has ended.
result_through() { # COMMAND
	qemu_that "\"\$REAL\" \"\$@\"; $1 <result.jsonl >changed; mv changed result.jsonl"
}

@test "guest: panic at boot" {
	qemu_that 'exec "$REAL" "${@/#console=/rdinit=/nonexistent console=}"'
	fault 125 60 'panic: Kernel panic - not syncing: VFS: Unable to mount root' build/xsk-netns-cookie/before \
		repro/run
}

# bats test_tags=quick
@test "guest: panic in the middle of the case" {
	fault 125 60 'panic: Kernel panic - not syncing: sysrq' build/faulty/before \
		repro/run "$(at strace 'echo c >/proc/sysrq-trigger')"
}

@test "guest: oops" {
	fault 125 60 'panic: .*Fatal exception.*BUG: kernel NULL pointer dereference' build/faulty/before \
		repro/run "$(case_of case.json jq '.probes[2].values.oops = "sock->sk = 0"')"
}

@test "guest: soft lockup" {
	fault 125 20 'hang: the guest was still running after 8 s' build/faulty/before \
		repro/run DEADLINE=8 "$(spinning_in xsk_release)"
}

@test "guest: PID 1 exits" {
	qemu_that 'exec "$REAL" "${@/#console=/rdinit=/bin/sh console=}"'
	fault 125 60 'panic: Kernel panic - not syncing: Attempted to kill init!' build/xsk-netns-cookie/before \
		repro/run
}

@test "guest: PID 1 is killed" {
	fault 125 60 'panic: Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b' build/faulty/before \
		repro/run "$(at end 'busybox dd if=/dev/zero of=/proc/1/mem bs=4096 seek=1025 count=99')"
}

@test "guest: reset before the result" {
	fault 125 60 'reset: the guest ended before its case did: .*"ifname":"inner"' build/faulty/before \
		repro/run "$(at up 'echo b >/proc/sysrq-trigger')"
}

@test "guest: reset after the result, before PID 1's last line" {
	fault 125 60 'reset: the guest ended before its case did: \{"exit":' build/faulty/before \
		repro/run "$(at end 'sleep 0.2; echo b >/proc/sysrq-trigger')"
}

@test "guest: the result channel disappears half-way" {
	fault 125 60 'reset: the guest ended before its case did' build/faulty/before \
		repro/run "$(at strace 'echo virtio0 >/sys/bus/virtio/drivers/virtio_console/unbind')"
}

@test "guest: the script closes the result half-way" {
	fault 125 60 'case: a command of guest.sh failed with status ' build/faulty/before \
		repro/run "$(at up 'exec >&-')"
}

@test "guest: a truncated result" {
	result_through 'head -c -30'
	fault 125 60 'reset: the guest ended before its case did: \{"e' build/xsk-netns-cookie/before \
		repro/run
}

@test "guest: a result without its first half" {
	result_through "sed 1,5d"
	fault 125 60 'result: .* 0 and 1' build/xsk-netns-cookie/before \
		repro/run
}

@test "guest: a doubled result" {
	qemu_that '"$REAL" "$@"; cat result.jsonl >>twice; cat twice twice >result.jsonl; rm twice'
	fault 125 60 'result: .* 2 and 2' build/xsk-netns-cookie/before \
		repro/run
}

@test "guest: a row reported twice" {
	result_through "sed '/\"row\"/p'"
	fault 125 60 'row "(outer|inner) 0" was reported 2 times' build/xsk-netns-cookie \
		repro/run
}

@test "guest: a result with a garbled line" {
	result_through "sed '/\"row\"/s/[a-m]/\\xff/g'"
	fault 125 60 "garbled (result|timeline): a line is not JSON" build/xsk-netns-cookie \
		repro/run
}

@test "guest: a result of noise" {
	result_through 'head -c 4096 /dev/urandom'
	fault 125 60 'reset: the guest ended before its case did' build/xsk-netns-cookie/before \
		repro/run
}

@test "guest: a result of 50 MiB" {
	fault 125 60 'flood: result.jsonl reached the limit' build/faulty/before \
		repro/run "$(at strace 'busybox dd if=/dev/zero bs=1M count=50 >&4')"
}

@test "guest: a result of two million empty lines" {
	fault 125 60 'flood: result.jsonl and strace.log have more than 1000000 lines' build/faulty/before \
		repro/run "$(at strace 'busybox yes "" | busybox head -n 2000000 >&4')"
}

@test "guest: a forged end of the result, followed by a hang" {
	fault 125 20 'hang: the guest was still running after 8 s' build/faulty/before \
		repro/run DEADLINE=8 "$(at end 'echo "{\"end\":{\"status\":0,\"tainted\":0}}"; while :; do :; done')"
}

@test "guest: a complete result, followed by a hang" {
	fault 125 20 'hang: the guest was still running after 8 s' build/faulty/before \
		repro/run DEADLINE=8 "$(spinning_in __do_sys_reboot)"
}

# A child of the case might write after PID 1's last line, but is seldom in time.
@test "guest: a line after the end" {
	result_through "sed '\$a {}'"
	fault 125 60 'result: result.jsonl must begin and end with one line of PID 1 each, and has 1 and 1' \
		build/xsk-netns-cookie/before repro/run
}

@test "guest: 1 GiB on the console" {
	# An emulated console is slow, so use a lower limit.
	fault 125 65 'flood: console.log reached the limit of 1 MiB' build/faulty/before \
		env LOG_LIMIT=1 DEADLINE=60 repro/run "$(at up 'busybox dd if=/dev/zero bs=1M count=1024 >/dev/console')"
	tail -n 1 "$LAB/build/faulty/before/console.log" | grep -qx 'xsklab: cut here: the limit of 1 MiB is reached'
}

@test "guest: 1 GiB of strace" {
	fault 125 60 'flood: strace.log reached the limit' build/faulty/before \
		repro/run "$(at up 'busybox dd if=/dev/zero bs=1M count=1024 >&3')"
	tail -n 1 "$LAB/build/faulty/before/strace.log" | grep -qx 'xsklab: cut here: the limit of 8 MiB is reached'
}

@test "guest: a process that takes all memory" {
	fault 125 60 'panic: Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled' build/faulty/before \
		repro/run "$(at strace 'busybox tail /dev/zero')"
}

@test "guest: files that take all memory" {
	fault 125 60 'panic: Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled' build/faulty/before \
		repro/run "$(at strace 'mkdir /fill; mount -t ramfs none /fill; cat /dev/zero >/fill/all')"
}

@test "guest: a reproducer that never ends" {
	fault 125 20 'hang: the guest was still running after 5 s' build/faulty/before \
		repro/run DEADLINE=5 "$(at up 'while :; do :; done')"
}

@test "guest: a reproducer that forks and never ends" {
	fault 125 20 'hang: the guest was still running after 8 s' build/faulty/before \
		repro/run DEADLINE=8 "$(at up 'while :; do sleep 999 & sleep 0.1; done')"
}

@test "guest: a reproducer that leaves children behind, which is fine" {
	fault 0 60 '' '' \
		repro/run "$(at end 'sleep 999 & sleep 999 &')"
}

@test "guest: a reproducer that crashes at once" {
	fault 125 60 'gdb: timeline: the guest ended or stopped before main\(\) was called' build/faulty/before \
		repro/run "$(case_with 's|"\$@" /case/program|"$@" sh -c "kill -SEGV \\$\\$"|')"
}

@test "guest: a reproducer that crashes after its first row" {
	fault 125 60 'gdb: timeline: the guest ended or stopped before main\(\) returned' build/faulty/before \
		repro/run "$(case_of program.c sed 's|first_err = err;|&\n\t\tabort();|')"
}

@test "guest: a reproducer that does not flush its lines" {
	fault 125 60 'before: gdb saw writes of the rows none before main\(\) returned, .*; make it flush each line' build/faulty \
		repro/run "$(case_of program.c sed '/setlinebuf/d')"
}
