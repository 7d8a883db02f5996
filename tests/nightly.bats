#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/nightly: cells, their results in all formats, the comparison with an earlier run, and
# the workflow that calls it.

# shellcheck disable=SC2016 # quoted text is for another shell
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own
# shellcheck disable=SC2154 # stderr is set by bats

load lib

# A copy of the lab where tests/guests/cell replaces repro/run: KERNEL decides how a cell ends.
# The last tests have real guests.
setup() {
	lab=$BATS_TEST_TMPDIR/lab
	mkdir "$lab"
	cp -r repro vm .github "$lab"
	cp tests/guests/cell "$lab/repro/run"
	unset BUILD CASE CASES HOSTS SSH PREVIOUS JOBS KERNELS LIBXDPS GITHUB_STEP_SUMMARY
	export CALLS=$BATS_TEST_TMPDIR/calls
	results=$lab/build/nightly/results.jsonl
}

# nightly KERNELS [VERB] [NAME=value...]: run it in that lab, on one case, with one library.
nightly() {
	local -a verb=()
	[[ ${2-} == *=* ]] || verb=(${2+"$2"})
	"$lab/repro/nightly" "${verb[@]}" CASES=xsk-netns-cookie KERNELS="$1" LIBXDPS=upstream "${@:2+${#verb[@]}}"
}

# cells FILTER: print it for each cell's result, one per line.
cells() { jq -r "select(.kernel) | $1" "$results"; }

# xml XPATH: evaluate it on junit.xml, which must be valid.
xml() {
	xmllint --noout --schema tests/jenkins-junit.xsd "$lab/build/nightly/junit.xml" 2>/dev/null
	xmllint --xpath "$1" "$lab/build/nightly/junit.xml"
}

@test "a pass, a failure and a lab failure exit with 1, and each has its result" {
	run -1 --separate-stderr nightly "good wrong lost"
	[ "$(cells '"\(.kernel): \(.words): \(.result)"')" = \
"good: : as predicted
good: LAYOUT=different: as predicted
good: QUEUES=2: as predicted
wrong: : not as predicted
wrong: LAYOUT=different: not as predicted
wrong: QUEUES=2: not as predicted
lost: : lab failure
lost: LAYOUT=different: lab failure
lost: QUEUES=2: lab failure" ]
	# repro/run gets the words of an entry; other knobs have their defaults.
	[ "$(grep -c "^again good upstream LAYOUT=different QUEUES=$" "$CALLS")" = 1 ]
	[ "$(grep -c "^again good upstream LAYOUT= QUEUES=2$" "$CALLS")" = 1 ]
	run -0 jq -rs '.[0] | "\(.format) \(.version): \(.cells) \(.as_predicted) \(.not_as_predicted) \(.lab_failures)"' "$results"
	[ "$output" = "xsklab nightly 3: 9 3 3 3" ]
}

@test "the exit code is 0 if all is as predicted, 125 if only lab failures are not" {
	run -0 --separate-stderr nightly good
	run -125 --separate-stderr nightly "good lost"
	[[ $output == *"# Nightly: 3 of 6 cells as predicted, 0 not, 3 lab failures"* ]]
}

@test "a cell with a lab failure is tried once more, one with a verdict is not" {
	run -1 nightly "good wrong lost flaky" JOBS=4
	[ "$(cells '"\(.kernel) \(.tries) \(.result)"' | sort -u)" = \
"flaky 2 as predicted
good 1 as predicted
lost 2 lab failure
wrong 1 not as predicted" ]
	for kernel in good:3 wrong:3 lost:6 flaky:6; do
		[ "$(grep -c "^again ${kernel%:*} " "$CALLS")" = "${kernel#*:}" ]
	done
}

@test "an exit code without the matching verdict is a lab failure" {
	run -125 nightly "liar silent crash"
	[ "$(cells .result | sort -u)" = "lab failure" ]
	[ "$(cells '.reason | sub("; see .*"; "")' | sort -u)" = \
"repro/run exited with 0, but the verdict is missing
repro/run exited with 0, but the verdict is not-reproduced
repro/run exited with 137, but the verdict is missing" ]
}

@test "if a kernel cannot be fetched or built, its cells are lab failures, and the others run" {
	run -125 --separate-stderr nightly "nowhere good unbuildable"
	[ "$(cells '"\(.kernel) \(.result): \(.reason)"' | sort -u)" = \
"good as predicted: EINVAL before the fix, success after it
nowhere lab failure: KERNEL=nowhere is none
unbuildable lab failure: the kernel does not build" ]
	[ "$(grep -c '^build nowhere' "$CALLS")" = 1 ]
	[ "$(grep -c '^build unbuildable' "$CALLS")" = 2 ]
	run -1 grep -E '^again (nowhere|unbuildable)' "$CALLS"
}

@test "kernel and library are built once for all entries, before any cell runs" {
	run -0 nightly "good good2" LIBXDPS="one two"
	[ "$(head -n 4 "$CALLS" | cut -d' ' -f1-3)" = \
"build good one
build good two
build good2 one
build good2 two" ]
	[ "$(grep -c '^again' "$CALLS")" = 12 ]
	# The cells had what was built, but not its lock, and keep only results.
	[ "$(grep -c '^has program$' "$CALLS.has")" = 12 ]
	[ -z "$(find "$lab/build/nightly/cells" -name program)" ]
}

@test "JOBS cells run at once, no more and no fewer" {
	# A cell ends when MEET cells run, or fails after PATIENCE tries.
	MEET=3 run -0 nightly meets JOBS=3
	MEET=2 PATIENCE=5 run -125 nightly meets JOBS=1
	[ "$(cells '"\(.tries)"' | sort -u)" = 2 ]
}

@test "JUnit: the file is valid by Jenkins's schema, and its counts are right" {
	run -1 nightly "good wrong lost" CASES="xsk-netns-cookie tcp-ports"
	[ "$(xml 'string(/testsuites/@tests)')" = 12 ]
	[ "$(xml 'string(/testsuites/@failures)')" = 4 ]
	[ "$(xml 'string(/testsuites/@errors)')" = 4 ]
	[ "$(xml 'count(//testsuite)')" = 2 ]
	[ "$(xml 'count(//testsuite[@name="xsk-netns-cookie"]/testcase/failure)')" = 3 ]
	[ "$(xml 'count(//testsuite[@name="xsk-netns-cookie"]/testcase/error)')" = 3 ]
	[ "$(xml 'count(//testsuite[@name="tcp-ports"]/testcase)')" = 3 ]
	[ "$(xml 'count(//failure | //error)')" = 8 ]
	[ "$(xml 'string(//testcase[@classname="xsk-netns-cookie"][4]/@name)')" = "wrong, upstream, defaults" ]
	[ "$(xml 'string(//testcase[@classname="xsk-netns-cookie"][5]/@name)')" = "wrong, upstream, LAYOUT=different" ]
	[ "$(xml 'string(//testcase[@classname="tcp-ports"][2]/@name)')" = "wrong, defaults" ]
	[[ $(xml 'string(//failure/@message)') == "success before the fix"* ]]
}

# tap FILE: print passed, failed, skipped and errors, as prove's parser counts them.
tap() {
	perl -MTAP::Parser -e 'my $tap = TAP::Parser->new({ exec => ["cat", shift] }); $tap->run;
		print join " ", map { scalar $tap->$_ } qw(passed failed skipped parse_errors)' "$1"
}

@test "KTAP: prove's parser reads passes, failures and skips" {
	run -1 nightly "good wrong lost" CASES="xsk-netns-cookie tcp-ports xsk-bindtodevice" # a subtest for each case
	[ "$(tap "$lab/build/nightly/results.ktap")" = "0 3 0 0" ]
	sed -n 's/^  //p' "$lab/build/nightly/results.ktap" |
		awk -v dir="$BATS_TEST_TMPDIR" '/^KTAP/ { n++ } { print > (dir "/" n ".tap") }'
	[ "$(tap "$BATS_TEST_TMPDIR/1.tap")" = "6 3 3 0" ] # it passes what is skipped
	[ "$(tap "$BATS_TEST_TMPDIR/2.tap")" = "2 1 1 0" ]
	run -125 nightly lost
	[ "$(tap "$lab/build/nightly/results.ktap")" = "1 0 1 0" ]
}

@test "KTAP: the kernel's kunit.py counts the cells, hostile words or not" {
	command -v python3 >/dev/null || skip "python3 is missing"
	for tree in "$(jq -r .source_dir build/kernel.json)" "${XDG_CACHE_HOME:-$HOME/.cache}"/xsklab/sources/*; do
		kunit=$tree/tools/testing/kunit
		! grep -qs KTAP "$kunit/kunit_parser.py" || break
	done
	grep -qs KTAP "$kunit/kunit_parser.py" || skip "the kernels here are older than KTAP"
	run -1 nightly "good wrong lost hostile"
	PYTHONDONTWRITEBYTECODE=1 run -1 python3 "$kunit/kunit.py" parse "$lab/build/nightly/results.ktap"
	[[ $output == *"Ran 12 tests: passed: 3, failed: 6, skipped: 3"* ]]
}

@test "the summary has a row for each cell, with its outcomes" {
	run -1 --separate-stderr nightly "good wrong lost"
	[ "$output" = "$(cat "$lab/build/nightly/summary.md")" ]
	[[ ${lines[0]} == "# Nightly: 3 of 9 cells as predicted, 3 not, 3 lab failures" ]]
	[[ $output == *'| case | kernel | release | library | words | outcomes | result | s |'* ]]
	[ "$(grep -c '^| `' <<<"$output")" = 9 ]
	[[ $output == *'| `xsk-netns-cookie` | `good` | `5.15.0` | `upstream` | `QUEUES=2` | `before: EINVAL; after: success` | as predicted | 1.5 |'* ]]
	[[ $output == *'| `xsk-netns-cookie` | `wrong` | `5.15.0` | `upstream` |  | `before: success; after: success` | **not as predicted** | 1.5 |'* ]]
	[[ $output == *'| `xsk-netns-cookie` | `lost` |  | `upstream` |  |  | **lab failure**, tried 2 times | 0 |'* ]]
	[[ $output == *'- `xsk-netns-cookie lost upstream LAYOUT=different`: `panic: Kernel panic - not syncing; see build/x`; log: '* ]]
}

@test "the summary is appended to GITHUB_STEP_SUMMARY" {
	echo before >"$BATS_TEST_TMPDIR/step"
	GITHUB_STEP_SUMMARY=$BATS_TEST_TMPDIR/step run -0 nightly good
	[ "$(cat "$BATS_TEST_TMPDIR/step")" = "before
$(cat "$lab/build/nightly/summary.md")" ]
}

# interrupt SIGNAL: send it to a nightly with long cells when the first one runs.
interrupt() {
	local status=0 pid
	rm -f "$CALLS"
	env --default-signal=INT "$lab/repro/nightly" CASES=xsk-netns-cookie KERNELS=slow LIBXDPS=upstream >/dev/null 2>&1 3>&- &
	pid=$!
	until grep -qs '^again' "$CALLS"; do
		kill -0 "$pid"
		sleep 0.1
	done
	kill -"$1" "$pid"
	wait "$pid" || status=$?
	[ "$status" = $((128 + $(kill -l "$1"))) ]
}

# changes: print each kernel's changes against the results in $earlier.
changes() { cells '"\(.kernel) \(.change)"' | sort -u; }

@test "PREVIOUS: changes are newly failing, still failing, fixed, lab failure, or none" {
	earlier=$BATS_TEST_TMPDIR/earlier.jsonl
	run -1 nightly "good wrong lost"
	# Pretend that other kernels were good and wrong the night before.
	jq -c 'if .kernel then
			.kernel = {good: "wrong", wrong: "wrong2", lost: "good"}[.kernel],
			(select(.kernel == "wrong") | .kernel = "good2"), (select(.kernel == "wrong") | .kernel = "lost")
		else . end' "$results" >"$earlier"
	run -1 --separate-stderr nightly "good good2 wrong wrong2 lost" PREVIOUS="$earlier"
	[ "$(changes)" = \
"good null
good2 fixed
lost lab failure
wrong newly failing
wrong2 still failing" ]
	[[ $output == *"compared with \`$(jq -rs .[0].started "$earlier")\`: 3 fixed, 3 newly failing, 3 still failing."* ]]
	[[ $output == *"**not as predicted**, newly failing"* ]]
}

@test "a lab failure in between does not make an old failure new" {
	run -1 nightly wrong
	jq -c 'if .kernel then .kernel = "lost" else . end' "$results" >"$BATS_TEST_TMPDIR/1"
	run -125 nightly lost PREVIOUS="$BATS_TEST_TMPDIR/1"
	jq -c 'if .kernel then .kernel = "wrong" else . end' "$results" >"$BATS_TEST_TMPDIR/2"
	run -1 nightly wrong PREVIOUS="$BATS_TEST_TMPDIR/2"
	[ "$(changes)" = "wrong still failing" ]
}

@test "without PREVIOUS a run is compared with the last complete one here" {
	run -1 --separate-stderr nightly wrong
	said "not comparing with an earlier run: no build/nightly/previous.jsonl"
	[ "$(changes)" = "wrong null" ]
	interrupt TERM
	[ ! -e "$results" ]
	run -1 --separate-stderr nightly wrong
	[ "$(changes)" = "wrong still failing" ]
}

# bats test_tags=slow
@test "an unusable PREVIOUS gives one line, and the run goes on" {
	run -0 nightly good
	cp "$results" "$BATS_TEST_TMPDIR/whole"
	cd "$BATS_TEST_TMPDIR"
	: >empty
	echo "no JSON" >text
	head -c 300 whole >half
	sed '1s/"version":3/"version":2/' whole >version
	echo '{"kernel":"good"}' >headless
	echo '[1,2]' >array
	head -c 4096 /dev/urandom >random
	for file in missing empty text half version headless array random "$BATS_TEST_TMPDIR"; do
		[ "$file" = "$BATS_TEST_TMPDIR" ] || file=$BATS_TEST_TMPDIR/$file
		run -0 --separate-stderr nightly good PREVIOUS="$file"
		[ "$(grep -c "not comparing with an earlier run: .*$file" <<<"$stderr")" = 1 ]
		[ "$(grep -vcE '^xsklab: (building for|xsk-netns-cookie good|not comparing)' <<<"$stderr")" = 0 ]
		[ "$(changes)" = "good null" ]
	done
	said "$BATS_TEST_TMPDIR"
	run -0 --separate-stderr nightly good PREVIOUS="$BATS_TEST_TMPDIR/version"
	said "$BATS_TEST_TMPDIR/version has version 2 of the format instead of 3"
}

@test "earlier results with unknown fields do not end the run" {
	printf '%s\n' '{"format":"xsklab nightly","version":3}' '{"kernel":{"a":[]}}' '{}' \
		'{"case":"xsk-netns-cookie","kernel":"wrong","library":"upstream","words":"","last_known":7}' >"$BATS_TEST_TMPDIR/odd"
	run -1 nightly wrong PREVIOUS="$BATS_TEST_TMPDIR/odd"
	[ "$(changes)" = "wrong newly failing" ]
}

@test "hostile words of a guest stay words in every format" {
	run -1 --separate-stderr nightly hostile
	# One line each, no control characters, valid XML of the same structure.
	[ "$(wc -l <"$results")" = 4 ]
	for file in results.jsonl junit.xml results.ktap summary.md; do
		run -1 grep -P '[\x00-\x08\x0b-\x1f\x7f]' "$lab/build/nightly/$file"
	done
	[ "$(xml 'count(//*)')" = 8 ] # testsuites, testsuite, 3 x (testcase, failure)
	[[ $(xml 'string(//failure/@message)') == *'<script>alert("1")</script> ]]> & &amp;'* ]]
	# Each row has as many cells as the head, and no Markdown of its own.
	[ "$(grep '^|' "$lab/build/nightly/summary.md" | sed 's/\\|//g' | tr -cd '|\n' | sort -u)" = '|||||||||' ]
	run -1 grep -E '^(#|##|-) *(injected|\[x\])' "$lab/build/nightly/summary.md"
	[ "$(grep -c '^- `xsk-netns-cookie hostile' "$lab/build/nightly/summary.md")" = 3 ]
	[ "$(sed 's/`[^`]*`//g' "$lab/build/nightly/summary.md" | grep -cE '@|<|script|\$\(')" = 0 ]
	# No directive, no extra test.
	[ "$(grep -cE '^ *(not )?ok ' "$lab/build/nightly/results.ktap")" = 4 ]
	run -1 grep -E '# (SKIP|Subtest: [^x])' "$lab/build/nightly/results.ktap"
	[ ! -e "$lab/injected" ]
}

@test "each cell that is not as predicted gets a report, and no other" {
	printf '#!/bin/sh\necho "$@" >>"$CALLS.report"\n[ -e "$1/verdict.json" ] && mkdir "$2"\n' >"$lab/repro/report"
	chmod +x "$lab/repro/report"
	run -1 nightly "good wrong lost"
	[ "$(wc -l <"$CALLS.report")" = 3 ]
	[ "$(cells 'select(.result == "not as predicted") | .report' | grep -c '^build/nightly/cells/.*/report$')" = 3 ]
	[ "$(cells 'select(.result != "not as predicted") | .report' | sort -u)" = null ]
	grep -q '; report: `build/nightly/cells/' "$lab/build/nightly/summary.md"
	# A failing report gives a message, and changes no result.
	printf '#!/bin/sh\nexit 125\n' >"$lab/repro/report"
	run -1 --separate-stderr nightly wrong
	said "xsk-netns-cookie: no report; see build/nightly/cells/"
}

@test "invalid knobs are refused in one line, before anything is done" {
	for knob in JOBS=0 JOBS=many JOBS=1000 KERNEL=v5.15 LIBXDP=distro LAYOUT=different QUEUES=2 INDEX=x ACCEL=x DEADLINE=0 "KERNELS= " "LIBXDPS= " "CASES= " CASES=nowhere \
		"CASES=all xsk-netns-cookie" CASE=tcp-ports SWAP=1 BUILD=a%b; do
		run -2 --separate-stderr "$lab/repro/nightly" "$knob"
		one_line
		[ ! -e "$CALLS" ]
	done
	LAYOUT=different run -2 --separate-stderr "$lab/repro/nightly"
	one_line
	said "LAYOUT=different: the nightly list of the case xsk-forward chooses LAYOUT"
	for words in BUILD=/tmp/a BUILD=../a CASES=repro/cases/tcp-ports; do
		run -2 --separate-stderr "$lab/repro/nightly" HOSTS=a "$words"
		one_line
		said "HOSTS=a: needs a BUILD within the checkout"
	done
	[ ! -e "$CALLS" ]
}

@test "CASES=all is every case but the template; a knob goes to the cases that have it" {
	run -0 "$lab/repro/nightly" plan KERNELS="a b" LIBXDPS=one INDEX=7
	[ "$(jq -rs 'map(.case) | unique | join(" ")' <<<"$output")" = "$(cd "$lab/repro/cases" && rm -r template && echo *)" ]
	[ "$(jq -rs 'map(select(.run | index("INDEX=7"))) | map(.case) | unique | .[]' <<<"$output")" = \
		"$(grep -l '"INDEX"' "$lab"/repro/cases/*/case.json | xargs -n 1 dirname | xargs -n 1 basename | sort)" ]
	[ "$(jq -rs 'map(select(.case == "tcp-ports")) | length' <<<"$output")" = 2 ]
	[ "$(jq -rs 'map(.id) | length == (unique | length)' <<<"$output")" = true ]
	[ ! -e "$lab/build" ]
}

@test "plan, run and collect do in three places what nightly does in one" {
	cd "$BATS_TEST_TMPDIR"
	run -0 --separate-stderr nightly "good wrong" plan
	echo "$output" >plan
	for kernel in good wrong; do
		mkdir "$kernel"
		cp -r "$lab/repro" "$lab/vm" "$kernel"
		jq -c "select(.kernel == \"$kernel\")" plan | "$kernel/repro/nightly" run
		mkdir -p "$lab/build/nightly/cells"
		cp -r "$kernel/build/nightly/cells/." "$lab/build/nightly/cells"
	done
	rm -r "$lab/build/nightly/cells/"xsk-netns-cookie-good*-2 # a machine that was lost
	run -1 --separate-stderr "$lab/repro/nightly" collect PREVIOUS=none <plan
	[ "$(cells '"\(.kernel) \(.words) \(.result)"')" = \
"good  as predicted
good LAYOUT=different lab failure
good QUEUES=2 as predicted
wrong  not as predicted
wrong LAYOUT=different not as predicted
wrong QUEUES=2 not as predicted" ]
	[[ $(cells 'select(.result == "lab failure") | .reason') == "no host ran this cell to its end; see build/"* ]]
	for text in "" "no JSON"; do
		run -2 --separate-stderr "$lab/repro/nightly" run <<<"$text"
		one_line
	done
}

# another_case FILTER: make the case "other" in that lab, from the existing one with jq.
another_case() {
	local other=$lab/repro/cases/other
	cp -r "$lab/repro/cases/xsk-netns-cookie" "$other"
	jq "$1" "$lab/repro/cases/xsk-netns-cookie/case.json" >"$other/case.json"
}

@test "a case with nothing to choose has one cell; one that chooses its kernels ignores KERNELS" {
	another_case 'del(.library, .knobs, .nightly) | .columns |= map_values(.words = "KERNEL=v6.1") | .rows = ["a"] | .expect = [{is: {}}]'
	LIBXDPS="one two" run -0 --separate-stderr "$lab/repro/nightly" KERNELS="good wrong" CASES=other
	[ "$(cells '"\(.kernel):\(.library):\(.words): \(.result)"')" = "::: as predicted" ]
	[ "$(cut -d' ' -f1 "$CALLS")" = $'build\nagain' ]
	[[ $output == *"| \`other\` | \`the case's kernels\` | \`5.15.0\` |  |  | \`before: EINVAL; after: success\` | as predicted | 1.5 |"* ]]
	[ "$(xml 'string(//testcase/@name)')" = "the case's kernels, defaults" ]
	[ "$(tap "$lab/build/nightly/results.ktap")" = "1 0 0 0" ]
	# If one column chooses no kernel, each of KERNELS counts.
	rm -r "$lab/repro/cases/other"
	another_case 'del(.library, .nightly) | .columns |= {a: {words: "KERNEL=v6.1"}, b: {}, c: {}}
		| .expect |= map(del(.columns))'
	run -2 --separate-stderr nightly "good wrong" CASES=other
	said "unknown knob LIBXDPS=upstream"
	run -1 --separate-stderr "$lab/repro/nightly" KERNELS="good wrong" CASES=other INDEX=7
	[ "$(cells '"\(.kernel):\(.library):\(.words): \(.result)"')" = $'good::: as predicted\nwrong::: not as predicted' ]
}

@test "an interrupted run leaves no results and no process" {
	run -0 nightly good
	for signal in INT TERM KILL; do
		interrupt $signal
		for file in results.jsonl junit.xml results.ktap summary.md; do
			[ ! -e "$lab/build/nightly/$file" ]
		done
		for _ in {1..30}; do
			pgrep -f "$lab" >/dev/null || break
			sleep 0.1
		done
		run -1 pgrep -f "$lab"
	done
	run -0 nightly good
}

# Other machines.

# machine NAME: start an sshd on 127.0.0.1 that lets ssh -F $BATS_TEST_TMPDIR/ssh in as NAME, to a
# home folder of its own. It needs no root; if root runs it, it needs the user sshd and /run/sshd.
machine() {
	local dir=$BATS_TEST_TMPDIR/$1 port
	local -a may=()
	[ "$(id -u)" != 0 ] || may=(--cap-add ALL)
	mkdir -p "$dir/home"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
	{ cat /etc/passwd; echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin'; } >"$dir/passwd"
	for _ in {1..9}; do
		port=$((20000 + RANDOM % 10000))
		bwrap --dev-bind / / --bind "$dir/home" ~ --tmpfs /run --dir /run/sshd --ro-bind "$dir/passwd" /etc/passwd --die-with-parent \
			"${may[@]}" "$SSHD" -D -e -f /dev/null -o Port="$port" -o ListenAddress=127.0.0.1 \
			-o HostKey="$dir/host" -o AuthorizedKeysFile="$dir/key.pub" -o StrictModes=no -o PidFile=~/sshd.pid 2>"$dir/log" 3>&- &
		until grep -q 'Server listening' "$dir/log"; do
			kill -0 $! 2>/dev/null || continue 2
			sleep 0.1
		done
		printf '%s\n' "Host $1" "HostName 127.0.0.1" "Port $port" "IdentityFile $dir/key" "UserKnownHostsFile $dir/known" \
			"StrictHostKeyChecking no" "LogLevel ERROR" >>"$BATS_TEST_TMPDIR/ssh"
		return
	done
	cat "$dir/log"
	false
}

# two_machines: start the hosts "one" and "two" for that lab. Installing Debian's package would
# start a daemon, so only unpack it.
two_machines() {
	SSHD=$(PATH=$PATH:/usr/sbin:/sbin type -P sshd) || {
		bash -c '. vm/lib.sh; cd "$1"; private_apt system apt-get download openssh-server' bash "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/apt.log" 2>&1 ||
			skip "no sshd here, and no package of it: $(tail -n 1 "$BATS_TEST_TMPDIR/apt.log")"
		dpkg -x "$BATS_TEST_TMPDIR"/openssh-server*.deb "$BATS_TEST_TMPDIR/root"
		SSHD=$BATS_TEST_TMPDIR/root/usr/sbin/sshd
	}
	cp -r Makefile gdbscripts kernel-config netns "$lab"
	machine one
	machine two
	export HOSTS="one two" SSH="ssh -F $BATS_TEST_TMPDIR/ssh"
}

# changed: print when each file on the hosts last changed, but for those of cells.
changed() { find "$BATS_TEST_TMPDIR"/{one,two}/home/.cache -type f ! -path '*/cells/*' -printf '%P %C@\n' | sort; }

# bats test_tags=slow
@test "HOSTS: both run cells, and get by content what they lack" {
	two_machines
	run -1 --separate-stderr nightly "good wrong" JOBS=2
	[ "$(cells '"\(.kernel) \(.result)"' | uniq -c | awk '{ $1 = $1; print }')" = "3 good as predicted
3 wrong not as predicted" ]
	[ "$(cells .host | sort -u)" = "one
two" ]
	[[ $output == *"| s | host |"* ]]
	[ -n "$(changed)" ]
	changed >"$BATS_TEST_TMPDIR/first"
	echo "# another" >>"$lab/netns/inode-reuse"
	run -1 nightly "good wrong" JOBS=2
	changed >"$BATS_TEST_TMPDIR/second"
	[ "$(diff "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second" | grep '^>' | cut -d' ' -f2 | sed 's,.*/netns,netns,' | grep -v built | sort -u)" = netns/inode-reuse ]
	run -0 nightly good
	[ -z "$(find "$BATS_TEST_TMPDIR"/{one,two}/home/.cache -path '*/built/*-wrong-*' -type f)" ]
}

# bats test_tags=slow
@test "HOSTS: a host that dies gets its cells done elsewhere, and leaves nothing running" {
	two_machines
	touch "$BATS_TEST_TMPDIR/two/home/mortal"
	run -0 --separate-stderr nightly mortal JOBS=1
	[ "$(cells '"\(.result) \(.host)"' | sort -u)" = "as predicted one" ]
	# The next night begins without it.
	run -0 --separate-stderr nightly good
	said "two cannot run cells"
	run -125 --separate-stderr nightly good HOSTS="two three"
	ends_with "none of the hosts two three can run cells"
	# Not even SIGKILL leaves anything running here or there.
	"$lab/repro/nightly" CASES=tcp-ports KERNELS=slow HOSTS=one >/dev/null 2>&1 3>&- &
	until pgrep -f "again BUILD=build/nightly/cells/tcp-ports-slow-" >/dev/null; do
		kill -0 $!
		sleep 0.1
	done
	kill -KILL $!
	for _ in {1..50}; do
		pgrep -f "$lab|BUILD=build/nightly/cells/tcp-ports-slow-|ssh -F $BATS_TEST_TMPDIR" >/dev/null || break
		sleep 0.1
	done
	run -1 pgrep -f "$lab|BUILD=build/nightly/cells/tcp-ports-slow-|ssh -F $BATS_TEST_TMPDIR"
}

# The workflow.

# steps: write the shell code of each run step of the workflow into $steps/JOB.NUMBER.
steps() {
	steps=$BATS_TEST_TMPDIR/steps
	mkdir "$steps"
	awk -v dir="$steps" '
		/^  [a-z-]+:$/ { job = substr($1, 1, length($1) - 1) }
		/^      - / { file = sprintf("%s/%s.%02d", dir, job, ++n); block = 0 }
		/^        run: \|$/ { block = 1; next }
		/^        run: / { sub(/^        run: /, ""); print >file; next }
		block && /^          / { print substr($0, 11) >file; next }
		{ block = 0 }' .github/workflows/nightly.yml
}

# github: put stand-ins for GitHub's programs on PATH. gh records its arguments and stdin;
# apt-get does nothing.
github() {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "gh $*" >>"$CALLS.gh"\n[ "$1" = issue ] && [ "$2" = list ] && cat "$CALLS.issue" 2>/dev/null\ncase $* in *--body-file*) cat >"$CALLS.text" ;; esac\n[ "$1 $2" != "run download" ] || { mkdir -p previous && cp "$CALLS.previous" previous/results.jsonl; }\n' \
		>"$BATS_TEST_TMPDIR/bin/gh"
	printf '#!/bin/sh\n' | tee "$BATS_TEST_TMPDIR/bin/apt-get" >"$lab/repro/needs"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	export GITHUB_OUTPUT=$BATS_TEST_TMPDIR/output GITHUB_STEP_SUMMARY=$BATS_TEST_TMPDIR/step RUN_URL=https://example/run/1
}

# job NAME: run the steps of a job in order, as GitHub's runner does, until one fails.
job() {
	local step
	for step in "$steps/$1".*; do
		[ -z "$failed" ] || continue
		(cd "$lab" && bash --noprofile --norc -eo pipefail "$step") || failed=$step
	done
}

# workflow KERNEL: run the jobs of a nightly with one kernel, in one checkout, so that no step
# must fetch files. The last step is for a failed run.
workflow() {
	export CASES=xsk-netns-cookie KERNELS=$1 LIBXDPS=upstream failed=''
	: >"$GITHUB_OUTPUT"
	job plan
	[ "$(sed -n 's/^kernels=//p' "$GITHUB_OUTPUT")" = "[\"$1\"]" ]
	unset CASES KERNELS LIBXDPS
	KERNEL=$1 job kernel
	job collect
	[ -z "$failed" ] || (cd "$lab" && bash --noprofile --norc -eo pipefail "$steps/tell")
}

@test "the workflow's steps run by hand in a clean folder, and report a regression once" {
	local -a collect
	steps
	collect=("$steps"/collect.*)
	mv "${collect[-1]}" "$steps/tell"
	github
	mkdir -p "$BATS_TEST_TMPDIR/home/.cache/xsklab"/{kernels/a,libraries/b,sources/c}
	HOME=$BATS_TEST_TMPDIR/home

	workflow good # the first run: gh has no results
	[ -z "$failed" ]
	grep -q '^key=[0-9a-f]\{32\}$' "$GITHUB_OUTPUT"
	grep -q '^# Nightly: 3 of 3' "$GITHUB_STEP_SUMMARY"
	run -1 grep 'gh issue' "$CALLS.gh"

	jq -c 'if .kernel then .kernel = "wrong" else . end' "$results" >"$CALLS.previous"
	workflow wrong # a regression, and there is no issue
	[ -n "$failed" ]
	[ "$(grep -c '^gh issue create' "$CALLS.gh")" = 1 ]
	grep -q '^# Nightly: 0 of 3 cells as predicted, 3 not' "$CALLS.text"
	grep -q 'https://example/run/1' "$CALLS.text"

	cp "$results" "$CALLS.previous"
	echo 42 >"$CALLS.issue"
	: >"$CALLS.gh"
	workflow wrong # the same again: update the issue, send no mail
	[ "$(grep '^gh issue' "$CALLS.gh")" = "gh issue list --label nightly --state open --limit 1 --json number --jq .[].number
gh issue edit 42 --body-file -" ]

	: >"$CALLS.gh"
	workflow lost # a lab failure is not a regression
	[ -n "$failed" ]
	run -1 grep 'gh issue' "$CALLS.gh"

	jq -c 'if .kernel then .last_known = "as predicted" else . end' "$results" |
		sed 's/"lost"/"wrong"/' >"$CALLS.previous"
	workflow wrong # another regression while the issue is open
	[ "$(grep -c '^gh issue edit 42' "$CALLS.gh")" = 1 ]
	[ "$(grep -c '^gh issue comment 42' "$CALLS.gh")" = 1 ]
	run -1 grep 'gh issue create' "$CALLS.gh"
}

@test "the workflow puts no foreign text into a shell, and pins its actions" {
	steps
	[ "$(find "$steps" -type f | wc -l)" -ge 5 ]
	run -1 grep -r '\${{' "$steps"
	shellcheck -s bash "$steps"/*
	run -0 grep -E '^ *-? *uses: ' .github/workflows/nightly.yml
	for line in "${lines[@]}"; do
		[[ $line =~ uses:\ actions/[a-z/-]+@v[0-9]+$ ]]
	done
}

# With real guests.

@test "a nightly with a kernel, exchanged columns, and a missing kernel" {
	kernel=${KERNEL:-$(jq -r 'if .source == "kernel.org" then "v5.15" else "distro" end' build/kernel.json)}
	libxdp=${LIBXDP:-$(jq -r 'if .source == "xdp-tools" then "upstream" else "distro" end' build/libxdp/FIX/library.json)}
	lab=$BATS_TEST_TMPDIR/real
	results=$lab/build/nightly/results.jsonl
	mkdir "$lab"
	cp -r Makefile repro vm kernel-config gdbscripts netns "$lab"
	export ZSTD_LEVEL=1 # fast: nobody reads these two reports
	run -1 --separate-stderr "$lab/repro/nightly" CASES=xsk-netns-cookie KERNELS="$kernel /nonexistent" LIBXDPS="$libxdp" SWAP=1
	[ "$(cells '"\(.words): \(.result) \(.outcomes.before) \(.outcomes.after)"')" = \
": not as predicted success EINVAL
LAYOUT=different: as predicted success success
QUEUES=2: not as predicted success EINVAL
: lab failure null null
LAYOUT=different: lab failure null null
QUEUES=2: lab failure null null" ]
	[ "$(cells 'select(.kernel == "/nonexistent") | .reason' | sort -u)" = \
		"KERNEL=/nonexistent: must be vX.Y[.Z], distro, a folder, or GITDIR#REF" ]
	[ "$(xml 'count(//failure)')" = 2 ]
	[ "$(xml 'count(//error)')" = 3 ]
}

@test "make nightly passes the knobs on, and fails if a cell is not as predicted" {
	cp Makefile "$lab"
	run -0 make -s -C "$lab" nightly CASES=xsk-netns-cookie KERNELS="good /a/git#v1" LIBXDPS=upstream BUILD=out
	[ "$(grep -c '^again /a/git#v1 ' "$CALLS")" = 3 ]
	[ -s "$lab/out/nightly/results.jsonl" ]
	# The next one there is compared with it.
	run -0 make -s -C "$lab" nightly CASES=xsk-netns-cookie KERNELS=good LIBXDPS=upstream BUILD=out
	[ -s "$lab/out/nightly/previous.jsonl" ]
	run -2 make -s -C "$lab" nightly CASES=xsk-netns-cookie KERNELS=wrong LIBXDPS=upstream
	run -2 make -s -C "$lab" nightly CASE=tcp-ports
	[[ $output == *"unknown knob CASE=tcp-ports; name it in CASES"* ]]
}
