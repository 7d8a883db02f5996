#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# vm/ and repro/needs: the image, how a guest ends, the accelerator, missing programs.

# shellcheck disable=SC2016 # quoted text is for another shell

load lib

run_dir=build/xsk-netns-cookie

ended() { [ "$(jq -r '.["end"]' "$BATS_TEST_TMPDIR/out/end.json")" = "$1" ]; }

# stand_in TEXT: put a QEMU on PATH that does TEXT instead.
stand_in() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/bash\ncase $1 in --version | -help) exec %s "$1" ;; esac\n%s\n' \
		"$(command -v qemu-system-x86_64)" "$1" >"$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	chmod +x "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

nothing_runs() { run -1 pgrep -f "$BATS_TEST_TMPDIR"; }

@test "building the image again gives the same bytes" {
	mkdir "$BATS_TEST_TMPDIR/again"
	cp -r Makefile vm repro netns "$BATS_TEST_TMPDIR/again"
	mkdir "$BATS_TEST_TMPDIR/again/build"
	cp -rP build/kernel "$BATS_TEST_TMPDIR/again/build"
	make -s -C "$BATS_TEST_TMPDIR/again" --no-print-directory build/guest.cpio build/gdbserver.cpio
	make -s --no-print-directory build/gdbserver.cpio
	cmp build/guest.cpio "$BATS_TEST_TMPDIR/again/build/guest.cpio"
	cmp build/gdbserver.cpio "$BATS_TEST_TMPDIR/again/build/gdbserver.cpio"
}

# Under emulation each MiB of the image adds 20 ms to a boot. It has 10 MiB on Debian 12, 13 on
# Debian 13, 14 on sid: ip, strace and ethtool bring more libraries each time.
@test "a guest unpacks at most 15 MiB, 4 more under gdbserver, and has all programs" {
	make -s --no-print-directory build/gdbserver.cpio $run_dir/case.after
	mkdir "$BATS_TEST_TMPDIR/unpacked"
	cd "$BATS_TEST_TMPDIR/unpacked"
	for archive in guest.cpio xsk-netns-cookie/case.after; do
		busybox cpio -id --quiet <"$OLDPWD/build/$archive"
	done
	[ "$(du -sb . | cut -f1)" -le $((15 << 20)) ]
	busybox cpio -id --quiet <"$OLDPWD/build/gdbserver.cpio"
	[ "$(du -sb . | cut -f1)" -le $((19 << 20)) ]
	for program in sh busybox ip ethtool strace gdbserver colliding-veth inode-reuse netns-cookie; do
		[ -x "bin/$program" ]
	done
}

@test "a guest that finishes its case is complete" {
	run -0 guest hello
	ended complete
	grep -q '"hello"' "$BATS_TEST_TMPDIR/out/result.jsonl"
}

@test "a guest is like a machine: filesystems are mounted, lo is up, the kernel has its BTF" {
	cc -O2 -Wall -Wextra -Werror -static -o "$BATS_TEST_TMPDIR/btf" tests/btf.c
	vm/image build/gen_init_cpio "$BATS_TEST_TMPDIR/case.cpio" /case/machine.sh=tests/guests/machine.sh /case/btf="$BATS_TEST_TMPDIR/btf"
	cat build/guest.cpio "$BATS_TEST_TMPDIR/case.cpio" >"$BATS_TEST_TMPDIR/initrd"
	run -0 vm/boot build/kernel "$BATS_TEST_TMPDIR/initrd" "$BATS_TEST_TMPDIR/out" CASE=machine
	run -0 cat "$BATS_TEST_TMPDIR/out/result.jsonl"
	grep '^\[' <<<"$output" | jq -e '[.[].addr_info[].local] == ["127.0.0.1", "::1"]'
	for mounted in "hugepages type hugetlbfs" "pts type devpts" "bpf type bpf" "cgroup type cgroup2"; do
		said "$mounted"
	done
	said "the kernel has parsed its BTF"
}

@test "a panic is reported as a panic, with the console's last lines" {
	run -125 --separate-stderr guest panic
	ended panic
	said "panic: Kernel panic - not syncing: sysrq triggered crash"
	said "  console: "
}

@test "a hang ends at its deadline and is reported as a hang" {
	SECONDS=0
	DEADLINE=4 run -125 --separate-stderr guest hang
	ended hang
	[ "$SECONDS" -le 6 ]
	nothing_runs
}

@test "a reset before the result is reported as a reset" {
	run -125 --separate-stderr guest reset
	ended reset
}

@test "a guest that resets without any output is reported as a reset" {
	cc -O2 -static -o "$BATS_TEST_TMPDIR/init" tests/reset.c
	vm/image build/gen_init_cpio "$BATS_TEST_TMPDIR/initrd" /init="$BATS_TEST_TMPDIR/init"
	run -125 --separate-stderr vm/boot build/kernel "$BATS_TEST_TMPDIR/initrd" "$BATS_TEST_TMPDIR/out" CASE=none
	ended reset
	[ ! -s "$BATS_TEST_TMPDIR/out/result.jsonl" ]
}

@test "a case whose script fails gives no result" {
	run -125 --separate-stderr guest fails
	ended case
	said 'case: a command of guest.sh failed with status 3'
}

@test "a QEMU that crashes is reported as QEMU's failure" {
	QEMU=$BATS_TEST_TMPDIR/qemu
	printf '#!/bin/sh\necho "qemu: cannot set up guest memory" >&2\nexit 1\n' >"$QEMU"
	chmod +x "$QEMU"
	QEMU=$QEMU run -125 --separate-stderr guest hello
	ended qemu
	said "cannot set up guest memory"
}

@test "a QEMU that is killed is reported as QEMU's failure" {
	QEMU=$BATS_TEST_TMPDIR/qemu
	printf '#!/bin/sh\nkill -ABRT $$\n' >"$QEMU"
	chmod +x "$QEMU"
	QEMU=$QEMU run -125 --separate-stderr guest hello
	ended qemu
}

@test "a QEMU that is killed in the middle of a run is reported as QEMU's failure" {
	(sleep 1; pkill -KILL -f "qemu-system-x86_64.*$BATS_TEST_TMPDIR/initrd") 3>&- &
	DEADLINE=20 run -125 --separate-stderr guest hang
	ended qemu
	said "QEMU was killed by SIGKILL"
}

@test "a gdb that is killed is reported as gdb's failure, and the guest does not wait for it" {
	(sleep 1; pkill -KILL -f "^gdb -nx -nh -quiet.*xsklab-timeline.*$PWD/repro/") 3>&- &
	SECONDS=0
	DEADLINE=20 run -125 --separate-stderr guest hang -g timeline repro/cases/xsk-netns-cookie/case.json "$run_dir/program.after" --
	ended gdb
	[ "$SECONDS" -le 10 ]
	nothing_runs
}

@test "a guest that resets under gdb is reported as a reset" {
	run -125 --separate-stderr guest reset -g timeline repro/cases/xsk-netns-cookie/case.json "$run_dir/program.after" --
	ended reset
}

@test "a probe on a missing function is an error, without waiting for the guest" {
	jq '.probes[0].function = "xsk_no_such_function"' repro/cases/xsk-netns-cookie/case.json >"$BATS_TEST_TMPDIR/case.json"
	SECONDS=0
	run -125 --separate-stderr guest hello -g timeline "$BATS_TEST_TMPDIR/case.json" "$run_dir/program.after" --
	ended gdb
	said "no function xsk_no_such_function in program.after"
	[ "$SECONDS" -le 10 ]
	nothing_runs
}

@test "a probe that never fired is an error" {
	run -125 --separate-stderr guest hello -g timeline repro/cases/xsk-netns-cookie/case.json "$run_dir/program.after" --
	ended gdb
	said "timeline: "
	run -1 grep '"done"' "$BATS_TEST_TMPDIR/out/timeline.jsonl"
}

@test "without /dev/kvm the answer is tcg, with the reason" {
	own_cache
	KVM_DEVICE=/nonexistent run -0 --separate-stderr vm/accel build/kernel "$run_dir/initrd.after"
	[ "$output" = tcg ]
	said "/nonexistent does not exist"
}

@test "a /dev/kvm without permission: the message names its group" {
	[ "$(id -u)" != 0 ] || skip "root may open everything"
	own_cache
	install -m 000 /dev/null "$BATS_TEST_TMPDIR/kvm"
	KVM_DEVICE=$BATS_TEST_TMPDIR/kvm run -0 --separate-stderr vm/accel build/kernel "$run_dir/initrd.after"
	[ "$output" = tcg ]
	said "you may not open"
}

@test "a KVM that aborts QEMU is not used, and not tried twice" {
	own_cache
	touch "$BATS_TEST_TMPDIR/kvm"
	stand_in 'echo tried >>"$BATS_TEST_TMPDIR/tries"; echo "failed to set MSR 0x10a" >&2; kill -ABRT $$'
	for reason in "does not reach PID 1" "make doctor says why"; do
		KVM_DEVICE=$BATS_TEST_TMPDIR/kvm run -0 --separate-stderr vm/accel build/kernel "$run_dir/initrd.after"
		[ "$output" = tcg ]
		said "$reason"
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/tries")" = 1 ]
}

@test "a KVM that crawls is not used" {
	own_cache
	touch "$BATS_TEST_TMPDIR/kvm"
	stand_in 'exec sleep 60'
	KVM_DEADLINE=2 KVM_DEVICE=$BATS_TEST_TMPDIR/kvm run -0 --separate-stderr vm/accel build/kernel "$run_dir/initrd.after"
	[ "$output" = tcg ]
	nothing_runs
}

@test "a KVM that runs a guest and lets gdb debug it is used" {
	own_cache
	run -0 --separate-stderr tests/as-kvm vm/accel build/kernel "$run_dir/initrd.after"
	[ "$output" = kvm ]
}

@test "ACCEL=kvm is a lab failure if no guest runs under KVM" {
	own_cache
	KVM_DEVICE=/nonexistent run -125 --separate-stderr vm/accel build/kernel "$run_dir/initrd.after" kvm
	said "ACCEL=kvm: /nonexistent does not exist"
	run -2 --separate-stderr vm/accel build/kernel "$run_dir/initrd.after" xen
}

# without PROGRAM: make a PATH without it, and an id(1) that says the user is not root.
without() {
	mkdir -p "$BATS_TEST_TMPDIR/path"
	for dir in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
		[ ! -d "$dir" ] || find "$dir" -maxdepth 1 ! -name "$1" ! -type d -exec ln -sfn -t "$BATS_TEST_TMPDIR/path" {} +
	done
	ln -sfn -t "$BATS_TEST_TMPDIR/path" "$(type -P jsonschema)" # may be elsewhere
	printf '#!/bin/sh\necho 1000\n' >"$BATS_TEST_TMPDIR/id"
	chmod +x "$BATS_TEST_TMPDIR/id"
	ln -sf "$BATS_TEST_TMPDIR/id" "$BATS_TEST_TMPDIR/path/id"
}

@test "for an ordinary user, a missing program is named with the one command to type" {
	without spatch
	PATH=$BATS_TEST_TMPDIR/path run -2 --separate-stderr repro/needs
	said "type: sudo apt-get install --no-install-recommends coccinelle"
	one_line
}

@test "only the tests need tmux" {
	without tmux
	PATH=$BATS_TEST_TMPDIR/path run -0 repro/needs
	PATH=$BATS_TEST_TMPDIR/path run -2 --separate-stderr repro/needs test
	said "type: sudo apt-get install --no-install-recommends tmux"
	one_line
}

@test "only make report asks for what it alone needs" {
	without mscgen
	PATH=$BATS_TEST_TMPDIR/path run -0 repro/needs
	printf '#!/bin/sh\necho 1000\n' >"$BATS_TEST_TMPDIR/id"
	chmod +x "$BATS_TEST_TMPDIR/id"
	ln -sf "$BATS_TEST_TMPDIR/id" "$BATS_TEST_TMPDIR/path/id"
	PATH=$BATS_TEST_TMPDIR/path run -2 --separate-stderr repro/needs report-tools
	said "type: sudo apt-get install --no-install-recommends mscgen"
	one_line
}

@test "doctor shows accelerator, sources and free space" {
	run -0 make -s doctor
	for word in processors "free for build/" QEMU tmux /dev/kvm kernel.org github.com; do
		said "$word"
	done
}

@test "doctor shows all it can if jq and curl are missing" {
	without jq
	rm "$BATS_TEST_TMPDIR/path/curl"
	PATH=$BATS_TEST_TMPDIR/path run -2 --separate-stderr repro/needs report
	one_line
	said "missing: package jq"
	said "curl is missing"
	said "kernels in the cache"
}

@test "on other distributions, packages have the names of their installer" {
	without apt-get
	rm "$BATS_TEST_TMPDIR/path"/{pahole,spatch,dpkg-source}
	run -2 --separate-stderr env PATH="$BATS_TEST_TMPDIR/path" repro/needs
	said "their packages, by Debian's names: coccinelle dpkg-dev dwarves"
	one_line
	ln -s /bin/true "$BATS_TEST_TMPDIR/path/pacman"
	run -2 --separate-stderr env PATH="$BATS_TEST_TMPDIR/path" repro/needs
	ends_with "type: sudo pacman -S --needed pahole"
	ln -s /bin/true "$BATS_TEST_TMPDIR/path/dnf"
	run -2 --separate-stderr env PATH="$BATS_TEST_TMPDIR/path" repro/needs
	ends_with "type: sudo dnf install coccinelle dwarves"
}
