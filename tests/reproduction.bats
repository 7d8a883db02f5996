#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/run: the reproduction, its controls, and bad input.

load lib

outcome() { # COLUMN ROW: print the row's outcome
	verdict ".columns[] | select(.name == \"$1\") | .rows[] | select(.row == \"$2\") | .errno // \"success\""
}

# before FILTER, after FILTER: read that column of the verdict.
before() { verdict ".columns[0] | $1"; }
after() { verdict ".columns[1] | $1"; }

@test "colliding ifindex: EINVAL before the fix, success after the fix" {
	run -0 --separate-stderr repro/run
	[[ $output == *"REPRODUCED: EINVAL before the fix, success after the fix"* ]]
	[ "$(verdict .verdict)" = reproduced ]
	[ "$(outcome before "outer 0")" = success ]
	[ "$(outcome before "inner 0")" = EINVAL ]
	[ "$(outcome after "outer 0")" = success ]
	[ "$(outcome after "inner 0")" = success ]
	[ "$(before '.rows[1] | "\(.facts.ifindex) \(.call)"')" = "4242 bind" ]
}

@test "the verdict names kernel, build id, library and the line that refused" {
	for column in before after; do
		[ "$($column .kernel.build_id)" = "$(readelf -n build/kernel/vmlinux | awk '/Build ID:/ { print $3 }')" ]
		[ "$($column .kernel.release)" = "$(jq -r .release build/kernel.json)" ]
	done
	[ "$(before .library)" = "libxdp $(jq -r .version build/libxdp/FIX-parent/library.json)" ]
	[ "$(after .library)" = "libxdp $(jq -r .version build/libxdp/FIX/library.json)" ]
	[ "$(before '[.refused[] | [.call, .error, .rows]] | tojson')" = '[["bind","EINVAL",["inner 0"]]]' ]
	[ "$(after '.refused == []')" = true ]
	# Look the line up in the source: it differs between kernels.
	file=$(before '.refused[0].at.file')
	line=$(before '.refused[0].at.line')
	run -0 sed -n "${line}p" "$(jq -r .source_dir build/kernel.json)/$file"
	[[ $output == *"$(before '.refused[0].at.condition')" ]]
	# In later kernels xsk_bind() checks the rings itself.
	[[ $output == *"if (!pool->fq || !pool->cq)"* || $output == *"if (!xsk_validate_queues(xs))"* ]]
	[ "$(before '.refused[0].at.chain[0].function')" = __x64_sys_bind ]
	[ "$(before '.refused[0].at | .chain[-1].function == .function')" = true ]
}

@test "the timeline shows why: the second socket got the first one's context" {
	run -0 jq -r 'select(.return.function == "xsk_create_ctx" or .return.function == "xsk_get_ctx") | .return.value' \
		build/xsk-netns-cookie/before/timeline.jsonl
	[ "${lines[0]}" = null ]        # outer: no context yet
	[ "${lines[1]}" = "${lines[2]}" ] # inner: the one that was made for outer
	[ "${#lines[@]}" = 3 ]
	run -0 jq -r 'select(.return.function == "xsk_get_ctx") | .return.value' \
		build/xsk-netns-cookie/after/timeline.jsonl
	[ "$output" = $'null\nnull' ]
}

@test "kernel and program agree on two different netns cookies" {
	for column in before after; do
		kernel=$(jq -c 'select(.call.function == "xsk_bind") | .call.values.netns_cookie' \
			build/xsk-netns-cookie/$column/timeline.jsonl)
		program=$(jq -c 'objects | select(.row) | .netns_cookie' \
			build/xsk-netns-cookie/$column/result.jsonl | head -n 2)
		[ "$kernel" = "$program" ]
		[ "$(sort -u <<<"$kernel" | wc -l)" = 2 ]
	done
}

@test "strace's bind() calls are shown as bytes and as fields at pahole's offsets" {
	run -0 --separate-stderr repro/run show
	[[ $output == *"refused call  bind("*"sa_family=AF_XDP"*"= -1 EINVAL"* ]]
	# AF_XDP is 44, 4242 is 0x1092, XDP_SHARED_UMEM is 1.
	[[ $output == *"2c 00 01 00 92 10 00 00 00 00 00 00 "* ]]
	[[ $output == *"sxdp_family 44, sxdp_flags 1, sxdp_ifindex 4242, sxdp_queue_id 0, sxdp_shared_umem_fd "* ]]
	# The second socket asked for no FILL and no COMPLETION ring.
	for ring in FILL COMPLETION; do
		[ "$(grep -c "XDP_UMEM_${ring}_RING" build/xsk-netns-cookie/before/strace.log)" = 1 ]
		[ "$(grep -c "XDP_UMEM_${ring}_RING" build/xsk-netns-cookie/after/strace.log)" = 2 ]
	done
}

@test "the reproducer frees all sockets and rings, and the UMEM's 8 MiB" {
	for column in before after; do
		log=build/xsk-netns-cookie/$column/strace.log
		[ "$(grep -cE 'socket\(.*= [0-9]+$' "$log")" -gt 2 ]
		# Descriptors and mappings of the rings are gone when main() returns.
		[ "$(awk '/ (socket|open|openat)\(.*= [0-9]+$/ { n++ } / close\(.*= 0$/ { n-- } END { print n }' "$log")" = 0 ]
		[ "$(awk '/ mmap\(.*MAP_SHARED/ { n++ } / munmap\(/ { n-- } END { print n }' "$log")" = -1 ]
		[ "$(grep -c 'munmap(.*, 8388608)' "$log")" = 1 ]
	done
}

@test "different ifindex: success before and after" {
	run -0 --separate-stderr repro/run LAYOUT=different
	[[ $output == *"AS PREDICTED: success before the fix, success after the fix"* ]]
	[ "$(verdict '[.columns[].rows[].errno] == [null, null, null, null]')" = true ]
	[ "$(before '[.rows[].facts.ifindex] == [4242, 4243]')" = true ]
}

@test "judge takes the knobs of the last run, and refuses others" {
	repro/run LAYOUT=different >/dev/null 2>&1
	run -0 --separate-stderr repro/run judge
	[[ $output == *"AS PREDICTED"* ]]
	[ "$(verdict .knobs.LAYOUT)" = different ]
	run -0 --separate-stderr repro/run judge LAYOUT=different SWAP=0
	run -2 --separate-stderr repro/run judge LAYOUT=colliding
	said "LAYOUT=colliding: the last run had LAYOUT=different"
	one_line
	run -2 --separate-stderr env SWAP=1 repro/run judge
	said "SWAP=1: the last run had SWAP=0"
	run -2 --separate-stderr repro/run judge KERNEL=v6.6
	said "KERNEL=v6.6: the last run had no KERNEL"
	[ "$(verdict .verdict)" = reproduced ]
}

@test "bad usage leaves the last run, whenever it is noticed" {
	repro/run >/dev/null 2>&1
	cp -a build/xsk-netns-cookie "$BATS_TEST_TMPDIR/last"
	for knob in QUEUES=0 NONSENSE=1 "KERNEL=$BATS_TEST_TMPDIR"; do
		run -2 --separate-stderr repro/run "$knob"
		for file in verdict.json refusals.json knobs before/result.jsonl after/end.json; do
			cmp "$BATS_TEST_TMPDIR/last/$file" "build/xsk-netns-cookie/$file"
		done
	done
	run -0 --separate-stderr repro/run judge
}

@test "QUEUES=2: four sockets, one cookie for each namespace" {
	run -0 --separate-stderr repro/run QUEUES=2
	for queue in 0 1; do
		[ "$(outcome before "outer $queue")" = success ]
		[ "$(outcome before "inner $queue")" = EINVAL ]
		[ "$(outcome after "inner $queue")" = success ]
	done
	[ "$(after '[.rows[] | [(.row / " ")[0], .facts.netns_cookie]] | unique | length')" = 2 ]
	[ "$(after '.rows | length')" = 4 ]
	# Two rows share one refusal, so gdb looks for its line once.
	[ "$(before '[.refused[].rows] | tojson')" = '[["inner 0","inner 1"]]' ]
}

# bats test_tags=slow
@test "QUEUES=2: all sockets of a namespace report its cookie" {
	run -0 --separate-stderr repro/run QUEUES=2
	for column in before after; do
		cookies() { # DEVICE
			jq --arg device "$1 " 'objects | select(.row // "" | startswith($device)) | .netns_cookie' \
				"build/xsk-netns-cookie/$column/result.jsonl"
		}
		# Two sockets, once plain and once under strace.
		[ "$(cookies outer | wc -l) $(cookies inner | wc -l)" = "4 4" ]
		outer=$(cookies outer | sort -u) inner=$(cookies inner | sort -u)
		[[ $outer =~ ^[0-9]+$ && $inner =~ ^[0-9]+$ && $outer != "$inner" ]]
		! older_than 6.18 || [ "$outer" = 1 ] # of the first namespace
	done
}

@test "with the columns exchanged the bug is not reproduced: exit 1, with the reasons" {
	run -1 --separate-stderr repro/run SWAP=1
	[[ $output == *"NOT REPRODUCED: success before the fix, EINVAL after the fix"* ]]
	[ "$(verdict .verdict)" = not-reproduced ]
	[ "$(verdict '.differences | length')" -ge 2 ]
}

# bats test_tags=slow
@test "a probe on a missing function is a lab failure, without a verdict" {
	cp -r repro/cases/xsk-netns-cookie "$BATS_TEST_TMPDIR/probe"
	sed -i 's/"xp_assign_dev_shared"/"xp_no_such_function"/; s/, "optional": true//' "$BATS_TEST_TMPDIR/probe/case.json"
	run -125 --separate-stderr repro/run "CASE=$BATS_TEST_TMPDIR/probe"
	said "no function xp_no_such_function in vmlinux"
	[ "$(jq -r .verdict build/probe/verdict.json)" = lab-failure ]
	rm -r build/probe
}

# bats test_tags=slow
@test "a failure that several columns share is told once, with their names" {
	cp -r repro/cases/xsk-netns-cookie "$BATS_TEST_TMPDIR/scene"
	sed -i 's/^up() {/&\n\tip link add outer type veth peer name outer/' "$BATS_TEST_TMPDIR/scene/guest.sh"
	run -125 --separate-stderr repro/run "CASE=$BATS_TEST_TMPDIR/scene"
	ends_with 'case: a command of guest.sh failed with status 2; its last line: "RTNETLINK answers: File exists" (in before, after); see build/scene/before'
	[ "$(grep -c "console: RTNETLINK" <<<"${stderr-}")" = 1 ]
	rm -r build/scene
}

@test "again runs what is built, even if there is something new to build" {
	run -0 repro/run again KERNEL=/nonexistent LIBXDP=/nonexistent
	[[ $output == *REPRODUCED* ]]
	run -125 --separate-stderr repro/run again BUILD="$BATS_TEST_TMPDIR/build"
	said "nothing is built in $BATS_TEST_TMPDIR/build"
	one_line
}

@test "invalid knobs are refused in one line, before anything is done" {
	for knob in QUEUES=0 QUEUES=1000 QUEUES=text ACCEL=xen LAYOUT=round CASE=nowhere \
		CASE=../x INDEX=1 DEADLINE=0 BUILD=a%b NONSENSE=1 KERNEL=5.15 "KERNEL=distro LIBXDP=1.3"; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr repro/run $knob
		one_line
	done
}

@test "every verb of make refuses a misspelt knob, and names it" {
	local verbs
	verbs=$(make -pqr 2>/dev/null | sed -n 's/^\.PHONY: //p')
	[ "$(wc -w <<<"$verbs")" -ge 22 ]
	for verb in $verbs; do
		run -2 --separate-stderr make -s "$verb" KERNL="a  'b' c" </dev/null
		said "xsklab: "
		said KERNL
	done
	[ "$(verdict .verdict)" = reproduced ]
}

@test "make passes knobs as they are, and leaves out those that choose a mirror" {
	mkdir -p "$BATS_TEST_TMPDIR"/lab/{repro,vm}
	cp Makefile "$BATS_TEST_TMPDIR/lab"
	printf '#!/bin/sh\nprintf "<%%s>" "$@"\n' >"$BATS_TEST_TMPDIR/lab/repro/why"
	chmod +x "$BATS_TEST_TMPDIR/lab/repro/why"
	run -0 make -s -C "$BATS_TEST_TMPDIR/lab" why ARGS="a  'b' \"\$\$x\" Y=1" PROG=./p XDP_TOOLS=/mirror https_proxy=x SETUP=
	[ "$(tr '>' '\n' <<<"$output" | sort)" = "$(printf '\n%s' "<ARGS=a  'b' \"\$x\" Y=1" '<PROG=./p')" ]
}

@test "every knob of make help-all is one that its verb knows" {
	local known
	known=$(grep -hoE "^(LAB_KNOBS|OWN)='[^']*|word =~ \^\([A-Z|]*|\bKNOWN='[^']*|RUN_KNOBS=\([^)]*" repro/{run,why,diverge,bisect,debug,shell,selftest,report} repro/nightly.d/plan tests/{soak,bench} | grep -oE '[A-Z_]{1,}')
	known+=$'\nNAME\nLIBXDPS\nLIBBPFS' # of repro/case; of the case's library
	known+=$'\nLIBBPF' # of its case
	# shellcheck disable=SC2016 # make's
	known+=$'\n'$(sed -n 's/^given := $(filter-out \(KERNEL_ORG .*\),.*/\1/p' Makefile | tr ' ' '\n') # mirrors
	run -0 make -s help-all
	for knob in $(grep -oE '^  ([A-Z_]{2,}(=1)?,? ?)+|^  N ' <<<"$output" | tr -d ,); do
		grep -qx "${knob%=*}" <<<"$known" || { echo "$knob"; false; }
	done
}

# bats test_tags=slow
@test "make repro fails if the verdict is not as predicted" {
	run -2 --separate-stderr make -s repro SWAP=1
	[[ $output == *"NOT REPRODUCED"* ]]
	run -0 make -s repro
	run -0 make -s verdict
}

# bats test_tags=slow
@test "the size of a terminal changes nothing" {
	run -0 script -qefc "stty cols 77 rows 33; make -s repro" /dev/null
	[[ $output == *"REPRODUCED: EINVAL before the fix, success after the fix"* ]]
}

@test "an interrupted run leaves no verdict and no process, and the next run works" {
	for signal in INT TERM KILL; do
		# Sometime during the guests' boot.
		run timeout --signal=$signal 1.2 repro/run
		[ "$status" -gt 123 ]
		[ "$(verdict .verdict)" = lab-failure ]
		for _ in {1..30}; do # they end soon after their parent
			pgrep -f "qemu-system-x86_64.*$PWD/build/xsk-netns-cookie/initrd" >/dev/null || break
			sleep 0.1
		done
		run -1 pgrep -f "qemu-system-x86_64.*$PWD/build/xsk-netns-cookie/initrd"
	done
	run -0 repro/run
}

# bats test_tags=slow
@test "a signal to repro/run alone ends its guests at once" {
	for signal in TERM KILL; do
		repro/run >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
		pid=$!
		for _ in {1..100}; do # until a guest runs
			pgrep -f "qemu-system-x86_64.*$PWD/build/xsk-netns-cookie/initrd" >/dev/null && break
			sleep 0.05
		done
		kill -$signal "$pid"
		sleep 0.5
		run -1 pgrep -f "qemu-system-x86_64.*$PWD/build/xsk-netns-cookie/initrd"
		[ "$(verdict .verdict)" = lab-failure ]
	done
}

# bats test_tags=slow
@test "two runs at once in one checkout take turns" {
	repro/run >"$BATS_TEST_TMPDIR/one" 2>&1 &
	first=$!
	run -0 --separate-stderr repro/run
	wait "$first"
	grep -q REPRODUCED "$BATS_TEST_TMPDIR/one"
	[[ $output == *REPRODUCED* ]]
}

# bats test_tags=slow
@test "runs in two build folders run at the same time, each with its own verdict" {
	repro/run BUILD="$BATS_TEST_TMPDIR/build" LAYOUT=different >"$BATS_TEST_TMPDIR/log" 2>&1 &
	other=$!
	run -0 repro/run
	wait "$other"
	[[ $output != *"waiting for another run"* ]]
	run -1 grep "waiting for another run" "$BATS_TEST_TMPDIR/log"
	[ "$(verdict .knobs.LAYOUT)" = colliding ]
	[ "$(jq -r .knobs.LAYOUT "$BATS_TEST_TMPDIR/build/xsk-netns-cookie/verdict.json")" = different ]
}

@test "a BUILD with files that are not the lab's is refused, and they stay" {
	mkdir -p "$BATS_TEST_TMPDIR/mine/tmp"
	echo precious >"$BATS_TEST_TMPDIR/mine/tmp/file"
	for command in run why nightly diverge bisect; do
		run -2 --separate-stderr "repro/$command" BUILD="$BATS_TEST_TMPDIR/mine"
		one_line
		said "holds files that are not the lab's"
	done
	run -2 --separate-stderr repro/run BUILD=/
	[ "$(find "$BATS_TEST_TMPDIR/mine" -type f)" = "$BATS_TEST_TMPDIR/mine/tmp/file" ]
}

@test "no verb of make writes into a BUILD with files that are not the lab's" {
	local verbs
	mkdir -p "$BATS_TEST_TMPDIR"/{mine,bin}
	echo precious >"$BATS_TEST_TMPDIR/mine/file"
	printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/bin/bats" # no tests within this one
	chmod +x "$BATS_TEST_TMPDIR/bin/bats"
	verbs=$(make -pqr 2>/dev/null | sed -n 's/^\.PHONY: //p' | tr ' ' '\n' | grep -vxE 'case|distclean|doctor|help|help-all')
	[ "$(wc -l <<<"$verbs")" -ge 18 ]
	for verb in $verbs; do # case and doctor write nothing there, distclean removes build/
		PATH=$BATS_TEST_TMPDIR/bin:$PATH run -2 --separate-stderr make -s "$verb" BUILD="$BATS_TEST_TMPDIR/mine" </dev/null
		said "files that are not the lab's"
		[ "$(cd "$BATS_TEST_TMPDIR/mine" && echo *)" = file ]
	done
}

@test "a new BUILD is the lab's after the first verb" {
	for _ in 1 2; do
		run -0 make -s kernel BUILD="$BATS_TEST_TMPDIR/new"
	done
	rm "$BATS_TEST_TMPDIR/new"/kernel* # only the mark tells
	run -0 make -s kernel BUILD="$BATS_TEST_TMPDIR/new"
	mkdir "$BATS_TEST_TMPDIR/empty"
	run -0 make -s kernel BUILD="$BATS_TEST_TMPDIR/empty"
}

@test "a checkout in a path with a space reproduces the bug" {
	cp -r "$PWD" "$BATS_TEST_TMPDIR/a checkout"
	run -0 --separate-stderr "$BATS_TEST_TMPDIR/a checkout/repro/run"
	[[ $output == *REPRODUCED* ]]
}

# bats test_tags=slow
@test "a case may be in any folder" {
	cp -r repro/cases/xsk-netns-cookie "$BATS_TEST_TMPDIR/mine"
	run -0 --separate-stderr repro/run CASE="$BATS_TEST_TMPDIR/mine"
	[[ $output == *"REPRODUCED"* ]]
	rm -r build/mine
}
