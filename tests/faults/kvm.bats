#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Faults of KVM, simulated by stand-ins; see judge.bash.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # quoted text is for a stand-in; each test has
# an environment of its own; bats sets stderr

# bats file_tags=slow
load judge

run_dir=build/xsk-netns-cookie

# kvm_that TEXT: put a QEMU on PATH that runs guests under KVM with TEXT; where TEXT lets KVM
# work, the guest runs under TCG.
kvm_that() {
	export KVM_DEVICE=$BATS_TEST_TMPDIR/kvm
	touch "$KVM_DEVICE"
	export KVM_DEADLINE=${KVM_DEADLINE:-30}
	qemu_that '[[ " $* " == *accel=kvm* ]] || exec "$REAL" "$@"
		words=("${@/accel=kvm/accel=tcg}")
		words=("${words[@]/#host/max,-avx,-avx2,-xsave,-erms}")
		kvm_works() { exec "$REAL" "${words[@]}"; }
		'"$1"
}

probe='[[ " $* " != *" CASE=none "* ]] ||' # the guest that vm/accel tries

# Root may open everything, unless it drops that capability.
mortal=()
# shellcheck disable=SC2054 # setpriv's comma
[ "$(id -u)" != 0 ] || mortal=(setpriv --bounding-set=-dac_override,-dac_read_search)

recorded() { jq -e "$1" "$BATS_TEST_TMPDIR/verdict.json"; }

@test "KVM: absent" {
	export KVM_DEVICE=/nonexistent
	fault 0 60 '' '' repro/run
	[[ $stderr == *"without KVM, so slower: /nonexistent does not exist"* ]]
	recorded '.accel == "tcg" and .retried == null'
}

@test "KVM: absent, with ACCEL=kvm" {
	export KVM_DEVICE=/nonexistent
	fault 125 10 'ACCEL=kvm: /nonexistent does not exist; use ACCEL=auto' '' \
		repro/run ACCEL=kvm
}

@test "KVM: no permission" {
	export KVM_DEVICE=$BATS_TEST_TMPDIR/kvm
	install -m 000 /dev/null "$KVM_DEVICE"
	fault 0 60 '' '' "${mortal[@]}" repro/run
	[[ $stderr == *"you may not open $KVM_DEVICE; join its group"* ]]
}

@test "KVM: works" {
	kvm_that kvm_works
	fault 0 60 '' '' repro/run
	recorded '.accel == "kvm" and .retried == null'
}

@test "KVM: opens and aborts" {
	kvm_that 'echo "failed to set MSR 0x10a" >&2; kill -ABRT $$'
	fault 0 60 '' '' repro/run
	[[ $stderr == *"does not reach PID 1 under KVM (QEMU was killed by SIGABRT: failed to set MSR 0x10a)"* ]]
	recorded '.accel == "tcg"'
}

@test "KVM: opens and gets stuck, which costs the deadline only once" {
	kvm_that 'echo tried >>"$KVM_DEVICE.tries"; exec sleep 60'
	export KVM_DEADLINE=3
	fault 0 63 '' '' repro/run
	[[ $stderr == *"does not reach PID 1 under KVM (the guest was still running after 3 s)"* ]]
	fault 0 60 '' '' repro/run
	[ "$(wc -l <"$KVM_DEVICE.tries")" = 1 ]
}

@test "KVM: stops in an internal error" {
	kvm_that 'echo "KVM internal error. Suberror: 1" >&2; exec sleep 60'
	fault 0 80 '' '' repro/run
	[[ $stderr == *"does not reach PID 1 under KVM (KVM internal error. Suberror: 1)"* ]]
}

# bats test_tags=quick
@test "KVM: works in the trial and aborts in the run" {
	kvm_that "$probe"' kvm_works; echo "error: kvm run failed Bad address" >&2; kill -ABRT $$'
	fault 0 80 '' '' repro/run
	[[ $stderr == *"KVM lost a guest, so running all guests again without it: qemu: QEMU was killed by SIGABRT: error: kvm run failed Bad address"* ]]
	[[ $output == *"KVM lost a guest, so the lab ran all guests again without it: qemu: "* ]]
	recorded '.accel == "tcg" and (.retried | startswith("qemu: QEMU was killed by SIGABRT"))'
}

@test "KVM: works in the trial and gets stuck in the run" {
	kvm_that "$probe"' kvm_works; exec sleep 60'
	fault 0 80 '' '' repro/run DEADLINE=25
	recorded '.accel == "tcg" and (.retried | startswith("hang: the guest was still running after 25 s"))'
}

@test "KVM: works in the trial and aborts in the run, and TCG fails, too" {
	kvm_that "$probe"' kvm_works; kill -ABRT $$'
	fault 125 80 'panic: Kernel panic' build/faulty/before \
		repro/run "$(at strace 'echo c >/proc/sysrq-trigger')"
	[ "$(grep -c 'running all guests again' <<<"$stderr")" = 1 ]
}

@test "KVM: with ACCEL=kvm, works in the trial and aborts in the run" {
	kvm_that "$probe"' kvm_works; kill -ABRT $$'
	fault 125 60 'qemu: QEMU was killed by SIGABRT' $run_dir/before \
		repro/run ACCEL=kvm
}

@test "KVM: works in the trial and aborts in make why" {
	kvm_that "$probe"' kvm_works; kill -ABRT $$'
	fault 0 60 '' '' \
		repro/why PROG=build/xsk-netns-cookie/program.before ARGS='--ingress outer --egress inner --egress-netns inner-ns'
	[[ $stderr == *"KVM lost the guest; running it again under TCG"* ]]
}

@test "KVM: lets interrupts in at single steps" {
	export KVM_IRQ_STEPS=2
	fault 0 120 '' '' tests/as-kvm repro/run
	[[ $stderr == *"without KVM, so slower: KVM's single steps take interrupts, so the guest may hit a breakpoint again and again"* ]]
	recorded '.accel == "tcg" and .retried == null'
}

@test "KVM: lets interrupts in at single steps, with ACCEL=kvm" {
	export KVM_IRQ_STEPS=2 KVM_LOG=$BATS_TEST_TMPDIR/log
	fault 0 120 '' '' tests/as-kvm repro/run ACCEL=kvm QUEUES=2
	recorded '.accel == "kvm" and .knobs.QUEUES == "2"'
	# Both rings are affected.
	grep -q '^an interrupt at the step from 10' "$KVM_LOG"
	grep -q '^an interrupt at the step from ffffffff8' "$KVM_LOG"
}

@test "KVM: the guest never gets past a breakpoint" {
	export KVM_IRQ_STEPS=1
	fault 125 120 'gdb: timeline: xsk_get_ctx: the guest does not get past this breakpoint, .*; use ACCEL=tcg' $run_dir/before \
		tests/as-kvm repro/run ACCEL=kvm
}

@test "KVM: its rules for gdb, and the controls" {
	fault 0 120 '' '' tests/as-kvm repro/run ACCEL=kvm LAYOUT=different
	fault 1 120 '' '' tests/as-kvm repro/run ACCEL=kvm SWAP=1
	[[ $output == *"NOT REPRODUCED: success before the fix, EINVAL after"* ]]
}

@test "KVM: runs a guest, and gdb cannot debug it" {
	kvm_that kvm_works
	stand_in gdb '[[ " $* " == *xsklab-trial* ]] || exec "$REAL" "$@"
		exec "$REAL" "${@/xsklab-trial/python raise gdb.error(0)}"'
	fault 0 120 '' '' repro/run
	[[ $stderr == *"without KVM, so slower: gdb cannot debug a guest under KVM"* ]]
	recorded '.accel == "tcg"'
}

@test "KVM: gdb debugs a guest in the trial, and fails in the run" {
	kvm_that kvm_works
	stand_in gdb "[[ \" \$* \" == *xsklab-timeline* ]] || exec \"\$REAL\" \"\$@\"
		echo again >>$BATS_TEST_TMPDIR/tries
		[ \"\$(wc -l <$BATS_TEST_TMPDIR/tries)\" -le 2 ] || exec \"\$REAL\" \"\$@\"
		exit 1"
	fault 0 120 '' '' repro/run
	[[ $stderr == *"KVM lost a guest, so running all guests again without it: gdb: "* ]]
	recorded '.accel == "tcg" and (.retried | startswith("gdb: "))'
}

# On pages of their own, too far from main() for the kernel to map them with it.
far_functions() { # NUMBER
	sed "/^int main/i\\
#define FAR(n) static void __attribute__((noinline, aligned(1 << 17))) far##n(void) { asm(\"\"); }\\
$(printf 'FAR(%s) ' $(seq "$1")) FAR(0)
s/^	setlinebuf.*/&$(printf ' far%s();' $(seq 0 "$1"))/"
}

@test "KVM: more unmapped functions than debug registers" {
	fault 125 120 'gdb: timeline: cannot set a breakpoint in far5, which is not mapped yet: .*too many hardware' build/faulty/before \
		tests/as-kvm repro/run ACCEL=kvm "$(case_of program.c far_functions 5 &&
			jq '.probes += [range(1; 6) | {function: "far\(.)", ring: 3}]' repro/cases/xsk-netns-cookie/case.json >"$BATS_TEST_TMPDIR/faulty/case.json")"
}

@test "KVM: its rules for gdb, with make debug and the faults of gdb" {
	for file in debug faults/gdb; do
		run -0 env -i PATH="$PATH" HOME="$HOME" ACCEL=kvm tests/as-kvm bats tests/$file.bats
	done
}
