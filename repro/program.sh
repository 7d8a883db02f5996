# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A program of the user's that runs in the guest, for repro/why and repro/diverge; sourced after
# vm/lib.sh. Inputs: PROG, ARGS, FILES, SETUP. A wrong one ends the script with 2.

# check_words: check all but PROG.
check_words() {
	local file
	[ -z "${SETUP-}" ] || [ -f "$SETUP" ] || usage_error "SETUP=$SETUP: no such file"
	for file in ${FILES-}; do
		[ -e "${file#*=}" ] || usage_error "FILES=${file#*=}: no such file"
	done
	sh -n -c "set -- ${ARGS-}" 2>/dev/null || usage_error "ARGS=${ARGS-}: a quote is open"
}

is_script() { [[ $(head -c 2 "$PROG" | tr -d '\0') == '#!' ]]; }

# check_program: refuse a program that cannot run in the guest. FILES may bring its libraries.
check_program() {
	local missing header
	[ -n "${PROG-}" ] || usage_error "PROG= is needed: make why PROG=./my-program ARGS='...'"
	[ -f "$PROG" ] || usage_error "PROG=$PROG: no such file"
	[[ $PROG != *.@(c|cc|cpp|go|rs) || -x $PROG ]] || usage_error "PROG=$PROG is source code; compile it first, and name the program"
	[ -x "$PROG" ] || usage_error "PROG=$PROG is not executable; chmod +x it"
	! is_script || return 0
	header=$(LC_ALL=C readelf -hW "$PROG" 2>/dev/null) ||
		usage_error "PROG=$PROG is neither an ELF program nor a script that begins with #! and its interpreter"
	[[ $header =~ X86-64 && $header =~ ELF64 ]] ||
		usage_error "PROG=$PROG is for $(sed -n 's/^ *Machine: *//p' <<<"$header"); the guest is x86-64"
	# shellcheck disable=SC2086 # words
	missing=$({ ldd "$PROG" 2>/dev/null || true; } | awk '/not found/ { print $1 }' |
		{ grep -vxF "$(basename -a ${FILES:-/})" || true; } | paste -sd ' ')
	[ -z "$missing" ] || usage_error "PROG=$PROG needs $missing, not found on this host; set LD_LIBRARY_PATH, or link it static"
}

# guest_name: print the program's path in the guest.
guest_name() { basename "$PROG" | sed 's|[^A-Za-z0-9._+-]|_|g; s|^|/case/|'; }
