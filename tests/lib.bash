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

# one_line: a failure is told in one line.
one_line() {
	[ "$(grep -c . <<<"$stderr")" = 1 ] || {
		printf 'more than one line:\n%s\n' "$stderr"
		return 1
	}
}

# verdict FILTER: of the last run of the case.
verdict() { jq -re "$1" build/xsk-netns-cookie/verdict.json; }
