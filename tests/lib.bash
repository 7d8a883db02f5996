# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Functions that the tests share; each file says "load lib".
# shellcheck disable=SC2154 # output and stderr are set by bats

# tests/run makes a lab for each file; bats alone uses the checkout.
if [ -n "${LABS-}" ]; then
	cd "$LABS/${BATS_TEST_FILENAME##*/tests/}" || exit
else
	cd "${BASH_SOURCE[0]%/*}/.." || exit
fi
bats_require_minimum_version 1.5.0

# own_cache: use an empty cache; kernel and libxdp that tests/run built stay where they are.
own_cache() {
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
}

# said TEXT: does $stderr or $output contain it?
said() {
	[[ $output$stderr == *"$1"* ]] || {
		printf 'not said: %s\n' "$1" "$output" "$stderr"
		return 1
	}
}

# ends_with TEXT: does the last line of $stderr contain it?
ends_with() {
	[[ ${stderr##*$'\n'} == *"$1"* ]] || {
		printf 'not the last line: %s\n%s\n' "$1" "$stderr"
		return 1
	}
}

# one_line: does $stderr have one line?
one_line() {
	[ "$(grep -c . <<<"$stderr")" = 1 ] || {
		printf 'more than one line:\n%s\n' "$stderr"
		return 1
	}
}

# guest NAME [OPTIONS of vm/boot]: boot a guest whose case is tests/guests/NAME.sh.
guest() {
	local name=$1
	shift
	vm/image build/gen_init_cpio "$BATS_TEST_TMPDIR/case.cpio" "/case/$name.sh=tests/guests/$name.sh"
	cat build/guest.cpio "$BATS_TEST_TMPDIR/case.cpio" >"$BATS_TEST_TMPDIR/initrd"
	vm/boot "$@" build/kernel "$BATS_TEST_TMPDIR/initrd" "$BATS_TEST_TMPDIR/out" CASE="$name"
}

# older_than VERSION: is the built kernel older?
older_than() {
	local release
	release=$(jq -r .release build/kernel.json)
	[ "$release" != "$1" ] && [ "$(printf '%s\n' "$release" "$1" | sort -V | head -n 1)" = "$release" ]
}

# verdict FILTER: read the verdict of the last run.
verdict() { jq -re "$1" build/xsk-netns-cookie/verdict.json; }
