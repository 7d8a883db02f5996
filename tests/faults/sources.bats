#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Faults of downloads and their servers; see judge.bash.
# shellcheck disable=SC2154 # stderr is set by bats

# bats file_tags=slow
load judge

# Linux 9.1 has one file and a pin; no repository has the commit FIX_OF_ROW.
setup_file() {
	make_lab
	export LAB MIRROR=$BATS_FILE_TMPDIR/mirror NOBODY=http://127.0.0.1:1
	export FIX_OF_ROW=0123456789012345678901234567890123456789
	mkdir -p "$MIRROR/v9.x" "$BATS_FILE_TMPDIR/linux-9.1"
	head -c 200000 /dev/urandom >"$BATS_FILE_TMPDIR/linux-9.1/Makefile"
}

setup() {
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
	publish linux-9.1
}

teardown() { [ -z "${SERVER-}" ] || kill "$SERVER"; }

# publish WORDS...: make the tarball of Linux 9.1 with these words for tar.
publish() {
	tar -cPJf "$MIRROR/v9.x/linux-9.1.tar.xz" -C "$BATS_FILE_TMPDIR" "$@"
	pin
}

pin() {
	sed -i '/^9\.1\t/d' "$LAB/kernel-config/pins"
	printf '9.1\t%s\n' "$(sha256sum "$MIRROR/v9.x/linux-9.1.tar.xz" | cut -d' ' -f1)" >>"$LAB/kernel-config/pins"
}

# serve TEXT: start a server at URL that runs TEXT after a request for $path.
serve() {
	local server=$BATS_TEST_TMPDIR/server
	# shellcheck disable=SC2016 # for the server
	printf '#!/bin/bash\nread -r _ path _\nwhile read -r line && [ ${#line} -gt 1 ]; do :; done\n%s\n' "$1" >"$server"
	chmod +x "$server"
	socat -d -d TCP-LISTEN:0,bind=127.0.0.1,fork EXEC:"$server" 2>"$server.log" 3>&- &
	SERVER=$!
	until URL=http://$(grep -om1 '127\.0\.0\.1:[0-9]*' "$server.log"); do sleep 0.05; done
}

# kernel URL EXIT SECONDS CAUSE: run with Linux 9.1 from URL; the cache must not keep it.
kernel() {
	fault "$2" "$3" "$4" '' env KERNEL_ORG="$1" repro/run KERNEL=v9.1
	[ ! -e "$CACHE/sources/linux-9.1" ]
}

# libxdp URL EXIT SECONDS CAUSE: run with the commit FIX_OF_ROW from URL.
libxdp() {
	fault "$2" "$3" "$4" '' env XDP_TOOLS="$1" FIX="$FIX_OF_ROW" repro/run LIBXDP=upstream
}

instead='.*or use KERNEL=distro or a tree'

@test "sources: host not resolvable" {
	kernel http://nowhere.invalid 125 15 "cannot fetch [^ ]*: curl: \(6\) Could not resolve host: nowhere.invalid; $instead"
}

@test "sources: host refuses" {
	kernel "$NOBODY" 125 15 "cannot fetch [^ ]*: curl: \(7\) Failed to connect to 127.0.0.1 port 1 $instead"
}

@test "sources: host stalls after half" {
	serve 'printf "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"; head -c 100000 /dev/zero; cat >/dev/null'
	STALL_DEADLINE=3 kernel "$URL" 125 18 "cannot fetch [^ ]*: curl: \(28\) Operation too slow. $instead"
}

# bats test_tags=quick
@test "sources: host hangs up after half" {
	serve 'printf "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"; head -c 100000 /dev/zero'
	kernel "$URL" 125 15 "cannot fetch [^ ]*: curl: \(18\) [^;]*100000 bytes [^;]*; $instead"
}

@test "sources: host does not have it" {
	serve 'printf "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"'
	kernel "$URL" 125 15 "cannot fetch [^ ]*: curl: \(22\) The requested URL returned error: 404; $instead"
}

@test "sources: wrong checksum" {
	echo more >>"$MIRROR/v9.x/linux-9.1.tar.xz"
	kernel "file://$MIRROR" 125 15 'linux-9.1.tar.xz does not have the sha256 of kernel-config/pins .*; try again, or fix the pin'
}

@test "sources: an outdated pin, and none" {
	sed -i '/^9\.1\t/s/\t./\tx/' "$LAB/kernel-config/pins"
	kernel "file://$MIRROR" 125 15 'does not have the sha256 of kernel-config/pins .*; try again, or fix the pin'
	sed -i '/^9\.1\t/d' "$LAB/kernel-config/pins"
	kernel "file://$MIRROR" 2 15 'add to kernel-config/pins the line: 9.1<tab>SHA256, from .*/v9.x/sha256sums.asc'
}

@test "sources: a redirect to an HTML page" {
	# shellcheck disable=SC2016 # for the server
	serve 'case $path in
	/login) printf "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<p>Log in.</p>\n" ;;
	*) printf "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n" ;;
	esac'
	kernel "$URL" 125 15 "does not have the sha256 of .* \(got text/html from $URL/login\); try again"
}

@test "sources: a proxy that answers with a page of its own" {
	serve 'printf "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<p>Pay now.</p>"'
	http_proxy=$URL kernel http://nowhere.invalid 125 15 'does not have the sha256 of .* \(got text/html from http://nowhere.invalid/'
}

@test "sources: a proxy that refuses" {
	serve 'printf "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"'
	https_proxy=http://me:secret@${URL#http://} kernel https://nowhere.invalid 125 15 \
		"cannot fetch [^ ]* through the proxy ${URL#http://}: curl: .*403; $instead"
	[[ $stderr != *secret* ]]
}

@test "sources: a dead proxy, for curl and for git" {
	http_proxy=$NOBODY kernel http://nowhere.invalid 125 15 \
		"cannot fetch [^ ]* through the proxy 127.0.0.1:1: curl: \(7\) Failed to connect to 127.0.0.1 port 1 $instead"
	http_proxy=$NOBODY libxdp http://nowhere.invalid 125 15 \
		'cannot reach [^ ]* through the proxy 127.0.0.1:1: fatal: .* Failed to connect to 127.0.0.1 port 1 .*; use LIBXDP=distro or LIBXDP=GITDIR'
}

@test "sources: git remote without the commit" {
	git clone --quiet --bare "$LAB" "$BATS_TEST_TMPDIR/upstream"
	libxdp "file://$BATS_TEST_TMPDIR/upstream" 125 15 "cannot fetch commit $FIX_OF_ROW from .*not our ref.*; see $CACHE/git.log"
}

@test "sources: git remote that is not a repository" {
	libxdp "file://$BATS_TEST_TMPDIR" 125 15 'cannot reach [^ ]*: .*; use LIBXDP=distro or LIBXDP=GITDIR'
}

@test "sources: git remote that refuses" {
	libxdp "$NOBODY" 125 15 'cannot reach [^ ]*: fatal: unable to access .* Failed to connect to 127.0.0.1 port 1 .*; use LIBXDP=distro'
}

@test "sources: git remote that stalls" {
	serve 'printf "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"; cat >/dev/null'
	STALL_DEADLINE=3 libxdp "$URL" 125 18 'cannot reach [^ ]*: fatal: unable to access .* Operation too slow.*; use LIBXDP=distro'
}

@test "sources: a tarball with ../ in it" {
	publish --transform='s|/Makefile|/../../../outside|' linux-9.1
	kernel "file://$MIRROR" 125 15 "cannot unpack linux-9.1.tar.xz: tar: .*outside: Member name contains '..'; kept nothing of it"
	[ -z "$(find "$BATS_FILE_TMPDIR" -name outside)" ]
}

@test "sources: a tarball with a link that leads outside, and a file behind it" {
	mkdir -p "$BATS_TEST_TMPDIR"/{linux-9.1,out}
	ln -s "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/linux-9.1/link"
	publish -C "$BATS_TEST_TMPDIR" linux-9.1/link -C "$BATS_FILE_TMPDIR" --transform='s|/Makefile|/link/outside|' linux-9.1
	kernel "file://$MIRROR" 125 15 "cannot unpack linux-9.1.tar.xz: tar: .*link/outside: Cannot open: Not a directory; kept nothing of it"
	[ -z "$(ls "$BATS_TEST_TMPDIR/out")" ]
}

@test "sources: a tarball with absolute names" {
	publish --transform="s|linux-9.1/Makefile|$BATS_TEST_TMPDIR/outside|" linux-9.1
	kernel "file://$MIRROR" 125 15 'linux-9.1.tar.xz holds no kernel tree; kept nothing of it'
	[ ! -e "$BATS_TEST_TMPDIR/outside" ]
}

@test "sources: a truncated tarball with a matching pin" {
	truncate -s 100000 "$MIRROR/v9.x/linux-9.1.tar.xz"
	pin
	kernel "file://$MIRROR" 125 15 'cannot unpack linux-9.1.tar.xz: xz: .*Unexpected end of input; kept nothing of it'
}
