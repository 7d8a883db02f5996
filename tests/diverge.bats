#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/diverge: where the run that fails leaves the run that works.

# shellcheck disable=SC2016,SC2154 # what is quoted is for another shell; bats sets stderr

load lib

setup_file() {
	export PROGRAM=$BATS_FILE_TMPDIR/parts ALIGN=$BATS_FILE_TMPDIR/align NONE=$BATS_FILE_TMPDIR/none
	cc -g -O1 -Wall -Wextra -Werror -pthread -o "$PROGRAM" tests/parts.c
	cc -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -o "$ALIGN" repro/diverge.d/{align,calls,differences,postdominators,run}.c
	echo true >"$NONE"
	printf '%s\n' '#!/bin/sh' 'case "$*" in *-kernel*) eval "$BEFORE" ;; esac' 'exec qemu-system-x86_64 "$@"' >"$BATS_FILE_TMPDIR/qemu"
	chmod +x "$BATS_FILE_TMPDIR/qemu"
}

# recorded SIDE WORD...: write a run. main is a loop with a call of f, which has two ways, and
# ends with a system call; a signal's handler is at 3000. t1 is a switch to task 1.
recorded() {
	local folder=$BATS_TEST_TMPDIR/$1 word number
	shift
	mkdir -p "$folder"
	cat >"$folder/record.blocks" <<-'END'
		1000 1005 1007 1030 branch
		1007 100a 100f 2000 call
		2000 2004 2006 2010 branch
		2006 200a 200b 0 return
		2010 2014 2015 0 return
		100f 1010 1012 1000 goto
		1030 1034 1036 0 system
		1036 1037 1038 0 return
		3000 3004 3005 0 return
		3010 3012 3014 0 system
		1036 1037 1039 1030 branch
		1039 103a 103b 0 return
	END
	awk '{ print $2 "\t" $1 }' "$folder/record.blocks" >"$folder/places"
	for word; do
		number=${word#t}
		[ "$number" = "$word" ] || number=$((0x80000000 + number))
		# shellcheck disable=SC2059 # a number's bytes
		printf "$(printf '\\x%02x' $((number & 255)) $((number >> 8 & 255)) $((number >> 16 & 255)) $((number >> 24)))"
	done >"$folder/record.run"
	[ -e "$folder/calls" ] || answers "${folder##*/}" 0
}

# answers SIDE RESULT [ERROR]: what the system call returned.
answers() {
	mkdir -p "$BATS_TEST_TMPDIR/$1"
	printf 'call\t0\tclose\t3\t\t%s\t%s\t7\n' "${3-}" "$2" >"$BATS_TEST_TMPDIR/$1/calls"
}

aligned() {
	run -0 --separate-stderr bash -c 'ASAN_OPTIONS=detect_leaks=0 "$ALIGN" "$1/works" "$1/fails" | jq -c "select(.kind) | [.kind, .works.block, .fails.block, .works.taken, .fails.taken, .leaves]"' bash "$BATS_TEST_TMPDIR"
}

@test "two runs that are the same do not part" {
	recorded works t0 0 1 2 3 5 0 6 7
	recorded fails t0 0 1 2 3 5 0 6 7
	aligned
	[ -z "$output" ]
}

@test "a loop that runs more often is one difference, and what is behind it is compared" {
	recorded works t0 0 1 2 3 5 0 1 2 3 5 0 6 7
	recorded fails t0 0 1 2 3 5 0 1 2 3 5 0 1 2 3 5 0 1 2 3 5 0 6 7
	answers fails -1 EBADF
	aligned
	[ "${lines[0]}" = '["branch",0,0,true,false,false]' ]
	[ "${lines[1]}" = '["call",6,6,false,false,false]' ]
	[ "${#lines[@]}" = 2 ]
}

@test "another way in a callee disturbs nothing in its caller" {
	recorded works t0 0 1 2 3 5 0 1 2 3 5 0 6 7
	recorded fails t0 0 1 2 4 5 0 1 2 3 5 0 6 7
	aligned
	[ "$output" = '["branch",2,2,false,true,true]' ]
}

@test "a call that is answered otherwise is a difference, and so is another argument" {
	recorded works t0 0 6 7
	recorded fails t0 0 6 7
	answers fails -1 EBADF
	aligned
	[ "$output" = '["call",6,6,false,false,false]' ]
	answers fails 1
	aligned
	[ "$output" = '["value",6,6,false,false,false]' ]
}

# options SIDE NAME...: system calls that set these options.
options() {
	local side=$1
	shift
	mkdir -p "$BATS_TEST_TMPDIR/$side"
	printf 'call\t0\tsetsockopt\t54\t%s\t\t0\t3\n' "$@" >"$BATS_TEST_TMPDIR/$side/calls"
}

@test "a call that only one run makes is one difference, and the calls behind it are none" {
	options works one three four
	options fails one two three four
	recorded works t0 0 6 10 6 10 6 10 11
	recorded fails t0 0 6 10 6 10 6 10 6 10 11
	aligned
	[ "${lines[0]}" = '["call",null,6,null,false,false]' ]
	[ "${lines[1]}" = '["branch",10,10,false,true,false]' ]
	[ "${#lines[@]}" = 2 ]
	# The loop goes around once more for two.
	run -0 bash -c 'ASAN_OPTIONS=detect_leaks=0 "$ALIGN" "$1/works" "$1/fails" | jq -c "select(.kind == \"branch\").fails.calls"' bash "$BATS_TEST_TMPDIR"
	[ "$output" = '[]' ]
	options works one two three
	options fails one five three
	recorded fails t0 0 6 10 6 10 6 10 11
	aligned
	[ "$output" = '["value",6,6,false,false,false]' ]
}

@test "a page fault begins a block again, and is not a difference of the program" {
	recorded works t0 0 1 2 3 5 0 6 7
	recorded fails t0 0 0 1 1 2 3 5 0 6 6 7
	aligned
	[ -z "$output" ]
}

@test "a signal's handler leaves alone what it interrupts" {
	answers works 0
	printf 'handler\t3000\n' >>"$BATS_TEST_TMPDIR/works/calls"
	mkdir "$BATS_TEST_TMPDIR/fails"
	printf '%s\n' $'call\t0\trt_sigreturn\t15\t\t\t0\t' $'call\t0\tclose\t3\t\t\t0\t7' $'handler\t3000' >"$BATS_TEST_TMPDIR/fails/calls"
	recorded works t0 0 1 2 3 5 0 6 7
	for run in "0 8 9 1 2 3 5 0 6 7" "0 1 8 9 2 3 5 0 6 7" "0 1 2 3 8 9 5 0 6 7" "0 1 2 3 5 8 9 0 6 7"; do
		# shellcheck disable=SC2086 # words
		recorded fails t0 $run
		aligned
		[ -z "$output" ] || { echo "$run: $output"; return 1; }
	done
}

@test "a program that is executed is compared, as the one that executes it is" {
	for run in works fails; do
		mkdir -p "$BATS_TEST_TMPDIR/$run"
		printf 'call\t0\t%s\t59\t\t\t0\t7\n' execve close >"$BATS_TEST_TMPDIR/$run/calls"
	done
	recorded works t0 0 6 0 1 2 3 5 0 6 7
	recorded fails t0 0 6 0 1 2 4 5 0 6 7
	aligned
	[ "$output" = '["branch",2,2,false,true,true]' ]
}

@test "tasks are compared with their like, however they take turns" {
	recorded works t0 0 1 2 3 t1 2 3 t0 5 0 6 7
	recorded fails t0 0 1 t1 2 t0 2 3 5 t1 3 t0 0 6 7
	aligned
	[ -z "$output" ]
}

@test "a broken or missing record is an error" {
	recorded works t0 0 6 7
	recorded fails t0 0 6 77
	run -1 env ASAN_OPTIONS=detect_leaks=0 "$ALIGN" "$BATS_TEST_TMPDIR/works" "$BATS_TEST_TMPDIR/fails"
	run -1 env ASAN_OPTIONS=detect_leaks=0 "$ALIGN" "$BATS_TEST_TMPDIR/works" "$BATS_TEST_TMPDIR/nowhere"
	run -2 "$ALIGN"
}

# refuses TEXT WORD...: bad input, told in one line.
refuses() {
	local text=$1
	shift
	run -2 --separate-stderr repro/diverge "$@"
	said "$text"
}

@test "knobs that make no sense are refused in one line" {
	refuses "WORKS= and FAILS= are needed" "PROG=$PROGRAM"
	one_line
	refuses "WORKS= and FAILS= are needed" "PROG=$PROGRAM" WORKS=ARGS=1
	refuses "unknown knob" FOO=1
	refuses "DEADLINE=0" DEADLINE=0
	refuses "a quote is open" "PROG=$PROGRAM" "WORKS=ARGS='x" FAILS=ARGS=y
	refuses "no such file" PROG=/nosuch WORKS=ARGS=x FAILS=ARGS=y
	refuses "unknown knob" "PROG=$PROGRAM" WORKS=NOSUCH=1 FAILS=NOSUCH=2
}

# in_vain COMMAND WORD...: the lab fails, as each guest starts with this shell command, in its folder.
in_vain() {
	local BEFORE=$1 QEMU=$BATS_FILE_TMPDIR/qemu
	shift
	export BEFORE QEMU
	run -125 --separate-stderr repro/diverge "$@"
}

@test "a record that cannot be written in full is a lab failure" {
	for full in 'ulimit -f 1024' 'ln -sf /dev/full record.run' 'ln -sf /dev/full record.blocks'; do
		in_vain "$full" "PROG=$PROGRAM" "SETUP=$NONE" ARGS='compute 1000000' WORKS=QUEUES=1 FAILS=QUEUES=1
		ends_with "qemu: QEMU exited with 1: record: cannot write record."
	done
}

@test "what one side is given, the other one does not get" {
	in_vain 'exit 1' "PROG=$PROGRAM" "WORKS=ARGS=one FILES=/etc/one=$NONE SETUP=$NONE LAYOUT=different" FAILS=QUEUES=2
	has() { [ "$(cat "build/diverge/$1"/{words,command,case.cpio.list} | grep -cE "$2")" = "$3" ]; }
	has works '^QUEUES=1$|^LAYOUT=different$| one$|/etc/one |/case/setup ' 5
	has fails '^QUEUES=2$|^LAYOUT=colliding$' 2
	has fails ' one$|/etc/one |/case/setup ' 0
	in_vain 'exit 1' CASE=xsk-netns-cookie WORKS=CFLAGS=-O0 FAILS=QUEUES=2
	run -1 cmp "$(jq -r .files[] build/diverge/works/program.json)" "$(jq -r .files[] build/diverge/fails/program.json)"
}

answer() { jq -re "$1" build/diverge.json; }

# diverges WORKS FAILS: of the program with these arguments.
diverges() {
	run -0 --separate-stderr repro/diverge "PROG=$PROGRAM" "SETUP=$NONE" "WORKS=ARGS='$1'" "FAILS=ARGS='$2'"
	[ -z "$(jq -r -L repro/judge --slurpfile schema repro/diverge.d/diverge.schema.json 'include "validate"; errors($schema[0])' build/diverge.json || echo failed)" ]
}

@test "the story: the line that takes another socket's context, knowing nothing of it" {
	run -0 --separate-stderr make -s diverge CASE=xsk-netns-cookie
	[ "$(answer '.answer | "\(.seen.function) \(.truth.works) \(.truth.fails)"')" = "xsk_get_ctx false true" ]
	answer .answer.seen.text | grep -q 'ctx->ifindex == ifindex'
	[ "$(answer '.values[] | select(.name == "ifindex") | "\(.works) \(.fails)"')" = "4243 4242" ]
	# The chain: it is returned, no new one is made, bind() fails, the daemon gives up.
	[ "$(answer '.chain[0].missing[0].args')" = "4, SOL_XDP, XDP_UMEM_FILL_RING, [2048], 4" ]
	[ "$(answer '[.chain[] | select(.kind == "call")][0].fails.calls[0] | "\(.name) \(.error)"')" = "bind EINVAL" ]
	grep -q 'xsk_get_ctx' build/diverge.html
}

# bats test_tags=slow
@test "two builds of a library: the line that one has and the other has not" {
	run -0 --separate-stderr repro/diverge CASE=xsk-netns-cookie WORKS=COLUMN=after FAILS=COLUMN=before
	[ "$(answer .answer.seen.function)" = xsk_get_ctx ]
	answer .answer.works.own.text | grep -q netns_cookie
}

# bats test_tags=slow
@test "numbers that are printed differ, and hide nothing" {
	diverges 'numbers 3 7' 'numbers 9 7'
	answer .answer.seen.text | grep -q 'cause of numbers'
}

# bats test_tags=slow
@test "two runs that fail alike have no answer" {
	run -1 --separate-stderr repro/diverge "PROG=$PROGRAM" "SETUP=$NONE" "WORKS=ARGS='limit 12'" "FAILS=ARGS='limit 13'"
	said "both fail alike"
	said "the run with WORKS exits with 1, the one with FAILS with 1: by that, both fail"
}

# bats test_tags=slow
@test "runs that end the other way round, or both well, are told" {
	run --separate-stderr repro/diverge "PROG=$PROGRAM" "SETUP=$NONE" "WORKS=ARGS='limit 12'" "FAILS=ARGS='limit 64'"
	said "the run with WORKS exits with 1, and the one with FAILS with 0: exchange them?"
	run -1 --separate-stderr repro/diverge "PROG=$PROGRAM" "SETUP=$NONE" "WORKS=ARGS='limit 64'" "FAILS=ARGS='limit 64'"
	said "both runs exit with 0: by that, FAILS does not fail"
}

@test "of a case without \"diverge\", the first of two columns fails, and a line says so" {
	in_vain 'exit 1' CASE=xsk-bindtodevice
	said 'the case has no "diverge", so its first column is the one that fails: WORKS=COLUMN=with FAILS=COLUMN=without'
}

# bats test_tags=slow
@test "where a script executes a program that does the same, the line of the kernel is named, by debug information in another file" {
	printf '%s\n' '#!/bin/sh' 'exec /case/parts limit "$1"' >"$BATS_TEST_TMPDIR/script"
	chmod +x "$BATS_TEST_TMPDIR/script"
	objcopy --only-keep-debug "$PROGRAM" "$BATS_TEST_TMPDIR/parts.debug"
	strip -o "$BATS_TEST_TMPDIR/parts" "$PROGRAM"
	run -0 --separate-stderr repro/diverge "PROG=$BATS_TEST_TMPDIR/script" "FILES=/case/parts=$BATS_TEST_TMPDIR/parts /case/p.debug=$BATS_TEST_TMPDIR/parts.debug" "SETUP=$NONE" WORKS=ARGS=64 FAILS=ARGS=12
	answer .answer.seen.text | grep -q 'cause of limit'
	[ "$(answer '.answer.fails.calls[0] | "\(.name) \(.error)"')" = "socket EMFILE" ]
	[ "$(answer .in_kernel.answer.seen.function)" = alloc_fd ]
	[ "$(answer '.in_kernel.values[] | select(.name == "end") | "\(.works) \(.fails)"')" = "64 12" ]
}

# bats test_tags=slow
@test "an option that only the run that fails sets is shown alone" {
	diverges 'options 2 9 10' 'options 2 4096 9 10'
	answer .answer.seen.text | grep -q 'cause of options'
	[ "$(answer '.answer | "\(.works) \(.fails.calls[0] | "\(.args[:21]) \(.error)")"')" = "null 3, SOL_SOCKET, 0x1000 ENOPROTOOPT" ]
	[ "$(answer '[.chain[], .folded[] | .missing[], .added[] | select(.name == "setsockopt")] == []')" = true ]
}

# bats test_tags=slow
@test "a call that runs too long in the kernel is not compared there, and a line says so" {
	diverges 'crowd 1000000' 'crowd 64'
	answer '.answer.seen.text | contains("poll(all")'
	[ "$(answer 'has("in_kernel") | not')" = true ]
	said "call 1 of number 7 executes more than 16777216 blocks of code, too many to compare"
}

# bats test_tags=slow
@test "what decided an earlier call's arguments, on which a later one depends, stands above the kernel's line" {
	diverges 'keep many' 'keep few'
	answer .answer.seen.text | grep -q 'cause of keep'
}

# bats test_tags=slow
@test "with threads, signals and children: the cause is found, and the same program does not part from itself" {
	diverges 'noise 0' 'noise 1'
	answer .answer.seen.text | grep -q 'cause of noise'
	run -1 --separate-stderr repro/diverge "PROG=$PROGRAM" "SETUP=$NONE" "WORKS=ARGS=noise" "FAILS=ARGS=noise"
	said "they do not part"
}
