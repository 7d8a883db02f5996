#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Faults of the machine and its setup; see judge.bash.
# shellcheck disable=SC2016,SC2030,SC2031,SC2317 # for the shells of the rows

# bats file_tags=slow
load judge

# Remove what is built outside the cache.
cold() { rm -rf "${LAB:?}/build"; }

# with_mounts TEXT WORDS...: set WITH, a command that runs TEXT in a shell with mounts of its own.
with_mounts() {
	unshare -rm true || skip "this host does not allow mount namespaces"
	text=$1
	shift
	WITH=(unshare -rm bash -euc "$text" --)
}

# small_disk SIZE: run with a build folder on a disk that is soon full.
small_disk() {
	with_mounts 'mkdir -p build; mount -t tmpfs -o size=$1 none build; exec repro/run'
	cold
	fault 125 30 'cannot write build/libxdp[^;]*; is its disk full|No space left on device|: [0-9.]+M? free in build' '' "${WITH[@]}" "$1"
}

# bats test_tags=quick
@test "machine: disk full in build, from the beginning" { small_disk 64k; }

@test "machine: disk full in build, later" {
	for size in 3m 30m; do small_disk $size; done
}

# its_cache TEXT: set WITH, a run with a copy of the cache on a small disk, without results of
# guests, after TEXT has changed it.
its_cache() {
	with_mounts 'mount -t tmpfs none "$1"; cp -r "$XDG_CACHE_HOME/." "$1"
		rm -rf "$1"/xsklab/{accel,origins}/*; '"$1"'; XDG_CACHE_HOME=$1 exec repro/run'
	mkdir "$BATS_TEST_TMPDIR/its"
	WITH+=("$BATS_TEST_TMPDIR/its")
}

@test "machine: disk full in the cache, with a kernel in it" {
	its_cache 'mount -o remount,size=4m "$1"; ! cat /dev/zero >"$1/fill" 2>&-'
	fault 0 60 '' '' "${WITH[@]}"
}

@test "machine: read-only cache, with a kernel in it" {
	its_cache 'rm -r "$1/xsklab/kernels"; cp -rL "$XDG_CACHE_HOME/xsklab/kernels" "$1/xsklab"
		rm -f "$1"/xsklab/kernels/*/*.layout; mount -o remount,ro "$1"'
	fault 0 60 '' '' "${WITH[@]}"
}

@test "machine: read-only cache, with no kernel in it" {
	its_cache 'rm -r "$1"/xsklab/{kernels,sources}; mount -o remount,ro "$1"'
	cold
	fault 125 20 'cannot write to the cache .*; set XDG_CACHE_HOME to' '' "${WITH[@]}"
}

@test "machine: read-only checkout, and a build folder elsewhere" {
	with_mounts 'mount --bind . .; mount -o remount,ro,bind .; cd "$PWD"; exec repro/run BUILD="$1"'
	fault 0 60 '' '' "${WITH[@]}" "$BATS_TEST_TMPDIR/elsewhere"
	fault 125 20 'cannot write build/' '' "${WITH[@]}" build
}

@test "machine: no TMPDIR, and a missing one" {
	cold
	fault 0 60 '' '' env -u TMPDIR repro/run
	cold
	TMPDIR_OF_ROW=/nonexistent fault 0 60 '' '' repro/run
}

@test "machine: 100 open files" {
	cold
	fault 0 60 '' '' bash -c "ulimit -n 100; exec repro/run"
}

@test "machine: no user namespaces" {
	unshare -r true || skip "this user cannot create user namespaces anyway"
	fault 0 60 '' '' unshare -r bash -euc "echo 0 >/proc/sys/user/max_user_namespaces; ! unshare -r true; exec repro/run"
}

@test "machine: no /dev/kvm" {
	with_mounts 'mount -t tmpfs none "$1"; ln -s /proc/self/fd "$1"
		for it in null zero full random urandom tty; do touch "$1/$it"; mount --bind "/dev/$it" "$1/$it"; done
		mount --move "$1" /dev; exec repro/run'
	fault 0 60 '' '' "${WITH[@]}" "$BATS_TEST_TMPDIR"
	[[ $stderr == *"without KVM, so slower: /dev/kvm does not exist"* ]]
}

no_screen='cannot write the screen; the verdict is in build/xsk-netns-cookie/verdict.json'

@test "machine: stdout closed, full, and a pipe that nobody reads" {
	for stdout in '>&-' '>/dev/full' '| true'; do
		fault 125 60 "$no_screen" build/xsk-netns-cookie/verdict.json bash -o pipefail -c "repro/run $stdout"
		[ "$VERDICT" = reproduced ]
	done
}

@test "machine: stdout closed after one line" {
	fault 0 60 '' '' bash -o pipefail -c "repro/run | head -n 1"
}

@test "machine: stderr closed, and full" {
	for stderr in '2>&-' '2>/dev/full'; do
		fault 0 60 '' '' bash -c "exec repro/run $stderr"
		[[ $output == *REPRODUCED* ]]
		fault 2 10 '' '' bash -c "exec repro/run QUEUES=0 $stderr"
	done
}

@test "machine: stdin closed, and nothing open at all" {
	fault 0 60 '' '' bash -c 'exec repro/run <&-'
	fault 125 60 '' '' bash -c 'exec repro/run <&- >&- 2>&-'
	[ "$VERDICT" = reproduced ]
}

@test "machine: no terminal" {
	fault 0 60 '' '' setsid --wait make -s repro
}

@test "machine: a language with other capitals and commas" {
	mkdir "$BATS_TEST_TMPDIR/locales"
	localedef -i tr_TR -f UTF-8 "$BATS_TEST_TMPDIR/locales/tr_TR.UTF-8"
	turkish=(env -u LC_ALL LOCPATH="$BATS_TEST_TMPDIR/locales" LANG=tr_TR.UTF-8)
	[ "$("${turkish[@]}" printf %.1f 1,5)" = 1,5 ]
	fault 0 60 '' '' "${turkish[@]}" make -s repro
	cold
	fault 0 60 '' '' "${turkish[@]}" LC_ALL=tr_TR.UTF-8 make -s repro
}

@test "machine: umask 077, and 000" {
	for mask in 077 000; do
		cold
		fault 0 60 '' '' bash -c "umask $mask; exec make -s repro"
		[ -z "$(find "$LAB/build" ! -type l \( -perm /022 -o ! -perm -444 \))" ]
	done
}

# clock FROM TO: make the clock jump in the middle of the build and of the guests.
clock() {
	local faketime
	faketime=$(faketime -m -f +0 printenv LD_PRELOAD)
	echo "$1" >"$BATS_TEST_TMPDIR/clock"
	for moment in 0.7 2; do
		cold
		{ sleep "$moment"; echo "$2" >"$BATS_TEST_TMPDIR/clock"; } 3>&- &
		fault 0 60 '' '' env LD_PRELOAD="$faketime" FAKETIME_TIMESTAMP_FILE="$BATS_TEST_TMPDIR/clock" \
			FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1 repro/run
	done
}

@test "machine: a clock that jumps forwards by a year" { clock +0 +1y; }

@test "machine: a clock that jumps back by a year, so that all files are from the future" { clock +0 -1y; }

@test "machine: a checkout in a path with spaces and quotes" {
	cp -r "$LAB" "$BATS_TEST_TMPDIR/it's a lab \"x\""
	LAB="$BATS_TEST_TMPDIR/it's a lab \"x\""
	cold
	fault 0 60 '' '' make -s repro
}

@test "machine: a cache in a path with a space, with a kernel in it" {
	share_cache "$BATS_TEST_TMPDIR/a cache"
	rm -f "$BATS_TEST_TMPDIR/a cache"/xsklab/origins/*
	fault 0 60 '' '' env XDG_CACHE_HOME="$BATS_TEST_TMPDIR/a cache" repro/run
}

@test "machine: a relative XDG_CACHE_HOME, which the standard says to ignore" {
	mkdir "$BATS_TEST_TMPDIR/home"
	ln -s "$XDG_CACHE_HOME" "$BATS_TEST_TMPDIR/home/.cache"
	fault 0 60 '' '' env HOME="$BATS_TEST_TMPDIR/home" XDG_CACHE_HOME=cache repro/run
	[ ! -e "$LAB/cache" ]
}

@test "machine: no HOME, and a missing one" {
	fault 0 60 '' '' env -u HOME -u XDG_CACHE_HOME repro/run
	fault 125 20 'cannot write to the cache /proc/1/home/.cache/xsklab; set XDG_CACHE_HOME to' '' \
		env -u XDG_CACHE_HOME HOME=/proc/1/home repro/run
}

@test "machine: PATH without sbin" {
	cold
	fault 0 60 '' '' env PATH=/usr/bin:/bin make -s repro
}

@test "machine: an environment full of odd variables and functions" {
	echo 'echo noise; cd /' >"$BATS_TEST_TMPDIR/rc"
	cold
	fault 0 60 '' '' bash -c 'jq() { echo nonsense; }; grep() { return 7; }; export -f jq grep
		exec env MAKEFLAGS=-j8 MAKEFILES=/nonexistent POSIXLY_CORRECT=1 ENV="$1" CDPATH=/:/tmp \
		GREP_OPTIONS=-v GREP_COLORS=x JQ_COLORS=9:9 QEMU_AUDIO_DRV=none GIT_DIR=/nonexistent GIT_WORK_TREE=/ \
		ARCH=arm64 CROSS_COMPILE=no- KBUILD_OUTPUT=/nonexistent CFLAGS=-bad SCRATCH=/nonexistent LOCK=1 IFS=x \
		TERM=nonsense COLUMNS=1 V= repro/run' -- "$BATS_TEST_TMPDIR/rc"
}

@test "machine: started from another folder" {
	fault 0 60 '' '' env -C / make -s -C "$LAB" repro
	fault 0 60 '' '' env -C "$BATS_TEST_TMPDIR" "$LAB/repro/run"
}

# as_another TEXT: run TEXT as nobody in a copy of the lab; the cache belongs to root. Copies,
# because nobody may not enter every path to the real ones.
as_another() {
	[ "$(id -u)" = 0 ] || skip "only root can become another user; the other rows already run as one"
	unshare -m true || skip "this host does not allow mount namespaces"
	WITH=(unshare -m bash -euc 'mount -t tmpfs none /mnt
		mkdir -p /mnt/home /mnt/cache/xsklab
		cp -r . /mnt/lab; rm -r /mnt/lab/build; chown -R 65534 /mnt/lab /mnt/home
		cd "$XDG_CACHE_HOME/xsklab"
		find . -maxdepth 1 -type f -exec cp -p -t /mnt/cache/xsklab {} +
		for it in {kernels,sources,libraries}/*; do
			[ ! -d "$it" ] || { mkdir -p "/mnt/cache/xsklab/$it"; mount --bind "$(realpath "$it")" "/mnt/cache/xsklab/$it"; }
		done
		cd /mnt/lab
		export HOME=/mnt/home XDG_CACHE_HOME=/mnt/cache
		exec setpriv --reuid=65534 --regid=65534 --clear-groups bash -c "$1"' -- "$1")
}

@test "machine: another user, with a read-only cache" {
	as_another 'exec repro/run'
	fault 0 60 '' '' "${WITH[@]}"
}

@test "machine: few processes" {
	# bash tries each fork for 15 s.
	as_another 'ulimit -u 10; exec repro/run'
	fault 125 300 'Resource temporarily unavailable|something failed while .*; its message is above|lab failure: ' '' "${WITH[@]}"
}
