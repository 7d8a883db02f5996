#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh: reproduce what report.txt says, with QEMU alone: boot a guest for each column
# of the case, and compare the error of each row with what the case predicts.
#
# usage: ./run.sh [KERNEL=FILE]
#        ./run.sh --gdb [COLUMN] [KERNEL=FILE]   start a guest that waits for gdb, and say how
#                                                to attach
#   KERNEL  a bzImage or vmlinux of your own instead of the reporter's; needs no symbols but for
#           --gdb. Names the options that it lacks, if its .config is beside it or in CONFIG=.
#
# Environment (defaults): ACCEL, tcg or kvm (tcg); DEADLINE, seconds that a guest may
#   take (60); QEMU (qemu-system-x86_64); PORT, of gdb (1234); SWAP=1 gives each column
#   the guest of the next one: this script must then say NOT REPRODUCED.
# Needs a POSIX shell, coreutils and QEMU 5.2 or later with x86_64's microvm.
# Inputs: columns, a line each: its name and its kernel's folder; predicted: a line for
#   each row, its column, name, error number ("set": any error, "any": not compared) and
#   the error's name; options, of the kernel; qemu/ and gdb/.
# Output: a line for each row, and the verdict; console.log, result.jsonl and strace.log
#   of each guest in again/. report.txt describes the other files here.
# Exit: 0 reproduced, all is as predicted; 1 not reproduced; 2 bad usage; 125 a guest
#   was lost, or the archive has no verdict to compare with.
set -eu
here=$PWD
cd "$(dirname "$0")"

: "${ACCEL:=tcg}" "${DEADLINE:=60}" "${QEMU:=qemu-system-x86_64}" "${PORT:=1234}"

# The guests end with this script, even if SIGKILL ends it.
tied=
if command -v setpriv >/dev/null; then
	tied='setpriv --pdeathsig TERM'
fi

stop() { # CODE TEXT
	echo "run.sh: $2" >&2
	exit "$1"
}

# next COLUMN: the one after it; after the last comes the first.
next() {
	found=
	for its in $columns $columns; do
		[ -z "$found" ] || { echo "$its"; return; }
		[ "$its" != "$1" ] || found=1
	done
}

# start COLUMN COMMAND...: exec QEMU with the column's machine. The sandbox and the limit
# leave the guest nothing to do but to run and write 8 MiB into each of its files.
start() {
	column=$1 machine=$1
	shift
	[ "${SWAP-}" != 1 ] || machine=$(next "$column")
	before=
	while IFS= read -r option; do
		[ "$before" != -kernel ] || option=${KERNEL:-$option}
		before=$option
		set -- "$@" "$option"
	done <"qemu/$machine.$ACCEL"
	for file in result.jsonl strace.log; do
		set -- "$@" -chardev "file,id=${file%.*},path=again/$column/$file" \
			-device "virtserialport,chardev=${file%.*},name=${file%.*}"
	done
	if "$QEMU" -help | grep -q '^-sandbox'; then
		set -- "$@" -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
	fi
	ulimit -f 16384
	exec "$@"
}

guest() { # COLUMN; runs in the background
	# shellcheck disable=SC2086 # words
	start "$1" $tied timeout --kill-after=2 "$DEADLINE" "$QEMU" -display none \
		-serial "file:again/$1/console.log" >"again/$1/qemu.log" 2>&1 </dev/null
}

# Print the outcomes of the rows in a guest's plain run: COLUMN<tab>ROW<tab>ERRNO.
outcomes() { # COLUMN
	phase=
	tr -d '\r' <"again/$1/result.jsonl" | while IFS= read -r line; do
		case $line in
		'{"phase":'*) phase=$line ;;
		*'"row":'*)
			[ "$phase" = '{"phase":"run"}' ] || continue
			row=${line#*\"row\":}
			row=${row#*\"}
			errno=0
			case $line in
			*'"errno":'*) errno=${line##*\"errno\":} ;;
			esac
			errno=${errno# }
			printf '%s\t%s\t%s\n' "$1" "${row%%\"*}" "${errno%%[!0-9]*}" ;;
		esac
	done
}

ended() { # COLUMN: did its guest run to its end?
	tail -n 1 "again/$1/result.jsonl" | while IFS= read -r line; do
		case $line in
		'{"end":{"status":0'*) echo yes ;;
		esac
	done
}

# Print why a guest did not run to its end. A status above 123 is timeout's, or of a signal.
lost() { # COLUMN STATUS
	last=$(tail -n 1 "again/$1/qemu.log")
	case $2 in
	124 | 137) echo "did not finish within $DEADLINE s" ;;
	0) echo "ended before its case did" ;;
	*)
		echo "was lost, as QEMU exited with $2${last:+: $last}"
		[ -z "$KERNEL" ] || [ -s "again/$1/console.log" ] ||
			echo "; KERNEL must be a vmlinux with CONFIG_PVH, or a bzImage, for x86-64" ;;
	esac | tr -d '\n'
}

compare() {
	different=0
	[ "$(wc -l <again/outcomes)" = "$(wc -l <predicted)" ] ||
		stop 125 "the guests did not report as many rows as predicted; see again/"
	while IFS=$tab read -r column row errno name; do
		said=
		while IFS=$tab read -r its_column its_row its_errno; do
			[ "$its_column$tab$its_row" != "$column$tab$row" ] || said=$its_errno
		done <again/outcomes
		case $errno:$said in
		*:) stop 125 "$column: row $row was not reported; see again/" ;;
		any:*) echo "  $column  $row: error number $said, not compared" ;;
		"$said:$said" | set:[1-9]*) echo "  $column  $row: $name, as predicted" ;;
		*)
			echo "  $column  $row: error number $said instead of $errno, $name"
			different=1 ;;
		esac
	done <predicted
	if [ "$different" = 1 ]; then
		echo "  NOT REPRODUCED"
	else
		echo "  REPRODUCED: every row ended with the error that the case predicts"
	fi
	return "$different"
}

reproduce() {
	pids=
	trap 'kill $pids 2>/dev/null || true' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	for column in $columns; do
		mkdir -p "again/$column"
		: >"again/$column/result.jsonl"
		guest "$column" &
		pids="$pids $!"
	done
	statuses=
	for pid in $pids; do
		status=0
		wait "$pid" || status=$?
		statuses="$statuses $status"
	done
	pids=
	for column in $columns; do
		status=${statuses# } status=${status%% *} statuses=${statuses# "$status"}
		[ "$(ended "$column")" = yes ] ||
			stop 125 "the guest of $column $(lost "$column" "$status"); see again/$column"
		outcomes "$column"
	done >again/outcomes
	[ -s predicted ] || stop 125 "the original run has no verdict to compare with; see again/"
	compare
}

# Take KERNEL as seen from where the script was called, and name the options that it lacks. The
# guest loads no modules.
check_kernel() {
	case $KERNEL in
	/*) ;;
	*) KERNEL=$here/$KERNEL ;;
	esac
	[ -r "$KERNEL" ] || stop 2 "KERNEL=$KERNEL: cannot read this file"
	folder=$(dirname "$KERNEL") config=
	for file in "${CONFIG-}" "$folder/.config" "$folder/config" "$folder/../../../.config" "$folder/config-${KERNEL#*/vmlinu?-}"; do
		[ -n "$config" ] || [ ! -r "$file" ] || config=$file
	done
	if [ -z "$config" ]; then
		echo "run.sh: no .config beside $KERNEL to check; the options in ./options must be built in" >&2
		return
	fi
	sort -u "$config" >again/config
	lacks=$(sort -u options | comm -23 - again/config | tr '\n' ' ')
	[ -z "$lacks" ] || echo "run.sh: this kernel lacks ${lacks% }, according to $config" >&2
}

# has_symbols FILE: is it ELF? A bzImage is not.
has_symbols() { [ "$(head -c 4 "$1" | tail -c 3)" = ELF ]; }

wait_for_gdb() { # COLUMN
	while IFS=$tab read -r column folder; do
		[ "$column" != "$1" ] || kernel=$folder
	done <columns
	vmlinux=$kernel/vmlinux
	[ -e "$vmlinux" ] || vmlinux=$kernel/vmlinux.boot
	[ -z "$KERNEL" ] || vmlinux=$KERNEL
	has_symbols "$vmlinux" || stop 2 "--gdb needs symbols, and $vmlinux has none; take the vmlinux that it was made from"
	cat <<-EOF
		The guest waits for gdb; Ctrl-A X ends it. In another terminal, in this folder:

		  gdb -q -iex 'set auto-load no' -ex 'target remote 127.0.0.1:$PORT' -x gdb/$1.gdb $vmlinux

		$kernel/vmlinux has line numbers and types; it comes in the second archive.
	EOF
	mkdir -p "again/$1"
	start "$1" "$QEMU" -display none -serial mon:stdio -S -gdb "tcp:127.0.0.1:$PORT"
}

: "${KERNEL:=}"
for word; do
	shift
	case $word in
	KERNEL=*) KERNEL=${word#KERNEL=} ;;
	*) set -- "$@" "$word" ;;
	esac
done
tab=$(printf '\t')
columns=$(cut -f 1 columns | paste -sd ' ' -)
case $ACCEL in
tcg | kvm) ;;
*) stop 2 "ACCEL=$ACCEL: must be tcg or kvm" ;;
esac
case "$#:${1-}: $columns " in
0:* | 1:--gdb:* | 2:--gdb:*" ${2-} "*) ;;
*) stop 2 "usage: ./run.sh [KERNEL=FILE] [--gdb [COLUMN]]; the columns are $columns" ;;
esac
command -v "$QEMU" >/dev/null || stop 125 "$QEMU not found; install it, or set QEMU="
rm -rf again
mkdir again
[ -z "$KERNEL" ] || check_kernel
if [ $# = 0 ]; then
	reproduce
else
	wait_for_gdb "${2-${columns%% *}}"
fi
