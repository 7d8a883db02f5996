#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh: see what report.txt says, with QEMU and nothing else: boot a guest for each
# variant, and compare what became of each socket with what the case predicts.
#
# usage: ./run.sh
#        ./run.sh --gdb [before|after]   a guest that waits for gdb; says how to attach
#
# Environment (defaults): ACCEL, tcg or kvm (tcg); DEADLINE, seconds that a guest may
#   take (60); QEMU (qemu-system-x86_64); PORT, of gdb (1234); SWAP=1 exchanges before
#   and after, to see this script say no.
# Needs a POSIX shell, coreutils and QEMU with an x86_64 microvm without ACPI (5.2 or later).
# Output: a line a socket and the verdict; of each guest console.log, result.jsonl
#   and strace.log in again/. What else is in this folder, see report.txt.
# Exit: 0 reproduced, all is as predicted; 1 not reproduced; 2 bad usage; 125 a guest
#   was lost, or there is nothing to compare with.
set -eu
cd "$(dirname "$0")"

: "${ACCEL:=tcg}" "${DEADLINE:=60}" "${QEMU:=qemu-system-x86_64}" "${PORT:=1234}"

# The guests end with this script, even where SIGKILL ends it.
tied=
if command -v setpriv >/dev/null; then
	tied='setpriv --pdeathsig TERM'
fi

stop() { # CODE TEXT
	echo "run.sh: $2" >&2
	exit "$1"
}

# start ROLE COMMAND...: QEMU with the machine that the role has; does not return.
# The guest can do nothing but run and write 8 MiB into each of its files.
start() {
	role=$1 machine=$1
	shift
	case ${SWAP-}$role in
	1before) machine=after ;;
	1after) machine=before ;;
	esac
	while IFS= read -r option; do
		set -- "$@" "$option"
	done <"qemu/$machine.$ACCEL"
	for file in result.jsonl strace.log; do
		set -- "$@" -chardev "file,id=${file%.*},path=again/$role/$file" \
			-device "virtserialport,chardev=${file%.*},name=${file%.*}"
	done
	if "$QEMU" -help | grep -q '^-sandbox'; then
		set -- "$@" -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
	fi
	ulimit -f 16384
	exec "$@"
}

guest() { # ROLE; to be run in the background
	# shellcheck disable=SC2086 # words
	start "$1" $tied timeout --kill-after=2 "$DEADLINE" "$QEMU" -display none \
		-serial "file:again/$1/console.log" >"again/$1/qemu.log" 2>&1 </dev/null
}

# field NAME JSON: a member's value, of a line without blanks.
field() {
	value=${2#*\""$1"\":}
	value=${value#\"}
	echo "${value%%[\",\}]*}"
}

# What became of the sockets of a guest's plain run, as "ROLE DEVICE QUEUE ERRNO".
outcomes() { # ROLE
	phase=
	tr -d ' \t\r' <"again/$1/result.jsonl" | while IFS= read -r line; do
		case $line in
		'{"phase":'*) phase=$line ;;
		'{"socket":'*)
			[ "$phase" != '{"phase":"run"}' ] ||
				echo "$1 $(field device "$line") $(field queue "$line") $(field errno "$line")" ;;
		esac
	done
}

ended() { # ROLE: did its guest come to its end?
	tail -n 1 "again/$1/result.jsonl" | while IFS= read -r line; do
		case $line in
		'{"end":{"status":0'*) echo yes ;;
		esac
	done
}

compare() {
	different=0
	[ "$(wc -l <again/outcomes)" = "$(wc -l <predicted)" ] ||
		stop 125 "the guests reported another number of sockets than was predicted; see again/"
	while read -r role device queue errno name; do
		said=
		while read -r its_role its_device its_queue its_errno; do
			[ "$its_role $its_device $its_queue" != "$role $device $queue" ] || said=$its_errno
		done <again/outcomes
		case $said in
		'') stop 125 "$role: nothing was said of $device queue $queue; see again/" ;;
		"$errno") echo "  $role  $device queue $queue: $name, as predicted" ;;
		*)
			echo "  $role  $device queue $queue: error number $said instead of $errno, $name"
			different=1 ;;
		esac
	done <predicted
	if [ "$different" = 1 ]; then
		echo "  NOT REPRODUCED"
	else
		echo "  REPRODUCED: every socket ended as the case predicts"
	fi
	return "$different"
}

reproduce() {
	pids=
	trap 'kill $pids 2>/dev/null || true' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	for role in before after; do
		guest "$role" &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || true
	done
	pids=
	for role in before after; do
		[ "$(ended "$role")" = yes ] ||
			stop 125 "the guest of $role did not come to its end in $DEADLINE s; see again/$role"
		outcomes "$role"
	done >again/outcomes
	[ -s predicted ] || stop 125 "the run that this was made from has no verdict to compare with; see again/"
	compare
}

wait_for_gdb() { # ROLE
	vmlinux=kernel/vmlinux
	[ -e "$vmlinux" ] || vmlinux=kernel/vmlinux.boot
	cat <<-EOF
		The guest waits for gdb; Ctrl-A X ends it. In another terminal, in this folder:

		  gdb -q -iex 'set auto-load no' -ex 'target remote 127.0.0.1:$PORT' -x gdb/$1.gdb $vmlinux

		kernel/vmlinux has line numbers and types; it comes in the second archive.
	EOF
	start "$1" "$QEMU" -display none -serial mon:stdio -S -gdb "tcp:127.0.0.1:$PORT"
}

case $ACCEL in
tcg | kvm) ;;
*) stop 2 "ACCEL=$ACCEL is neither tcg nor kvm" ;;
esac
command -v "$QEMU" >/dev/null || stop 125 "there is no $QEMU; install it, or set QEMU="
rm -rf again
mkdir -p again/before again/after
: >again/before/result.jsonl
: >again/after/result.jsonl
case $#:${1-}:${2-before} in
0::before) reproduce ;;
[12]:--gdb:before | [12]:--gdb:after) wait_for_gdb "${2-before}" ;;
*) stop 2 "usage: ./run.sh [--gdb [before|after]]" ;;
esac
