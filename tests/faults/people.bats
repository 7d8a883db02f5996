#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What people do to a run; see judge.bash.
# shellcheck disable=SC2016,SC2030,SC2031 # for the shells of the rows

# bats file_tags=slow
load judge

# job TEXT WORDS...: set JOB, a command that runs make repro as a shell's job, and TEXT, which
# disturbs it: $job is make's process and process group. Exit 148 means stopped, not ended.
job() {
	JOB=(bash -c 'set -m; make -s repro & job=$!; '"$1"'; while wait "$job"; status=$?; [ $status = 148 ]; do :; done; exit $status' --)
}

# Files that a run makes in turn if it has to build everything but the kernel.
MOMENTS=(. xsk-netns-cookie/verdict.json libxdp/FIX/library.json init libxdp/FIX-parent/xsk.o
	xsk-netns-cookie/program.after xsk-netns-cookie/initrd.after xsk-netns-cookie/before/qemu.log
	xsk-netns-cookie/before/timeline.jsonl xsk-netns-cookie/before/refused.0.json)

# at_ten_moments EXIT TEXT: run TEXT as soon as a run has made each of these. The interrupted run
# must not show an earlier run's verdict.
at_ten_moments() {
	local moment
	job 'while [ ! -e "$1" ] && kill -0 "$job"; do sleep 0.01; done; '"$2"
	for moment in "${MOMENTS[@]}"; do
		rm -rf "$LAB"/build/{xsk-netns-cookie,libxdp,*.cpio,init}
		echo "moment: $moment"
		fault "$1" 60 '' '' "${JOB[@]}" "build/$moment"
		[ "$VERDICT" = lab-failure ] || [ -z "$VERDICT" ]
	done
}

@test "people: Ctrl-C at ten moments" { at_ten_moments 130 'kill -INT -- "-$job"'; }

@test "people: SIGTERM of make at ten moments" { at_ten_moments 143 'kill -TERM "$job"'; }

@test "people: SIGKILL of make at ten moments" { at_ten_moments 137 'kill -KILL "$job"'; }

# As if the command had just ended, before bash noticed.
@test "people: Ctrl-C that the running command ignores" {
	rm -f "$LAB"/build/kernel/*.layout
	stand_in pahole 'trap "" INT; touch "${0%/*}/runs"; sleep 1; exec "$REAL" "$@"'
	job 'while [ ! -e "$1" ] && kill -0 "$job"; do sleep 0.01; done; kill -INT -- "-$job"'
	fault 130 60 '' '' "${JOB[@]}" "$BATS_TEST_TMPDIR/bin/runs"
	[ "$VERDICT" = lab-failure ]
}

# bats test_tags=quick
@test "people: Ctrl-C on a terminal" {
	fault 130 60 '' '' bash -c "{ sleep 1.5; printf '\003'; sleep 2; } | script -qefc 'make -s repro' /dev/null"
}

@test "people: the terminal closes with a shell that runs it" {
	printf '#!/bin/bash\nmake -s repro\nexit\n' >"$BATS_TEST_TMPDIR/shell"
	chmod +x "$BATS_TEST_TMPDIR/shell"
	fault 137 60 '' '' bash -c 'socat -u EXEC:"$1",pty,setsid,ctty STDOUT & sleep 1.5; kill -KILL $!; wait $!' -- "$BATS_TEST_TMPDIR/shell"
}

@test "people: Ctrl-Z and kill" {
	job 'sleep 1.5; kill -TSTP -- "-$job"; sleep 0.5; kill -TERM -- "-$job"; kill -CONT -- "-$job"'
	fault 143 60 '' '' "${JOB[@]}"
}

@test "people: Ctrl-Z and kill -9" {
	job 'sleep 1.5; kill -TSTP -- "-$job"; sleep 0.5; kill -KILL "$job"'
	fault 137 60 '' '' "${JOB[@]}"
}

@test "people: Ctrl-Z for longer than the guests' deadline, and fg" {
	job 'sleep 1.5; kill -TSTP -- "-$job"; sleep 20; kill -CONT -- "-$job"'
	DEADLINE=20 fault 0 60 '' '' "${JOB[@]}"
}

# runs N DIR...: N runs at once in each folder; all must have the right verdict.
runs() {
	local n=$1
	shift
	fault 0 $((60 * n)) '' '' bash -c 'n=$1; shift
		for dir; do for ((i = 0; i < n; i++)); do make -s -C "$dir" repro & jobs+=($!); done; done
		for job in "${jobs[@]}"; do wait "$job" || exit; done' -- "$n" "$@"
	[ "$(grep -c 'REPRODUCED: EINVAL before the fix, success after the fix' <<<"$output")" = $((n * $#)) ]
	[[ $output != *NOT* ]]
}

@test "people: two and four runs at once in one checkout" {
	runs 2 "$LAB"
	runs 4 "$LAB"
}

@test "people: two and four runs at once, each in a checkout of its own" {
	for n in 1 2 3 4; do cp -r "$LAB" "$BATS_TEST_TMPDIR/lab$n"; done
	runs 1 "$BATS_TEST_TMPDIR"/lab{1,2}
	runs 1 "$BATS_TEST_TMPDIR"/lab{1,2,3,4}
}

# meanwhile COMMAND: set DURING, which runs COMMAND during a run, and exits with its code; the run
# must end as usual.
meanwhile() {
	DURING=(bash -c "make -s repro 2>&1 & run=\$!; sleep 1.5; $1; status=\$?; wait \$run || exit 99; exit \$status")
}

@test "people: make clean in the middle of a run" {
	meanwhile 'make -s clean'
	fault 2 60 'a run is using build; end it, or try again when it is done' '' "${DURING[@]}"
	[[ $output == *"REPRODUCED: EINVAL before the fix"* ]]
}

@test "people: make distclean in the middle of a run of another checkout" {
	cp -r "$LAB" "$BATS_TEST_TMPDIR/other"
	meanwhile "make -s -C '$BATS_TEST_TMPDIR/other' distclean"
	fault 2 60 "a run is using $CACHE; end it, or try again when it is done" '' "${DURING[@]}"
	[[ $output == *"REPRODUCED: EINVAL before the fix"* ]]
}

@test "people: make clean repeatedly, while a run starts and runs" {
	fault 0 60 '' '' bash -c 'make -s repro & run=$!
		while kill -0 $run; do repro/clean; sleep 0.02; done 2>/dev/null; wait $run'
}

@test "people: make clean of folders that the lab did not make" {
	for dir in / "$HOME" .. build/.. "$BATS_TEST_TMPDIR"; do
		fault 2 5 "BUILD=$dir: is not in build/, .*; remove it yourself" '' env BUILD="$dir" repro/clean
	done
}

objects() { find "$BATS_TEST_TMPDIR/cache/xsklab/objects" -name '*.o' -printf '%p %T@\n' | sort; }

@test "people: a kernel build is interrupted twice, and continues where it was" {
	mkdir "$BATS_TEST_TMPDIR/cache"
	cp -r "$CACHE" "$BATS_TEST_TMPDIR/cache/xsklab"
	rm -r "$BATS_TEST_TMPDIR/cache/xsklab/kernels"
	export -f objects
	job 'while [ "$(objects 2>&1 | wc -l)" -lt "$1" ] && kill -0 "$job"; do sleep 0.5; done; kill "-$2" -- "-$job"'
	fault 130 300 '' '' env XDG_CACHE_HOME="$BATS_TEST_TMPDIR/cache" "${JOB[@]}" 40 INT
	first=$(objects)
	fault 143 300 '' '' env XDG_CACHE_HOME="$BATS_TEST_TMPDIR/cache" "${JOB[@]}" $(($(wc -l <<<"$first") + 20)) TERM
	# Nothing is compiled twice.
	[ -z "$(comm -23 <(echo "$first") <(objects))" ]
}
