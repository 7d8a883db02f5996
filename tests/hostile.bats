#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A guest's output is data: everything that reads it gets a real run with the output of a hostile
# guest, from tests/hostile/.

# shellcheck disable=SC2016 # quoted text is for another shell
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats

load lib

name=xsk-netns-cookie

setup_file() {
	repro/run >/dev/null 2>&1
	cp -r build/$name "$BATS_FILE_TMPDIR/run"
	rm "$BATS_FILE_TMPDIR"/run/{guest,case,initrd}.*
}

# A case of its own: the lab may write to build/hostile only.
setup() {
	export CASE=$BATS_TEST_TMPDIR/hostile TMPDIR=$BATS_TEST_TMPDIR/tmp
	cp -r "repro/cases/$name" "$CASE"
	mkdir "$TMPDIR"
	run_dir=build/hostile
	afresh
	listing >"$BATS_TEST_TMPDIR/listing"
}

teardown() {
	listing | diff "$BATS_TEST_TMPDIR/listing" -
	rm -rf build/hostile build/hostile-report
}

afresh() {
	rm -rf "$run_dir"
	cp -r "$BATS_FILE_TMPDIR/run" "$run_dir"
}

# Print everything that must not change, and the places where a guest could try to put a file.
listing() {
	find . \( -path ./.git -o -path ./build \) -prune -o -printf '%p %s %T@\n' | sort
	find build "$TMPDIR" "$HOME" / /tmp -maxdepth 1 -name '*pwned*'
	find build -maxdepth 1 ! -name 'hostile*' -printf '%p\n' | sort
}

# harmless STATUS COMMAND...: it ends soon with STATUS, and prints only text, with a lab failure in
# one line.
harmless() {
	local expected=$1 status=0
	shift
	timeout 20 "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null || status=$?
	[ "$status" = "$expected" ] || { echo "exit code $status instead of $expected"; head -c 2000 "$BATS_TEST_TMPDIR/err"; return 1; }
	is_text "$BATS_TEST_TMPDIR"/{out,err} || return
	! grep -E '^(jq|bash|sed|grep|tr)?:? ?(error|line [0-9]+):' "$BATS_TEST_TMPDIR/err" || return
	! grep -E '^[[:blank:]]*::|##\[' "$BATS_TEST_TMPDIR"/{out,err} || return
	[ "$(wc -c <"$BATS_TEST_TMPDIR/out")" -lt 1000000 ] || return
	[ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -le 6 ]
}

# is_text FILE...: is it UTF-8 without control characters or changes of direction?
is_text() {
	! LC_ALL=C.UTF-8 grep -anvxP '[\t -~\x{a0}-\x{24f}\x{2026}]*' "$@" | cat -v | head -n 3 | grep .
}

# judged STATUS
judged() {
	harmless "$1" repro/run judge || return
	[ "$(jq -r .verdict "$run_dir/verdict.json")" != reproduced ] || [ "$1" = 0 ] || return
	[ "$(wc -c <"$run_dir/verdict.json")" -lt 2000000 ]
}

# each FUNCTION: call it with the number of each text of the corpus, its name in $what, the text
# in $BATS_TEST_TMPDIR/text.
each() {
	local notation n=0
	while read -r what notation; do
		case $what in '#'*) continue ;; esac
		printf '%b' "$notation" >"$BATS_TEST_TMPDIR/text"
		afresh
		"$1" "$n" || { echo "of $what"; return 1; }
		n=$((n + 1))
	done <tests/hostile/texts
	[ "$n" -ge 25 ]
}

text() { cat "$BATS_TEST_TMPDIR/text"; }
as_json() { jq -Rs . "$BATS_TEST_TMPDIR/text"; }

# change FILE FILTER: change it with jq, line by line; fail if nothing changed.
change() {
	jq -c --argjson text "${text_json-null}" "$2" "$run_dir/$1" >"$BATS_TEST_TMPDIR/changed"
	! cmp -s "$run_dir/$1" "$BATS_TEST_TMPDIR/changed" || return 1
	cp "$BATS_TEST_TMPDIR/changed" "$run_dir/$1"
}

@test "the unchanged run is as predicted" {
	judged 0
	grep -q REPRODUCED "$BATS_TEST_TMPDIR/out"
}

as_lines() { # N
	local -a files=(result.jsonl timeline.jsonl)
	{ text; echo; } >>"$run_dir/before/${files[$1 % 2]}"
	judged 125
}

# bats test_tags=slow
@test "a hostile line in result or timeline is a lab failure" {
	each as_lines
}

as_strings() { # N
	local text_json
	text_json=$(as_json)
	case $(($1 % 3)) in
	0) change before/result.jsonl 'if .row? then .row = $text else . end' &&
		change before/timeline.jsonl 'if .rows then .rows.names = [$text] else . end' ;;
	1) change after/result.jsonl 'if .boot? then .boot.release = $text else . end' ;;
	2) change before/origin.0.json '.function = $text' ;;
	esac && judged 125
}

# bats test_tags=slow
@test "a hostile JSON string is a lab failure" {
	each as_strings
}

# A fact may be printable text.
as_facts() {
	local text_json status=125
	text_json=$(as_json)
	! jq -e 'test("\\A[ -~]{0,200}\\z")' <<<"$text_json" >/dev/null || status=0
	change before/result.jsonl 'if type == "object" and .row then .note = $text else . end' && judged $status
}

# bats test_tags=slow
@test "a hostile fact is shown if it is printable, else it is a lab failure" {
	each as_facts
	# Both happened.
	[ "$(for notation in 'pwned' '\033pwned'; do
		printf '%b' "$notation" >"$BATS_TEST_TMPDIR/text"
		afresh
		as_facts && jq -r .verdict "$run_dir/verdict.json"
	done)" = $'reproduced\nlab-failure' ]
}

# These fields may hold any text: strace quotes it, and conditions are C.
as_words() {
	local text_json
	text_json=$(as_json)
	change before/origin.0.json '.condition = $text | .values = {($text[:200]): $text} | .unread = .values | .others = [.chain[-1] + {condition: $text}]' || return
	TEXT=$(text | tr -d '\0\n') perl -pi -e 's/(AF_XDP)(.*EINVAL)/$1$ENV{TEXT}$2/' "$run_dir/before/strace.log"
	grep -qF -- "$(text | tr -d '\0\n')" "$run_dir/before/strace.log" || return
	judged 0
}

# bats test_tags=slow
@test "a hostile text in a call or a condition is shown without control characters" {
	each as_words
}

# bats test_tags=slow
@test "a value of the wrong type is a lab failure" {
	local file filter
	while read -r file filter; do
		case $file in '#'*) continue ;; esac
		afresh
		change "before/$file" "$filter" || { echo "$file: $filter: changes nothing"; false; }
		judged 125 || { echo "$file: $filter"; false; }
		jq -e '.reason | startswith("before: garbled ")' "$run_dir/verdict.json" >/dev/null || { jq .reason "$run_dir/verdict.json"; echo "$file: $filter"; false; }
	done <tests/hostile/types
}

@test "a fact whose type differs from the kernel's value is a lab failure" {
	for value in '"$(touch pwned)"' '"0"' true 0.5 18446744073709551616; do
		afresh
		change before/result.jsonl "if .row? then .queue = $value else . end"
		judged 125
		jq -e '.reason | contains(": the program reports ")' "$run_dir/verdict.json" >/dev/null || { jq .reason "$run_dir/verdict.json"; false; }
	done
}

# jq reads NaN, and would write null.
@test "a value that is not a number is a lab failure" {
	for word in nan NaN -nan Infinity; do
		afresh
		sed -i "s/\"queue\":0/\"queue\":$word/" "$run_dir/before/result.jsonl"
		grep -q -e "$word" "$run_dir/before/result.jsonl"
		judged 125
		jq -e '.reason | startswith("before: garbled result")' "$run_dir/verdict.json" >/dev/null || { jq .reason "$run_dir/verdict.json"; false; }
	done
}

# repeated TEXT BYTES
repeated() { yes "$1" | tr -d '\n' | head -c "$2"; }

# flood NAME: print what an endless guest says.
flood() {
	case $1 in
	line) repeated x 52428800 ;;
	deep) repeated [ 10000 ;;
	deeper) repeated [ 3000000 ;;
	zeroes) head -c 4000000 /dev/zero ;;
	null) yes null ;;
	rows) yes '{"row":"inner 0","ifindex":1,"queue":1,"netns_cookie":1,"errno":22}' ;;
	many-rows) yes '{"row":"inner 0","errno":22}' | head -n 9000 ;;
	many-names) yes '{"call":{"order":1,"ring":0,"function":"xsk_bind","values":{}}}
		{"rows":{"order":1,"names":["inner 0"]}}' | head -n 9000 ;;
	many-binds) yes '41 [ 49] bind(5, {sa_family=AF_XDP}, 16) = -1 EINVAL (Invalid argument)' | head -n 9000 ;;
	calls) yes '{"call":{"order":1,"ring":0,"function":"xsk_bind","values":{}}}' ;;
	strace) yes '41 [ 49] bind(AF_XDP bind(AF_XDP' ;;
	binds) repeated ' bind(' 4000000 ;;
	esac 2>/dev/null | head -c 33554432 # vm/boot's limit
}

# bats test_tags=slow
@test "endless output soon ends in a lab failure" {
	local file kind
	for file in result.jsonl timeline.jsonl strace.log origin.0.json; do
		for kind in line deep deeper zeroes null rows many-rows many-names many-binds calls strace binds; do
			afresh
			flood $kind >>"$run_dir/before/$file"
			case $file:$kind in
			# In strace's log, additional lines that no row follows do no harm.
			strace.log:deep* | strace.log:zeroes | strace.log:binds | strace.log:many-*) judged 0 ;;
			# Nor do lines of an unknown kind in the result.
			result.jsonl:many-names) judged 0 ;;
			*) judged 125 ;;
			esac || { echo "$kind in $file"; false; }
		done
	done
}

@test "a guest cannot claim a verdict" {
	for claim in '{"verdict":"reproduced","reason":"pwned"}' 'xsklab: REPRODUCED'; do
		afresh
		echo "$claim" >"$run_dir/before/result.jsonl"
		judged 125
	done
}

# Make the report of that run, and check it.
reported() {
	# Without a kernel there is less to pack.
	change verdict.json 'if .columns then .columns[].kernel.build_id = "0" else .columns = [] end' || return
	harmless 0 repro/report "$run_dir" build/hostile-report || return
	is_text build/hostile-report/report.txt || return
	xmllint --noout build/hostile-report/report.html || return
	# The page has no more kinds of elements and attributes than without it.
	[ "$(xmllint --xpath 'count(//*[local-name()="script" or local-name()="img" or local-name()="pwned" or @onload or @onerror or @src or @href])' build/hostile-report/report.html)" = 0 ] || return
	tar --zstd -tf build/hostile-report/hostile-*.tar.zst >"$BATS_TEST_TMPDIR/archive" || return
	! grep -E '^/|\.\.|pwned' "$BATS_TEST_TMPDIR/archive"
}

# Put all texts at once into the lines of all logs that a guest may write itself.
everywhere() {
	local what notation file
	while read -r what notation; do
		[ "$what" = '#' ] || printf '%b\n' "$notation"
	done <tests/hostile/texts >"$BATS_TEST_TMPDIR/texts"
	for file in "$run_dir"/{before,after}/{console.log,gdb.log,qemu.log,strace.log}; do
		cat "$BATS_TEST_TMPDIR/texts" >>"$file"
	done
}

@test "the report of a hostile guest is text, and a page without its tags" {
	everywhere
	# A topology with hostile names, and hostile words on the kernel's command line.
	jq -Rc '[{ifname: ., ifindex: ., link_type: ., linkinfo: {info_kind: .}, operstate: ., addr_info: [{local: .}]}]' \
		"$BATS_TEST_TMPDIR/texts" >>"$run_dir/before/result.jsonl"
	echo '[{"ifname":"pwned","linkinfo":"pwned","addr_info":"pwned"}]' >>"$run_dir/before/result.jsonl"
	sed -i '1i [    0.000000] Command line: CASE=x PATH=pwned MAKEFLAGS=pwned SHELL=pwned COLUMN=before' "$run_dir/before/console.log"
	judged 0
	reported
	# The page includes the log with that line, but no command uses it.
	run -1 grep -E '(PATH|MAKEFLAGS|SHELL)=pwned' build/hostile-report/report.txt
}

@test "the report of a garbled run says that the lab failed" {
	everywhere
	cat "$BATS_TEST_TMPDIR/texts" >>"$run_dir/before/result.jsonl"
	cat "$BATS_TEST_TMPDIR/texts" >>"$run_dir/after/timeline.jsonl"
	jq -Rs '{end: "panic", detail: .}' "$BATS_TEST_TMPDIR/texts" >"$run_dir/before/end.json"
	judged 125
	reported
	grep -q 'the lab failed' build/hostile-report/report.txt
}

# A stand-in for QEMU that only leaves the files of a guest behind.
played() { # END
	mkdir -p "$BATS_TEST_TMPDIR/guest"
	cat >"$BATS_TEST_TMPDIR/qemu" <<-EOF
		#!/bin/sh
		case \$* in
		*-version*|*-help*|*help*) exec qemu-system-x86_64 "\$@" ;;
		esac
		cat "$BATS_TEST_TMPDIR/console" >console.log
		cat "$BATS_TEST_TMPDIR/result" >result.jsonl
		cat "$BATS_TEST_TMPDIR/result" >&2
		exit $1
	EOF
	chmod +x "$BATS_TEST_TMPDIR/qemu"
	QEMU=$BATS_TEST_TMPDIR/qemu harmless 125 vm/boot build/kernel "$BATS_TEST_TMPDIR/texts" build/hostile-guest CASE=x
	is_text build/hostile-guest/end.json || return
	[ "$(grep -c '^xsklab: lab failure: ' "$BATS_TEST_TMPDIR/err")" = 1 ] || return
	[ "$(wc -c <"$BATS_TEST_TMPDIR/err")" -lt 4096 ]
	rm -rf build/hostile-guest
}

@test "vm/boot describes the end of a hostile guest in plain text" {
	everywhere
	cp "$BATS_TEST_TMPDIR/texts" "$BATS_TEST_TMPDIR/console"
	cp "$BATS_TEST_TMPDIR/texts" "$BATS_TEST_TMPDIR/result"
	played 0
	for what in csi c1 return nul not-utf8 workflow-old verdict; do
		line=$BATS_TEST_TMPDIR/line
		printf '%b\n' "$(sed -n "s/^$what *//p" tests/hostile/texts)" >"$line"
		[ -s "$line" ]
		cp "$line" "$BATS_TEST_TMPDIR/result"
		sed 's/^/Kernel panic - not syncing: /' "$line" >"$BATS_TEST_TMPDIR/console"
		played 0 || { echo "of $what"; false; }
		: >"$BATS_TEST_TMPDIR/console"
		played 1 || { echo "of $what"; false; }
	done
	repeated x 20000000 >"$BATS_TEST_TMPDIR/result"
	: >"$BATS_TEST_TMPDIR/console"
	played 0
}

# bats test_tags=slow
@test "make why survives the strace log of a hostile program" {
	everywhere
	for kind in line null zeroes strace binds; do
		{ cat "$run_dir/before/strace.log"; flood $kind; } >"$BATS_TEST_TMPDIR/strace"
		status=0
		timeout 10 jq -Rs --argjson errno "$(cat build/errno.json)" -f repro/judge/calls.jq "$BATS_TEST_TMPDIR/strace" >"$BATS_TEST_TMPDIR/calls" || status=$?
		# Millions of lines run into the deadline.
		[ "$status $kind" != "124 null" ] && [ "$status $kind" != "124 strace" ] || continue
		[ "$status" = 0 ]
		jq -e '.failed | any(.call == "bind")' "$BATS_TEST_TMPDIR/calls" >/dev/null
	done
}

@test "nightly: hostile words in a reason stay words in every format" {
	everywhere
	jq -Rs --argjson good "$(jq -c . "$run_dir/verdict.json")" '$good + {verdict: "not-reproduced", reason: ., differences: (. / "\n")}' \
		"$BATS_TEST_TMPDIR/texts" >"$BATS_TEST_TMPDIR/verdict"
	jq -n --rawfile verdict "$BATS_TEST_TMPDIR/verdict" --rawfile said "$BATS_TEST_TMPDIR/texts" '
		(1, 125) as $status | {case: "x", kernel: "v5.15", library: "upstream", words: "", planned: "2026-01-01T00:00:00Z", $status,
			tries: 1, host: "", log: "log", report: "", $said, $verdict}' |
		jq -cs -L repro/nightly.d 'include "formats"; results(3; [])' >"$BATS_TEST_TMPDIR/results"
	for format in junit ktap summary; do
		jq -rs -L repro/nightly.d "include \"formats\"; $format" "$BATS_TEST_TMPDIR/results" >"$BATS_TEST_TMPDIR/$format"
		run -1 env LC_ALL=C.UTF-8 grep -naP '[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{2028}\x{2029}]' "$BATS_TEST_TMPDIR/$format"
		run -1 grep -aE '^[[:blank:]]*::|##\[' "$BATS_TEST_TMPDIR/$format"
	done
	xmllint --noout --schema tests/jenkins-junit.xsd "$BATS_TEST_TMPDIR/junit"
	[ "$(xmllint --xpath 'count(//pwned | //script | //img | //svg)' "$BATS_TEST_TMPDIR/junit")" = 0 ]
	# One subtest with two lines, and no line that a tool could take for another.
	[ "$(grep -cE '^ *(not )?ok ' "$BATS_TEST_TMPDIR/ktap")" = 3 ]
	run -1 grep -vE '^\||^#|^$|^- `|^2026-01-01T' "$BATS_TEST_TMPDIR/summary"
}

# plant DIR VMLINUX PROGRAM: put scripts where gdb looks by itself: its folder, and beside what
# it reads.
plant() { # DIR VMLINUX PROGRAM
	printf 'shell touch %s/pwned\n' "$BATS_TEST_TMPDIR" >"$1/.gdbinit"
	printf 'import os\nos.mknod("%s/pwned")\n' "$BATS_TEST_TMPDIR" | tee "$2-gdb.py" >"$3-gdb.py"
}

@test "gdb loads no script from its folder or from beside the files it reads" {
	dir=$BATS_TEST_TMPDIR/gdb
	mkdir "$dir"
	export HOME=$dir/home
	mkdir "$HOME"
	cp build/init "$dir/vmlinux"
	cp build/init "$dir/program"
	plant "$dir" "$dir/vmlinux" "$dir/program"
	# It would if told to trust the folder.
	(cd "$dir" && gdb -q -batch -iex 'set auto-load safe-path /' vmlinux </dev/null) >/dev/null 2>&1
	rm "$BATS_TEST_TMPDIR/pwned"
	echo 'set auto-load safe-path /' >"$HOME/.gdbinit"
	# Every gdb that the lab starts or prints has the options.
	while read -r options; do
		(cd "$dir" && eval "gdb $options -batch -ex 'add-symbol-file program' vmlinux" </dev/null) >/dev/null 2>&1
		[ ! -e "$BATS_TEST_TMPDIR/pwned" ] || { echo "loaded with $options"; false; }
	done < <(grep -ohE "\bgdb -[a-z].*'set auto-load no'" vm/boot repro/debug repro/report.d/run.sh | sed 's/^gdb //; s/-batch//')
	# None runs without them.
	run -0 grep -hE '(^|[^A-Za-z/_])gdb -[a-z]' vm/boot repro/debug repro/report.d/run.sh
	[ "${#lines[@]}" = 6 ]
	for line in "${lines[@]}"; do
		[[ $line == *"-iex 'set auto-load no'"* ]]
	done
}
