#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/run judge on recorded runs, one for each way a run ends. Needs no guest, kernel or
# program. tests/fixture records them again.

# shellcheck disable=SC2154 # bats sets output and stderr

load lib

setup_file() {
	make -s --no-print-directory build/errno.json
}

# judged NAME STATUS VERDICT REASON DIFFERENCES: judge the run in $out; verdict and screen must be
# exactly the recorded ones.
judged() {
	out=$BATS_TEST_TMPDIR/$1
	run "-$2" --separate-stderr tests/fixture judge "$1" "$out"
	[ "$(jq -r .verdict "$out/verdict.json")" = "$3" ]
	[ "$(jq -r .reason "$out/verdict.json")" = "$4" ]
	[ "$(jq -r '.differences | length' "$out/verdict.json")" = "$5" ]
	diff "tests/fixtures/$1/screen" <(echo "$output")
	diff <(jq . "tests/fixtures/$1/run"/*/verdict.json) <(jq . "$out/verdict.json")
	[ -z "$(jq -r -L repro/judge --slurpfile schema repro/judge/verdict.schema.json 'include "validate"; errors($schema[0])' "$out"/*/verdict.json || echo failed)" ]
	# The recorded questions to gdb are those that the log asks today.
	diff <(find "$out" -name 'refused.*.json' -print0 | xargs -0r cat | sort) \
		<(jq -c '.[].refused[] | del(.rows)' "$out"/*/refusals.json | sort)
}

# has FILTER JSON: is that what the filter finds in the verdict of the judged run?
has() { diff <(jq -c "$1" "$out/verdict.json") <(echo "$2"); }

# exchanged NAME: judge the run with each column's files in the place of those of the column before
# it, as SWAP=1 runs them: it must not be reproduced.
exchanged() {
	local run=$BATS_TEST_TMPDIR/exchanged name column
	local -a columns knobs
	read -ra knobs <"tests/fixtures/$1/knobs" || true
	name=$(basename "${knobs[0]#CASE=}")
	rm -rf "$run"
	cp -r "tests/fixtures/$1/run" "$run"
	cp build/errno.json "$run"
	mapfile -t columns < <(jq -r '.columns[].name' "$run/$name/verdict.json")
	mv "$run/$name/${columns[0]}" "$run/last"
	for column in "${columns[@]:1}"; do
		mv "$run/$name/$column" "$run/$name/${columns[0]}"
		columns=("${columns[@]:1}")
	done
	mv "$run/last" "$run/$name/${columns[0]}"
	run -1 --separate-stderr repro/run judge SWAP=1 BUILD="$run" "${knobs[@]}"
	[[ ${lines[-1]} == "  NOT REPRODUCED: "* ]]
}

@test "a run that reproduces the bug is judged as recorded" {
	judged reproduced 0 reproduced "EINVAL before the fix, success after the fix" 0
	[[ ${lines[-1]} == "  REPRODUCED: "* ]]
}

@test "a control, whose columns do not differ, is judged as recorded" {
	judged control 0 reproduced "success before the fix, success after the fix" 0
	[[ ${lines[-1]} == "  AS PREDICTED: "* ]]
}

@test "a run with its columns exchanged is not reproduced" {
	judged not-reproduced 1 not-reproduced \
		"success before the fix, EINVAL after the fix; before: inner 0: success instead of EINVAL" 5
	[[ ${lines[-1]} == "  NOT REPRODUCED: "* ]]
	# The libraries are exchanged, too.
	library() { jq -r .version "tests/fixtures/not-reproduced/run/libxdp/$1/library.json"; }
	[[ ${lines[0]} == *"libxdp $(library FIX) / libxdp $(library FIX-parent)" ]]
}

@test "a refusal that two rows share is listed once" {
	judged two-queues 0 reproduced "EINVAL before the fix, success after the fix" 0
	has '[.columns[].refused[].rows]' '[["inner 0","inner 1"]]'
}

@test "a call with other constants is another refusal, and has a line of its own" {
	cp -r tests/fixtures/two-queues/run "$BATS_TEST_TMPDIR/run"
	cp build/errno.json "$BATS_TEST_TMPDIR/run"
	sed -i '/bind(.*EINVAL/ { x; s/^/x/; /^xx$/ { x; s/XDP_SHARED_UMEM/XDP_COPY/; b }; x }' \
		"$BATS_TEST_TMPDIR/run/xsk-netns-cookie/before/strace.log"
	run -125 --separate-stderr repro/run judge QUEUES=2 BUILD="$BATS_TEST_TMPDIR/run"
	said "before: the line that refused bind with EINVAL is not known"
	[ "$(jq -c '[.before.refused[].rows]' "$BATS_TEST_TMPDIR/run/xsk-netns-cookie/refusals.json")" = '[["inner 0"],["inner 1"]]' ]
}

@test "a rule for older kernels gives its reason in the verdict" {
	judged before-5.14 0 reproduced \
		"EINVAL before the fix, EINVAL after the fix: no SO_NETNS_COOKIE before Linux 5.14, so the fix cannot tell the namespaces apart" 0
}

@test "one column without probes: two refusals, and an error that the kernel did not return" {
	judged one-column 0 reproduced "all 4 rows are as the case expects" 0
	has '[.columns[].refused[] | [.rows[0], .error, (.at.condition | length > 0)]]' \
		'[["port in use","EADDRINUSE",true],["address of another host","EADDRNOTAVAIL",true]]'
	has '.columns[0].rows[3] | [.errno, .call]' '["EAGAIN",null]'
}

@test "xsk-forward: one UMEM needs the fix, a UMEM for each device does not" {
	judged xsk-forward 0 reproduced "EINVAL before the fix, success after the fix" 0
	has '[.columns[].rows[] | [.errno, .facts.returned]]' \
		'[[null,"all"],["EINVAL",null],[null,null],[null,"all"],[null,"all"],[null,null]]'
	exchanged xsk-forward
}

@test "libxdp-errno-sign: the same errors, with another sign" {
	judged libxdp-errno-sign 0 reproduced "EINVAL before the fix, EINVAL after the fix" 0
	has '[.columns[].rows[].facts.returned]' \
		'[0,22,22,0,22,0,-22,-22,0,-22]'
	exchanged libxdp-errno-sign
}

@test "libxdp-umem-flags: each column's error is that of another line" {
	judged libxdp-umem-flags 0 reproduced "EINVAL before the fix, EINVAL after the fix" 0
	has '[.columns[].refused[] | [.rows[0], .at.condition]]' \
		'[["odd chunks with XDP_UMEM_UNALIGNED_CHUNK_FLAG","if (!unaligned_chunks && !is_power_of_2(chunk_size))"],["a flag that no kernel knows","if (mr->flags & ~XDP_UMEM_FLAGS_VALID)"]]'
	exchanged libxdp-umem-flags
}

@test "libxdp-prog-refcnt: the failing call keeps memory only before the fix" {
	judged libxdp-prog-refcnt 0 reproduced "ENOENT before the fix, ENOENT after the fix" 0
	has '[.columns[].rows[].facts | [.users, .kept_memory]]' \
		'[[2,false],[1,false],[1,true],[2,false],[1,false],[1,false]]'
	exchanged libxdp-prog-refcnt
}

@test "xsk-bindtodevice: without the check an unprivileged user sends from another device, with it not" {
	judged xsk-bindtodevice 0 reproduced "EPERM without the check, EINVAL, EPERM with it" 0
	has '[.columns[].rows[].facts | [.uid, .sends]]' \
		'[[65534,true],[65534,true],[65534,false],[65534,true],[65534,true],[65534,false],[65534,false],[65534,true]]'
	exchanged xsk-bindtodevice
}

@test "xsk-need-wakeup: only what the kernel recorded differs" {
	judged xsk-need-wakeup 0 reproduced "success without the fix, success with it" 0
	has '[.columns[].rows[].calls[].values.uses_need_wakeup]' '[1,0,0,1,1,1]'
	[[ $output == *"another device: xp_add_xsk    uses_need_wakeup 0,"*"uses_need_wakeup 1,"* ]]
	exchanged xsk-need-wakeup
}

@test "xsk-ring-optlen: what is too short is read, or refused in another line for each option" {
	judged xsk-ring-optlen 0 reproduced "EFAULT, EINVAL without the check, EINVAL with it" 0
	has '[.columns[].rows[].errno]' \
		'[null,null,"EFAULT",null,null,"EFAULT","EINVAL","EINVAL",null,"EINVAL","EINVAL",null,"EINVAL","EINVAL","EINVAL","EINVAL"]'
	has '[.columns[1].refused[] | select(.at.condition == "if (optlen < sizeof(entries))") | .at.line] | unique | length' 2
	exchanged xsk-ring-optlen
}

@test "xsk-netns-cookie-libbpf: the story of xsk-netns-cookie, with libbpf 0.3" {
	judged xsk-netns-cookie-libbpf 0 reproduced "EINVAL in libbpf 0.3, success with the comparison" 0
	[[ ${lines[0]} == *"libbpf v0.3 / libbpf v0.3 with the fix" ]]
	exchanged xsk-netns-cookie-libbpf
}

@test "every recorded run has a test here" {
	for fixture in tests/fixtures/*; do
		grep -qE "judged ${fixture##*/} [01] " tests/fixtures.bats
	done
}
