#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# README and docs: every command in them runs as it stands there, in a reader's clone, and its
# output is compared with the one that follows it.

# shellcheck disable=SC2016,SC2030,SC2031,SC2088,SC2154 # quoted text stands in the docs; each test
# has an environment of its own; bats sets output

load lib

# The reader's home has the clone, a kernel tree and xdp-tools; the cache is this host's.
setup_file() {
	unset MAKEFLAGS MFLAGS MAKELEVEL
	export XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache} REPOSITORY=$BATS_FILE_TMPDIR/repository
	export HOME=$BATS_FILE_TMPDIR/home
	mkdir -p "$REPOSITORY" "$HOME/src"
	git ls-files -z -co --exclude-standard --deduplicate | xargs -0 cp -p --parents -t "$REPOSITORY"
	git config --global user.name n
	git config --global user.email e
	commit "$REPOSITORY" lab
	cp -r tests/kernel-tree "$HOME/src/linux"
	commit "$HOME/src/linux" v6.6
	cd "$HOME" || return
	stands 'git clone <this repository> xsklab && cd xsklab'
	eval "${COMMAND/<this repository>/-q \"\$REPOSITORY\"}"
}

setup() {
	lab=$HOME/xsklab
	cd "$lab" || return
}

teardown() { git -C "$lab" clean -qfd; }

commit() { # FOLDER TAG
	git -C "$1" init --quiet
	git -C "$1" add -A
	git -C "$1" commit --quiet --allow-empty -m "$2"
	git -C "$1" tag "$2"
}

# commands: print the commands of README and docs, without the explanations beside them.
commands() {
	sed -nE 's/^    (\$ |xsklab:\/case# |root@xsklab:~# )?(([A-Z_]+=[^ ]+ )*(make|git|ip|apt-get|systemctl|\.|repro\/[a-z]+|tests\/[a-z-]+|\.github\/tell) .*)$/\2/p' \
		README.md docs/*.md | sed -E 's/   +.*//' | sort -u
}

# stands COMMAND: set COMMAND, which must stand in README or docs.
stands() {
	COMMAND=$1
	(cd "$BATS_TEST_DIRNAME/.." && commands) | grep -qxF -- "$1" || {
		echo "no such command in README.md and docs/: $1"
		return 1
	}
}

# reads STATUS COMMAND: run it as it stands there.
reads() {
	stands "$2"
	run --separate-stderr bash -c "$COMMAND"
	[ "$status" = "$1" ] || { echo "$status: $stderr"; return 1; }
}

# elsewhere COMMAND FILE TEXT: another file's test runs it, with TEXT.
elsewhere() {
	stands "$1"
	grep -qF -- "$3" "tests/$2.bats"
}

# block FILE TEXT: print the indented lines around TEXT.
block() {
	awk -v text="$2" '
		/^    / || (/^$/ && block != "") { block = block substr($0, 5) "\n"; next }
		{ if (index(block, text)) exit; block = "" }
		END { printf "%s", index(block, text) ? block : "" }' "$1"
}

# Leave out what differs between runs, hosts and kernels.
comparable() {
	sed -E 's/Linux [0-9][^ ]*( with [^ ]+| \([^)]*\))*( \/ [0-9][^ ]*)*/Linux/; s/QEMU [0-9.]+ (tcg|kvm)/QEMU/
		s/   libxdp .*//; s/^ *source   .*//; s/(\.[ch]):[0-9]+/\1/; s/^( *(=>|->)? *)[0-9]+ /\1/; s/0x[0-9a-f]+/ADDRESS/g
		s/([0-9a-f]{2}:){5}[0-9a-f]{2}/MAC/g; s/   +[0-9.]+ s$//; s/[[:blank:]]+/ /g; s/^ //; s/ $//; /^$/d'
}

# as_shown FILE TEXT: $output has the lines of that block, in this order; on another kernel, at
# least the last one.
as_shown() {
	local line rest lines
	lines=$(block "$1" "$2" | sed '/^\$ /{s/.*//;h;d}; H; $!d; x' | comparable)
	[ -n "$lines" ]
	[[ $(block "$1" "$2") != *"Linux "* || $(block "$1" "$2") == *"Linux $(jq -r .release build/kernel.json) "* ]] ||
		lines=$(tail -n 1 <<<"$lines")
	rest=$(comparable <<<"$output")
	while IFS= read -r line; do
		[[ $'\n'$rest$'\n' == *$'\n'"$line"$'\n'* ]] || {
			printf 'not as in %s: %s\n%s\n%s\n' "$1" "$line" "$output" "$stderr"
			return 1
		}
		rest=${rest#*"$line"}
	done <<<"$lines"
}

# stand_in NAME: put a program on PATH that records its arguments in $CALLED.
stand_in() {
	export CALLED=$BATS_TEST_TMPDIR/called
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "${0##*/} $*" >>"$CALLED"\n' >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "every command has a test here" {
	[ "$(commands | wc -l)" -ge 25 ]
	while IFS= read -r command; do
		grep -qF -- "$command" "$BATS_TEST_DIRNAME/docs.bats" || { echo "no test: $command"; false; }
	done < <(commands)
}

@test "every verb and file that the text names exists" {
	while read -r verb; do
		run -0 make -n "$verb"
	done < <(grep -ohE '`make [a-z-]+' README.md docs/*.md | cut -d' ' -f2 | sort -u | grep -vx mrproper)
	while read -r file; do
		[ -e "$file" ] || { echo "no $file"; false; }
	done < <(grep -ohE '(^|[ `(])(repro|docs|tests|vm|gdbscripts|netns|kernel-config|\.github)/[A-Za-z0-9_./-]*[a-z]' README.md docs/*.md |
		tr -d ' `(' | grep -v '^repro/cases/mine' | sort -u)
}

@test "make case copies the template, and a knob outside its values is refused as shown" {
	reads 0 'make case NAME=mine'
	[ -f repro/cases/mine/case.json ]
	jq '.knobs = {"LAYOUT": "colliding different"}' repro/cases/template/case.json >repro/cases/mine/case.json
	reads 2 'make repro CASE=mine LAYOUT=sideways'
	output=$stderr
	as_shown docs/case.md LAYOUT=sideways
}

@test "errors in a case are reported as shown" {
	local line n=0
	make -s case NAME=mine
	while IFS= read -r line; do
		case $((n += 1)) in
		1) filter='.expects = []' ;;
		2) filter='.expect[1].is = "refusd"' ;;
		3) filter='.expect += [{"rows": ["third"], "is": "refused"}]' ;;
		4) filter='del(.expect[1])' ;;
		esac
		jq "$filter" repro/cases/template/case.json >repro/cases/mine/case.json
		run -2 --separate-stderr repro/run show CASE=mine
		[[ $stderr == "${line%...}"* ]] || { printf '%s\n' "$line" "$stderr"; false; }
	done < <(block docs/case.md "unknown key" | grep .)
	[ "$n" = 4 ]
}

@test "KERNEL, PATCH and CONFIG choose what to build" {
	cp -r "$HOME/src/linux" "$BATS_TEST_TMPDIR/b"
	sed -i 's/return 1/return 2/' "$BATS_TEST_TMPDIR/b/init.c"
	git diff --no-index "$HOME/src/linux/init.c" "$BATS_TEST_TMPDIR/b/init.c" | sed -E 's,^(---|\+\+\+) .*,\1 x/init.c,; /^(diff|index)/d' >fix.patch
	echo CONFIG_MORE=y >more.config
	mkdir -p "$BATS_TEST_TMPDIR/cache/xsklab"
	cp -r "$XDG_CACHE_HOME/xsklab/libraries" "$BATS_TEST_TMPDIR/cache/xsklab"
	find "$XDG_CACHE_HOME/xsklab" -maxdepth 1 -type f -exec cp -p -t "$BATS_TEST_TMPDIR/cache/xsklab" {} +
	# This kernel is not Linux, so the run fails, but after it was built.
	XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache reads 2 'make repro KERNEL=~/src/linux#v6.6 PATCH=fix.patch CONFIG=more.config' ||
		{ echo "$stderr"; false; }
	[[ $(jq -r .source build/kernel.json) == *"src/linux#v6.6, commit "*" with PATCH fix.patch, CONFIG more.config" ]]
	rm -rf build # this kernel's gen_init_cpio makes no image
}

@test "git bisect run finds the first bad commit" {
	local n
	# Instead of a guest, the tree says how it ends.
	printf '#!/bin/sh\n. "${1#KERNEL=}/verdict"\n' >repro/run
	git init --quiet "$BATS_TEST_TMPDIR/linux"
	cd "$BATS_TEST_TMPDIR/linux"
	for n in 'exit 0 # good' 'exit 125' 'exit 0' 'exit 1 # first bad' 'exit 1' 'exit 1 # bad'; do
		echo "$n" >verdict
		commit . "${n//[^a-z0-9]/}"
	done
	git bisect start exit1bad exit0good
	stands 'git bisect run /path/to/xsklab/repro/run KERNEL=$PWD'
	run -0 bash -c "${COMMAND/\/path\/to\/xsklab/\"$lab\"}"
	[[ $output == *"$(git rev-parse exit1firstbad) is the first "*"bad"*" commit"* ]]
	git -C "$lab" checkout -q repro/run
}

# Instead of guests, a commit's file "outcome" says how it ends.
@test "make bisect finds the commit in Linux, in the library, and for a program" {
	local release
	own_cache
	export HOME=$BATS_TEST_TMPDIR/home CALLS=$BATS_TEST_TMPDIR/calls
	mkdir -p "$HOME/src/linux" "$HOME/src/xdp-tools/lib/libxdp"
	cp "$BATS_FILE_TMPDIR/home/.gitconfig" "$HOME"
	touch "$HOME/src/linux/Kbuild" "$HOME/src/xdp-tools/lib/libxdp/xsk.c"
	for release in linux/v5.15=well linux/more=well linux/v6.1=refused linux/v6.6=well linux/v6.12=refused \
		xdp-tools/v1.2.10=refused xdp-tools/v1.3.0=well; do
		echo "${release#*=}" >"$HOME/src/${release%%/*}/outcome"
		release=${release%=*}
		commit "$HOME/src/${release%%/*}" "${release#*/}"
	done
	sed 's/"first"/"outer 0"/; s/"second"/"inner 0"/' tests/guests/observe >repro/bisect.d/observe
	cp -r repro/cases/xsk-netns-cookie repro/cases/mine
	reads 0 'make bisect REPO=~/src/xdp-tools GOOD=v1.3.0 BAD=v1.2.10'
	[[ $output == *"fixed it"* ]]
	reads 0 'make bisect CASE=mine REPO=~/src/linux GOOD=v5.15 BAD=v6.1 ROW="inner 0"'
	[[ $output == *" v6.1"* ]]
	elsewhere "make bisect PROG=./daemon ARGS='...' REPO=~/src/linux GOOD=v6.6 BAD=v6.12" bisect 'PROG=/bin/true'
	git checkout -q repro
}

# Instead of guests, KERNEL says how a cell ends.
@test "the nightly, its comparison and its report on GitHub" {
	export CALLS=$BATS_TEST_TMPDIR/calls
	sed 's/\*:wrong\*)/*:distro)/' tests/guests/cell >repro/run
	jq '.nightly = [""]' repro/cases/xsk-netns-cookie/case.json >"$BATS_TEST_TMPDIR/case.json"
	cp "$BATS_TEST_TMPDIR/case.json" repro/cases/xsk-netns-cookie
	find repro/cases -mindepth 1 -maxdepth 1 ! -name xsk-netns-cookie ! -name tcp-ports -exec rm -r {} +
	reads 2 'make nightly CASES="xsk-netns-cookie tcp-ports" KERNELS="v5.15 distro $HOME/src/linux#master"'
	[ "$(jq -s '.[0].cells' build/nightly/results.jsonl)" = 9 ]
	mkdir previous
	cp build/nightly/results.jsonl previous
	cp build/nightly/results.jsonl last.jsonl
	reads 1 'repro/nightly PREVIOUS=previous/results.jsonl'
	[[ $output == *"still failing"* ]]
	reads 0 'repro/nightly plan KERNELS="v5.15 distro" >plan.jsonl'
	reads 0 'repro/nightly run <plan.jsonl'
	reads 1 'repro/nightly collect PREVIOUS=last.jsonl <plan.jsonl'
	[[ $output == *"still failing"* ]]
	elsewhere 'make nightly' nightly 'make -s -C "$lab" nightly'
	elsewhere 'make nightly HOSTS="alpha beta"' nightly HOSTS=
	stand_in gh
	reads 0 'GH_REPO=owner/name .github/tell build/nightly'
	grep -q '^gh issue create --label nightly' "$CALLED"
	rm -r previous last.jsonl plan.jsonl
	git checkout -q repro
}

@test "systemd accepts the units of the nightly" {
	local unit
	for unit in xsklab-nightly.service xsklab-nightly.timer xsklab-mail.service; do
		awk -v unit="$unit" '$0 ~ "^`[^`]*/" unit "`" { seen = 1 } seen && /^```$/ { exit } printing; seen && /^```ini$/ { printing = 1 }' \
			docs/nightly.md >"$BATS_TEST_TMPDIR/$unit"
		grep -q '^\[Unit\]' "$BATS_TEST_TMPDIR/$unit"
	done
	stand_in systemctl
	reads 0 'systemctl --user enable --now xsklab-nightly.timer'
	command -v systemd-analyze >/dev/null || skip "systemd-analyze is missing"
	run systemd-analyze verify --user "$BATS_TEST_TMPDIR"/xsklab-{mail,nightly}.service "$BATS_TEST_TMPDIR/xsklab-nightly.timer"
	[[ $output != *"Unknown"* && $output != *"Invalid"* ]]
}

@test "what other files test as it stands" {
	elsewhere 'make shell GUEST=debian' shell 'GUEST=debian'
	elsewhere 'apt-get update && apt-get install tcpdump' shell 'apt-get'
	stand_in bats
	reads 0 'ACCEL=kvm tests/as-kvm bats tests/debug.bats tests/faults/gdb.bats'
	elsewhere "$COMMAND" faults/kvm 'tests/as-kvm bats tests/$file.bats'
}

# bats test_tags=slow
@test "make repro in a fresh clone shows README's screen" {
	reads 0 'make repro'
	as_shown README.md "REPRODUCED: EINVAL"
	reads 0 'make repro LAYOUT=different'
	[[ ${lines[-1]} == *"AS PREDICTED"* ]]
	reads 2 'make repro SWAP=1'
	[[ $output == *"NOT REPRODUCED"* ]]
	reads 0 'make report'
	[ -s build/report/report.html ]
}

# bats test_tags=slow
@test "make diverge names the line at which the runs part" {
	local command
	cat >my-program.c <<-'END'
		#include <stdlib.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			int queues = argc > 2 ? atoi(argv[2]) : 0;

			if (queues > 1)
				return close(99) ? 1 : 0;
			return 0;
		}
	END
	cc -g -O0 -o my-program my-program.c
	IFS= read -r command <<-'END'
		make diverge PROG=./my-program WORKS="ARGS='--queues 1'" FAILS="ARGS='--queues 2'"
	END
	reads 0 "$command"
	[[ $output == *"if (queues > 1)"* ]]
	reads 0 'make diverge CASE=xsk-netns-cookie'
	as_shown docs/diverge.md 'they part in'
	elsewhere 'make diverge CASE=xsk-netns-cookie WORKS=COLUMN=after FAILS=COLUMN=before' diverge 'WORKS=COLUMN=after FAILS=COLUMN=before'
}

# bats test_tags=slow
@test "make why names the line in README" {
	cat >my-program.c <<-'END'
		#include <stdio.h>
		#include <sys/socket.h>
		#include <sys/time.h>
		int main(void)
		{
			int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

			if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, "\2\0\0", 3))
				perror("setsockopt");
			return 1;
		}
	END
	cc -o my-program my-program.c
	reads 0 "make why PROG=./my-program ARGS='--ifname outer'"
	as_shown README.md "refused in sk_setsockopt"
	as_shown docs/why.md "refused in sk_setsockopt"
}

# bats test_tags=slow
@test "a case of one's own runs as shown" {
	reads 0 'make case NAME=mine && make repro CASE=mine'
	reads 0 'make repro CASE=mine'
	as_shown docs/case.md "all 2 rows"
	reads 0 'repro/run judge CASE=mine'
	mkdir -p path/to
	cp -r repro/cases/mine path/to
	reads 0 'make repro CASE=path/to/mine'
	rm -r path repro/cases/mine
	cp -r repro/cases/xsk-netns-cookie repro/cases/mine
	reads 2 'make repro CASE=mine SWAP=1'
	[[ $output == *"NOT REPRODUCED"* ]]
}

# bats test_tags=slow
@test "a wrong expectation of tcp-ports is judged as shown" {
	repro/run CASE=tcp-ports
	sed -i '0,/"one": 6/s//"one": 7/' repro/cases/tcp-ports/case.json
	reads 1 'repro/run judge CASE=tcp-ports'
	git checkout -q repro/cases/tcp-ports
	as_shown docs/case.md "instead of 7"
}

# bats test_tags=slow
@test "the case with a patched kernel runs as shown" {
	reads 0 'make repro CASE=xsk-bindtodevice'
	as_shown docs/case.md "REPRODUCED: EPERM without the check"
}

# bats test_tags=slow
@test "a git folder of xdp-tools is a source of the library" {
	local side
	repro/run build
	for side in FIX-parent FIX; do
		rm -rf "$HOME/src/xdp-tools"/{lib,headers}
		mkdir -p "$HOME/src/xdp-tools"
		cp -r build/libxdp/$side/{lib,headers} "$HOME/src/xdp-tools"
		commit "$HOME/src/xdp-tools" $side
	done
	FIX=$(git -C "$HOME/src/xdp-tools" rev-parse HEAD) reads 0 'make repro LIBXDP=~/src/xdp-tools'
	[[ ${lines[0]} == *"libxdp "*"^ / libxdp "* ]]
}

# bats test_tags=slow
@test "a run as under KVM" {
	reads 0 'tests/as-kvm make repro'
	stands 'make repro ACCEL=kvm V=1'
	run -0 tests/as-kvm bash -c "$COMMAND"
	[ -s build/xsk-netns-cookie/before/remote.log ]
}

# bats test_tags=slow
@test "make shell runs the commands as shown" {
	stands 'make shell'
	stands 'ip -br link'
	stands '. ./guest.sh; run'
	# The program of the first column is refused, so make fails.
	run -2 --separate-stderr bash -c 'printf "%s\n" "ip -br link" ". ./guest.sh; run" | make -s shell'
	output=$(grep -E '^(lo|outer)' <<<"$output")
	diff <(comparable <<<"$output") <(block docs/shell.md "ip -br link" | grep -E '^(lo|outer)' | comparable)
}
