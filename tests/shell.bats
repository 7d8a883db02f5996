#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/shell: the shell in the tiny guest and in Debian, from a terminal and from a pipe.

# shellcheck disable=SC2016,SC2154 # what is quoted is for another shell; bats sets stderr

# bats file_tags=slow
load lib

daemon='--ingress outer --egress inner --egress-netns inner-ns --queues 1'

# A number in QEMU's command line by which this test knows its guests.
setup() { export INDEX=$((10000 + RANDOM)); }

teardown() { pkill -KILL -f "qemu-system-x86_64.*INDEX=$INDEX" || true; }

guest_runs() { pgrep -f "qemu-system-x86_64.*INDEX=$INDEX" >/dev/null; }
no_guest_runs() { ! guest_runs; }

# within SECONDS COMMAND...: does it succeed by then?
within() {
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$until" ] || return 1
		sleep 0.1
	done
}

# screen_shows TEXT: on the terminal made by on_a_terminal.
screen_shows() { tr -d '\r' <"$BATS_TEST_TMPDIR/screen" | grep -qF -- "$1"; }

# on_a_terminal COMMAND: run it on a terminal of its own, with $keys as the keyboard.
# The terminal's settings before and after are left in before and after.
on_a_terminal() {
	mkfifo "$BATS_TEST_TMPDIR/keyboard"
	command="cd '$BATS_TEST_TMPDIR'; stty rows 33 cols 99; stty -g >before; cd '$PWD'
		$1; echo \"ended with \$?\"; cd '$BATS_TEST_TMPDIR'
		for try in {1..50}; do stty -g >after; ! cmp -s before after || break; sleep 0.1; done; touch over"
	SHELL=/bin/bash script -qfc "$command" /dev/null <"$BATS_TEST_TMPDIR/keyboard" \
		>"$BATS_TEST_TMPDIR/screen" 2>&1 3>&- &
	exec {keys}>"$BATS_TEST_TMPDIR/keyboard"
}

# bats test_tags=quick
@test "commands from a pipe: both ends have the ifindex, each in its namespace" {
	run -0 --separate-stderr make -s shell <<-'EOF'
		ip -o link show outer
		ip -n inner-ns -o link show inner
	EOF
	[[ ${lines[0]} == "$INDEX: outer@"* ]]
	[[ ${lines[1]} == "$INDEX: inner@"* ]]
	[ "${#lines[@]}" = 2 ]
}

@test "QUEUES and LAYOUT are knobs of the shell, too" {
	QUEUES=2 LAYOUT=different run -0 --separate-stderr repro/shell <<-'EOF'
		ls /sys/class/net/outer/queues
		ip -n inner-ns -o link show inner
	EOF
	[ "${lines[*]:0:4}" = "rx-0 rx-1 tx-0 tx-1" ]
	[[ ${lines[4]} == "$((INDEX + 1)): inner@"* ]]
}

@test "both programs of the case are at hand, and its script is" {
	run -0 --separate-stderr repro/shell <<-EOF
		./program.before $daemon
		colliding-veth up
		./program.after $daemon
		sh run.sh
	EOF
	[ "$(grep -c '"row":"inner 0".*"errno":22' <<<"$output")" = 3 ] # and under strace
	[ "$(grep -c '"row":"inner 0".*"errno":0' <<<"$output")" = 1 ]
	said 'EINVAL'
}

@test "COLUMN is the one whose program and words are there, and a column may have any name" {
	COLUMN=after ARGS='two  words' run -0 --separate-stderr repro/shell <<-'EOF'
		echo "$COLUMN"
		echo "$ARGS"
		cmp program program.after
		. ./guest.sh
		run
	EOF
	[ "${lines[0]}" = after ]
	[ "${lines[1]}" = "two  words" ]
	[ "$(grep -c '"row":"inner 0".*"errno":0' <<<"$output")" = 1 ]
}

@test "a case without a program has a shell, too, and a case's failing scene is told" {
	mkdir "$BATS_TEST_TMPDIR/scene"
	jq -n '{version: 1, title: "t", columns: {shell: {}}, knobs: {SAYS: "nothing something"}, rows: ["a"], expect: [{is: {}}]}' \
		>"$BATS_TEST_TMPDIR/scene/case.json"
	printf 'up() { echo "scene says $SAYS" >/tmp/scene; }\nrun() { :; }\n' >"$BATS_TEST_TMPDIR/scene/guest.sh"
	run -0 --separate-stderr repro/shell CASE="$BATS_TEST_TMPDIR/scene" SAYS=something <<<'cat /tmp/scene; ls'
	[ "$output" = $'scene says something\ncommands\nguest.sh\nrun.sh\nshell.sh' ]
	printf 'up() { false; }\n' >"$BATS_TEST_TMPDIR/scene/guest.sh"
	run -125 --separate-stderr repro/shell CASE="$BATS_TEST_TMPDIR/scene" <<<true
	said "case: "
}

# bats test_tags=quick
@test "the exit code is that of the commands, stdout and stderr are what they wrote" {
	repro/shell >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" <<<'printf "no\nend"; echo oops >&2; exit 7' || status=$?
	[ "$status" = 7 ]
	printf 'no\nend' | cmp - "$BATS_TEST_TMPDIR/out"
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/err")" = oops ]
	run -0 --separate-stderr repro/shell </dev/null
	[ -z "$output" ]
}

@test "commands that hang end at the deadline, and what they wrote is shown" {
	DEADLINE=10 run -125 --separate-stderr repro/shell <<<'echo so far; sleep 1000'
	said "hang: the guest was still running after 10 s"
	[ "$output" = "so far" ]
	no_guest_runs
}

@test "a panic in the shell is told" {
	run -125 --separate-stderr repro/shell <<<'echo c >/proc/sysrq-trigger'
	said "Kernel panic - not syncing"
}

@test "on a terminal: prompt, size, Ctrl-C, job control, and the terminal as it was" {
	on_a_terminal 'make -s shell'
	within 100 screen_shows 'xsklab:/case# '
	echo 'stty size; sleep 1000' >&"$keys"
	within 30 screen_shows '33 99'
	printf '\003echo status $?\n' >&"$keys"
	within 30 screen_shows 'status 130'
	echo 'echo be""gin; sleep 1000' >&"$keys"
	within 30 screen_shows begin
	sleep 1 # until sleep has the terminal
	printf '\032' >&"$keys"
	within 30 screen_shows 'Stopped '
	printf 'kill %%1; fg\nip -color=never -n inner-ns -o link show inner\n' >&"$keys"
	within 30 screen_shows "$INDEX: inner@"
	echo exit >&"$keys"
	within 30 screen_shows 'ended with 0'
	within 20 test -e "$BATS_TEST_TMPDIR/over"
	cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	no_guest_runs
}

@test "Ctrl-A X ends a guest that does not answer" {
	on_a_terminal repro/shell
	within 100 screen_shows 'xsklab:/case# '
	printf 'kill -STOP $$\n' >&"$keys"
	printf '\001x' >&"$keys"
	within 30 screen_shows 'ended with 0'
	no_guest_runs
}

@test "a signal, even SIGKILL, leaves no guest and the terminal as it was" {
	for signal in TERM KILL; do
		on_a_terminal 'bash -c "echo \$\$ >\"$BATS_TEST_TMPDIR/pid\"; exec repro/shell"'
		within 100 screen_shows 'xsklab:/case# '
		guest_runs
		kill -$signal "$(cat "$BATS_TEST_TMPDIR/pid")"
		within 20 screen_shows "ended with $((128 + $(kill -l $signal)))"
		within 20 no_guest_runs
		within 20 test -e "$BATS_TEST_TMPDIR/over"
		cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
		exec {keys}>&-
		rm "$BATS_TEST_TMPDIR"/{keyboard,over}
	done
}

@test "make shell dies with make" {
	on_a_terminal 'bash -c "echo \$\$ >\"$BATS_TEST_TMPDIR/pid\"; exec make -s shell"'
	within 100 screen_shows 'xsklab:/case# '
	guest_runs
	kill -KILL "$(cat "$BATS_TEST_TMPDIR/pid")"
	within 20 no_guest_runs
}

# bats test_tags=quick
@test "words that make no sense are refused in one line" {
	for knob in GUEST=foo SSH_PORT=abc SSH_PORT=0 SSH_PORT=65536 QUEUES=0 INDEX=x LAYOUT=round COLUMN=both CASE=nowhere; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr env $knob repro/shell </dev/null
		one_line
	done
	run -2 --separate-stderr repro/shell now
}

# Debian. Its disk is built in a cache of this file's own, so that first use is
# tested each time; kernels and libxdp are the usual cache's, but build/ points to
# them through this one while it is there.

teardown_file() { repro/run build; }

port() { echo $((20000 + RANDOM % 10000)); }

debian() {
	local real=${XDG_CACHE_HOME:-$HOME/.cache}/xsklab own=$BATS_FILE_TMPDIR/cache/xsklab
	if [ "$(id -u)" != 0 ] && ! command -v fakechroot >/dev/null; then
		unshare --user --map-auto true 2>/dev/null ||
			skip "mmdebstrap can do nothing here: $(id -un) has no line in /etc/subuid"
	fi
	if [ ! -d "$own" ]; then
		mkdir -p "$own"
		ln -s "$real"/* "$own"
		rm -f "$own/debian"
	fi
	export XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache GUEST=debian
	export DISK=$BATS_FILE_TMPDIR/disk.qcow2
	SSH_PORT=$(port)
	export SSH_PORT
}

# open_debian: a shell that waits for commands on $keys, in the background.
open_debian() {
	mkfifo "$BATS_TEST_TMPDIR/commands"
	repro/shell <"$BATS_TEST_TMPDIR/commands" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	shell=$!
	exec {keys}>"$BATS_TEST_TMPDIR/commands"
	within 200 grep -q 'another terminal: ' "$BATS_TEST_TMPDIR/err"
}

@test "Debian: first use builds its disk, step by step, and the case's network is up" {
	debian
	run -3 --separate-stderr repro/shell <<-EOF
		ip -o link show outer
		ip -n inner-ns -o link show inner
		uname -r
		systemctl is-system-running --wait
		cd /case
		./program.before $daemon
		cp program.after program
		sh run.sh 3>&2
		exit 3
	EOF
	said "xsklab: debian: downloading packages"
	[[ ${lines[0]} == "$INDEX: outer@"* ]]
	[[ ${lines[1]} == "$INDEX: inner@"* ]]
	[ "${lines[2]}" = "$(jq -r .release build/kernel.json)" ]
	[ "${lines[3]}" = running ]
	[ "$(grep -c '"row":"inner 0".*"errno":22' <<<"$output")" = 1 ]
	[ "$(grep -c '"row":"inner 0".*"errno":0' <<<"$output")" = 2 ]
	no_guest_runs
}

@test "Debian: what is installed is there the next time, and the base is untouched" {
	debian
	base=$(echo "$XDG_CACHE_HOME"/xsklab/debian/*.ext4)
	stat -c '%Y %a' "$base" >"$BATS_TEST_TMPDIR/base"
	run -0 --separate-stderr repro/shell <<-'EOF'
		set -e
		apt-get update
		apt-get install -y hello
	EOF
	run -0 --separate-stderr repro/shell <<<hello
	[ "$output" = "Hello, world!" ]
	stat -c '%Y %a' "$base" | cmp - "$BATS_TEST_TMPDIR/base"
}

@test "Debian: another DISK begins with what the base has, and nothing is built again" {
	debian
	# The first number that a device can have is the case's, not the machine's own card's.
	DISK="$BATS_TEST_TMPDIR/a, b.qcow2" INDEX=2 run -1 --separate-stderr repro/shell <<<'cat /sys/class/net/outer/ifindex; command -v hello'
	[ "$output" = 2 ]
	[[ $stderr != *"building a Debian disk"* ]]
}

@test "Debian: the printed command gets in, nothing else does, and one shell is enough" {
	debian
	open_debian
	command=$(sed -n 's/.*another terminal: //p' "$BATS_TEST_TMPDIR/err")
	run -0 --separate-stderr bash -c "cd /; $command 'ip -o link show outer; sshd -T; passwd --status root'"
	[[ $output == "$INDEX: outer@"*[Pp]ermit[Rr]oot[Ll]"ogin "@(without|prohibit)"-password"*"root L "* ]]
	# From this host alone.
	run -0 awk -v port="$(printf ':%04X$' "$SSH_PORT")" '$2 ~ port && $4 == "0A" { print $2 }' /proc/net/tcp
	[[ $output == 0100007F:* && "${#lines[@]}" = 1 ]]
	run -125 --separate-stderr repro/shell </dev/null
	ends_with "runs in this checkout already; end it, or take another checkout"
	echo exit >&"$keys"
	wait "$shell"
	no_guest_runs
}

@test "Debian: a signal, even SIGKILL, leaves no guest, and the disk is as good as before" {
	debian
	for signal in TERM KILL; do
		open_debian
		kill -$signal "$shell"
		within 20 no_guest_runs
		exec {keys}>&-
		rm "$BATS_TEST_TMPDIR/commands"
	done
	run -0 --separate-stderr repro/shell <<<hello
	[ "$output" = "Hello, world!" ]
}

@test "Debian: on a terminal, and a guest that reboots or halts ends the shell" {
	debian
	for end in exit reboot poweroff; do
		on_a_terminal repro/shell
		within 200 screen_shows 'root@xsklab:~# '
		if [ $end = exit ]; then
			echo 'stty size; sleep 1000' >&"$keys"
			within 30 screen_shows '33 99'
			printf '\003echo status $?\n' >&"$keys"
			within 30 screen_shows 'status 130'
		fi
		echo $end >&"$keys"
		within 100 screen_shows 'ended with 0'
		no_guest_runs
		exec {keys}>&-
		rm "$BATS_TEST_TMPDIR"/{keyboard,screen}
	done
}

@test "Debian: a port that is taken, a disk that cannot be, and a panic are told in one line" {
	debian
	busybox nc -l -p "$SSH_PORT" >/dev/null 3>&- &
	within 20 grep -q "$(printf ':%04X 0*:0000 0A' "$SSH_PORT")" /proc/net/tcp /proc/net/tcp6
	run -2 --separate-stderr repro/shell </dev/null
	said "SSH_PORT=$SSH_PORT cannot be used"
	kill %1
	DISK=/nonexistent/disk run -125 --separate-stderr repro/shell </dev/null
	said "cannot create DISK=/nonexistent/disk"
	echo text >"$BATS_TEST_TMPDIR/disk"
	DISK=$BATS_TEST_TMPDIR/disk run -125 --separate-stderr repro/shell </dev/null
	said "not in qcow2 format"
	touch "$BATS_TEST_TMPDIR/base"
	qemu-img create -q -f qcow2 -F raw -b "$BATS_TEST_TMPDIR/base" "$BATS_TEST_TMPDIR/lost"
	rm "$BATS_TEST_TMPDIR/base"
	DISK=$BATS_TEST_TMPDIR/lost run -125 --separate-stderr repro/shell </dev/null
	said "remove that file to begin anew"
	run -125 --separate-stderr repro/shell <<<'echo c >/proc/sysrq-trigger'
	said "Kernel panic - not syncing"
	no_guest_runs
}
