# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What a report calls the files in BUILD if that is an absolute path: build/..., as in any checkout.
# Sourced after vm/lib.sh. Input: BUILD.

ELSEWHERE=''
[[ $BUILD != /* ]] || ELSEWHERE=${BUILD%/}/

# renamed: a filter for text.
renamed() { if [ -n "$ELSEWHERE" ]; then sed "s,${ELSEWHERE//./\\.},build/,g"; else cat; fi; }

# rename_in FILE: the same in a program, whose strings must keep their length.
rename_in() {
	local name
	[ "${#ELSEWHERE}" -gt 6 ] || return 0
	printf -v name '%*s' $((${#ELSEWHERE} - 5)) ''
	sed -i "s,${ELSEWHERE//./\\.},build${name// //},g" "$1"
}

# original NAME: set REPLY to the file that a report calls NAME.
original() { REPLY=${1/#build\//${ELSEWHERE:-build/}}; }
