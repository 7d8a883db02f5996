#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/bisect: the search, with a stand-in for building and running a commit; at the end, with real
# histories of a library and a kernel.

# shellcheck disable=SC2016 # what is quoted is jq's
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats

load lib

# A lab of its own, in which tests/guests/observe plays repro/bisect.d/observe.
setup() {
	own_cache
	lab=$BATS_TEST_TMPDIR/lab
	mkdir "$lab"
	cp -r repro vm kernel-config gdbscripts "$lab"
	cp tests/guests/observe "$lab/repro/bisect.d/observe"
	export CALLS=$BATS_TEST_TMPDIR/calls
	unset BUILD CASE REPO GOOD BAD ROW FACTS RUNS
	repo=$BATS_TEST_TMPDIR/linux
}

# history OUTCOME...: make a repository that looks like a kernel's, with a commit for each outcome,
# tagged c0, c1 and so on.
history() {
	local outcome n=0
	git init -q -b master "$repo"
	(
		cd "$repo" || exit
		git config user.name n
		git config user.email e
		git config commit.gpgsign false
		touch Kbuild Makefile
		for outcome; do
			echo "$outcome" >outcome
			touch "n$n"
			git add .
			git commit -q -m "number $n: $outcome"
			git tag "c$n"
			n=$((n + 1))
		done
	)
}

# times N OUTCOME: print it N times.
times() { yes "$2" | head -n "$1"; }

bisect() { "$lab/repro/bisect" CASE=template "REPO=$repo" "$@"; }

answer() { jq -re "$1" "$lab/build/bisect.json"; }

# found TAG: the answer is that commit, and follows its schema.
found() {
	local errors
	errors=$(jq -r -L repro/judge --slurpfile schema repro/bisect.d/bisect.schema.json 'include "validate"; errors($schema[0])' "$lab/build/bisect.json")
	[ -z "$errors" ] || { echo "$errors"; return 1; }
	[ "$(answer .commit)" = "$(git -C "$repo" rev-parse "$1^{commit}")" ] || { answer .subject; return 1; }
}

@test "the culprit is found from any pair of ends, and no commit is tried twice" {
	mapfile -t outcomes < <(times 17 well; times 16 refused)
	history "${outcomes[@]}"
	for ends in "c0 c32" "c16 c32" "c0 c17" "c16 c17" "c9 c20"; do
		run -0 --separate-stderr bisect GOOD="${ends% *}" BAD="${ends#* }"
		found c17
		[ "$(answer '"\(.effect) \(.verified)"')" = "broke true" ]
		[ "$(sort "$CALLS" | uniq -d)" = "" ]
	done
	git -C "$repo" bisect start
	git -C "$repo" bisect replay "$lab/build/bisect.log" # as git's
}

@test "a commit that fixed it is found in the same way" {
	mapfile -t outcomes < <(times 5 refused; times 6 well)
	history "${outcomes[@]}"
	run -0 --separate-stderr bisect GOOD=c10 BAD=c0
	found c5
	[ "$(answer '"\(.effect) \(.symptom.bad)"')" = "mended EINVAL (connect) in refuse: if (wrong)" ]
	[[ $output == *"verified: c10 without it is bad"* ]]
}

@test "the ends run first: exchanged, equal, unknown or failing ends are errors" {
	history well well refused other panic
	mkdir "$lab/build"
	echo '{}' >"$lab/build/bisect.json" # of an earlier search
	run -1 --separate-stderr bisect GOOD=c2 BAD=c0
	ends_with "GOOD and BAD are exchanged"
	run -1 --separate-stderr bisect GOOD=c0 BAD=c1
	ends_with "do not differ: first is success at both"
	run -2 --separate-stderr bisect GOOD=c0 BAD=c0
	ends_with "are the same commit"
	run -2 --separate-stderr bisect GOOD=c0 BAD=v9
	ends_with "BAD=v9: the repository has no such commit"
	run -2 --separate-stderr bisect GOOD=c0 BAD=c2 ROW=third
	ends_with "ROW=third: must be one of first, second"
	run -125 --separate-stderr bisect GOOD=c0 BAD=c4
	ends_with "BAD=c4: panic: Kernel panic"
	[ ! -e "$lab/build/bisect.json" ]
	[ "$(wc -l <"$CALLS")" = 4 ]
}

@test "a repository of another project is bad usage, and the message says what to name" {
	history well refused
	git -C "$repo" rm -q Kbuild
	git -C "$repo" commit -qm "not Linux"
	run -2 --separate-stderr bisect GOOD=HEAD BAD=v9
	ends_with "REPO=$repo: is not Linux, and the case template has no library to bisect; name"
	run -2 --separate-stderr bisect GOOD=HEAD BAD=v9 PROG=/bin/true
	ends_with "REPO=$repo: is not Linux, and a program has no library to bisect; name"
	run -2 --separate-stderr bisect GOOD=HEAD BAD=v9 CASE=xsk-netns-cookie
	ends_with "REPO=$repo: is neither Linux nor xdp-tools; name"
	[ ! -e "$CALLS" ]
}

@test "only the same symptom is bad: other failures are skipped, and the log names them" {
	history well well elsewhere well other panic well refused elsewhere refused nothing refused refused
	run -0 --separate-stderr bisect GOOD=c0 BAD=c12
	found c7
	run -1 grep -E '^# (old|new): .*(elsewhere|panic|other|nothing)' "$lab/build/bisect.log"
	run -0 --separate-stderr bisect GOOD=c3 BAD=c9
	found c7
	grep -qE '^# skip: .* another failure: EINVAL \(connect\) in refuse: if \(too_long\)' "$lab/build/bisect.log"
}

@test "if only skipped commits are left, each is named with its failure" {
	history well well panic elsewhere refused refused
	run -1 --separate-stderr bisect GOOD=c0 BAD=c5
	said "not found"
	said "another failure: panic: Kernel panic - not syncing"
	said "another failure: EINVAL (connect) in refuse: if (too_long)"
	[ ! -e "$lab/build/bisect.json" ]
}

@test "a commit whose runs differ is skipped" {
	history well well flaky refused refused
	run -1 --separate-stderr bisect GOOD=c0 BAD=c4 RUNS=2
	said "its runs differ: EINVAL (connect) in refuse: if (wrong); success"
}

@test "facts count if FACTS names them, or if both ends have the same error" {
	history "refused 1" "refused 1" "refused 2" "refused 2"
	run -0 --separate-stderr bisect GOOD=c0 BAD=c3
	found c2
	run -2 --separate-stderr bisect GOOD=c0 BAD=c3 ROW=second FACTS=fact,nosuch
	ends_with "FACTS=fact,nosuch: the facts of row second are fact"
}

@test "ends on two branches: the change is on the side that differs from the merge base" {
	history well well refused refused
	git -C "$repo" checkout -q -b stable c1
	echo stable >"$repo/other"
	git -C "$repo" add .
	git -C "$repo" commit -q -m stable
	run -0 --separate-stderr bisect GOOD=stable BAD=c3
	found c2
	git -C "$repo" checkout -q --orphan alone
	git -C "$repo" commit -q -m alone
	run -2 --separate-stderr bisect GOOD=alone BAD=c3
	ends_with "no commit in common"
}

@test "a merge is searched, or found as a whole with FIRST_PARENT=1; PATHS limit the search" {
	history well well well
	(
		cd "$repo"
		git checkout -q -b side c1
		echo refused >outcome
		git commit -q -a -m "on the side"
		git tag side1
		git checkout -q master
		git merge -q --no-edit side
		git tag merged
		touch more
		git add .
		git commit -q -m after
		git tag after
	)
	run -0 --separate-stderr bisect GOOD=c2 BAD=after
	found side1
	run -0 --separate-stderr bisect GOOD=c2 BAD=after FIRST_PARENT=1
	found merged
	run -0 --separate-stderr bisect GOOD=c0 BAD=after PATHS=outcome
	found side1
	run -2 --separate-stderr bisect GOOD=c0 BAD=after PATHS=nosuch
	ends_with "git bisect does not start"
}

@test "the user's repository stays as it is: read-only, with spaces, changes and a bisection of its own" {
	mapfile -t outcomes < <(times 4 well; times 4 refused)
	history "${outcomes[@]}"
	mv "$repo" "$BATS_TEST_TMPDIR/my linux"
	repo="$BATS_TEST_TMPDIR/my linux"
	git -C "$repo" bisect start c7 c0 >/dev/null
	echo changed >"$repo/n0"
	chmod -R a-w "$repo"
	before=$(cd "$repo" && find . -type f -exec sha256sum {} + | sort)
	run -0 --separate-stderr bisect GOOD=c0 BAD=c7
	said "ignoring uncommitted changes"
	found c4
	[ "$(cd "$repo" && find . -type f -exec sha256sum {} + | sort)" = "$before" ]
	chmod -R u+w "$repo"
}

@test "a shallow clone works as far as it goes, and the error says how to get more" {
	history well well well refused refused
	git clone -q --depth 3 "file://$repo" "$BATS_TEST_TMPDIR/shallow"
	git -C "$repo" rev-parse c0 >"$BATS_TEST_TMPDIR/c0"
	good=$(git -C "$repo" rev-parse c2) bad=$(git -C "$repo" rev-parse c4) first=$(git -C "$repo" rev-parse c0)
	repo=$BATS_TEST_TMPDIR/shallow
	run -0 --separate-stderr bisect GOOD="$good" BAD="$bad"
	[ "$(answer .subject)" = "number 3: refused" ]
	run -2 --separate-stderr bisect GOOD="$first" BAD="$bad"
	ends_with "it is shallow: git fetch --unshallow"
}

@test "after a kill nothing keeps running, and the next start continues" {
	mapfile -t outcomes < <(times 9 well; times 8 refused)
	history "${outcomes[@]}"
	touch "$CALLS"
	# The third step hangs, and is killed; so is the fourth.
	for how in 3:KILL 4:TERM; do
		STOP_AT=${how%:*} "$lab/repro/bisect" CASE=template "REPO=$repo" GOOD=c0 BAD=c16 >/dev/null 2>&1 3>&- &
		for ((i = 0; i < 300; i++)); do
			[ "$(grep -cs . "$CALLS")" -lt "${how%:*}" ] || break
			sleep 0.1
		done
		kill -"${how#*:}" $!
		wait $! || true
		for ((i = 0; i < 100; i++)); do
			pgrep -f "$lab/repro|sleep 3737" >/dev/null || break
			sleep 0.1
		done
		run -1 pgrep -f "$lab/repro|sleep 3737"
	done
	run -0 --separate-stderr bisect GOOD=c0 BAD=c16
	found c9
	[ "$(sort "$CALLS" | uniq -c | awk '$1 > 1 { print $1 }')" = 3 ] # the one that was stopped twice
}

@test "a failure of the machine stops the search, and the next start continues" {
	history well well machine refused refused
	run -125 --separate-stderr bisect GOOD=c0 BAD=c4
	ends_with "No space left on device"
	[ ! -e "$lab/build/bisect.json" ]
	touch "$CALLS.mended"
	run -0 --separate-stderr bisect GOOD=c0 BAD=c4
	found c2
}

@test "a culprit whose revert does not change the result is not verified" {
	# c3 changes the same line again, so the revert of c2 does not apply. c0 with c2 equals c2.
	history well well refused "refused 2"
	run -0 --separate-stderr bisect GOOD=c0 BAD=c3
	found c2
	[[ $output == *"verified: c0 with it is bad"* ]]
}

# known FILE...: record that c0's build read these files; set STATE and KIND for repro/bisect.d.
known() {
	export STATE=$BATS_TEST_TMPDIR/state KIND=kernel RUNS=1
	mkdir -p "$STATE/commits/$(git -C "$repo" rev-parse c0)"
	ln -sfn "$repo/.git" "$STATE/git"
	printf '%s\n' "$@" >"$STATE/commits/$(git -C "$repo" rev-parse c0)/sources"
	echo '{"runs": [{}]}' >"$STATE/commits/$(git -C "$repo" rev-parse c0)/seen.json"
}

@test "a commit has the same build input as a known one if it changes no file that is read" {
	known_files=(Makefile net/a.c net/Makefile net/Kconfig include/linux/a.h arch/x86/table.tbl)
	mkdir "$repo"
	(
		cd "$repo"
		git init -q -b master .
		git config user.name n
		git config user.email e
		mkdir -p net include/linux arch/x86 arch/arm drivers/gpu scripts tools/objtool Documentation
		for file in "${known_files[@]}" net/b.c arch/arm/a.c drivers/gpu/Makefile drivers/gpu/gpu.c scripts/link.sh tools/objtool/x.c Documentation/x.txt MAINTAINERS; do
			echo 1 >"$file"
		done
		git add .
		git commit -q -m 0
		git tag c0
	)
	known "${known_files[@]}"
	for file in net/b.c arch/arm/a.c drivers/gpu/Makefile drivers/gpu/gpu.c Documentation/x.txt MAINTAINERS net/new.c; do
		(cd "$repo" && git checkout -q c0 && echo 2 >"$file" && git add . && git commit -q -m "$file")
		run -0 "$lab/repro/bisect.d/alike" "$(git -C "$repo" rev-parse HEAD)"
		[ "$output" = "$(git -C "$repo" rev-parse c0)" ] || { echo "$file counts"; return 1; }
	done
	for file in "${known_files[@]}" scripts/link.sh tools/objtool/x.c include/a.h net/unknown.pl; do
		(cd "$repo" && git checkout -q c0 && echo 2 >"$file" && git add . && git commit -q -m "$file")
		run -0 "$lab/repro/bisect.d/alike" "$(git -C "$repo" rev-parse HEAD)"
		[ -z "$output" ] || { echo "$file does not count"; return 1; }
	done
	# For a library, only files that the compiler read count.
	KIND=library run -0 "$lab/repro/bisect.d/alike" "$(git -C "$repo" rev-parse HEAD)"
	[ "$output" = "$(git -C "$repo" rev-parse c0)" ]
}

@test "build id and release do not count as code, a changed constant does" {
	echo 'const char v[] = "Linux version 6.1.0"; int main(void) { return N; }' >"$BATS_TEST_TMPDIR/a.c"
	sed 's/6.1.0/6.1.7/; 1i // a line' "$BATS_TEST_TMPDIR/a.c" >"$BATS_TEST_TMPDIR/b.c"
	for program in "a 1" "b 1" "b 2"; do
		cc -g -DN="${program#* }" -Wl,--build-id -o "$BATS_TEST_TMPDIR/x" "$BATS_TEST_TMPDIR/${program% *}.c"
		strip -o "$BATS_TEST_TMPDIR/${program/ /}" "$BATS_TEST_TMPDIR/x"
	done
	run -0 repro/bisect.d/code "$BATS_TEST_TMPDIR/a1" 6.1.0
	code=$output
	run -0 repro/bisect.d/code "$BATS_TEST_TMPDIR/b1" 6.1.7
	[ "$output" = "$code" ]
	run -0 repro/bisect.d/code "$BATS_TEST_TMPDIR/b1" 6.1.0
	[ "$output" != "$code" ]
	run -0 repro/bisect.d/code "$BATS_TEST_TMPDIR/b2" 6.1.7
	[ "$output" != "$code" ]
}

@test "the tree has the user's patch, which is gone at the next commit" {
	history well well
	(
		cd "$repo"
		printf 'VERSION = 6\nPATCHLEVEL = 1\n' >Makefile
		mkdir arch arch/x86
		printf '%s\n' a 'REALMODE_CFLAGS += -ffreestanding' 'REALMODE_CFLAGS += -fno-stack-protector' \
			'REALMODE_CFLAGS += -Wno-address-of-packed-member' >arch/x86/Makefile
		git add .
		git commit -q -m more
		git tag more
		echo patched >outcome
		git diff >"$BATS_TEST_TMPDIR/mine.patch"
		git checkout -q outcome
	)
	export STATE=$XDG_CACHE_HOME/xsklab/bisect/x
	mkdir -p "$STATE"
	ln -sfn "$repo/.git" "$STATE/git"
	echo "$BATS_TEST_TMPDIR/mine.patch" >"$STATE/patches"
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho 15\n' >"$BATS_TEST_TMPDIR/bin/cc"
	chmod +x "$BATS_TEST_TMPDIR/bin/cc"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 "$lab/repro/bisect.d/tree" "$(git -C "$repo" rev-parse more)" "$BATS_TEST_TMPDIR/fixes"
	[ "$(cat "$BATS_TEST_TMPDIR/fixes")" = $'mine.patch\nrealmode-gnu11.patch' ]
	[ "$(cat "$STATE/tree/outcome")" = patched ]
	grep -q 'std=gnu11' "$STATE/tree/arch/x86/Makefile"
	grep -qE '^git tree [0-9a-f]{40}, patched [0-9a-f]{32}$' "$STATE/tree.id"
	: >"$STATE/patches"
	touch "$STATE/tree/left"
	printf '#!/bin/sh\necho 12\n' >"$BATS_TEST_TMPDIR/bin/cc"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 "$lab/repro/bisect.d/tree" "$(git -C "$repo" rev-parse more)" "$BATS_TEST_TMPDIR/fixes"
	[ ! -s "$BATS_TEST_TMPDIR/fixes" ]
	[ -z "$(diff -rq --exclude=.git "$repo" "$STATE/tree")" ]
	echo /nowhere >"$STATE/patches"
	run -125 --separate-stderr "$lab/repro/bisect.d/tree" "$(git -C "$repo" rev-parse c0)" "$BATS_TEST_TMPDIR/fixes"
	said "does not apply"
}

# stand_in FILE <TEXT: replace a script of the lab.
stand_in() { cat - >"$lab/$1"; chmod +x "$lab/$1"; }

@test "a program: its refusal and its end count; a kernel that does not build is skipped, the same code runs once" {
	cp repro/bisect.d/observe "$lab/repro/bisect.d/observe"
	stand_in kernel-config/build <<-'EOF'
		#!/bin/sh
		! grep -q broken "$2/outcome" || { echo "xsklab: lab failure: the kernel does not build: error: x; see y" >&2; exit 125; }
		mkdir -p "$1"
		printf 'const char outcome[] = "%s"; int main(void) { return 0; }' "$(cat "$2/outcome")" | cc -x c -o "$1/vmlinux.boot" -
		echo outcome >"$1/sources"
		echo '{"release": "6.1.0"}' >"$1.json"
	EOF
	stand_in repro/why <<-'EOF'
		#!/bin/bash
		export "$@"
		mkdir -p "$BUILD/why"
		echo '{"ended": "exited with 0"}' >"$BUILD/why/calls.json"
		echo "$(cat "$KERNEL/outcome") $ARGS" >>"$CALLS"
		case $(cat "$KERNEL/outcome") in
		well) exit 1 ;;
		crash) echo '{"ended": "killed by SIGSEGV"}' >"$BUILD/why/calls.json"; exit 1 ;;
		esac
		echo '{"call": "bind", "errno": "EINVAL", "function": "f", "condition": "if (x)", "statement": {"text": "return -EINVAL;"}, "chain": []}' >"$BUILD/why.json"
	EOF
	history well well crash well refused refused broken refused
	run -0 --separate-stderr bisect GOOD=c0 BAD=c7 PROG=/bin/true ARGS="a 'b c'"
	found c4
	[ "$(answer .symptom.bad)" = "EINVAL (bind) in f: if (x), ended exited with 0" ]
	run -125 --separate-stderr bisect GOOD=c2 BAD=c6 PROG=/bin/true ARGS="a 'b c'"
	ends_with "BAD=c6: the kernel does not build: error: x"
	run -0 --separate-stderr bisect GOOD=c1 BAD=c2 PROG=/bin/true ARGS="a 'b c'"
	[ "$(sort "$CALLS" | uniq -c | awk '{ print $1, $2 }')" = $'1 crash\n1 refused\n1 well' ] # each code once, with its arguments
}

# The rest uses real builds and guests, and this host's cache.

# Set repo to the repository of xdp-tools, or skip.
xdp_tools() {
	unset XDG_CACHE_HOME
	repo=${LIBXDP-}
	git -C "${repo:-.}" cat-file -e v1.6.0:lib/libxdp/xsk.c 2>/dev/null || skip "LIBXDP= is not a clone of xdp-tools"
}

# bats test_tags=slow
@test "xdp-tools: finds the fix of this project's case by itself" {
	xdp_tools
	run -0 --separate-stderr repro/bisect REPO="$repo" GOOD=v1.3.0 BAD=v1.2.0
	[ "$(jq -r .commit build/bisect.json)" = 7c457b5ba90e10f48c99cfe92ac93167e8716fd0 ]
	jq -e '.verified and .effect == "mended" and .steps.built < .steps.tried' build/bisect.json
	run -0 --separate-stderr repro/bisect REPO="$repo" GOOD=v1.3.0 BAD=v1.2.10
	[ "$(jq -r .commit build/bisect.json)" = 7c457b5ba90e10f48c99cfe92ac93167e8716fd0 ]
}

# bats test_tags=slow
@test "xdp-tools: finds what made an error positive, and what fixed that" {
	xdp_tools
	run -0 --separate-stderr repro/bisect CASE=tests/cases/returns REPO="$repo" GOOD=v1.6.0 BAD=v1.5.0
	[ "$(jq -r .commit build/bisect.json)" = 289c8eb44689f437a0f6df329cedc71a76a15f20 ]
	run -0 --separate-stderr repro/bisect CASE=tests/cases/returns REPO="$repo" GOOD=v1.4.0 BAD=v1.5.0
	jq -e '.verified and .effect == "broke"' build/bisect.json
}

# bats test_tags=slow
@test "a kernel of 64 commits: finds the culprit from different ends, and never another commit" {
	unset XDG_CACHE_HOME
	repo=$BATS_TEST_TMPDIR/linux
	tests/kernel-history "$(jq -r .source_dir build/kernel.json)" "$repo"
	culprit=$(git -C "$repo" rev-parse culprit)
	for ends in "c0 c64" "c32 c64" "c0 c33" "c32 c33" "c28 c38"; do
		run -0 --separate-stderr repro/bisect CASE=xsk-bindtodevice COLUMN=with REPO="$repo" GOOD="${ends% *}" BAD="${ends#* }"
		[ "$(jq -r .commit build/bisect.json)" = "$culprit" ]
		jq -e '.verified' build/bisect.json
	done
	# c34 moves the refusal to another line, and is not mistaken for the culprit.
	run -1 --separate-stderr repro/bisect CASE=xsk-bindtodevice COLUMN=with REPO="$repo" GOOD=c30 BAD=c35
	said "another failure"
	rm -rf "$repo"
}
