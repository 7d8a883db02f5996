#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# make debug: both debuggers with the printed commands, and the tmux screen.

# shellcheck disable=SC2030,SC2031 # every test sets its own knobs

# bats file_tags=slow
load lib

setup() {
	export CASE=xsk-netns-cookie COLUMN=after QUEUES=2 PORT=$((20000 + RANDOM % 10000))
	unset DEADLINE
	dir=build/debug-$PORT
	screen=(true)
}

teardown() {
	[ -z "${DEBUG-}" ] || kill "$DEBUG" 2>/dev/null || true
	"${screen[@]}" kill-server 2>/dev/null || true
	rm -rf "$dir"
}

# eventually COMMAND...: does it succeed within 30 s?
eventually() {
	for _ in {1..300}; do
		! "$@" || return 0
		sleep 0.1
	done
	echo "did not happen: $*"
	return 1
}

# All processes of a session have its folder, debug-PORT, on their command lines.
nothing_runs() { ! pgrep -f "$dir"; }

# Start make debug in the background, and wait until it has printed its commands.
debug() {
	make -s debug >"$BATS_TEST_TMPDIR/console" 2>&1 </dev/null 3>&- &
	DEBUG=$!
	eventually grep -q 'Those of the second' "$BATS_TEST_TMPDIR/console"
}

# by_script NAME COMMAND...: run the printed command for that gdb, with gdb commands instead of
# a user.
by_script() {
	local command
	local -a commands=()
	command=$(sed -n "s|^  gdb -q -iex 'set auto-load no' \(-x .*/$1\.gdb\)$|\1|p" "$BATS_TEST_TMPDIR/console")
	[ -n "$command" ] || return 1
	shift
	while [ $# -gt 0 ]; do
		commands+=(-ex "$1")
		shift
	done
	# shellcheck disable=SC2086 # the printed command's words
	timeout 90 gdb -q -nx -batch $command "${commands[@]}"
}

# bats test_tags=quick
@test "both gdbs, started with the printed commands, agree on the cookies of four sockets" {
	debug
	hit=('printf "cookie %lu\n", sock->sk->__sk_common.skc_net.net->net_cookie' continue)
	by_script kernel continue backtrace continue backtrace lx-version \
		"${hit[@]}" "${hit[@]}" "${hit[@]}" "${hit[@]}" >"$BATS_TEST_TMPDIR/kernel" 2>&1 3>&- &
	kernel=$!
	# xsk_get_ctx and xsk_create_ctx for each of four sockets, then the end of the program.
	by_script program backtrace continue backtrace \
		continue continue continue continue continue continue continue continue \
		>"$BATS_TEST_TMPDIR/program" 2>&1
	wait "$kernel"
	wait "$DEBUG"
	cat "$BATS_TEST_TMPDIR/kernel" "$BATS_TEST_TMPDIR/program"

	mapfile -t kernel < <(sed -n 's/^cookie //p' "$BATS_TEST_TMPDIR/kernel")
	mapfile -t program < <(sed -nE 's/^Breakpoint [0-9]+, (xsk_get_ctx|xsk_create_ctx) \(.*netns_cookie=([0-9]+), ifindex=4242,.*/\1 \2/p' "$BATS_TEST_TMPDIR/program")
	[ "${#kernel[@]} ${#program[@]}" = "4 8" ]
	for ((socket = 0; socket < 4; socket++)); do
		[ "${program[2 * socket]}" = "xsk_get_ctx ${kernel[socket]}" ]
		[ "${program[2 * socket + 1]}" = "xsk_create_ctx ${kernel[socket]}" ]
	done
	[ "${kernel[0]}" = "${kernel[1]}" ]
	[ "${kernel[2]}" = "${kernel[3]}" ]
	[ "${kernel[0]}" != "${kernel[2]}" ]
	! older_than 6.18 || [ "${kernel[0]}" = 1 ] # of the first namespace

	# The kernel's gdb: from the first function on, with backtraces and the kernel's commands.
	grep -q 'breakpoint 1, start_kernel ()' "$BATS_TEST_TMPDIR/kernel"
	grep -q '^#[0-9]* .*__sys_bind (' "$BATS_TEST_TMPDIR/kernel"
	grep -q "^Linux version $(jq -r .release build/kernel.json)" "$BATS_TEST_TMPDIR/kernel"
	# The program's gdb: from the first instruction on.
	grep -q '_start ()' "$BATS_TEST_TMPDIR/program"
	grep -q '^#[0-9]* .*xsk_socket__create_shared (' "$BATS_TEST_TMPDIR/program"
	grep -q 'exited normally' "$BATS_TEST_TMPDIR/program"
	# gdb finds the sources: each stop shows a line.
	for gdb in kernel program; do
		run -1 grep 'No such file or directory' "$BATS_TEST_TMPDIR/$gdb"
		[ "$(grep -cE $'^[0-9]+\t.+' "$BATS_TEST_TMPDIR/$gdb")" -ge 5 ]
	done
	# The program's output is on the console.
	[ "$(grep -c '^{"row".*"errno":0}' "$BATS_TEST_TMPDIR/console")" = 4 ]
	nothing_runs
}

@test "before the fix, the program's gdb does not see xsk_create_ctx for the inner device" {
	export COLUMN=before QUEUES=1
	debug
	by_script kernel continue delete continue >"$BATS_TEST_TMPDIR/kernel" 2>&1 3>&- &
	by_script program continue continue continue continue >"$BATS_TEST_TMPDIR/program" 2>&1
	wait "$DEBUG"
	run -0 sed -nE 's/^Breakpoint [0-9]+, (xsk_[a-z]+_ctx) .*/\1/p' "$BATS_TEST_TMPDIR/program"
	[ "$output" = $'xsk_get_ctx\nxsk_create_ctx\nxsk_get_ctx' ]
	grep -q 'exited with code 01' "$BATS_TEST_TMPDIR/program"
}

@test "the program's gdb waits for the guest until its deadline, then says what to do" {
	export DEADLINE=1
	debug
	run -0 --separate-stderr by_script program "info breakpoints"
	said "waiting for the guest to reach the program (at most 1 s): continue the kernel's gdb"
	said "did not reach the program within 1 s; type connect to wait again"
	[[ $output == *"xsk_get_ctx"*"xsk_create_ctx"* ]]
	# A second session in this checkout must not disturb the first.
	run -2 --separate-stderr repro/debug
	said "PORT=$PORT: this port or the next one is in use"
	# The first session lives as long as its make.
	run -0 pgrep -f "$dir/pid"
	kill -KILL "$DEBUG"
	eventually nothing_runs
	run -125 --separate-stderr repro/debug.d/await-program "$dir" 30
	said "the guest has ended"
}

# Run make debug on a terminal: in another tmux, whose socket has a new name each time, as a
# killed server may still exist.
on_screen() { # COLUMNS ROWS [NAME=value...]
	command -v tmux >/dev/null || skip "this host has no tmux"
	screen=(tmux -S "$BATS_TEST_TMPDIR/screen.$EPOCHREALTIME" -f /dev/null)
	"${screen[@]}" new-session -d -x "$1" -y "$2" env "${@:3}" bash --norc
	"${screen[@]}" send-keys ' make -s debug; echo "ended with $?"' Enter
}

shows() { "${screen[@]}" capture-pane -p | grep -qF -- "$1"; }

# sees TEXT...: does the screen soon show all of them at once?
sees() {
	local text
	for text; do
		eventually shows "$text" || {
			"${screen[@]}" capture-pane -p
			return 1
		}
	done
}

types() { "${screen[@]}" send-keys -l "$1" && "${screen[@]}" send-keys Enter; }

# Go to the next pane. tmux takes keys in quick succession for pasted text.
next_pane() {
	"${screen[@]}" send-keys C-b
	sleep 0.1
	"${screen[@]}" send-keys o
	sleep 0.1
}

@test "the screen has three panes, both gdbs stop at the case's functions, and nothing outlives it" {
	for size in "100 30" "200 50"; do
		# shellcheck disable=SC2086 # two words
		on_screen $size
		sees "the guest's console" "gdb: the kernel" "gdb: the program" "Ctrl-B: o next pane" \
			"(kernel)" "waiting for the guest to reach the program (at most 600 s): continue the kernel's gdb"
		types continue
		sees "breakpoint 1, start_kernel ()"
		types continue
		sees "(program)" "Process /case/program.program created"
		next_pane
		types continue
		sees "Breakpoint 1, xsk_get_ctx (" "ifindex=4242"
		types continue
		sees "Breakpoint 2, xsk_create_ctx ("
		types continue
		sees "Breakpoint 2, xsk_bind ("
		next_pane
		next_pane
		types quit
		sees "Quit anyway?"
		types y
		sees "queue_id=1)" # without the kernel's gdb the guest runs on
		next_pane
		types quit
		sees "Quit anyway?"
		types y # ends the program, and so the guest
		sees "The guest has ended; Enter closes its console."
		types ""
		sees "ended with 0"
		nothing_runs
		[ ! -e "$dir/tmux" ]
		"${screen[@]}" kill-server
	done
}

@test "nothing outlives the screen if the user, its make or its terminal leaves" {
	for way in leave kill close; do
		on_screen 100 30
		sees "(kernel)" "waiting for the guest"
		types continue
		sees "breakpoint 1, start_kernel ()"
		case $way in
		leave) "${screen[@]}" send-keys C-b; sleep 0.1; "${screen[@]}" send-keys d; sees "ended with 0" ;;
		kill) pkill -KILL -P "$("${screen[@]}" display -p '#{pane_pid}')" ;;
		close) "${screen[@]}" kill-server ;;
		esac
		eventually nothing_runs
		[ ! -e "$dir/tmux" ]
		"${screen[@]}" kill-server 2>/dev/null || true
	done
}

@test "on a terminal that tmux cannot use, make debug shows the commands and the console" {
	on_screen 100 30 TERM=dumb
	sees "gdb -q -iex 'set auto-load no' -x $dir/kernel.gdb" "gdb -q -iex 'set auto-load no' -x $dir/program.gdb"
	"${screen[@]}" send-keys C-a
	"${screen[@]}" send-keys x
	sees "ended with 0"
	nothing_runs
}

# bats test_tags=quick
@test "invalid knobs are refused in one line, before anything is done" {
	for knob in COLUMN=both QUEUES=0 CASE=nowhere PORT=0 PORT=65535 PORT=text PORT=123456; do
		run -2 --separate-stderr env "$knob" repro/debug
		one_line
	done
	run -2 --separate-stderr repro/debug now
	run -2 --separate-stderr repro/debug VARIANT=before
	one_line
	[ ! -e "$dir" ]
	run -2 --separate-stderr repro/debug.d/await-program "$dir"
	run -2 --separate-stderr repro/debug.d/await-program "$dir" soon
}

@test "a case with more kernel functions to stop at than KVM has breakpoints is refused" {
	cp -r repro/cases/xsk-netns-cookie "$BATS_TEST_TMPDIR/many"
	jq '["xsk_poll", "xsk_sendmsg", "xsk_recvmsg"] as $more | .debug += $more
		| .probes += [$more[] | {function: ., ring: 0, optional: true}]' \
		repro/cases/xsk-netns-cookie/case.json >"$BATS_TEST_TMPDIR/many/case.json"
	export CASE=$BATS_TEST_TMPDIR/many
	run -2 --separate-stderr repro/debug
	ends_with "debug may name at most three kernel functions; KVM has four hardware breakpoints"
	rm -r build/many
}

# bats test_tags=quick
@test "a case without a program or probes is refused in one line" {
	mkdir "$BATS_TEST_TMPDIR/plain"
	cp repro/cases/xsk-netns-cookie/guest.sh "$BATS_TEST_TMPDIR/plain"
	jq -n '{version: 1, title: "t", columns: {a: {}}, rows: ["a"], expect: [{is: {}}]}' >"$BATS_TEST_TMPDIR/plain/case.json"
	unset COLUMN
	for source in none program.c; do
		[ "$source" = none ] || echo 'int main(void) { return 0; }' >"$BATS_TEST_TMPDIR/plain/$source"
		run -2 --separate-stderr repro/debug CASE="$BATS_TEST_TMPDIR/plain"
		said "has no probes to stop at"
		one_line
	done
}
