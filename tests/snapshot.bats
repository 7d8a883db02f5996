#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# SNAPSHOT=1: guests that go on from a saved one say what booted ones say, and nothing
# that the saved one was made of can change unnoticed.

# shellcheck disable=SC2016 # what is quoted is for another shell or for jq
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats

load lib

run_dir=build/xsk-netns-cookie
words=(CASE=run LAYOUT=colliding QUEUES=1 INDEX=4242)

snapshot() { vm/snapshot build/kernel "$run_dir/initrd.saved" "${words[@]}"; }

without_addresses='walk(if type == "string" and test("^0x[0-9a-f]+$") then "an address" else . end)'

# seen COLUMN: what does not depend on where things lie in memory, and the guest's own
# report but for the topology, which was observed in the saved one.
seen() {
	jq -c "$without_addresses" "$run_dir/$1/timeline.jsonl"
	grep -E '^\{"(row|exit|boot|end)"' "$run_dir/$1/result.jsonl"
	grep -oE ' (bind|socket)\(.*' "$run_dir/$1/strace.log"
}

all_seen() {
	seen before
	seen after
	verdict "del(.seconds, .restored) | $without_addresses"
}

@test "restored guests say the same as booted ones: verdict, timeline, result, system calls" {
	run -0 repro/run
	verdict '.restored == false'
	booted=$(all_seen)
	SNAPSHOT=1 run -0 repro/run
	verdict .restored
	diff <(echo "$booted") <(all_seen)
	# They were different programs, and the saved guest had neither.
	[ "$(jq -r '.restored // empty' "$run_dir"/{before,after}/result.jsonl)" = $'before\nafter' ]
	run -0 grep -c ' /case/program ' "$run_dir/case.after.list"
	run -0 grep -c ' /case/guest.sh ' "$run_dir/case-saved.cpio.list"
	run -1 grep -c ' /case/program ' "$run_dir/case-saved.cpio.list"
}

# bats test_tags=slow
@test "restored guests can say no" {
	SNAPSHOT=1 SWAP=1 run -1 repro/run
	[ "$(verdict .verdict)" = not-reproduced ]
	verdict .restored
}

# bats test_tags=slow
@test "columns that differ by the words of their scene go on from guests of their own" {
	cp -r repro/cases/xsk-netns-cookie "$BATS_TEST_TMPDIR/scenes"
	jq '.columns = {a: {words: "LIBXDP=FIX^"}, b: {words: "LIBXDP=FIX^ LAYOUT=different"}} | .expect |= map(del(.columns))' \
		repro/cases/xsk-netns-cookie/case.json >"$BATS_TEST_TMPDIR/scenes/case.json"
	SNAPSHOT=1 run -0 repro/run CASE="$BATS_TEST_TMPDIR/scenes"
	run -0 jq -r '.restored, (.columns[] | "\(.name) \(.rows[1].errno)")' build/scenes/verdict.json
	[ "$output" = $'true\na EINVAL\nb null' ]
	rm -r build/scenes
}

# bats test_tags=slow
@test "the same guest is saved once, and another one for each thing that differs" {
	own_cache
	first=$(snapshot)
	[ "$(stat -c %s "$first/ram")" -gt 1048576 ]
	[ "$(stat -c %i "$first/ram")" = "$(stat -c %i "$(snapshot)/ram")" ]
	words+=(QUEUES=2)
	second=$(snapshot)
	[ "$second" != "$first" ]
	# The image and QEMU, without a guest: what is asked for is a folder of another name.
	run_dir=$BATS_TEST_TMPDIR
	vm/image build/gen_init_cpio "$BATS_TEST_TMPDIR/initrd.saved" /init=/bin/true
	run -125 --separate-stderr snapshot
	QEMU=$BATS_TEST_TMPDIR/qemu
	printf '#!/bin/sh\n[ "$1" != --version ] || exec echo QEMU emulator version 99\nexit 1\n' >"$QEMU"
	chmod +x "$QEMU"
	run_dir=build/xsk-netns-cookie
	QEMU=$QEMU run -125 --separate-stderr snapshot
	ended="the guest ended before it could be saved"
	said "$ended"
	[ "$(find "$XDG_CACHE_HOME/xsklab/snapshots" -mindepth 1 | grep -c '/ram$')" = 2 ]
}

# bats test_tags=slow
@test "a saved guest that nobody asked for in three days goes, one in use stays" {
	own_cache
	kept=$XDG_CACHE_HOME/xsklab/snapshots
	mkdir -p "$kept"/{old,young}
	touch -d '4 days ago' "$kept/old"
	touch -d '1 day ago' "$kept/young"
	run -0 snapshot
	[ ! -e "$kept/old" ]
	[ -e "$kept/young" ]
	touch -d '4 days ago' "$output"
	snapshot >/dev/null
	[ "$(find "$output" -maxdepth 0 -mtime -1)" ]
}

# bats test_tags=slow
@test "a saved guest that is cut off is a lab failure, not a verdict" {
	cp -r "$(snapshot)" "$BATS_TEST_TMPDIR/cut"
	truncate -s 20M "$BATS_TEST_TMPDIR/cut/ram"
	DEADLINE=20 run -125 --separate-stderr vm/boot -s "$BATS_TEST_TMPDIR/cut" "$run_dir/case.after" after \
		-g timeline repro/cases/xsk-netns-cookie/case.json "$run_dir/program.after" -- \
		build/kernel "$run_dir/initrd.saved" "$BATS_TEST_TMPDIR/out" "${words[@]}"
	run -1 grep -E '"(restored|end)"' "$BATS_TEST_TMPDIR/out/result.jsonl"
}

# bats test_tags=slow
@test "what is not the program is a lab failure" {
	head -c 4096 /dev/zero >"$BATS_TEST_TMPDIR/nothing"
	DEADLINE=20 run -125 --separate-stderr vm/boot -s "$(snapshot)" "$BATS_TEST_TMPDIR/nothing" after \
		build/kernel "$run_dir/initrd.saved" "$BATS_TEST_TMPDIR/out" "${words[@]}"
	said '"status":'
}

# bats test_tags=slow
@test "a case that has no point to be saved at is told" {
	own_cache
	vm/image build/gen_init_cpio "$BATS_TEST_TMPDIR/case.cpio" /case/hello.sh=tests/guests/hello.sh
	cat build/guest.cpio "$BATS_TEST_TMPDIR/case.cpio" >"$BATS_TEST_TMPDIR/initrd"
	run -125 --separate-stderr vm/snapshot build/kernel "$BATS_TEST_TMPDIR/initrd" CASE=hello
	ends_with "the guest ended before it could be saved"
	one_line
}

@test "a SNAPSHOT that is neither 0 nor 1, and one under KVM, are bad usage" {
	SNAPSHOT=1 ACCEL=kvm run -2 --separate-stderr repro/run
	said "SNAPSHOT=1 is for ACCEL=tcg"
	SNAPSHOT=2 run -2 --separate-stderr repro/run
	said "SNAPSHOT=2: must be 0 or 1"
}
