#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Rules for all files of the project.

load lib

# Every shell script that git knows, by its first line.
scripts() { git grep -lE '^#!.*(sh|bats)$' -- ':!*.md'; }

@test "shellcheck finds nothing in any script" {
	[ "$(scripts | wc -l)" -ge 15 ]
	scripts | xargs -d '\n' shellcheck -x
}

@test "shellcheck finds nothing in sourced files and scripts of the guest" {
	shellcheck -x -s bash vm/lib.sh vm/qemu.sh vm/end.sh repro/case.sh repro/build.sh repro/diverge.d/prepare.sh repro/report.d/lib.sh tests/{lib,nightly}.bash tests/faults/judge.bash
	shellcheck -s sh repro/cases/*/*.sh repro/judge/guest.sh repro/selftest.d/guest.sh tests/cases/*/*.sh repro/why.d/guest.sh repro/diverge.d/guest.sh tests/guests/*.sh vm/guest/*.sh
}

@test "every file names its license" {
	run git grep -L 'SPDX-License-Identifier' -- ':!*.json' ':!LICENSES' ':!tests/fixtures' ':!tests/strace'
	[ -z "$output" ]
}

@test "LICENSES has just the licenses that files name" {
	[ "$(git grep -hoE 'SPDX-License-Identifier: [A-Za-z0-9. -]+' -- ':!LICENSES' | cut -d: -f2 | xargs -n 1 | grep '^[A-Z]' | grep -vx OR | sed 's/$/.txt/' | sort -u)" = \
		"$(ls LICENSES)" ]
}

@test "xdp-tools can take the reproducer: license, length, no globals for options" {
	head -n 1 repro/cases/xsk-netns-cookie/program.c | grep -q 'LGPL-2.1-only OR BSD-2-Clause'
	[ "$(wc -l <repro/cases/xsk-netns-cookie/program.c)" -lt 250 ]
	run -1 grep -E '^static (int|char|unsigned|const char) [^(]*;' repro/cases/xsk-netns-cookie/program.c
}

@test "code has no trailing blanks, and C is indented with tabs" {
	run -1 git grep -nE '[[:blank:]]+$' -- '*.c' '*.py' '*.jq' Makefile
	run -1 git grep -nE '^    ' -- '*.c'
}

@test "only cases name what is theirs" {
	# Names that only a case or its library's builder may use, but in a sentence.
	local words='xsk[^l]|umem|ifindex|netns_?cookie|libxdp|colliding|\b(LAYOUT|QUEUES|INDEX)\b|\b(bind|sockets?|queues?)\b'
	local names='["./{,](before|after)["/},]'
	# Exceptions: gdb, gdbserver and tmux use sockets; PID 1 needs one to bring lo up; sysfs
	# binds drivers; the topology is ip's JSON; make why tells
	# calls and protocols apart; one case is the default; make doctor checks
	# what the library needs; a suite of xdp-tools has xdp-tools' names.
	local allowed='^(gdbscripts/(answer|crossing|expressions|question|stored|symbols|timeline|trial|values|why)\.py|repro/debug|vm/boot):.*(socket|queue)|driver/bind|^vm/guest/init\.c:|^repro/report\.d/topology\.jq:|^repro/why\.d/|^repro/selftest\.d/xdp-tools:|xsk-netns-cookie|^repro/needs:|SYSCALL_DEFINE|error-queue'
	run bash -c 'git grep -nIE "$1" -- repro vm gdbscripts ":!repro/cases" ":!repro/libxdp" ":!repro/libbpf" ":!*.schema.json" | grep -vE "$2"' \
		bash "$words|$names" "$allowed"
	[ -z "$output" ] || { echo "$output"; return 1; }
}
