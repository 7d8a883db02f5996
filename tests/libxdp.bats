#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/libxdp/build: revisions of libxdp from each source.

load lib

setup() {
	build=$PWD/repro/libxdp/build
	out=$BATS_TEST_TMPDIR/libxdp
	mine=build/libxdp # FIX and FIX-parent, which the programs in use are linked with
	WITHOUT_FIX=$PWD/repro/cases/xsk-netns-cookie/without-fix.cocci
	export WITHOUT_FIX
}

# pair LIBXDP: build both sides of the fix.
pair() { "$build" "$1" "$out/FIX-parent=FIX^" "$out/FIX=FIX"; }

# upstream: make a git repository like xdp-tools from the lab's pair: two commits, the second
# is the fix.
upstream() {
	repository=$BATS_TEST_TMPDIR/upstream
	git init --quiet "$repository"
	local side
	for side in FIX-parent FIX; do
		rm -rf "${repository:?}"/{lib,headers}
		cp -r "$mine/$side"/{lib,headers} "$repository"
		git -C "$repository" add -A
		git -C "$repository" -c user.name=n -c user.email=e -c commit.gpgsign=false \
			commit --quiet --allow-empty -m "$side"
	done
	git -C "$repository" tag v1.0 HEAD^
	FIX=$(git -C "$repository" rev-parse HEAD)
	export FIX XDP_TOOLS=file://$repository
}

version() { jq -r .version "$1/library.json"; }

same_sources() { # OUT FIX|FIX-parent
	diff -r "$mine/$2/lib" "$1/lib"
	diff -r "$mine/$2/headers" "$1/headers"
}

@test "the two sides in use differ only in the fix" {
	# Every line that differs is about the netns cookie, or its error handling.
	run -1 diff -rq "$mine"/FIX-parent/lib "$mine"/FIX/lib
	[ "$output" = "Files $mine/FIX-parent/lib/libxdp/xsk.c and $mine/FIX/lib/libxdp/xsk.c differ" ]
	run -0 diff -r "$mine"/FIX-parent/headers "$mine"/FIX/headers
	run -1 diff "$mine"/FIX-parent/lib/libxdp/xsk.c "$mine"/FIX/lib/libxdp/xsk.c
	lines=() output=$(grep '^[<>]' <<<"$output")
	mapfile -t lines <<<"$output"
	[ "${#lines[@]}" -ge 2 ]
	[ "${#lines[@]}" -le 40 ]
	[[ $output == *'> 		if (ctx->netns_cookie == netns_cookie && ctx->ifindex == ifindex && ctx->queue_id == queue_id) {'* ]]
	[[ $output == *'< 		if (ctx->ifindex == ifindex && ctx->queue_id == queue_id) {'* ]]
}

@test "both programs have symbols for xsk_get_ctx and xsk_create_ctx" {
	for column in before after; do
		run -0 nm build/xsk-netns-cookie/program.$column
		[[ $output == *" t xsk_get_ctx"* ]]
		[[ $output == *" t xsk_create_ctx"* ]]
	done
}

@test "upstream: a commit and its parent are fetched by id, only once" {
	upstream
	own_cache
	run -0 --separate-stderr pair upstream
	[ "$(version "$out/FIX")" = "${FIX:0:12}" ]
	[ "$(version "$out/FIX-parent")" = "${FIX:0:12}^" ]
	same_sources "$out/FIX" FIX
	same_sources "$out/FIX-parent" FIX-parent
	rm -rf "$repository"
	run -0 --separate-stderr pair upstream
	[ -z "$stderr" ]
	[ -z "$(find "$XDG_CACHE_HOME" -name 'tmp.*')" ]
}

@test "upstream: a tag is a revision like any other" {
	upstream
	own_cache
	run -0 --separate-stderr "$build" upstream "$out/old=v1.0"
	[ "$(version "$out/old")" = v1.0 ]
	same_sources "$out/old" FIX-parent
	run -125 --separate-stderr "$build" upstream "$out/none=v9.9"
	said "cannot fetch v9.9 from file://"
	[ ! -e "$out/none" ]
}

@test "a git folder gives the commit, its parent and a tag" {
	upstream
	own_cache
	run -0 pair "$repository"
	same_sources "$out/FIX" FIX
	same_sources "$out/FIX-parent" FIX-parent
	run -0 --separate-stderr "$build" "$repository" "$out/old=v1.0"
	same_sources "$out/old" FIX-parent
}

@test "a git folder without the commit is an error" {
	upstream
	own_cache
	FIX=7c457b5ba90e10f48c99cfe92ac93167e8716fd0 run -125 --separate-stderr pair "$repository"
	said "does not have commit"
	one_line
}

@test "a library is not built twice, and another revision replaces it" {
	upstream
	own_cache
	run -0 pair "$repository"
	touch -d 2020-01-01 "$out"/*/*.o
	run -0 pair "$repository"
	[ -z "$(find "$out" -name '*.o' -newermt 2021-01-01)" ]
	run -0 "$build" "$repository" "$out/FIX=FIX^"
	same_sources "$out/FIX" FIX-parent
	[ -n "$(find "$out/FIX" -name '*.o' -newermt 2021-01-01)" ]
}

@test "a LIBXDP or FIX that does not name a libxdp is refused" {
	for word in v1.3.0 /nonexistent "$BATS_TEST_TMPDIR"; do
		FIX=7c457b5ba90e10f48c99cfe92ac93167e8716fd0 run -2 --separate-stderr pair "$word"
		said "LIBXDP=$word"
		one_line
	done
	FIX=main run -2 --separate-stderr pair upstream
	said "FIX=main"
	unset FIX
	run -2 --separate-stderr pair upstream
	said "FIX="
	[ ! -e "$out" ]
}

@test "the distribution's package is FIX or FIX^, no other revision" {
	run -2 --separate-stderr "$build" distro "$out/old=v1.0"
	said "LIBXDP=distro"
	one_line
	WITHOUT_FIX='' FIX=7c457b5ba90e10f48c99cfe92ac93167e8716fd0 run -2 --separate-stderr pair distro
	said "FIX^ needs a semantic patch"
	one_line
	[ ! -e "$out" ]
}

@test "the semantic patch removes one comparison, and nothing from code without the fix" {
	cp "$mine"/FIX/lib/libxdp/xsk.c "$BATS_TEST_TMPDIR/xsk.c"
	spatch --very-quiet --in-place --sp-file "$WITHOUT_FIX" "$BATS_TEST_TMPDIR/xsk.c"
	run diff "$mine"/FIX/lib/libxdp/xsk.c "$BATS_TEST_TMPDIR/xsk.c"
	[ "$(grep -c '^[<>]' <<<"$output")" = 2 ]
	cp "$BATS_TEST_TMPDIR/xsk.c" "$BATS_TEST_TMPDIR/again.c"
	spatch --very-quiet --in-place --sp-file "$WITHOUT_FIX" "$BATS_TEST_TMPDIR/again.c"
	cmp "$BATS_TEST_TMPDIR/xsk.c" "$BATS_TEST_TMPDIR/again.c"
}

@test "the reproducer refuses bad options" {
	program=build/xsk-netns-cookie/program.after
	for options in "" "--ingress a" "--ingress a --egress b --egress-netns c --queues 0" \
		"--ingress a --egress b --egress-netns c --queues 65" \
		"--ingress a --egress b --egress-netns c --queues x" \
		"--ingress a --egress b --egress-netns c more" "--no-such-option"; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$program" $options
		said usage
	done
}
