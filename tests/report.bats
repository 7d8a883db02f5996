#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/report: the reports of a real run, and of runs that went wrong.

# shellcheck disable=SC2016 # quoted text is for another shell
# shellcheck disable=SC2154 # bats sets stderr
# shellcheck disable=SC2030,SC2031 # a test is a subshell

load lib

name=xsk-netns-cookie

setup_file() {
	rm -f build/diverge.json # it would be a section more
	repro/run >/dev/null 2>&1
	cp -a build/$name "$BATS_FILE_TMPDIR/run"
	repro/report build/$name "$BATS_FILE_TMPDIR/report"
	mkdir "$BATS_FILE_TMPDIR/unpacked"
	tar --zstd -xf "$(archive "$BATS_FILE_TMPDIR/report")" -C "$BATS_FILE_TMPDIR/unpacked"
}

setup() {
	report=$BATS_FILE_TMPDIR/report
	unpacked=$(echo "$BATS_FILE_TMPDIR/unpacked/"*)
	broken=$BATS_TEST_TMPDIR/$name
	out=$BATS_TEST_TMPDIR/out
}

# Make a copy of the run to break, without images and strong compression, which take long.
copy() {
	export ZSTD_LEVEL=1
	cp -a "$BATS_FILE_TMPDIR/run" "$broken"
	rm "$broken"/{initrd,program,guest,case}.*
}

# change FILE FILTER: change it with jq.
change() {
	jq -c "$2" "$broken/$1" >"$BATS_TEST_TMPDIR/changed"
	run -1 cmp "$broken/$1" "$BATS_TEST_TMPDIR/changed"
	cp "$BATS_TEST_TMPDIR/changed" "$broken/$1"
}

# Make the report of the copy; it must keep its limits, whatever the run contains.
reported() {
	run -0 repro/report "$broken" "$out"
	within_limits "$out"
}

within_limits() { # OUT
	LC_ALL=C.UTF-8 run -1 grep -nE '.{76}' "$1/report.txt"
	[ "$(wc -c <"$1/report.txt")" -lt 40960 ]
	LC_ALL=C.UTF-8 run -1 grep -nP '[^\t -~\x{a0}-\x{24f}]' "$1/report.txt"
	xmllint --noout "$1/report.html"
	[ "$(wc -c <"$1/report.html")" -lt 4194304 ]
	[ "$(stat -c %s "$(archive "$1")")" -le 15728640 ]
}

# tells TEXT: does report.txt contain it, ignoring line breaks?
tells() {
	[[ $(tr -s '\n ' ' ' <"$out/report.txt") == *"$1"* ]] || { cat "$out/report.txt"; return 1; }
}

# Print the path of the archive, not of the debug archive.
archive() { find "$1" -name '*.tar.zst' ! -name '*-debug.tar.zst'; } # OUT

@test "a device with a carrier is drawn as up, even if the kernel's operstate lags" {
	echo '[{"ifname":"a","flags":["UP","LOWER_UP"],"operstate":"DOWN"},{"ifname":"b","flags":["UP"],"operstate":"DOWN"}]' >"$BATS_TEST_TMPDIR/result"
	run -0 jq -Rsr -L repro/judge -L repro/report.d -f repro/report.d/topology.jq "$BATS_TEST_TMPDIR/result"
	[[ $output == *'label="a\l'*'\lUP\l"'* ]]
	[[ $output == *'label="b\l'*'\lDOWN\l"'* ]]
}

@test "report.txt has the sections in the order that maintainers expect" {
	within_limits "$report"
	run -0 sed -n '1,/^$/s/:.*//p; /^---*$/{x;p}; h' "$report/report.txt"
	[ "$output" = "To
Subject
What fails
Impact
Steps to reproduce
Expected and seen
The refused call
The line that refused it
Timeline
Versions
Attached" ]
}

@test "report.txt has the run's facts" {
	out=$report
	while read -r fact; do
		[ -n "$fact" ]
		tells "$fact"
	done < <(jq -re '.title, .reason, .qemu, .accel, (.columns[] | .title, .library, .kernel.release, .kernel.build_id),
		(.columns[0].refused[0] | .text, (.at | "\(.file):\(.line)", .condition, "\(.function)()"))' "$BATS_FILE_TMPDIR/run/verdict.json")
	tells "$(gdb --version | head -n 1)"
	tells "not tainted"
	# The second socket's bind(), by its bytes.
	tells "2c 00 01 00 92 10 00 00 00 00 00 00"
	# Differences are marked between the columns: one function is called only after the fix.
	grep -qE '^not called +! xsk_create_ctx\(\)$' "$report/report.txt"
	grep -qE '^  = EINVAL +!   = success$' "$report/report.txt"
	# The timeline begins with the first difference; how the refused call came about is told as on
	# the screen, outermost first.
	[ "$(grep -c '^xsk_get_ctx() ' "$report/report.txt")" = 1 ]
	tells "called __x64_sys_bind"
	tells "flags XDP_SHARED_UMEM,"
	run -1 grep -E '^ +config.*64BIT' "$report/report.txt"
	# Facts that all columns share stand beside the row's name.
	grep -qxE 'inner 0: ifindex 4242, queue 0, netns cookie [0-9]+' "$report/report.txt"
	grep -qE '^EINVAL \(bind\) +! success$' "$report/report.txt"
	# The command that repeats the run.
	tells "make repro CASE=$name KERNEL="
	tells "LAYOUT=colliding QUEUES=1 INDEX=4242"
	run -1 grep -F SWAP= "$report/report.txt"
	# What the case says: the fix, what is asked, and what the rows are.
	while read -r text; do
		tells "$text"
	done < <(jq -r '.report | "Fixed by \(.fix).", .question, .scene, .impact, .expected' repro/cases/$name/case.json)
	# The library's list alone: what the columns differ in is not the kernel.
	grep -qxF 'To: xdp-newbies@vger.kernel.org' "$report/report.txt"
	run -1 grep -E '^Cc:|netdev@|<where' "$report/report.txt"
}

@test "report.html has the same, three pictures, sources and logs, and is self-contained" {
	xmllint --noout "$report/report.html"
	[ "$(grep -c '<svg' "$report/report.html")" = 3 ]
	[ "$(xmllint --xpath 'count(//*[local-name()="h2"])' "$report/report.html")" = 9 ]
	run -1 grep -iE '<(script|link|img|iframe|object|embed|base)|@import|url\(|src=|href=' "$report/report.html"
	run -0 grep -ohE '[a-z]+://[^" <]*' "$report/report.html"
	[ "$(sort -u <<<"$output")" = "http://www.w3.org/1999/xhtml
http://www.w3.org/1999/xlink
http://www.w3.org/2000/svg" ]
	# The first function that differs, its source, and the devices.
	text=$(xmllint --xpath 'string(/)' "$report/report.html")
	[[ $text == *"first difference"* ]]
	[[ $text == *"static struct xsk_ctx *xsk_get_ctx("* ]]
	[[ $text == *"169.254.0.1/30"*"169.254.0.2/30"* ]]
	# The guest's log without the boot, and without the serial line's CR.
	[[ $text == *"before/console.log["*" lines of the boot are left out; the archive has them]"*"Run /init as init process"* ]]
	run -1 grep -E 'Linux version|Run /init.*[?]$' <<<"$text"
}

# bats test_tags=slow
@test "the same run gives the same archives, of at most 15 MiB" {
	run -0 repro/report build/$name "$out"
	for file in "$report"/*; do
		cmp "$file" "$out/${file##*/}"
	done
}

@test "the archive is complete, and the debug archive has the symbols of its kernel" {
	(cd "$unpacked" && sha256sum --check --quiet --strict SHA256SUMS)
	run -0 bash -c "cd '$unpacked' && find . -type f ! -name SHA256SUMS | wc -l"
	[ "$output" = "$(wc -l <"$unpacked/SHA256SUMS")" ]
	for file in "repro/cases/$name/program.c" netns/colliding-veth kernel/config kernel-config/network.config \
		gdbscripts/timeline.py program.before program.after report.txt report.html \
		before/timeline.jsonl after/strace.log; do
		[ -s "$unpacked/$file" ]
	done
	mkdir "$out"
	tar --zstd -xf "$report"/$name-*-debug.tar.zst -C "$out"
	[ "$(readelf -n "$out"/*/kernel/vmlinux | awk '/Build ID:/ { print $3 }')" = "$(cat "$unpacked/kernel/build-id")" ]
	[ "$(readelf -n "$unpacked/kernel/vmlinux.boot" | awk '/Build ID:/ { print $3 }')" = "$(cat "$unpacked/kernel/build-id")" ]
	readelf -S "$out"/*/kernel/vmlinux | grep -q debug_info
}

# Print a PATH with QEMU and coreutils only.
bare_path() {
	local program
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	for program in $(dpkg -L coreutils | grep -E '^(/usr)?/bin/.') "$(command -v qemu-system-x86_64)"; do
		ln -sf "$program" "$BATS_TEST_TMPDIR/bin/"
	done
	echo "PATH=$BATS_TEST_TMPDIR/bin"
}

# Run the unpacked archive's run.sh as on a machine with nothing else.
bare_run() { env -i "$(bare_path)" "$@" "$unpacked/run.sh"; } # NAME=value...

# Print the QEMU processes of the unpacked archive.
guests() {
	local pid
	for pid in $(pgrep -f 'qemu-system-x86_64.*path=again/'); do
		[ "$(readlink "/proc/$pid/cwd")" != "$unpacked" ] || echo "$pid"
	done
}

@test "run.sh of the archive gives the same verdict with QEMU alone" {
	run -0 bare_run
	[[ $output == *"before  inner 0: EINVAL, as predicted"* ]]
	[[ $output == *"after  inner 0: success, as predicted"* ]]
	[[ $output == *"REPRODUCED: every row ended with the error that the case predicts"* ]]
	# With the columns exchanged it must say no.
	run -1 bare_run SWAP=1
	[[ $output == *"before  inner 0: error number 0 instead of 22, EINVAL"* ]]
	[[ $output == *"after  inner 0: error number 22 instead of 0, success"* ]]
	[[ $output == *"NOT REPRODUCED"* ]]
	[ -z "$(guests)" ]
}

@test "run.sh runs another kernel, and names the options that it lacks" {
	mkdir "$BATS_TEST_TMPDIR/mine"
	cp "$unpacked/kernel/vmlinux.boot" "$BATS_TEST_TMPDIR/mine/vmlinux"
	grep -q '^CONFIG_VETH=y$' "$unpacked/options"
	run -1 grep GDB "$unpacked/options"
	run -0 --separate-stderr "$unpacked/run.sh" "KERNEL=$BATS_TEST_TMPDIR/mine/vmlinux"
	[[ $output == *REPRODUCED* ]]
	said "the options in ./options must be built in"
	one_line
	sed 's/^CONFIG_VETH=y$/CONFIG_VETH=m/' "$unpacked/kernel/config" >"$BATS_TEST_TMPDIR/mine/.config"
	cd "$BATS_TEST_TMPDIR/mine"
	head -c 1000000 vmlinux >half # it cannot boot, however fast the machine is
	run -125 --separate-stderr env KERNEL=half DEADLINE=5 "$unpacked/run.sh"
	said "this kernel lacks CONFIG_VETH=y"
	said "the guest of before was lost, as QEMU exited with 1: "
	said "KERNEL must be a vmlinux with CONFIG_PVH, or a bzImage"
	run -2 --separate-stderr "$unpacked/run.sh" KERNEL=nothing
	one_line
	echo MZ >bzImage
	run -2 --separate-stderr "$unpacked/run.sh" --gdb before KERNEL=bzImage
	said "--gdb needs symbols"
}

# bats test_tags=slow
@test "run.sh reports each failure, and leaves nothing running" {
	run -125 --separate-stderr bare_run DEADLINE=1
	said "the guest of before did not finish within 1 s"
	one_line
	[ -z "$(guests)" ]
	run -125 --separate-stderr bare_run QEMU=no-such-qemu
	said "no-such-qemu not found"
	one_line
	run -2 --separate-stderr bare_run ACCEL=xen
	one_line
	run -2 --separate-stderr "$unpacked/run.sh" --nonsense
	one_line
	run -2 --separate-stderr "$unpacked/run.sh" --gdb between
	said "the columns are before after"
	one_line
	for signal in TERM KILL; do
		"$unpacked/run.sh" >/dev/null 2>&1 3>&- &
		pid=$!
		for _ in {1..100}; do # until a guest runs
			[ -z "$(guests)" ] || break
			sleep 0.05
		done
		[ -n "$(guests)" ]
		kill -$signal "$pid"
		sleep 1
		[ -z "$(guests)" ]
	done
}

# bats test_tags=slow
@test "run.sh of a run that was not as predicted also says no" {
	repro/run SWAP=1 >/dev/null 2>&1 || [ $? = 1 ]
	repro/report build/$name "$out"
	repro/run >/dev/null 2>&1
	grep -q '^Subject: .*not as predicted' "$out/report.txt"
	within_limits "$out"
	mkdir "$BATS_TEST_TMPDIR/swapped"
	tar --zstd -xf "$(archive "$out")" -C "$BATS_TEST_TMPDIR/swapped"
	unpacked=$(echo "$BATS_TEST_TMPDIR/swapped/"*)
	run -1 bare_run
	[[ $output == *"NOT REPRODUCED"* ]]
}

# bats test_tags=slow
@test "gdb attaches to the archive's guest with the printed command, with symbols of both rings" {
	tar --zstd -xf "$report"/$name-*-debug.tar.zst -C "$BATS_FILE_TMPDIR/unpacked"
	PORT=$((20000 + RANDOM % 10000))
	PORT=$PORT "$unpacked/run.sh" --gdb before >"$BATS_TEST_TMPDIR/guest" 2>&1 </dev/null 3>&- &
	guest=$!
	for _ in {1..100}; do
		! grep -q 'kernel/vmlinux$' "$BATS_TEST_TMPDIR/guest" || break
		sleep 0.1
	done
	command=$(grep 'gdb -q' "$BATS_TEST_TMPDIR/guest")
	sleep 0.5
	run timeout 60 bash -c "cd '$unpacked' && ${command/gdb -q/gdb -q -nx -batch} \
		-ex continue -ex continue -ex 'print ifindex' -ex list \
		-ex continue -ex continue -ex backtrace -ex kill"
	kill "$guest" 2>/dev/null || true
	wait "$guest" || true
	rm "$unpacked/kernel/vmlinux"
	echo "$output"
	[[ $output == *"= 4242"* ]]
	[[ $output == *"list_empty(&umem->ctx_list)"* ]]
	[[ $output == *"xsk_bind (sock="*"__sys_bind"* ]]
}

# bats test_tags=slow
@test "the archives contain nothing about the reporter, whatever the logs say" {
	cp -a "$BATS_FILE_TMPDIR/run" "$broken"
	secret=/home/reporter-of-this/kernels
	change verdict.json ".columns[].kernel |= (.source = \"$secret\" | .source_dir = \"$secret\")
		| .columns[0].refused[0].at |= (.path = \"$secret\" | .chain[].path = \"$secret\")"
	echo "qemu-system-x86_64: $secret/a b/vmlinux.boot: cannot open '$secret/x'" >"$broken/before/qemu.log"
	echo "No such file: $HOME/.gdbinit" >>"$broken/after/gdb.log"
	reported
	mkdir "$BATS_TEST_TMPDIR/all"
	cp "$out"/report.* "$BATS_TEST_TMPDIR/all"
	for archive in "$out"/*.tar.zst; do
		tar --zstd -xf "$archive" -C "$BATS_TEST_TMPDIR/all"
		# Including the owners in the archive.
		run -0 bash -c "tar --zstd -tvf '$archive' | awk '{ print \$2, \$4, \$5 }' | sort -u"
		[ "$output" = "0/0 1970-01-01 00:00" ]
	done
	for word in reporter-of-this "$HOME/" "$PWD" "$BATS_TEST_TMPDIR" "${XDG_CACHE_HOME:-$HOME/.cache}/xsklab" \
		"$(jq -r .source_dir build/kernel.json)/"; do
		# The kernel itself contains names like /root/.
		run -1 grep -rlaF --exclude='vmlinux.boot' --exclude='initrd.*' -- "$word" "$BATS_TEST_TMPDIR/all"
	done
	for word in "$(hostname)" "$(id -un)"; do
		[ "${#word}" -gt 3 ] && [ "$word" != root ] || continue
		run -1 grep -rlawF -- "$word" "$BATS_TEST_TMPDIR/all"
	done
	out=$out tells "a local tree"
}

# bats test_tags=slow
@test "the report of a case in another folder does not contain its path" {
	mkdir "$BATS_TEST_TMPDIR/elsewhere"
	cp -r repro/cases/$name "$BATS_TEST_TMPDIR/elsewhere/mine"
	export CASE=$BATS_TEST_TMPDIR/elsewhere/mine
	repro/run >/dev/null 2>&1
	repro/report build/mine "$out"
	rm -r build/mine
	tells "make repro CASE=mine"
	tells "the archive has it as repro/cases/mine"
	mkdir "$BATS_TEST_TMPDIR/all"
	tar --zstd -xf "$(archive "$out")" -C "$BATS_TEST_TMPDIR/all"
	cp "$out"/report.* "$BATS_TEST_TMPDIR/all"
	[ -s "$(echo "$BATS_TEST_TMPDIR/all"/mine-*)/repro/cases/mine/program.c" ]
	grep -qaF repro/cases/mine/program.c "$BATS_TEST_TMPDIR/all"/mine-*/program.before
	run -1 grep -rlaF "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/all"
}

@test "the report of a case that is not committed says where to get it" {
	copy
	run -1 grep -F "Copy it into the lab" "$report/report.txt"
	mv "$broken" "$BATS_TEST_TMPDIR/uncommitted"
	git clone -q . "$BATS_TEST_TMPDIR/lab"
	cp -r repro/cases/$name "$BATS_TEST_TMPDIR/lab/repro/cases/uncommitted"
	run -0 --separate-stderr "$BATS_TEST_TMPDIR/lab/repro/report" "$BATS_TEST_TMPDIR/uncommitted" "$out"
	tells "The case is not in that commit; the archive has it as repro/cases/uncommitted. Copy it into the lab first."
}

# bats test_tags=slow
@test "with a BUILD outside the checkout, the archive is as one of build/, sources included" {
	make -s report BUILD="$BATS_TEST_TMPDIR/elsewhere" >/dev/null
	mkdir "$BATS_TEST_TMPDIR/all"
	tar --zstd -xf "$(archive "$BATS_TEST_TMPDIR/elsewhere/report")" -C "$BATS_TEST_TMPDIR/all"
	cp "$BATS_TEST_TMPDIR/elsewhere/report"/report.* "$BATS_TEST_TMPDIR/all"
	run -1 grep -rlaF --exclude='vmlinux*' --exclude='initrd.*' "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/all"
	cd "$BATS_TEST_TMPDIR/all/$name"-*
	run -0 gdb -q -nx -batch -iex 'set auto-load no' -ex 'list xsk_get_ctx' program.before
	[[ $output == *"static struct xsk_ctx *xsk_get_ctx("* ]]
	sha256sum --check --quiet --strict SHA256SUMS
}

@test "a path of this host in the archive stops it, and the last report stays" {
	copy
	echo "$PWD/secret" >>"$broken/before/strace.log"
	mkdir "$out"
	echo good >"$out/report.txt"
	run -125 --separate-stderr repro/report "$broken" "$out"
	said "contains the path $PWD"
	[ "$(cat "$out"/*)" = good ]
}

@test "the archives of the last report go when that of another case comes, and nothing else" {
	copy
	mkdir "$out"
	printf '%s\n' 'other-6.1.tar.zst: in a text' Attached -------- 'another-6.1.tar.zst: logs' '' 'another-6.1-debug.tar.zst: vmlinux' >"$out/report.txt"
	touch "$out"/{other-6.1,another-6.1,another-6.1-debug}.tar.zst
	repro/report "$broken" "$out"
	run -0 bash -c "cd '$out' && echo *"
	[[ $output == "other-6.1.tar.zst report.html report.txt $name-"*"-debug.tar.zst $name-"*".tar.zst" ]]
}

@test "the report of a lost run says so, and what is missing" {
	copy
	rm -r "$broken"/after "$broken"/before/*.jsonl
	jq -n --arg case $name '{version: 1, case: $case, verdict: "lab-failure", reason: "the run did not finish: it ended while running the guests"}' \
		>"$broken/verdict.json"
	reported
	tells "Subject: $name: the lab failed, there is no verdict"
	tells "it ended while running"
	tells "before/timeline.jsonl: missing or empty"
	tells "after/console.log: missing or empty"
	tells "the archive's run.sh"
	run -1 grep -F ./run.sh "$out/report.txt"
}

@test "a run that started no guest is not reported, and the last report stays" {
	copy
	rm -r "$broken"/{before,after}
	jq -n --arg case $name '{version: 1, case: $case, verdict: "lab-failure", reason: "the run did not finish: it ended while building"}' \
		>"$broken/verdict.json"
	mkdir "$out"
	echo good >"$out/report.txt"
	run -125 --separate-stderr repro/report "$broken" "$out"
	said "no guest of this run started: the run did not finish: it ended while building"
	one_line
	[ "$(cat "$out"/*)" = good ]
}

@test "a knob that contradicts the run is refused" {
	copy
	run -2 --separate-stderr repro/report "$broken" "$out" LAYOUT=different
	said "LAYOUT=different: the last run had LAYOUT=colliding"
	one_line
}

@test "the report says if half the run is missing, or if timeline or verdict are truncated" {
	copy
	rm "$broken"/after/*
	sed -i '$d' "$broken/before/timeline.jsonl"
	jq -n '{end: "hang", detail: "the guest was still running after 60 s", seconds: 60}' >"$broken/before/end.json"
	head -c 2000 "$BATS_FILE_TMPDIR/run/verdict.json" >"$broken/verdict.json"
	reported
	tells "verdict.json is truncated"
	tells "the end of before/timeline.jsonl: it is truncated"
	tells "the end of the guest of before: hang: the guest was still running after 60 s"
	tells "after/result.jsonl: missing or empty"
}

@test "the report of a lab failure lists the contradictions" {
	copy
	change verdict.json '.verdict = "lab-failure" | .reason = "before: the timeline is cut off" | .differences = [.reason]
		| (.columns[0].rows[1].calls[-1] | .has_returned, .returned_at) |= null'
	reported
	tells "! before: the timeline is cut off"
	tells "= no return seen"
}

@test "HTML, quotes and control characters in the guest's output stay text" {
	copy
	export evil=$'<script>alert(1)</script>&amp;"\x27\033[31m\\l\n'
	change verdict.json '(.columns[].rows[0] | .row, .call, .errno, .facts.said) = $ENV.evil
		| .columns[].rows[].calls[0].function = $ENV.evil | (.columns[] | .title, .library) = $ENV.evil
		| .columns[0].refused[0] |= (.args = $ENV.evil | .at.values = {($ENV.evil): $ENV.evil} | .at.source[0].text = $ENV.evil)
		| .differences = [$ENV.evil]'
	change before/result.jsonl 'if type == "array" then map(.ifname = $ENV.evil) else . end'
	for file in console.log strace.log; do
		printf '<b>\033[31m\0\200 &lt; ]]>\r\n' >>"$broken/before/$file"
	done
	reported
	run -1 grep -aE '<(script|b)>' "$out/report.html"
	run -1 grep -aP '[\x00-\x08\x0b-\x1f\x7f]' "$out/report.html"
	tells "<script>alert(1)</script>"
	[ "$(grep -c '<svg' "$out/report.html")" = 3 ]
}

# bats test_tags=slow
@test "with logs of 100 MiB, the report keeps its size and says what it cut" {
	copy
	for file in before/console.log after/timeline.jsonl; do
		yes "$(head -c 300 /dev/urandom | base64 -w 0)" | head -c 104857600 >>"$broken/$file"
	done
	head -c 104857600 /dev/urandom >>"$broken/before/qemu.log"
	reported
	tells "the middle of before/console.log, which has 1048"
	tells "the middle of before/qemu.log, which has 104857600 bytes"
	grep -qE '^\[cut: [0-9]+ of 1048[0-9]+ bytes\]$' "$out/report.html"
}

@test "with many rows, the report keeps its size and says how many it left out" {
	copy
	change verdict.json '.columns[].rows |= . + [range(126) as $i | .[1] | .row = "inner \($i + 1)"]'
	reported
	tells "Rows not shown here: 125"
	tells "more lines; report.html has them"
	# The sections after it are complete.
	tells "vmlinux with debug information."
}

# bats test_tags=slow
@test "the report describes a control, an error in both columns, and a case without texts" {
	copy
	change verdict.json '.control = true | .columns[0] = .columns[1] + (.columns[0] | {name, title}) | .reason = "success before the fix, success after it"'
	reported
	tells "Subject: $name: as predicted, a control"
	tells "Before the fix (libxdp"
	tells "AF_XDP sockets on two devices with the same ifindex in two network namespaces. Fixed by"
	run -1 grep -F '?' <(sed -n '/^What fails/,/^Impact/p' "$out/report.txt")
	[ "$(grep -c 'nothing fails' "$out/report.txt")" = 2 ]
	tells "None: this run is a control."
	tells "No row's call was refused."
	tells "No line is known."

	cp "$BATS_FILE_TMPDIR/run/verdict.json" "$broken/verdict.json"
	change verdict.json '.columns[1] = .columns[0] + (.columns[1] | {name, title})'
	mv "$broken" "$BATS_TEST_TMPDIR/terse"
	cp -r repro/cases/$name "$BATS_TEST_TMPDIR/case-terse"
	mkdir "$BATS_TEST_TMPDIR/of"
	mv "$BATS_TEST_TMPDIR/case-terse" "$BATS_TEST_TMPDIR/of/terse"
	jq 'del(.report)' repro/cases/$name/case.json >"$BATS_TEST_TMPDIR/of/terse/case.json"
	CASE=$BATS_TEST_TMPDIR/of/terse run -0 --separate-stderr repro/report "$BATS_TEST_TMPDIR/terse" "$out"
	grep -q '^Subject: \[BUG\] terse: EINVAL at bind$' "$out/report.txt"
	tells "After the fix, inner 0: the same line"
	said "before you send it: set REPOSITORY= to where others can clone this lab; upload the archives, and set ARCHIVES= to their folder's URL; case.json lacks report.subject, report.scene, report.question, report.impact, report.expected, report.fix; add its recipients: case.json lacks report.lists"
	run -1 grep -E '^(To:|Cc:|Impact)|Expected:|Fixed by' "$out/report.txt"
}

# bats test_tags=slow
@test "images and sources that changed after the run are left out" {
	cp -a "$BATS_FILE_TMPDIR/run" "$broken"
	touch "$broken/initrd.after"
	change verdict.json '.columns[1].library = "another"'
	touch -r "$BATS_FILE_TMPDIR/run/verdict.json" "$broken/verdict.json"
	reported
	tells "the archive's run.sh: the images were rebuilt since the run"
	tells "the library's sources: replaced since the run"
	run -1 grep -F "static struct xsk_ctx" "$out/report.html"
	run -0 tar --zstd -tf "$(archive "$out")"
	[[ $output != *run.sh* && $output != *xsk.c* && $output == */kernel/vmlinux.boot* ]]
}

# Make a case of that name with columns of its own, and a run of it with real logs.
another_case() { # NAME FILTER
	mkdir -p "$BATS_TEST_TMPDIR/cases"
	cp -r repro/cases/$name "$BATS_TEST_TMPDIR/cases/$1"
	jq "$2" repro/cases/$name/case.json >"$BATS_TEST_TMPDIR/cases/$1/case.json"
	export CASE=$BATS_TEST_TMPDIR/cases/$1
	mv "$broken" "$BATS_TEST_TMPDIR/$1"
	broken=$BATS_TEST_TMPDIR/$1
}

@test "with one column, each row is one line, whatever calls were recorded" {
	copy
	another_case table '{version, title: "Ways to use up ports", columns: {seen: {}}, rows: [range(18) | "way \(.)"], expect: [{is: {errno: null}}]}'
	mv "$broken/before" "$broken/seen"
	sed -i 's/COLUMN=before.*INDEX=4242/COLUMN=seen "ARGS=-a 1:2 b" "X=$(id)" ARGS=$(id)/' "$broken/seen/console.log"
	change verdict.json '.case = "table" | .title = "Ways to use up ports" | .columns |= [.[0] | .name = "seen" | .title = "seen" | .library = null | .words = {}
		| .rows = [range(18) | {row: "way \(.)", errno: (if . == 7 then "EADDRNOTAVAIL" else null end), call: null, calls: [],
			facts: {count: ., shared: true}, expected: {name: null, is: {errno: null}, why: null}}]
		| .refused[0] |= (.rows = ["way 7"] | .error = "EADDRNOTAVAIL")] | .knobs = {}
		| .verdict = "not-reproduced" | .differences = ["seen: way 7: EADDRNOTAVAIL instead of success"]'
	reported
	tells "table: not as predicted on Linux"
	grep -qxE '  way 3 +success, count 3, shared true' "$out/report.txt"
	tells "way 7 EADDRNOTAVAIL, count 7, shared true, EADDRNOTAVAIL instead of success"
	tells "way 17 success"
	tells "On Linux $(jq -r '.columns[0].kernel.release' "$broken/verdict.json"), way 7 fails: EADDRNOTAVAIL"
	tells "way 7: $(jq -r '.columns[0].refused[0].at.function' "$broken/verdict.json")()"
	tells "No call was recorded."
	tells "make repro CASE=table KERNEL="
	tells "'ARGS=-a 1:2 b'"
	run -1 grep -E 'library|SWAP=|\$\(|LAYOUT=|timeline.jsonl: not there' "$out/report.txt"
	# The topology, but no chart.
	[ "$(grep -c '<svg' "$out/report.html")" = 1 ]
}

# Make those files of a kernel that go into an archive.
kernel_like() { # RELEASE FOLDER
	local id=0123456789abcdef0123456789abcdef01234567
	mkdir "$2"
	gcc -x c -g -Wl,--build-id=0x$id -o "$2/vmlinux" - <<<'int main(void) { return 0; }'
	cp "$2/vmlinux" "$2/vmlinux.boot"
	cp build/kernel/config "$2/config"
	jq -n --arg release "$1" --arg id $id '{$release, build_id: $id}' >"$2/kernel.json"
}

@test "three columns become rows, and the archive has each kernel and image once" {
	copy
	another_case three '.columns.third = {title: "an older kernel", words: "KERNEL=v5.4"}'
	cp -r "$broken/after" "$broken/third"
	kernel_like 5.4.0 "$broken/kernel.third"
	touch "$broken"/initrd.{before,after}
	change verdict.json '.columns += [.columns[1] | .name = "third" | .title = "an older kernel" | .words = {KERNEL: "v5.4"}
		| .kernel += {release: "5.4.0", build_id: "0123456789abcdef0123456789abcdef01234567", source: "kernel.org"}]'
	touch "$broken/verdict.json"
	reported
	tells "An older kernel (libxdp"
	grep -A 3 -xE 'inner 0: ifindex 4242, queue 0, netns cookie [0-9]+' "$out/report.txt" >"$BATS_TEST_TMPDIR/rows"
	tail -n +2 "$BATS_TEST_TMPDIR/rows" | head -n 3 | diff - <(printf '%s\n' '! before the fix   EINVAL (bind)' '! after the fix    success' '! an older kernel  success')
	tells "kernel before, after: Linux $(jq -r .release build/kernel.json)"
	tells "kernel third: Linux 5.4.0"
	# The topology, and a chart for each column.
	[ "$(grep -c '<svg' "$out/report.html")" = 4 ]
	run -0 tar --zstd -xOf "$(archive "$out")" --wildcards '*/columns'
	[ "$output" = $'before\tkernel\nafter\tkernel\nthird\tkernel.third' ]
	run -0 tar --zstd -xOf "$(archive "$out")" --wildcards '*/qemu/third.tcg'
	[[ $output == *kernel.third/vmlinux.boot*initrd.after* ]]
	run -0 bash -c "tar --zstd -tf '$(archive "$out")' | grep -E '/(initrd\.|kernel[^/]*/vmlinux\.)' | sed 's,[^/]*/,,' | sort"
	[ "$output" = "initrd.after
initrd.before
kernel.third/vmlinux.boot
kernel/vmlinux.boot" ]
	run -0 bash -c "tar --zstd -tf '$out'/three-*-debug.tar.zst | grep -c '/vmlinux$'"
	[ "$output" = 2 ]
	run -0 tar --zstd -xOf "$(archive "$out")" --wildcards '*/predicted'
	[[ $output == *$'third\tinner 0\t0\tsuccess'* ]]
}

@test "the report has the ends of a regression and the addresses of lab and archives, if given" {
	copy
	reported
	run -1 grep -E '^Regression$' "$out/report.txt"
	grep -qx Attached "$out/report.txt"
	LAST_GOOD=v9.1 FIRST_BAD=v9.2 REPOSITORY=https://example.org/xsklab ARCHIVES=https://example.org/a/ run -0 --separate-stderr repro/report "$broken" "$out"
	said "report.txt is a mail for git send-email or mutt -H"
	[[ $stderr != *"before you send it"* ]]
	within_limits "$out"
	run -1 grep -i attached "$out/report.txt"
	tells "At https://example.org/a/: $(basename "$(archive "$out")"): logs"
	tells "last good v9.1"
	tells "first bad v9.2"
	tells "git clone https://example.org/xsklab xsklab"
}

@test "the report has what make bisect found of this case" {
	copy
	jq -n --arg case $name '{version: 1, $case, kind: "kernel", row: "inner 0", good: "v9.1", bad: "v9.2", symptom: {good: "success", bad: "EINVAL"},
		effect: "broke", verified: true, trial: "verified: v9.2 without it is good", commit: "0123456789abcdef", subject: "break it",
		author: "Näme <e@example.org>", date: "2030-01-01", release: null, lines: ["net/core/dst.c:1 f(): + x"],
		to: ["Näme of _ <e@example.org>", "regressions@lists.linux.dev", "E <e@example.org> (maintainer:X)"], fixes: "Fixes: 0123456789ab (\"break it\")",
		regzbot: "#regzbot introduced: 0123456789ab", latest: "v9.9", latest_tried: false}' >build/bisect.json
	reported
	rm build/bisect.json
	grep -q '^Subject: \[REGRESSION\] ' "$out/report.txt"
	tells "0123456789ab (\"break it\"), Näme <e@example.org>, 2030-01-01; in no release yet"
	tells "mainline tried: no (the newest tag is v9.9)"
	tells "#regzbot introduced: 0123456789ab"
	grep -A 2 '^To:' "$out/report.txt" | diff - <(printf '%s\n' 'To: xdp-newbies@vger.kernel.org' 'Cc: =?UTF-8?q?N=C3=A4me=20of=20=5F?= <e@example.org>,' '    regressions@lists.linux.dev')
	grep -qx 'Content-Type: text/plain; charset=UTF-8' "$out/report.txt"
}

# bats test_tags=slow
@test "make report first runs the case if there is no run, and writes build/report" {
	cp -r "$PWD" "$BATS_TEST_TMPDIR/checkout"
	rm -rf "$BATS_TEST_TMPDIR/checkout/build/$name" "$BATS_TEST_TMPDIR/checkout/build/report"
	run -0 make -s -C "$BATS_TEST_TMPDIR/checkout" report
	[[ $output == *REPRODUCED* ]]
	within_limits "$BATS_TEST_TMPDIR/checkout/build/report"
}

@test "bad usage and a folder without a run are errors in one line" {
	run -2 --separate-stderr repro/report build/$name
	one_line
	run -2 --separate-stderr repro/report build/$name FOO=1
	one_line
	run -2 --separate-stderr repro/report FOO=1
	said "unknown knob FOO=1"
	one_line
	run -125 --separate-stderr repro/report BUILD="$BATS_TEST_TMPDIR/nothing"
	said "no verdict in $BATS_TEST_TMPDIR/nothing/$name"
	one_line
	run -125 --separate-stderr repro/report "$BATS_TEST_TMPDIR" "$out"
	said "no verdict in"
	one_line
}
