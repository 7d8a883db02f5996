#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/nightly HOSTS=: cells on other machines, which are sshds on this one.

# shellcheck disable=SC2016 # quoted text is for another shell
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats, results and lab by setup

load lib
load nightly

# machine NAME: start an sshd on 127.0.0.1 that lets ssh -F $BATS_TEST_TMPDIR/ssh in as NAME, to a
# home folder of its own. It needs no root; if root runs it, it needs the user sshd and /run/sshd.
machine() {
	local dir=$BATS_TEST_TMPDIR/$1 port
	local -a may=()
	[ "$(id -u)" != 0 ] || may=(--cap-add ALL)
	mkdir -p "$dir/home"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
	{ cat /etc/passwd; echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin'; } >"$dir/passwd"
	for _ in {1..9}; do
		port=$((20000 + RANDOM % 10000))
		bwrap --dev-bind / / --bind "$dir/home" ~ --tmpfs /run --dir /run/sshd --ro-bind "$dir/passwd" /etc/passwd --die-with-parent \
			"${may[@]}" "$SSHD" -D -e -f /dev/null -o Port="$port" -o ListenAddress=127.0.0.1 \
			-o HostKey="$dir/host" -o AuthorizedKeysFile="$dir/key.pub" -o StrictModes=no -o PidFile=~/sshd.pid 2>"$dir/log" 3>&- &
		until grep -q 'Server listening' "$dir/log"; do
			kill -0 $! 2>/dev/null || continue 2
			sleep 0.1
		done
		printf '%s\n' "Host $1" "HostName 127.0.0.1" "Port $port" "IdentityFile $dir/key" "UserKnownHostsFile $dir/known" \
			"StrictHostKeyChecking no" "LogLevel ERROR" >>"$BATS_TEST_TMPDIR/ssh"
		return
	done
	cat "$dir/log"
	false
}

# two_machines: start the hosts "one" and "two" for that lab. Installing Debian's package would
# start a daemon, so only unpack it.
two_machines() {
	SSHD=$(PATH=$PATH:/usr/sbin:/sbin type -P sshd) || {
		bash -c '. vm/lib.sh; cd "$1"; private_apt system apt-get download openssh-server' bash "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/apt.log" 2>&1 ||
			skip "no sshd here, and no package of it: $(tail -n 1 "$BATS_TEST_TMPDIR/apt.log")"
		dpkg -x "$BATS_TEST_TMPDIR"/openssh-server*.deb "$BATS_TEST_TMPDIR/root"
		SSHD=$BATS_TEST_TMPDIR/root/usr/sbin/sshd
	}
	cp -r Makefile gdbscripts kernel-config netns "$lab"
	machine one
	machine two
	export HOSTS="one two" SSH="ssh -F $BATS_TEST_TMPDIR/ssh"
}

# changed: print when each file on the hosts last changed, but for those of cells.
changed() { find "$BATS_TEST_TMPDIR"/{one,two}/home/.cache -type f ! -path '*/cells/*' -printf '%P %C@\n' | sort; }

# bats test_tags=slow
@test "HOSTS: both run cells, and get by content what they lack" {
	two_machines
	run -1 --separate-stderr nightly "good wrong" JOBS=2
	[ "$(cells '"\(.kernel) \(.result)"' | uniq -c | awk '{ $1 = $1; print }')" = "3 good as predicted
3 wrong not as predicted" ]
	[ "$(cells .host | sort -u)" = "one
two" ]
	[[ $output == *"| s | host |"* ]]
	[ -n "$(changed)" ]
	changed >"$BATS_TEST_TMPDIR/first"
	echo "# another" >>"$lab/netns/inode-reuse"
	run -1 nightly "good wrong" JOBS=2
	changed >"$BATS_TEST_TMPDIR/second"
	[ "$(diff "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second" | grep '^>' | cut -d' ' -f2 | sed 's,.*/netns,netns,' | grep -v built | sort -u)" = netns/inode-reuse ]
	run -0 nightly good
	[ -z "$(find "$BATS_TEST_TMPDIR"/{one,two}/home/.cache -path '*/built/*-wrong-*' -type f)" ]
}

# bats test_tags=slow
@test "HOSTS: a host that dies gets its cells done elsewhere, and leaves nothing running" {
	two_machines
	touch "$BATS_TEST_TMPDIR/two/home/mortal"
	run -0 --separate-stderr nightly mortal JOBS=1
	[ "$(cells '"\(.result) \(.host)"' | sort -u)" = "as predicted one" ]
	# The next night begins without it.
	run -0 --separate-stderr nightly good
	said "two cannot run cells"
	run -125 --separate-stderr nightly good HOSTS="two three"
	ends_with "none of the hosts two three can run cells"
	# Not even SIGKILL leaves anything running here or there.
	"$lab/repro/nightly" CASES=tcp-ports KERNELS=slow HOSTS=one >/dev/null 2>&1 3>&- &
	until pgrep -f "again BUILD=build/nightly/cells/tcp-ports-slow-" >/dev/null; do
		kill -0 $!
		sleep 0.1
	done
	kill -KILL $!
	for _ in {1..50}; do
		pgrep -f "$lab|BUILD=build/nightly/cells/tcp-ports-slow-|ssh -F $BATS_TEST_TMPDIR" >/dev/null || break
		sleep 0.1
	done
	run -1 pgrep -f "$lab|BUILD=build/nightly/cells/tcp-ports-slow-|ssh -F $BATS_TEST_TMPDIR"
}
