# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Determine how a guest ended, from its files in the working directory; for vm/boot,
# sourced after vm/lib.sh.
# Inputs: DEADLINE, seconds; LIMIT, MiB of a file; SCRIPT, gdb_failed and gdb_ended_it, for gdb;
#   FIRST, which of gdb and qemu ended first; QEMU_STATUS and GDB_STATUS, from wait.
# shellcheck disable=SC2154 # vm/boot has them

XFSZ=$((128 + $(kill -l XFSZ)))
LINES=1000000 # jq reads that many in seconds

# Print why gdb failed.
gdb_error() {
	if grep -qs 'Python scripting is not supported' gdb.log; then
		echo "this gdb has no Python; put one built with Python on PATH (Debian: gdb, not gdb-minimal)"
	else
		grep -sm1 "^$SCRIPT: " gdb.log ||
			how_ended gdb "$GDB_STATUS" gdb.log " before it was done"
	fi
}

how_ended() { # NAME STATUS LOG [WHEN]
	local how="$1 exited with $2" signal last
	[ "$2" -le 128 ] || ! signal=$(kill -l "$2" 2>/dev/null) || how="$1 was killed by SIG$signal"
	last=$(tail -n 1 "$3" | tr -d '\0')
	echo "$how${4-}${last:+: $last}"
}

# timeout(1) exits with 124, or with 137 if it needed SIGKILL.
is_over_deadline() { # STATUS SECONDS
	[ "$1" = 124 ] || { [ "$1" = 137 ] && [ "$2" -ge "$DEADLINE" ]; }
}

# look: read the output of guest and QEMU once. Print a line for each of: the panic, with the
# oops that led to it, which says more; KVM's error; how often the result has PID 1's first
# and its last line; "framed" if each is there once, before and after all others; the number
# of lines in the result and strace's log; the last line of the result.
look() {
	awk '
		function found(pattern) { return match($0, pattern) ? substr($0, RSTART, 300) : "" }
		FILENAME == "console.log" {
			if (panic == "") panic = found("Kernel panic - not syncing.*")
			if (oops == "") oops = found("(BUG: |kernel BUG at |Oops: ).*")
			if (!/^(\[ *[0-9]+\.[0-9]+\]|reboot:|[ \t\r]*$)/) said = substr($0, 1, 200)
		}
		FILENAME == "qemu.log" && kvm == "" { kvm = found("^KVM internal error.*") }
		FILENAME == "result.jsonl" {
			is_boot = /^[{]"boot":[{]"release":"[^"]*","version":"[^"]*"[}][}]$/
			is_end = /^[{]"end":[{]"status":[0-9]+,"tainted":[0-9]+[}][}]$/
			boots += is_boot; ends += is_end; last = $0
			if (FNR == 1) framed = is_boot
		}
		FILENAME == "result.jsonl" || FILENAME == "strace.log" { lines++ }
		END {
			gsub(/\r/, "", panic); gsub(/\r/, "", oops); gsub(/\r/, "", said)
			print panic (panic != "" && oops != "" ? " (" oops ")" : "")
			print kvm
			print boots + 0, ends + 0
			print framed && is_end && boots == 1 && ends == 1 ? "framed" : ""
			print lines + 0
			print substr(last, 1, 300)
			print said
		}' console.log qemu.log result.jsonl strace.log | tr -d '\0'
}

# Print why the run is not complete, as "end: detail", or nothing. What the guest itself says
# comes first, then what ended first: everything else follows from that.
what_failed() { # SECONDS
	local panic kvm counts framed lines last said cut status
	{ read -r panic && read -r kvm && read -r counts && read -r framed && read -r lines && read -r last && read -r said; } < <(look) ||
		lab_failure "cannot read the guest's output; see $PWD"
	if [ -n "$panic" ]; then
		echo "panic: $panic"
	elif cut=$(cut_logs) && [ -n "$cut" ] || [ "$QEMU_STATUS" = "$XFSZ" ] || [ "$GDB_STATUS" = "$XFSZ" ]; then
		echo "flood: ${cut}reached the limit of $LIMIT MiB"
	elif [ "$lines" -gt "$LINES" ]; then
		echo "flood: result.jsonl and strace.log have more than $LINES lines"
	elif [ -n "$kvm" ]; then
		echo "qemu: $kvm"
	elif is_over_deadline "$QEMU_STATUS" "$1"; then
		echo "hang: the guest was still running after $DEADLINE s"
	elif [ "$FIRST" = gdb ]; then
		echo "gdb: $(gdb_error)"
	elif [ "$QEMU_STATUS" != 0 ]; then
		echo "qemu: $(how_ended QEMU "$QEMU_STATUS" qemu.log)"
	elif gdb_ended_it; then
		:
	elif [[ $counts == *' 0' ]]; then
		echo "reset: the guest ended before its case did: $last"
	elif [ -z "$framed" ]; then
		echo "result: result.jsonl must begin and end with one line of PID 1 each, and has ${counts/ / and } of them"
	elif [[ $last != *'"status":0,'* ]]; then
		status=${last#*'"status":'}
		echo "case: a command of guest.sh failed with status ${status%%,*}${said:+; its last line: \"$said\"}"
	elif gdb_failed; then
		echo "gdb: $(gdb_error)"
	fi
}

# Print the logs that reached the limit, and mark the cut in them. QEMU may survive that limit
# on the serial port: the thread that runs the guest ignores SIGXFSZ, and only output is lost.
cut_logs() {
	local log
	find . -maxdepth 1 \( -name '*.log' -o -name '*.jsonl' \) -size "+$(((LIMIT << 20) - 1))c" -printf '%P\n' |
		while read -r log; do
			printf '\nxsklab: cut here: the limit of %s MiB is reached\n' "$LIMIT" >>"$log"
			printf '%s ' "$log"
		done
}
