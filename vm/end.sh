# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How a guest ended, by what it left behind in the working directory; for vm/boot,
# sourced after vm/lib.sh.
# Inputs: DEADLINE, seconds; LIMIT, MiB of a file; SCRIPT and gdb_failed, gdb's; who
#   ended FIRST, gdb or qemu; QEMU_STATUS and GDB_STATUS, as wait tells them.
# shellcheck disable=SC2154 # vm/boot has them

XFSZ=$((128 + $(kill -l XFSZ)))
LINES=1000000 # what jq can read in seconds

# PID 1's lines of the result.
BOOT='^{"boot":{"release":"[^"]*","version":"[^"]*"}}$'
END='^{"end":{"status":[0-9]*,"tainted":[0-9]*}}$'

# What gdb could not do.
gdb_error() {
	if grep -qs 'Python scripting is not supported' gdb.log; then
		echo "this gdb was built without Python; put one that has it on PATH (Debian: gdb, not gdb-minimal)"
	else
		grep -sm1 "^$SCRIPT: " gdb.log ||
			echo "before its recording was whole, $(how_ended gdb "$GDB_STATUS" gdb.log)"
	fi
}

how_ended() { # NAME STATUS LOG
	local how="$1 exited with $2" signal last
	[ "$2" -le 128 ] || ! signal=$(kill -l "$2" 2>/dev/null) || how="$1 was ended by SIG$signal"
	last=$(last_line "$3")
	echo "$how${last:+: $last}"
}

# timeout(1) says 124, or 137 where it took SIGKILL.
is_over_deadline() { # STATUS SECONDS
	[ "$1" = 124 ] || { [ "$1" = 137 ] && [ "$2" -ge "$DEADLINE" ]; }
}

# Why the run is not whole, as "end: detail", or nothing. What the guest itself
# said comes first, then who ended first: the rest follows from it.
what_failed() { # SECONDS
	local cut
	if grep -aq 'Kernel panic - not syncing' console.log; then
		panic
	elif cut=$(cut_logs) && [ -n "$cut" ] || [ "$QEMU_STATUS" = "$XFSZ" ] || [ "$GDB_STATUS" = "$XFSZ" ]; then
		echo "flood: ${cut}reached the limit of $LIMIT MiB"
	elif [ "$(cat result.jsonl strace.log | wc -l)" -gt "$LINES" ]; then
		echo "flood: result.jsonl and strace.log have more than $LINES lines"
	elif grep -aq '^KVM internal error' qemu.log; then
		echo "qemu: $(grep -am1 '^KVM internal error' qemu.log)"
	elif is_over_deadline "$QEMU_STATUS" "$1"; then
		echo "hang: the guest had not ended after $DEADLINE s"
	elif [ "$FIRST" = gdb ]; then
		echo "gdb: $(gdb_error)"
	elif [ "$QEMU_STATUS" != 0 ]; then
		echo "qemu: $(how_ended QEMU "$QEMU_STATUS" qemu.log)"
	elif [ "$SCRIPT" = why ] && ! gdb_failed; then
		: # it ended the guest as soon as it had its answer
	elif [ "$(count "$END")" = 0 ]; then
		echo "reset: the guest ended before its case did: $(last_line result.jsonl)"
	elif ! is_framed; then
		echo "result: result.jsonl has not PID 1's two lines as its first and its last, but $(count "$BOOT") and $(count "$END")"
	elif ! last_line result.jsonl | grep -q '"status":0,'; then
		echo "case: the guest's script failed: $(last_line result.jsonl)"
	elif gdb_failed; then
		echo "gdb: $(gdb_error)"
	fi | printable
}

# The oops that led to it says more than the panic.
panic() {
	local oops
	oops=$(grep -aom1 -E '(BUG: |kernel BUG at |Oops: ).*' console.log | tr -d '\r\0') || true
	echo "panic: $(grep -aom1 'Kernel panic - not syncing.*' console.log | tr -d '\r\0')${oops:+ ($oops)}"
}

last_line() { tail -n 1 "$1" | tr -d '\0'; }

count() { grep -ac "$1" result.jsonl || true; }

# Both once, before and after all other lines.
is_framed() {
	[ "$(count "$BOOT") $(count "$END")" = "1 1" ] &&
		head -n 1 result.jsonl | grep -a "$BOOT" >/dev/null &&
		tail -n 1 result.jsonl | grep -a "$END" >/dev/null
}

# The logs that reached the limit; that they end there is written into them. Of its serial
# port a guest may lose the rest and go on: the thread that runs it is deaf to SIGXFSZ.
cut_logs() {
	local log
	find . -maxdepth 1 \( -name '*.log' -o -name '*.jsonl' \) -size "+$(((LIMIT << 20) - 1))c" -printf '%P\n' |
		while read -r log; do
			printf '\nxsklab: cut here: the limit of %s MiB is reached\n' "$LIMIT" >>"$log"
			printf '%s ' "$log"
		done
}
