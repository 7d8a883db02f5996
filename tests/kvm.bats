#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/kvm-stub.c does to gdb what KVM does (docs/kvm.md), and a reproduction runs under it.
# Longer rows are in tests/faults/kvm.bats.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # quoted text is for other shells; each test
# has an environment of its own; bats sets output

load lib

setup() {
	socket=$BATS_TEST_TMPDIR/gdb.sock
	export KVM_LOG=$BATS_TEST_TMPDIR/kvm.log
	place=$(nm build/kernel/vmlinux | awk '$3 == "kernel_init" { sub(/^0*/, "", $1); print $1 }')
}

teardown() {
	[ -z "${GUEST-}" ] || kill "$GUEST" 2>/dev/null || true
}

# guest ACCEL CPU [WRAPPER]: start a guest that waits for gdb.
guest() {
	${3-} qemu-system-x86_64 -machine microvm,acpi=off,accel="$1" -cpu "$2" \
		-m 256 -nodefaults -no-user-config -display none -S \
		-kernel build/kernel/vmlinux.boot -initrd build/guest.cpio -append "console=none nokaslr" \
		-chardev "socket,id=gdb,path=$socket,server=on,wait=off" -gdb chardev:gdb \
		>"$BATS_TEST_TMPDIR/qemu.log" 2>&1 3>&- &
	GUEST=$!
	for _ in {1..100}; do
		[ ! -S "$socket" ] || return 0
		sleep 0.1
	done
	cat "$BATS_TEST_TMPDIR/qemu.log"
	return 1
}

# gdb_says COMMAND...: print gdb's output.
gdb_says() {
	local command
	local -a commands=()
	for command; do
		commands+=(-ex "$command")
	done
	timeout 120 gdb -nx -nh -batch -iex 'set auto-load no' -ex "target remote $socket" \
		"${commands[@]}" build/kernel/vmlinux 2>&1
}

# answers PACKET...: print the stub's answer to each.
answers() {
	gdb_says "${@/#/maintenance packet }" | sed -n 's/^received: "\(.*\)"$/\1/p' | paste -sd' '
}

five=("Z1,1000,1" "Z2,2000,8" "Z4,3000,4" "Z1,4000,1" "Z1,5000,1")

@test "the stub has four hardware breakpoints and watchpoints, no more" {
	guest kvm host tests/as-kvm
	run -0 answers "${five[@]}" Z2,2008,1 z2,2000,8 Z1,5000,1 z1,2000,1
	[ "$output" = "OK OK OK OK E22 E22 OK OK E22" ]
	grep -q 'refused Z1,5000,1: all four debug registers are in use' "$KVM_LOG"
}

@test "watchpoints are the processor's: aligned, 1, 2, 4 or 8 bytes, none for reads alone" {
	guest kvm host tests/as-kvm
	run -0 answers Z2,2001,8 Z2,2000,3 Z4,2000,2 Z4,2000,2 Z3,2000,8
	[ "$output" = "E22 E22 OK E22 " ]
}

@test "a software breakpoint is int3 in the guest's memory, and fails where no page is mapped" {
	guest kvm host tests/as-kvm
	run -0 answers "Z0,$place,1" # before the kernel has made its page tables
	[ "$output" = E22 ]
	kill "$GUEST"
	rm "$socket"
	guest kvm host tests/as-kvm
	run -0 gdb_says 'hbreak start_kernel' continue "maintenance packet m$place,1" "maintenance packet Z0,$place,1" \
		"maintenance packet m$place,1" "maintenance packet z0,$place,1" "maintenance packet m$place,1"
	[[ $output =~ received:\ \"([0-9a-f]{2})\".*\"OK\".*\"cc\".*\"OK\".*received:\ \"([0-9a-f]{2})\" ]]
	[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
	[ "${BASH_REMATCH[1]}" != cc ]
}

@test "a software breakpoint does not stop an address space that has no int3 there" {
	guest kvm host tests/as-kvm
	run -0 gdb_says "hbreak start_kernel" continue \
		"python was = bytes(gdb.selected_inferior().read_memory(0x$place, 1)).hex()" "maintenance packet Z0,$place,1" \
		"python gdb.execute('maintenance packet M$place,1:' + was)" "hbreak begin_new_exec" continue
	echo "$output"
	[[ $output == *"Breakpoint 2, begin_new_exec"* ]]
	grep -q "^passed over $place" "$KVM_LOG"
}

# bats test_tags=slow
@test "an old KVM takes an interrupt before a step and hits the breakpoint twice; a new one does not" {
	for steps in 1 0; do
		KVM_IRQ_STEPS=$steps guest kvm host tests/as-kvm
		run -0 gdb_says 'maintenance packet qqemu.sstepbits' 'hbreak start_kernel' continue \
			"break *0x$place" continue stepi 'printf "now at %#lx\n", $pc' continue
		kill "$GUEST"
		rm "$socket"
		echo "$output"
		hits=$(grep -c '^Breakpoint 2, ' <<<"$output")
		case $steps in
		1) [[ $output == *'received: "ENABLE=1"'*"asm_sysvec_"* && $hits = 2 ]] ;;
		0) [[ $output == *'received: "ENABLE=1,NOIRQ=2"'* && $output != *"asm_"* && $output != *"now at 0x$place"* && $hits = 1 ]] ;;
		esac
	done
}

# Otherwise the tests above would pass with any QEMU.
@test "TCG alone has none of these rules" {
	guest tcg max
	run -0 answers "${five[@]}" "Z0,$place,1"
	[ "$output" = "OK OK OK OK OK OK" ]
}

# bats test_tags=slow
@test "make repro ACCEL=kvm V=1 reproduces, and keeps what a report of a KVM fault needs" {
	run -0 --separate-stderr tests/as-kvm make -s repro ACCEL=kvm V=1
	[[ $output == *"REPRODUCED: EINVAL before the fix, success after"* ]]
	[ "$(verdict .accel)" = kvm ]
	for variant in before after; do
		for text in '^host: Linux [0-9]' '^model name' '^QEMU: QEMU emulator version' '^/.*/kvm: -rw' \
			"^command: .*'-cpu' 'host'"; do
			grep -q "$text" build/xsk-netns-cookie/$variant/host.log
		done
		# gdb's requests were granted.
		grep -A1 '^w .*\$Z1,' build/xsk-netns-cookie/$variant/remote.log | grep -q '^r .*\$OK#'
		grep -A1 '^w .*\$Z0,ffffffff' build/xsk-netns-cookie/$variant/remote.log | grep -q '^r .*\$OK#'
	done
	# The rules applied: hardware before there was memory, int3 in both rings after that.
	for text in 'set Z1,10' 'wrote int3 for Z0,10' 'wrote int3 for Z0,ffffffff'; do
		grep -q "^$text" "$KVM_LOG"
	done
	run -1 grep -E '^(refused|an int3 stays)' "$KVM_LOG"
}

@test "doctor says which accelerator a run would use, and why" {
	run -0 --separate-stderr tests/as-kvm repro/needs report
	said "not known yet: "
	KVM_DEVICE=/nonexistent run -0 --separate-stderr repro/needs report
	said "tcg: /nonexistent does not exist"
}
