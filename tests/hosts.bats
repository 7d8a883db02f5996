#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/hosts in a root with a shell and a stand-in for make: mmdebstrap would take too long.

# shellcheck disable=SC2016 # quoted text is for another shell

load lib

setup() {
	own_cache
	bwrap --unshare-user --unshare-pid --ro-bind / / --proc /proc true 2>/dev/null || skip "this host does not allow user namespaces with a /proc"
	export BUILD=build/hosts-test.$BATS_TEST_NUMBER
	root=$XDG_CACHE_HOME/xsklab/hosts/toy
	mkdir -p "$root"/{dev,proc,sys,tmp,run,var/tmp,home,root,etc,usr/bin}
	ln -s usr/bin "$root/bin"
	: >"$root/etc/resolv.conf"
	for program in /bin/sh /usr/bin/{id,sleep}; do
		cp -L "$program" "$root/usr/bin"
		ldd "$program" | grep -oE '/[^ ]+' | xargs cp -L --parents -t "$root"
	done
}

teardown() { rm -rf "$BUILD"; }

# make_is SCRIPT: put it into the root as make.
make_is() {
	printf '#!/bin/sh\n%s\n' "$1" >"$root/usr/bin/make"
	chmod +x "$root/usr/bin/make"
}

@test "both commands run as a user and as root, in a clone, with a read-only root" {
	make_is 'test -e README.md && test ! -e build && test -w . && ! (echo >/usr/bin/x) 2>/dev/null && echo "$1 by $(id -u)"'
	run -0 --separate-stderr tests/hosts toy
	[[ ${lines[0]} == "toy: "* ]]
	for line in "user *make repro .*passed: repro by 1000" "user *make test .*passed: test by 1000" \
		"root *make repro .*passed: repro by 0" "root *make test .*passed: test by 0"; do
		grep -q "^toy *$line$" <<<"$output"
	done
	[ ! -e "$root/usr/bin/x" ]
}

@test "a failing command is reported with its log, and the others run" {
	make_is 'echo "$1 by $(id -u)"; [ "$1 $(id -u)" != "test 1000" ]'
	run -1 --separate-stderr tests/hosts toy
	grep -q "user *make test .*failed (1): .*; see $BUILD/hosts/toy-user/make-test.log" <<<"$output"
	[ "$(grep -c passed: <<<"$output")" = 3 ]
	grep -q 'test by 1000' "$BUILD/hosts/toy-user/make-test.log"
}

@test "COMMAND runs instead of the two" {
	make_is 'test "$1 $2" = "why ARGS=a  b" && echo "asked by $(id -u)"'
	COMMAND="make why 'ARGS=a  b'" run -0 --separate-stderr tests/hosts toy
	[ "$(grep -c 'passed: asked by' <<<"$output")" = 2 ]
	[ "${#lines[@]}" = 3 ]
}

@test "however it ends, it leaves no process and no mount" {
	seconds=$((100000 + RANDOM))
	make_is "exec sleep $seconds"
	for signal in INT TERM KILL; do
		setsid env --default-signal=INT tests/hosts toy >/dev/null 2>&1 3>&- &
		hosts=$!
		for _ in {1..100}; do
			! pgrep -f "^sleep $seconds" >/dev/null || break
			sleep 0.1
		done
		pgrep -f "^sleep $seconds"
		kill -$signal -- "$([ $signal = INT ] && echo "-$hosts" || echo "$hosts")"
		wait "$hosts" || true
		for _ in {1..100}; do
			pgrep -f "^sleep $seconds" >/dev/null || break
			sleep 0.1
		done
		run -1 pgrep -f "^sleep $seconds"
		run -1 grep -F "$root" /proc/self/mountinfo
	done
}

@test "an invalid suite is refused in one line, before anything is made" {
	for suite in ../toy Toy '' 'a b'; do
		run -2 --separate-stderr tests/hosts "$suite"
		one_line
	done
	[ ! -e "$BUILD/hosts" ]
}
