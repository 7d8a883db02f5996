#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# SNAPSHOT=1: restored guests give the same results as booted ones, and a change to anything that
# went into a saved guest makes a new one.

# shellcheck disable=SC2016 # quoted text is for another shell or for jq
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats

load lib

run_dir=build/xsk-netns-cookie
words=(CASE=run LAYOUT=colliding QUEUES=1 INDEX=4242)

snapshot() { vm/snapshot build/kernel "$run_dir/initrd.saved" "${words[@]}"; }

without_addresses='walk(if type == "string" and test("^0x[0-9a-f]+$") then "an address" else . end)'

# seen COLUMN: print what does not depend on addresses, and the guest's own report without the
# topology, which was observed in the saved guest.
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

@test "restored guests give the verdict, timeline, result and system calls of booted ones" {
	run -0 repro/run
	verdict '.restored == false'
	booted=$(all_seen)
	SNAPSHOT=1 run -0 repro/run
	verdict .restored
	diff <(echo "$booted") <(all_seen)
	# The two programs differ, and the saved guest had neither.
	[ "$(jq -r '.restored // empty' "$run_dir"/{before,after}/result.jsonl)" = $'before\nafter' ]
	run -0 grep -c ' /case/program ' "$run_dir/case.after.list"
	run -0 grep -c ' /case/guest.sh ' "$run_dir/case-saved.cpio.list"
	run -1 grep -c ' /case/program ' "$run_dir/case-saved.cpio.list"
}

# bats test_tags=slow
@test "restored guests can end in NOT REPRODUCED" {
	SNAPSHOT=1 SWAP=1 run -1 repro/run
	[ "$(verdict .verdict)" = not-reproduced ]
	verdict .restored
}

# bats test_tags=slow
@test "columns with different scenes are restored from guests of their own" {
	cp -r repro/cases/xsk-netns-cookie "$BATS_TEST_TMPDIR/scenes"
	jq '.columns = {a: {words: "LIBXDP=FIX^"}, b: {words: "LIBXDP=FIX^ LAYOUT=different"}} | .expect |= map(del(.columns))' \
		repro/cases/xsk-netns-cookie/case.json >"$BATS_TEST_TMPDIR/scenes/case.json"
	SNAPSHOT=1 run -0 repro/run CASE="$BATS_TEST_TMPDIR/scenes"
	run -0 jq -r '.restored, (.columns[] | "\(.name) \(.rows[1].errno)")' build/scenes/verdict.json
	[ "$output" = $'true\na EINVAL\nb null' ]
	rm -r build/scenes
}

# bats test_tags=slow
@test "a guest is saved once for each kernel, image, QEMU and set of words" {
	own_cache
	first=$(snapshot)
	[ "$(stat -c %s "$first/ram")" -gt 1048576 ]
	[ "$(stat -c %i "$first/ram")" = "$(stat -c %i "$(snapshot)/ram")" ]
	words+=(QUEUES=2)
	second=$(snapshot)
	[ "$second" != "$first" ]
	# For image and QEMU no guest needs to run: only the folder's name must differ.
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
@test "a saved guest that was unused for three days is removed, a used one stays" {
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
@test "a truncated snapshot is a lab failure, not a verdict" {
	cp -r "$(snapshot)" "$BATS_TEST_TMPDIR/cut"
	truncate -s 20M "$BATS_TEST_TMPDIR/cut/ram"
	DEADLINE=20 run -125 --separate-stderr vm/boot -s "$BATS_TEST_TMPDIR/cut" "$run_dir/case.after" after \
		-g timeline repro/cases/xsk-netns-cookie/case.json "$run_dir/program.after" -- \
		build/kernel "$run_dir/initrd.saved" "$BATS_TEST_TMPDIR/out" "${words[@]}"
	run -1 grep -E '"(restored|end)"' "$BATS_TEST_TMPDIR/out/result.jsonl"
}

# bats test_tags=slow
@test "a restored guest that does not get its program is a lab failure" {
	head -c 4096 /dev/zero >"$BATS_TEST_TMPDIR/nothing"
	DEADLINE=20 run -125 --separate-stderr vm/boot -s "$(snapshot)" "$BATS_TEST_TMPDIR/nothing" after \
		build/kernel "$run_dir/initrd.saved" "$BATS_TEST_TMPDIR/out" "${words[@]}"
	said "lab failure: case: "
}

# bats test_tags=slow
@test "a case that ends before it can be saved is a lab failure" {
	own_cache
	vm/image build/gen_init_cpio "$BATS_TEST_TMPDIR/case.cpio" /case/hello.sh=tests/guests/hello.sh
	cat build/guest.cpio "$BATS_TEST_TMPDIR/case.cpio" >"$BATS_TEST_TMPDIR/initrd"
	run -125 --separate-stderr vm/snapshot build/kernel "$BATS_TEST_TMPDIR/initrd" CASE=hello
	ends_with "the guest ended before it could be saved"
	one_line
}

@test "SNAPSHOT other than 0 or 1, or under KVM, is bad usage" {
	SNAPSHOT=1 ACCEL=kvm run -2 --separate-stderr repro/run
	said "SNAPSHOT=1: needs ACCEL=tcg"
	SNAPSHOT=2 run -2 --separate-stderr repro/run
	said "SNAPSHOT=2: must be 0 or 1"
}
