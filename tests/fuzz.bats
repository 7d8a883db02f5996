#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/fuzz: the C programs with random input, and the fuzzer with planted bugs.

# shellcheck disable=SC2154 # bats sets stderr

# bats file_tags=slow
load lib

# planted PROGRAM SED: make $planted, a copy of a program with a bug.
planted() {
	planted=$BATS_TEST_TMPDIR/planted.c
	sed "$2" "$1" >"$planted"
	run -1 cmp "$1" "$planted"
}

@test "no C program that reads input fails in a minute of random input" {
	run -0 --separate-stderr tests/fuzz 60
	programs=$(git grep -lE 'argv|getenv|fopen|scanf' -- 'vm/*.c' 'repro/*.c' 'netns/*.c' 'tests/errno-menu/*.c')
	for program in $programs; do
		name=$(basename "$program" .c)
		[ "$name" != program ] || name=$(basename "$(dirname "$program")")
		[[ $'\n'$output == *$'\n'"$name: "*" inputs, "* ]] || { echo "not tried: $program"; false; }
	done
	[ "${#lines[@]}" = "$(wc -l <<<"$programs")" ]
	[ "${#lines[@]}" -ge 5 ]
}

@test "the fuzzer finds a line that overflows a buffer" {
	planted vm/guest/init.c 's/fgets(line, sizeof(line)/fgets(line, 256/'
	run -1 --separate-stderr tests/fuzz 20 "$planted"
	one_line
	said "planted.c fails: ERROR: AddressSanitizer: stack-buffer-overflow"
	# The message names a command that shows it.
	run ! bash -c "${stderr##*see it with: }"
	said "stack-buffer-overflow"
}

@test "the fuzzer finds an option's number that does not fit" {
	planted repro/cases/xsk-netns-cookie/program.c 's/unsigned long queues/unsigned int queues/'
	run -1 --separate-stderr tests/fuzz 20 "$planted"
	one_line
	said "planted.c fails: runtime error: implicit conversion"
}

@test "a program that does not build, or reads nothing, does not pass" {
	planted netns/cookie.c 's/int main/int/'
	run -125 --separate-stderr tests/fuzz 2 "$planted"
	one_line
	echo 'int main(void) { return 0; }' >"$planted"
	run -125 --separate-stderr tests/fuzz 2 "$planted"
	one_line
	said "was not tested enough"
}
