#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/shell: shells in the tiny guest and in Debian, from a terminal and from a pipe.

# shellcheck disable=SC2016,SC2154 # quoted text is for another shell; bats sets stderr

# bats file_tags=slow
load lib

daemon='--ingress outer --egress inner --egress-netns inner-ns --queues 1'

# A number in QEMU's command line that identifies this test's guests.
setup() { export INDEX=$((10000 + RANDOM)); }

teardown() { pkill -KILL -f "qemu-system-x86_64.*INDEX=$INDEX" || true; }

guest_runs() { pgrep -f "qemu-system-x86_64.*INDEX=$INDEX" >/dev/null; }
no_guest_runs() { ! guest_runs; }

# within SECONDS COMMAND...: does it succeed within that time?
within() {
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$until" ] || return 1
		sleep 0.1
	done
}

# screen_shows TEXT: does the terminal of on_a_terminal show it?
screen_shows() { tr -d '\r' <"$BATS_TEST_TMPDIR/screen" | grep -qF -- "$1"; }

# on_a_terminal COMMAND: run it on a terminal of its own, with $keys as the keyboard. The files
# before and after get the terminal's settings.
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
@test "piped commands see both ends with the same ifindex, each in its namespace" {
	run -0 --separate-stderr make -s shell <<-'EOF'
		ip -o link show outer
		ip -n inner-ns -o link show inner
	EOF
	[[ ${lines[0]} == "$INDEX: outer@"* ]]
	[[ ${lines[1]} == "$INDEX: inner@"* ]]
	[ "${#lines[@]}" = 2 ]
}

@test "the shell takes the case's knobs QUEUES and LAYOUT" {
	QUEUES=2 LAYOUT=different run -0 --separate-stderr repro/shell <<-'EOF'
		ls /sys/class/net/outer/queues
		ip -n inner-ns -o link show inner
	EOF
	[ "${lines[*]:0:4}" = "rx-0 rx-1 tx-0 tx-1" ]
	[[ ${lines[4]} == "$((INDEX + 1)): inner@"* ]]
}

@test "the guest has both programs of the case, and its script" {
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

@test "COLUMN chooses program and words, whatever the column's name" {
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

@test "a case without a program has a shell, and a failing scene is an error" {
	mkdir "$BATS_TEST_TMPDIR/scene"
	jq -n '{version: 1, title: "t", columns: {shell: {}}, knobs: {SAYS: "nothing something"}, rows: ["a"], expect: [{is: {}}]}' \
		>"$BATS_TEST_TMPDIR/scene/case.json"
	printf 'up() { echo "scene says $SAYS" >/tmp/scene; }\nrun() { :; }\n' >"$BATS_TEST_TMPDIR/scene/guest.sh"
	run -0 --separate-stderr repro/shell CASE="$BATS_TEST_TMPDIR/scene" SAYS=something <<<'cat /tmp/scene; ls'
	[ "$output" = $'scene says something\ncommands\nguest.sh\nrun.sh\nshell.sh' ]
	printf 'up() { false; }\n' >"$BATS_TEST_TMPDIR/scene/guest.sh"
	run -125 --separate-stderr repro/shell CASE="$BATS_TEST_TMPDIR/scene" <<<true
	said "case: a command of guest.sh failed with status 1"
}

# bats test_tags=quick
@test "exit code, stdout and stderr are the commands'" {
	repro/shell >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" <<<'printf "no\nend"; echo oops >&2; exit 7' || status=$?
	[ "$status" = 7 ]
	printf 'no\nend' | cmp - "$BATS_TEST_TMPDIR/out"
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/err")" = oops ]
	run -0 --separate-stderr repro/shell </dev/null
	[ -z "$output" ]
}

@test "commands that hang end at the deadline, and their output is shown" {
	DEADLINE=10 run -125 --separate-stderr repro/shell <<<'echo so far; sleep 1000'
	said "hang: the guest was still running after 10 s"
	[ "$output" = "so far" ]
	no_guest_runs
}

@test "a panic during piped commands is an error" {
	run -125 --separate-stderr repro/shell <<<'echo c >/proc/sysrq-trigger'
	said "Kernel panic - not syncing"
}

@test "on a terminal: prompt, size, Ctrl-C, job control, and restored settings" {
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

@test "a signal, even SIGKILL, leaves no guest and restores the terminal" {
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
@test "invalid words are refused in one line" {
	for knob in GUEST=foo SSH_PORT=abc SSH_PORT=0 SSH_PORT=65536 QUEUES=0 INDEX=x LAYOUT=round COLUMN=both CASE=nowhere; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr env $knob repro/shell </dev/null
		one_line
	done
	run -2 --separate-stderr repro/shell now
}

# Debian. Its disk is built in a cache of this file's own, so that each run tests the first
# use. Kernels and libxdp come from the usual cache; meanwhile build/ points to them through
# this one.

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

# open_debian: start a shell in the background that reads commands from $keys.
open_debian() {
	mkfifo "$BATS_TEST_TMPDIR/commands"
	repro/shell <"$BATS_TEST_TMPDIR/commands" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	shell=$!
	exec {keys}>"$BATS_TEST_TMPDIR/commands"
	within 200 grep -q 'another terminal: ' "$BATS_TEST_TMPDIR/err"
}

@test "Debian: the first use builds its disk, showing each step, and the case's network is up" {
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

@test "Debian: installed packages stay until the next time, and the base is unchanged" {
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

@test "Debian: another DISK starts from the base, and nothing is built again" {
	debian
	# The case's devices get the first ifindex, before the machine's own card.
	DISK="$BATS_TEST_TMPDIR/a, b.qcow2" INDEX=2 run -1 --separate-stderr repro/shell <<<'cat /sys/class/net/outer/ifindex; command -v hello'
	[ "$output" = 2 ]
	[[ $stderr != *"building a Debian disk"* ]]
}

@test "Debian: only the printed ssh command gets in, and a second shell is refused" {
	debian
	open_debian
	command=$(sed -n 's/.*another terminal: //p' "$BATS_TEST_TMPDIR/err")
	run -0 --separate-stderr bash -c "cd /; $command 'ip -o link show outer; sshd -T; passwd --status root'"
	[[ $output == "$INDEX: outer@"*[Pp]ermit[Rr]oot[Ll]"ogin "@(without|prohibit)"-password"*"root L "* ]]
	# It listens on this host's loopback only.
	run -0 awk -v port="$(printf ':%04X$' "$SSH_PORT")" '$2 ~ port && $4 == "0A" { print $2 }' /proc/net/tcp
	[[ $output == 0100007F:* && "${#lines[@]}" = 1 ]]
	run -125 --separate-stderr repro/shell </dev/null
	ends_with "this checkout already runs a shell with GUEST=debian; end it, or use another checkout"
	echo exit >&"$keys"
	wait "$shell"
	no_guest_runs
}

@test "Debian: a signal, even SIGKILL, leaves no guest, and the disk stays usable" {
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

@test "Debian: on a terminal, the shell ends when the guest reboots or halts" {
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

@test "Debian: a port in use, an unusable disk and a panic are errors in one line" {
	debian
	busybox nc -l -p "$SSH_PORT" >/dev/null 3>&- &
	within 20 grep -q "$(printf ':%04X 0*:0000 0A' "$SSH_PORT")" /proc/net/tcp /proc/net/tcp6
	run -2 --separate-stderr repro/shell </dev/null
	said "SSH_PORT=$SSH_PORT: cannot listen"
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
	said "to start over"
	run -125 --separate-stderr repro/shell <<<'echo c >/proc/sysrq-trigger'
	said "Kernel panic - not syncing"
	no_guest_runs
}
