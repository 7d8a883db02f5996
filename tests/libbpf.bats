#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/libbpf/build: libbpf 0.3 as it is, and with a semantic patch.
# shellcheck disable=SC2154 # bats sets stderr

load lib

setup() {
	build=$PWD/repro/libbpf/build
	out=$BATS_TEST_TMPDIR/libbpf
	WITH_FIX=$PWD/repro/cases/xsk-netns-cookie-libbpf/with-fix.cocci
	export WITH_FIX
	own_cache
}

# repository TAG: make a git repository with that tag, whose xsk.c is as much of libbpf 0.3's as
# the semantic patch is about.
repository() {
	repository=$BATS_TEST_TMPDIR/repository
	git init --quiet "$repository"
	mkdir -p "$repository"/{src,include/uapi}
	cat >"$repository/src/xsk.c" <<-'END'
		#include <stddef.h>
		#include <sys/socket.h>
		#include "xsk.h"
		typedef unsigned int __u32;
		typedef unsigned long long __u64;
		struct xsk_ctx {
			__u32 queue_id;
			int ifindex;
			int prog_fd;
		};
		struct xsk_umem {
			struct xsk_ctx *ctx;
		};
		static struct xsk_ctx *xsk_get_ctx(struct xsk_umem *umem, int ifindex,
						   __u32 queue_id)
		{
			struct xsk_ctx *ctx;

			for (ctx = umem->ctx; ctx; ctx = NULL) {
				if (ctx->ifindex == ifindex && ctx->queue_id == queue_id)
					return ctx;
			}
			return NULL;
		}
		int xsk_socket__create_shared(struct xsk_socket *xsk, struct xsk_umem *umem, int ifindex, __u32 queue_id)
		{
			struct xsk_ctx *ctx;

			ctx = xsk_get_ctx(umem, ifindex, queue_id);
			xsk->ctx = ctx;
			return 0;
		}
	END
	echo 'struct xsk_socket { int fd; struct xsk_ctx *ctx; };' >"$repository/src/xsk.h"
	touch "$repository/include/uapi/keep"
	git -C "$repository" add -A
	git -C "$repository" -c user.name=n -c user.email=e -c commit.gpgsign=false commit --quiet -m libbpf
	git -C "$repository" tag "$1"
}

@test "a git folder gives v0.3, and the same with the comparison" {
	repository v0.3
	run -0 "$build" "$repository" "$out/FIX-parent=FIX^" "$out/FIX=FIX"
	[ "$(jq -r .version "$out"/FIX{-parent,}/library.json)" = $'v0.3\nv0.3 with the fix' ]
	diff "$repository/src/xsk.c" "$out/FIX-parent/src/xsk.c"
	grep -q 'ctx->netns_cookie == netns_cookie && ctx->ifindex == ifindex' "$out/FIX/src/xsk.c"
	[ "$(cat "$out/FIX/headers/xdp/xsk.h")" = '#include <bpf/xsk.h>' ]
	nm "$out/FIX/libbpf.a" | grep -q ' t xsk_get_ctx'
	# Not built twice.
	touch -d 2020-01-01 "$out"/*/libbpf.a
	run -0 "$build" "$repository" "$out/FIX-parent=FIX^" "$out/FIX=FIX"
	[ -z "$(find "$out" -name libbpf.a -newermt 2021-01-01)" ]
}

@test "a semantic patch that does not fit is noticed" {
	repository v0.3
	sed -i 's/xsk->ctx = ctx;/xsk->ctx = xsk_get_ctx(umem, 0, 0);/' "$repository/src/xsk.c"
	git -C "$repository" -c user.name=n -c user.email=e -c commit.gpgsign=false commit --quiet -a -m changed
	git -C "$repository" tag -f v0.3
	run -125 --separate-stderr "$build" "$repository" "$out/FIX=FIX"
	said "the semantic patch does not fit this version of libbpf"
	WITH_FIX='' run -2 --separate-stderr "$build" "$repository" "$out/FIX=FIX"
	said "the case has none"
	[ ! -e "$out" ]
}

@test "if libbpf cannot be reached, the distribution's is used, and a line says so" {
	repository v0.3
	run -0 "$build" "$repository" "$out/FIX=FIX^"
	# Pretend that the distribution's had been fetched.
	mv "$BATS_TEST_TMPDIR/cache/xsklab/libraries"/* "$BATS_TEST_TMPDIR/cache/xsklab/libraries/distro-libbpf-0.3-1"
	echo distro-libbpf-0.3-1 >"$BATS_TEST_TMPDIR/cache/xsklab/distro-libbpf"
	export LIBBPF_GIT=$BATS_TEST_TMPDIR/nowhere
	for _ in 1 2; do # the second time, it does not ask again
		run -0 --separate-stderr "$build" '' "$out/FIX-parent=FIX^" "$out/FIX=FIX"
		[ "$(grep -c "cannot reach $LIBBPF_GIT, and LIBBPF is not set: using LIBBPF=distro" <<<"$stderr")" = 1 ]
	done
	one_line
	run -125 --separate-stderr "$build" upstream "$out/FIX=FIX"
	said "use LIBBPF=distro or LIBBPF=GITDIR"
}

@test "a LIBBPF or revision that does not name a libbpf is refused" {
	for word in v0.3 /nonexistent "$BATS_TEST_TMPDIR"; do
		run -2 --separate-stderr "$build" "$word" "$out/FIX=FIX"
		said "LIBBPF=$word"
		one_line
	done
	repository v0.4
	run -125 --separate-stderr "$build" "$repository" "$out/FIX=FIX^"
	said "does not have v0.3"
	one_line
	git -C "$repository" tag v0.3
	run -2 --separate-stderr "$build" "$repository" "$out/old=v0.4"
	said "LIBBPF=v0.4: must be FIX or FIX^"
	[ ! -e "$out" ]
}
