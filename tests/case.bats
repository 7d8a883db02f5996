#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/case, the checks of repro/judge/plan.jq, and the schemas of case.json, verdict.json and
# why.json. Each test shows a wrong file beside a right one.
# shellcheck disable=SC2154 # bats sets stderr
# shellcheck disable=SC2030,SC2031 # bats: each test is a shell of its own

load lib

setup_file() {
	export MINE=$BATS_FILE_TMPDIR/mine
	repro/case NAME="$MINE"
}

setup() {
	export CASE=$BATS_TEST_TMPDIR/mine
	cp -r repro/cases/template "$CASE"
}

# with FILTER: change the case's case.json with jq.
with() { jq "$1" repro/cases/template/case.json >"$CASE/case.json"; }

# refused FILTER TEXT [WORD...]: the changed case is refused in one line with TEXT, and nothing is
# built.
refused() {
	with "$1"
	BUILD=$BATS_TEST_TMPDIR/build run -2 --separate-stderr repro/run "${@:3}"
	said "$2"
	one_line
	[ ! -e "$BATS_TEST_TMPDIR/build" ]
}

# wrong FILTER TEXT: the same, and the line names case.json.
wrong() { refused "$1" "mine/case.json: $2"; }

# right FILTER [WORD...]: the changed case is accepted; only a verdict is missing, as nothing ran.
right() {
	with "$1"
	BUILD=$BATS_TEST_TMPDIR/build run -125 --separate-stderr repro/run show "${@:2}"
	said "no verdict in"
}

# valid, ours: does jsonschema, or the lab's own validator, accept the file?
valid() { # FILE SCHEMA
	jsonschema -i "$1" "$2" 2>&1
}

ours() { # FILE SCHEMA
	[ -z "$(jq -r -L repro/judge --slurpfile schema "$2" 'include "validate"; errors($schema[0])' "$1" || echo failed)" ]
}

@test "make case copies the template" {
	run -0 make -s case NAME="$BATS_TEST_TMPDIR/another"
	[[ $output == *"make repro CASE=$BATS_TEST_TMPDIR/another"* ]]
	diff -r repro/cases/template "$BATS_TEST_TMPDIR/another"
}

@test "make case overwrites nothing, and leaves nothing half-written" {
	echo keep >"$CASE/keep"
	run -2 --separate-stderr repro/case NAME="$CASE"
	said "already exists"
	one_line
	[ "$(cat "$CASE/keep")" = keep ]
	for name in '' 'a b' .hidden -x "$BATS_TEST_TMPDIR/nowhere/x" "$BATS_TEST_TMPDIR/a:b"; do
		run -2 --separate-stderr repro/case NAME="$name"
		one_line
	done
	echo file >"$BATS_TEST_TMPDIR/file"
	run -2 --separate-stderr repro/case NAME="$BATS_TEST_TMPDIR/file/x"
	run -0 find "$BATS_TEST_TMPDIR" -name '.*.*' -o -name 'x*' -o -name 'a*'
	[ -z "$output" ]
}

@test "both validators accept every case of the lab" {
	for file in repro/cases/*/case.json; do
		valid "$file" repro/judge/case.schema.json
		ours "$file" repro/judge/case.schema.json
	done
}

@test "the mail of a case names the fix that the lab builds" {
	run -0 jq -r 'select(.library.fix) | "\(.library.fix[:12]) \(.report.fix)" | select(test("^(.{12}) .*\\1") | not)' repro/cases/*/case.json
	[ -z "$output" ]
}

@test "the two validators agree on invalid cases" {
	while IFS= read -r filter; do
		with "$filter"
		run -1 valid "$CASE/case.json" repro/judge/case.schema.json
		run -1 ours "$CASE/case.json" repro/judge/case.schema.json
	done <<-'EOF'
		del(.version)
		.version = 2
		.version = "1"
		del(.rows)
		del(.columns)
		del(.expect)
		.expects = .expect
		.title = ""
		.title = 7
		.title = ("x" * 201)
		.columns = {}
		.columns = []
		.columns.Seen = {}
		.columns.seen.word = "KERNEL=distro"
		.columns.seen.words = ["KERNEL=distro"]
		.columns.seen.title = ("x" * 41)
		.knobs = {"lower": "1..2"}
		.knobs.N = ""
		.knobs.N = 1
		.nightly = []
		.library = "libxdp"
		.library = {"fix": "0123456789012345678901234567890123456789"}
		.config = ["NET=y"]
		.rows = []
		.rows = "first"
		.rows[0] = ""
		.rows[0] = ("x" * 65)
		.rows = [range(257) | tostring]
		.probes = [{"function": "f"}]
		.probes = [{"function": "f", "ring": 1}]
		.probes = [{"function": "f f", "ring": 0}]
		.probes = [{"function": "f", "ring": 0, "values": {"a b": "c"}}]
		.probes = [{"function": "f", "ring": 0, "bits": {"flags": []}}]
		.outcomes.refused.errno = []
		.outcomes.refused.port = {"minimum": 1}
		.outcomes.refused.calls = [{"returned": 0}]
		.expect = []
		.expect[0].is = 7
		del(.expect[0].is)
		.expect[0].row = "first"
		.expect[0].rows = []
		.expect[0].until = "v6.2"
		.expect[0].when = {}
		.expect[0].why = ""
		.report = {"lists": "netdev@vger.kernel.org"}
		.report = {"fix": ["0123456789ab"]}
		[.]
		null
	EOF
}

@test "the two validators agree on valid cases" {
	while IFS= read -r filter; do
		with "$filter"
		valid "$CASE/case.json" repro/judge/case.schema.json
		ours "$CASE/case.json" repro/judge/case.schema.json
	done <<-'EOF'
		.
		.version = 1.0
		.title = ("x" * 200)
		.columns = ([range(16) | {"key": "c\(.)", "value": {}}] | from_entries)
		.columns.seen = {"title": "what is seen", "words": "KERNEL=distro"}
		.knobs = {"N_1": "1..2 many"}
		.config = ["CONFIG_VLAN_8021Q=y", "# CONFIG_IPV6 is not set"]
		.rows = [range(256) | tostring]
		.probes = [{"function": "udp_bind.part.0", "ring": 0, "optional": true, "values": {"sk": "sk"}, "bits": {"sk": ["A", "B_2"]}}]
		.outcomes.refused = {"port": {"min": 1, "max": 7000}, "late": false, "calls": [{"function": "f", "returned": null}]}
		.expect[0] = {"is": {"errno": null}, "rows": ["*"], "columns": ["seen"], "since": "5.15", "until": "7.2.1", "why": "x"}
		.report = {"impact": "", "lists": []}
		.report = {"fix": "commit 0123456789ab", "question": "Why?", "scene": "One device."}
	EOF
}

@test "a misspelt key is refused" {
	wrong '.expects = .expect | del(.expect)' 'unknown key "expects"; known are'
	wrong 'del(.expect)' 'lacks "expect"'
	wrong '.expects = []' 'unknown key "expects"; known are'
	wrong '.expect[1].row = ["first"]' 'expect[1]: unknown key "row"'
	wrong '.columns.seen.word = ""' 'columns.seen: unknown key "word"'
	right .
}

@test "an undeclared outcome is refused" {
	wrong '.expect[1].is = "refusd"' 'expect[1]: "refusd" is not an outcome; declared are "has the port", "refused"'
	right '.expect[1].is = "has the port"'
}

@test "an undeclared column is refused" {
	wrong '.expect[1].columns = ["before"]' 'expect[1].columns: "before" is not a column; declared are "seen"'
	right '.expect[1].columns = ["seen"]'
}

@test "an undeclared knob is refused" {
	wrong '.expect[1].when = {"N": "1"}' 'expect[1].when: "N" is not a knob; declared are none'
	wrong '.columns.seen.words = "KERNELL=distro"' 'columns.seen.words: "KERNELL" is not a knob'
	wrong '.rows += ["client {N}"]' 'rows[2]: "N" is not a knob'
	wrong '.nightly = ["N=1"]' 'nightly[0]: "N" is not a knob'
	right '.knobs.N = "1..4" | .nightly = ["N=1"] | .rows += ["client {N}"] | .columns.seen.words = "N=2" | .expect = [{"is": "refused"}] + .expect + [{"when": {"N": "1"}, "is": "refused"}]'
}

@test "an undeclared probe is refused" {
	wrong '.outcomes.refused.calls = [{"function": "inet_bind"}]' 'outcomes.refused.calls: "inet_bind" is not the function of a probe; declared are none'
	wrong '.debug = ["inet_bind"]' 'debug: "inet_bind" is not the function of a probe'
	wrong '.probes = [{"function": "main", "ring": 3}]' 'probes[0]: main cannot be a probe'
	wrong '.probes = [{"function": "f", "ring": 0, "values": {"flag": "f"}, "bits": {"flags": ["X"]}}]' 'probes[0].bits: "flags" is not a value of the probe; declared are "flag"'
	right '.probes = [{"function": "inet_bind", "ring": 0}] | .debug = ["inet_bind"] | .outcomes.refused.calls = [{"function": "inet_bind"}]'
}

@test "a rule for a row that cannot occur is refused, and so is a row that no rule covers" {
	wrong '.expect += [{"rows": ["third"], "is": "refused"}]' 'expect[2].rows: no row of the case matches "third"'
	right '.expect += [{"rows": ["sec*"], "is": "refused"}]'
	wrong 'del(.expect[1])' 'expect: no rule covers row "second" in column "seen"'
	right 'del(.expect[1]) | del(.expect[0].rows)'
	wrong '.columns.other = {} | .expect[1].columns = ["seen"]' 'expect: no rule covers row "second" in column "other"'
	right '.columns.other = {} | .expect[1].columns = ["seen", "other"]'
}

@test "a knob outside its range or values is refused" {
	with '.knobs = {"N": "1..4", "MODE": "slow fast"}'
	for word in N=0 N=5 N=two N=1e0 MODE=medium; do
		refused '.knobs = {"N": "1..4", "MODE": "slow fast"}' "$word: must be" "$word"
	done
	refused . 'the case mine has none of its own; see make help-all' N=1
	right '.knobs = {"N": "1..4", "MODE": "slow fast"}' N=4 MODE=fast
	wrong '.knobs.N = "1..4" | .columns.seen.words = "N=5"' 'columns.seen.words: N=5: must be between 1 and 4'
	wrong '.knobs.N = "1..4" | .expect[1].when = {"N": ["1", "5"]}' 'expect[1].when: N=5: must be between 1 and 4'
	wrong '.knobs.N = "4..1"' 'knobs.N: 4..1 is an empty range'
	wrong '.knobs.KERNEL = "distro"' 'knobs.KERNEL: the lab or the shell has a variable of this name'
	wrong '.knobs.PATH = "1..2"' 'knobs.PATH: the lab or the shell has a variable of this name'
	wrong '.knobs.NAME = "1..2"' 'knobs.NAME: the lab or the shell'
	right '.knobs = {"PLAN": "1..2", "COLUMNS": "a b", "AS": "x"}' PLAN=2 COLUMNS=b
	wrong '.knobs.N = "1..99999999" | .rows += ["x {N}"]' 'rows[2]: N must be a range up to at most 256'
}

@test "SWAP=1 with one column says what to do instead" {
	refused . 'there is none to exchange it with; to see the case fail, change an expectation and run repro/run judge' SWAP=1
}

@test "a column's patch must be in the case's folder" {
	wrong '.columns.seen.words = "PATCH=fix.patch"' "columns.seen.words: PATCH=fix.patch: no $CASE/fix.patch"
	wrong '.columns.seen.words = "CONFIG=more.config"' "columns.seen.words: CONFIG=more.config: no $CASE/more.config"
	touch "$CASE"/{fix.patch,more.config}
	right '.columns.seen.words = "PATCH=fix.patch CONFIG=more.config"'
}

@test "LIBXDP without the library is refused, and so is an unknown library" {
	wrong '.columns.seen.words = "LIBXDP=FIX"' 'columns.seen.words: "LIBXDP" is not a knob'
	wrong '.library = {"name": "libnone"}' 'library.name: no repro/libnone/build'
	right '.library = {"name": "libxdp"} | .columns.seen.words = "LIBXDP=FIX"'
}

@test "a case cannot have the name of another folder in BUILD" {
	for name in kernel why report errno.json; do
		cp -r repro/cases/template "$BATS_TEST_TMPDIR/$name"
		run -2 --separate-stderr repro/run CASE="$BATS_TEST_TMPDIR/$name"
		said "the lab keeps something else in build/$name; give the case another name"
		one_line
	done
	right .
}

@test "a case.json that is not JSON, or a missing file, is refused" {
	echo '{"version": 1,' >"$CASE/case.json"
	run -2 --separate-stderr repro/run
	said "mine/case.json: not JSON"
	one_line
	for text in '' '[1' '"'; do
		echo "$text" >"$CASE/case.json"
		run -2 --separate-stderr repro/run
		said "mine/case.json: not JSON"
		one_line
	done
	for text in '{} {}' 'null null' "$(cat repro/cases/template/case.json) {}"; do
		echo "$text" >"$CASE/case.json"
		run -2 --separate-stderr repro/run
		said "mine/case.json: "
		one_line
	done
	with .
	rm "$CASE/guest.sh"
	run -2 --separate-stderr repro/run
	said "no $CASE/guest.sh"
	cp repro/cases/template/guest.sh "$CASE"
	rm "$CASE/program.c"
	wrong '.probes = [{"function": "inet_bind", "ring": 0}]' 'probes: need a .c file'
	right .
}

is_of_form() { # VERDICT
	[ "$(jq -r .verdict build/mine/verdict.json)" = "$1" ]
	valid build/mine/verdict.json repro/judge/verdict.schema.json
	ours build/mine/verdict.json repro/judge/verdict.schema.json
}

# A real run, judged with different expectations.
@test "a new case runs as expected, and each kind of verdict follows the schema" {
	CASE=$MINE run -0 --separate-stderr repro/run
	[[ ${lines[-1]} == *"REPRODUCED: all 2 rows are as the case expects"* ]]
	[ "$(jq -r '.columns[0].rows[1] | "\(.errno) \(.call)"' build/mine/verdict.json)" = "EADDRINUSE bind" ]
	is_of_form reproduced

	with '.outcomes."has the port".port = 7001'
	run -1 --separate-stderr repro/run judge
	[[ ${lines[-1]} == *"NOT REPRODUCED"*"first: port is 7000 instead of 7001"* ]]
	is_of_form not-reproduced

	with '.outcomes."has the port".ports = 7000'
	run -125 --separate-stderr repro/run judge
	said 'row "first" does not report the fact ports, which the case expects'
	is_of_form lab-failure

	echo 'run() { exit 3; }' >>"$CASE/guest.sh"
	with .
	run -125 --separate-stderr repro/run
	ends_with 'case: a command of guest.sh failed with status 3'
	[ "$(jq -c keys build/mine/verdict.json)" = '["case","reason","verdict","version"]' ]
	is_of_form lab-failure
}

@test "the schema refuses a verdict.json with an extra key or a wrong type" {
	echo '{"version": 1, "case": "x", "verdict": "reproduced", "reason": "x"}' >"$BATS_TEST_TMPDIR/verdict.json"
	valid "$BATS_TEST_TMPDIR/verdict.json" repro/judge/verdict.schema.json
	ours "$BATS_TEST_TMPDIR/verdict.json" repro/judge/verdict.schema.json
	for filter in '.more = 1' '.verdict = "maybe"' '.version = 2' 'del(.reason)' '.columns = []' '.seconds = -1' '.columns = [{}]'; do
		jq "$filter" "$BATS_TEST_TMPDIR/verdict.json" >"$BATS_TEST_TMPDIR/wrong.json"
		run -1 valid "$BATS_TEST_TMPDIR/wrong.json" repro/judge/verdict.schema.json
		run -1 ours "$BATS_TEST_TMPDIR/wrong.json" repro/judge/verdict.schema.json
	done
}

@test "two cases with the same name do not share a program" {
	mkdir "$BATS_TEST_TMPDIR/other"
	cp -r "$CASE" "$BATS_TEST_TMPDIR/other/mine"
	sed -i 's/PORT 7000/PORT 7001/' "$BATS_TEST_TMPDIR/other/mine/program.c"
	touch -d '2000-01-01' "$CASE"/* "$BATS_TEST_TMPDIR/other/mine"/*
	for port in 7000 7001 7000; do
		[ "$port" = 7000 ] || CASE=$BATS_TEST_TMPDIR/other/mine
		repro/run build
		grep -q "PORT $port" "$CASE/program.c"
		objdump -d build/mine/program.seen | grep -q "\$0x$(printf %x "$port"),"
		CASE=$BATS_TEST_TMPDIR/mine
	done
}

@test "why.json follows its schema, which refuses an extra key" {
	repro/run build
	run -0 --separate-stderr repro/why PROG=build/mine/program.seen
	valid build/why.json repro/why.d/why.schema.json
	ours build/why.json repro/why.d/why.schema.json
	for filter in '.more = 1' 'del(.version)' '.line = "314"' '.line = 3.5' '.errno = 98' '.chain = [{}]' '.program = {}'; do
		jq "$filter" build/why.json >"$BATS_TEST_TMPDIR/wrong.json"
		run -1 valid "$BATS_TEST_TMPDIR/wrong.json" repro/why.d/why.schema.json
		run -1 ours "$BATS_TEST_TMPDIR/wrong.json" repro/why.d/why.schema.json
	done
}

# bats test_tags=slow
@test "tcp-ports: bind() to any port takes a port for one socket, the other ways one for each server" {
	CASE=tcp-ports run -0 --separate-stderr repro/run
	run -0 jq -r '.columns[0].rows[] | "\(.row) \(.errno) \(.call) \(.facts | .one) \(.facts.all) \(.facts.shared)"' build/tcp-ports/verdict.json
	[ "${lines[0]}" = "connect EADDRNOTAVAIL connect 6 18 true" ]
	[ "${lines[1]}" = "bind(src,0) EADDRINUSE bind 6 6 false" ]
	[ "${lines[2]}" = "IP_BIND_ADDRESS_NO_PORT EADDRNOTAVAIL connect 6 18 true" ]
}

# bats test_tags=slow
@test "xsk-bindtodevice: only the check refuses another device, and SWAP=1 is not reproduced" {
	! older_than 6.5 || skip "this kernel may lack the check: see the case's rules"
	CASE=xsk-bindtodevice run -0 --separate-stderr repro/run
	run -0 jq -c '[.columns[].rows[] | .errno]' build/xsk-bindtodevice/verdict.json
	[ "$output" = '[null,null,"EPERM",null,null,"EINVAL","EPERM",null]' ]
	run -0 jq -c '[.columns[].rows[].facts.sends]' build/xsk-bindtodevice/verdict.json
	[ "$output" = '[true,true,false,true,true,false,false,true]' ]
	run -0 jq -r '.columns[1].refused[0].at | "\(.function) \(.file) \(.condition)"' build/xsk-bindtodevice/verdict.json
	[ "$output" = "xsk_bind net/xdp/xsk.c if (bound_dev_if && bound_dev_if != sxdp->sxdp_ifindex)" ]
	SWAP=1 CASE=xsk-bindtodevice run -1 --separate-stderr repro/run
	[[ ${lines[-1]} == *"NOT REPRODUCED"*"without: another device: EINVAL instead of success"* ]]
}

# bats test_tags=slow
@test "xsk-forward: all packets arrive, on any number of queues, and SWAP=1 is not reproduced" {
	for words in QUEUES=1 "QUEUES=2 NEED_WAKEUP=off LAYOUT=different"; do
		# shellcheck disable=SC2086 # words
		CASE=xsk-forward run -0 --separate-stderr repro/run $words
	done
	run -0 jq -c '[.columns[].rows[:2][].facts | [.sent, .returned, .altered, .dropped, .frames, .frames_lost]] | unique' build/xsk-forward/verdict.json
	[ "$output" = '[[20000,"all",0,0,"all",0]]' ]
	CASE=xsk-forward SWAP=1 run -1 --separate-stderr repro/run
	[[ ${lines[-1]} == *"NOT REPRODUCED"*"before: one UMEM: success instead of EINVAL"* ]]
}

# can_fail CASE: it is reproduced, and with its columns exchanged it is not.
can_fail() {
	CASE=$1 run -0 --separate-stderr repro/run
	[[ ${lines[-1]} == "  REPRODUCED: "* ]]
	CASE=$1 SWAP=1 run -1 --separate-stderr repro/run
	[[ ${lines[-1]} == *"NOT REPRODUCED"* ]]
}

# bats test_tags=slow
@test "libxdp's own: each fix decides, and SWAP=1 is not reproduced" {
	for name in libxdp-errno-sign libxdp-umem-flags libxdp-prog-refcnt; do
		can_fail "$name"
	done
}

# bats test_tags=slow
@test "xsk-need-wakeup: only the fix differs, and SWAP=1 is not reproduced" {
	! older_than 6.1 || skip "this kernel may lack the fix: see the case's rules"
	can_fail xsk-need-wakeup
}

# bats test_tags=slow
@test "xsk-ring-optlen: only the fix differs, and SWAP=1 is not reproduced" {
	! older_than 6.9 || skip "this kernel may lack the fix: see the case's rules"
	can_fail xsk-ring-optlen
}

# bats test_tags=slow
@test "xsk-netns-cookie-libbpf: only the comparison decides, and SWAP=1 is not reproduced" {
	CASE=xsk-netns-cookie-libbpf run --separate-stderr repro/run
	! said "cannot fetch the distribution's libbpf" >/dev/null || skip "libbpf 0.3 is out of reach"
	[ "$status" = 0 ]
	[[ ${lines[-1]} == "  REPRODUCED: EINVAL in libbpf 0.3, success with the comparison"* ]]
	CASE=xsk-netns-cookie-libbpf LAYOUT=different run -0 --separate-stderr repro/run
	CASE=xsk-netns-cookie-libbpf SWAP=1 run -1 --separate-stderr repro/run
	[[ ${lines[-1]} == *"NOT REPRODUCED"* ]]
}
