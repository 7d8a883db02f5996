#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/libxdp: libxdp before and after the fix, from each of its sources.

load lib

setup() {
	source=$PWD/repro/libxdp/source
	out=$BATS_TEST_TMPDIR/libxdp
}

# upstream: a git repository like xdp-tools, made of the pair that the lab has:
# two commits, the second of which is the fix.
upstream() {
	repository=$BATS_TEST_TMPDIR/upstream
	git init --quiet "$repository"
	local variant
	for variant in before after; do
		rm -rf "${repository:?}"/{lib,headers}
		cp -r build/libxdp/$variant/{lib,headers} "$repository"
		find "$repository" -name '*.o' -delete
		git -C "$repository" add -A
		git -C "$repository" -c user.name=n -c user.email=e -c commit.gpgsign=false \
			commit --quiet --allow-empty -m "$variant"
	done
	FIX=$(git -C "$repository" rev-parse HEAD)
	export FIX XDP_TOOLS=file://$repository
}

# The lines in which the two variants differ.
differences() {
	diff -r -x '*.o' "$1/before" "$1/after" | grep '^[<>]'
}

@test "the two variants in use differ in nothing but the fix" {
	# One file; every line of the difference is about the netns cookie, or is its
	# error handling.
	run -1 diff -rq -x '*.o' build/libxdp/before build/libxdp/after
	[ "$output" = "Files build/libxdp/before/lib/libxdp/xsk.c and build/libxdp/after/lib/libxdp/xsk.c differ" ]
	run differences build/libxdp
	[ "${#lines[@]}" -ge 2 ]
	[ "${#lines[@]}" -le 40 ]
	[[ $output == *'> 		if (ctx->netns_cookie == netns_cookie && ctx->ifindex == ifindex && ctx->queue_id == queue_id) {'* ]]
	[[ $output == *'< 		if (ctx->ifindex == ifindex && ctx->queue_id == queue_id) {'* ]]
}

@test "both programs show gdb xsk_get_ctx and xsk_create_ctx" {
	for variant in before after; do
		run -0 nm build/xsk-netns-cookie/program.$variant
		[[ $output == *" t xsk_get_ctx"* ]]
		[[ $output == *" t xsk_create_ctx"* ]]
	done
}

@test "upstream: a commit and its parent are fetched by id, once" {
	upstream
	own_cache
	run -0 --separate-stderr "$source" "$out" upstream
	[ "$(jq -r .after "$out/libxdp.json")" = "${FIX:0:12}" ]
	[ "$(jq -r .before "$out/libxdp.json")" = "${FIX:0:12}^" ]
	diff -r -x '*.o' build/libxdp/after/lib "$out/after/lib"
	diff -r -x '*.o' build/libxdp/before/lib "$out/before/lib"
	rm -rf "$repository"
	run -0 --separate-stderr "$source" "$out" upstream
	[ -z "$stderr" ]
	[ -z "$(find "$XDG_CACHE_HOME" -name 'tmp.*')" ]
}

@test "a git folder gives the commit and its parent" {
	upstream
	own_cache
	run -0 "$source" "$out" "$repository"
	diff -r -x '*.o' build/libxdp/after/lib "$out/after/lib"
}

@test "a git folder without the commit is told" {
	upstream
	own_cache
	unset FIX
	run -125 --separate-stderr "$source" "$out" "$repository"
	said "does not have the fix"
	one_line
}

@test "words and folders that are no libxdp are refused" {
	for word in v1.3.0 /nonexistent "$BATS_TEST_TMPDIR"; do
		run -2 --separate-stderr "$source" "$out" "$word"
		said "LIBXDP=$word"
		one_line
	done
	FIX=main run -2 --separate-stderr "$source" "$out" upstream
	said "FIX=main"
}

@test "the semantic patch takes one comparison out, and nothing out of other code" {
	cp build/libxdp/after/lib/libxdp/xsk.c "$BATS_TEST_TMPDIR/xsk.c"
	spatch --very-quiet --in-place --sp-file repro/cases/xsk-netns-cookie/without-fix.cocci "$BATS_TEST_TMPDIR/xsk.c"
	run diff build/libxdp/after/lib/libxdp/xsk.c "$BATS_TEST_TMPDIR/xsk.c"
	[ "$(grep -c '^[<>]' <<<"$output")" = 2 ]
	cp "$BATS_TEST_TMPDIR/xsk.c" "$BATS_TEST_TMPDIR/again.c"
	spatch --very-quiet --in-place --sp-file repro/cases/xsk-netns-cookie/without-fix.cocci "$BATS_TEST_TMPDIR/again.c"
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
