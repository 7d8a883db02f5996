#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# docs/upstream and repro/selftest: patches for other projects, and their tests in the guest. Rows
# that need xdp-tools run if LIBXDP is a git folder.

# shellcheck disable=SC2154 # bats sets output and stderr

load lib

setup() {
	linux=$(realpath docs/upstream/linux/*.patch)
	xdp_tools=$(realpath docs/upstream/xdp-tools/*.patch)
	tree=$(jq -r .source_dir build/kernel.json)
}

# applies PATCH FOLDER [OPTION...]: git must ignore a repository above the folder.
applies() { GIT_CEILING_DIRECTORIES=${2%/*} git -C "$2" apply --check "${@:3}" "$1"; }

needs_xdp_tools() {
	git -C "${LIBXDP-}/" cat-file -e 7c457b5ba90e 2>/dev/null ||
		skip "LIBXDP is not a git folder of xdp-tools"
}

selftest() { run --separate-stderr repro/selftest "$@"; }

@test "a patch has a subject and a message, and leaves Signed-off-by to the sender" {
	for patch in "$linux" "$xdp_tools"; do
		git mailinfo "$BATS_TEST_TMPDIR/message" "$BATS_TEST_TMPDIR/patch" <"$patch" >"$BATS_TEST_TMPDIR/info"
		grep -qE '^Subject: (selftests: net|libxdp: test): ' "$BATS_TEST_TMPDIR/info"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/message")" -ge 10 ]
		run -1 grep -i signed-off-by "$patch"
	done
}

@test "a patch adds its test under the license of the suite" {
	grep -qx '+// SPDX-License-Identifier: GPL-2.0-only' "$linux"
	grep -qx '+// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)' "$xdp_tools"
}

@test "checkpatch.pl finds nothing, even with --strict" {
	[ -e "$tree/scripts/checkpatch.pl" ] || skip "this kernel's tree has no checkpatch.pl"
	# In a repository, checkpatch.pl takes a patch that git knows for a source file. The commits that
	# the messages name are nowhere here, and xdp-tools has no MAINTAINERS.
	cd "$BATS_TEST_TMPDIR"
	check=(perl "$tree/scripts/checkpatch.pl" --no-tree --strict --no-signoff --ignore)
	"${check[@]}" UNKNOWN_COMMIT_ID "$linux"
	"${check[@]}" UNKNOWN_COMMIT_ID,FILE_PATH_CHANGES "$xdp_tools"
}

@test "the patch for Linux applies to 7.2, and its test to every tree" {
	applies "$linux" "$tree" '--include=*.c'
	newest=$(printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}"/xsklab/sources/linux-source-7.2_*[0-9] | tail -n 1)
	[ -d "$newest" ] || skip "no Linux 7.2 in the cache"
	applies "$linux" "$newest"
}

@test "the patch for xdp-tools applies to its HEAD" {
	needs_xdp_tools
	git -C "$LIBXDP" archive HEAD lib/libxdp/tests | tar -x -C "$BATS_TEST_TMPDIR"
	applies "$xdp_tools" "$BATS_TEST_TMPDIR"
}

@test "the verdict is the runner's" {
	judged() { run -"$1" awk -f repro/selftest.d/verdict.awk <<<"$2"; }
	judged 0 $'TAP version 13\n# not ok 1 a row\nok 1 selftests: net: a'
	judged 0 '     [test_a]        PASS'
	judged 1 'not ok 1 selftests: net: a # exit=1'
	judged 1 $'     [test_a]        PASS\n     [test_b]        FAIL'
	judged 1 '     [test_a]        INVALID'
	judged 125 'ok 1 selftests: net: a # SKIP'
	judged 125 'not ok 1 selftests: net: a # SKIP'
	judged 125 'not ok 1..1 selftests: net: a [SKIP]'
	judged 1 $'not ok 1 selftests: net: a # SKIP\nnot ok 2 selftests: net: b # exit=1'
	judged 125 $'     [test_a]        PASS\n     [test_b]        SKIPPED'
	judged 125 'TAP version 13'
}

@test "make selftest refuses a suite, a repository or a knob that there is not" {
	for words in SUITE=windows LIBXDP= LIBXDP=/nonexistent LIBXDP=/nonexistent#HEAD FIX=1 selftest; do
		selftest SUITE=xdp-tools "$words"
		[ "$status" = 2 ]
		said "${words%=1}"
		one_line
	done
}

# bats test_tags=slow
@test "kselftest's runner passes the test for Linux, and fails it on a kernel without the check" {
	! older_than 6.5 || skip "this kernel may lack the check"
	selftest
	[ "$status" = 0 ]
	said "ok 1 selftests: net: xsk_bindtodevice"
	selftest PATCH=repro/cases/xsk-bindtodevice/without-check.patch
	[ "$status" = 1 ]
	said "not ok 5 xsk_bindtodevice.unprivileged.other_device"
	said "not ok 1 selftests: net: xsk_bindtodevice"
}

# bats test_tags=slow
@test "xdp-tools' runner passes its test with HEAD and the fix, and fails it with the fix's parent" {
	needs_xdp_tools
	for ref in '' '#7c457b5ba90e'; do
		selftest SUITE=xdp-tools LIBXDP="$LIBXDP$ref"
		[ "$status" = 0 ]
		said "[test_xsk_netns]              PASS"
	done
	selftest SUITE=xdp-tools LIBXDP="$LIBXDP#7c457b5ba90e^"
	[ "$status" = 1 ]
	said "[test_xsk_netns]              FAIL"
	said "Invalid argument"
}
