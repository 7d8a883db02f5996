# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the tests share; "load lib" in each file.
# shellcheck disable=SC2154 # output and stderr are set by bats

cd "$BATS_TEST_DIRNAME/.." || exit
bats_require_minimum_version 1.5.0

# The kernel and libxdp that tests/run has built stay where they are; a test that
# needs a cache of its own calls this.
own_cache() {
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
}

# said TEXT: is it part of $stderr or $output?
said() {
	[[ $output$stderr == *"$1"* ]] || {
		printf 'not said: %s\n' "$1" "$output" "$stderr"
		return 1
	}
}

# ends_with TEXT: it is in the last line of what was said.
ends_with() {
	[[ ${stderr##*$'\n'} == *"$1"* ]] || {
		printf 'not the last line: %s\n%s\n' "$1" "$stderr"
		return 1
	}
}

# one_line: a failure is told in one line.
one_line() {
	[ "$(grep -c . <<<"$stderr")" = 1 ] || {
		printf 'more than one line:\n%s\n' "$stderr"
		return 1
	}
}

# guest SCRIPT-NAME [boot's options]: a guest whose case is tests/guests/NAME.sh.
guest() {
	local name=$1
	shift
	vm/image build/gen_init_cpio "$BATS_TEST_TMPDIR/case.cpio" "/case/$name.sh=tests/guests/$name.sh"
	cat build/guest.cpio "$BATS_TEST_TMPDIR/case.cpio" >"$BATS_TEST_TMPDIR/initrd"
	vm/boot "$@" build/kernel "$BATS_TEST_TMPDIR/initrd" "$BATS_TEST_TMPDIR/out" CASE="$name"
}

# older_than VERSION: is it the built kernel?
older_than() {
	local release
	release=$(jq -r .release build/kernel.json)
	[ "$release" != "$1" ] && [ "$(printf '%s\n' "$release" "$1" | sort -V | head -n 1)" = "$release" ]
}

# verdict FILTER: of the last run of the case.
verdict() { jq -re "$1" build/xsk-netns-cookie/verdict.json; }
