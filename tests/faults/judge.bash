# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The judge of the fault table; each file of tests/faults says "load judge". A row is a test
# that injects one fault and calls
#
#   fault EXIT SECONDS CAUSE LOG COMMAND...
#     EXIT     the expected exit code
#     SECONDS  the deadline; 2 s more are granted
#     CAUSE    an extended regular expression for the last line on stderr, without make's own
#              messages; '' for none
#     LOG      the log that this line must name, relative to the lab; '' for none
#
# in $LAB, a checkout of its own. Whatever happens, COMMAND must leave nothing behind, and the
# next make repro must succeed without cleaning; if it has from the same state, it is not run
# again. VERDICT and $BATS_TEST_TMPDIR/verdict.json keep the verdict from before that.
# build/faults.tsv gets the figures: row, exit code, deadline, seconds.

# shellcheck disable=SC2034,SC2154 # the rows use some variables, bats sets others

TABLE=$(realpath "$BATS_TEST_DIRNAME/../..")/build/faults.tsv
load ../lib
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/xsklab # in a row, its own

# share_cache DIR: make a cache with links to this host's kernels and sources, and copies of the
# rest, so that other runs on this host do not disturb it.
share_cache() {
	local dir
	mkdir -p "$1/xsklab"/{kernels,sources,accel}
	for dir in kernels sources; do
		find "$CACHE/$dir/" -mindepth 1 -maxdepth 1 -xtype d -exec realpath -z {} + |
			xargs -0r ln -s -t "$1/xsklab/$dir"
	done
	for dir in libraries origins accel trees; do
		[ ! -e "$CACHE/$dir" ] || cp -rp "$CACHE/$dir" "$1/xsklab"
	done
	find "$CACHE" -maxdepth 1 -type f -exec cp -p -t "$1/xsklab" {} +
}

# Make LAB, a copy of this checkout, committed, and of what it has built with the knobs KERNEL
# and LIBXDP.
make_lab() {
	LAB=$BATS_FILE_TMPDIR/lab
	repro/run build 2>/dev/null
	share_cache "$BATS_FILE_TMPDIR/cache"
	export XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache
	mkdir -p "$LAB/build"
	# Keep the times, so that there is nothing to build.
	git ls-files -z -co --exclude-standard --deduplicate | xargs -0 cp -p --parents -t "$LAB"
	find build -mindepth 1 -maxdepth 1 \( ! -type d -o -name libxdp -o -name xsk-netns-cookie \) \
		-exec cp -a -t "$LAB/build" {} +
	git -C "$LAB" init --quiet
	git -C "$LAB" add -A
	git -C "$LAB" -c user.name=n -c user.email=e -c commit.gpgsign=false commit --quiet -m lab
	(cd "$LAB" && repro/run build)
}

setup_file() {
	make_lab
	export LAB
}

# Print everything that a command must leave as it was.
world() {
	echo "mounts:"
	cut -d' ' -f4- /proc/self/mountinfo
	echo "network:"
	readlink /proc/self/ns/net
	ip -o link
	echo "sysctls:"
	sysctl -a 2>/dev/null | grep -E '^(kernel|net|vm|user)\.' |
		grep -vE '^(kernel\.(random|pty|ns_last_pid|sched_domain)|net\.netfilter|vm\.stat)'
	echo "git:"
	git -C "$LAB" rev-parse HEAD
	git -C "$LAB" status --porcelain
	echo "temporary files:"
	find "$TMPDIR" -mindepth 1 2>/dev/null
	find "$LAB/build" "$LAB/build-"* \( -type s -o -type p -o -name '*.part' -o -name '*.err.*' \
		-o -name snapshot.qcow2 -o -name recent -o -name plugin.so \) 2>/dev/null
	echo "cache:"
	find "$CACHE" -mindepth 1 -maxdepth 2 ! -path '*/origins/*' ! -path '*/accel/*' ! -path '*/plugins' ! -path '*/plugins/*' ! -path '*/apt' ! -path '*/apt/*' ! -name '*.log' ! -name '*.lock' | sort
	echo "locks:"
	local lock
	for lock in "$LAB"/build*/lock "$CACHE"/*/*.lock; do
		[ ! -e "$lock" ] || flock -n "$lock" true || echo "$lock is held"
	done
}

# Print this row's processes: they have its name in their environment, and most run in the lab.
survivors() {
	local pid
	for pid in $({ grep -lzsx "XSKLAB_FAULT=$BATS_TEST_NAME.$$" /proc/[0-9]*/environ
		find /proc -maxdepth 2 -name cwd -lname "$LAB*" 2>/dev/null; } | cut -d/ -f3 | sort -u); do
		[ "$pid" = "$BASHPID" ] || { tr '\0' ' ' <"/proc/$pid/cmdline" && echo; } 2>/dev/null
	done
}

seconds() { # since the machine's start, so that jumps of the clock do not matter
	cut -d' ' -f1 /proc/uptime
}

fault() {
	local exit=$1 deadline=$2 cause=$3 log=$4 before started took last
	shift 4
	export TMPDIR=${TMPDIR_OF_ROW-$BATS_TEST_TMPDIR/tmp}
	[ -z "$TMPDIR" ] || mkdir -p "$BATS_TEST_TMPDIR/tmp"
	before=$(world)
	started=$(seconds)
	cd "$LAB" || return
	XSKLAB_FAULT=$BATS_TEST_NAME.$$ run --separate-stderr \
		timeout --kill-after=1 $((deadline + 2)) "$@" 3>&- 4>&-
	cd "$OLDPWD" || return
	cp -f "$LAB/build/xsk-netns-cookie/verdict.json" "$BATS_TEST_TMPDIR/" 2>/dev/null || true
	VERDICT=$(jq -r .verdict "$BATS_TEST_TMPDIR/verdict.json" 2>/dev/null || true)
	took=$(awk -v now="$(seconds)" -v then="$started" 'BEGIN { print now - then }')
	record "$status" "$deadline" "$took"
	printf '%s\n' "output:" "$output" "stderr:" "$stderr" "exit $status after $took s"
	[ "$status" = "$exit" ] || { echo "expected exit $exit"; return 1; }
	if [ -n "$cause" ]; then
		last=$(grep -v '^make: \*\*\* ' <<<"$stderr" | tail -n 1)
		[[ $last =~ $cause ]] || { echo "the last line does not match $cause"; return 1; }
		[[ $last == *"$log"* ]] || { echo "the last line does not name $log"; return 1; }
		[ -z "$log" ] || [ -e "$LAB/$log" ] || [ -e "$log" ] || { echo "there is no $log"; return 1; }
	fi
	nothing_is_left "$before"
	next_repro_succeeds
}

# Record a row once, or for a row with several moments the slowest of them.
record() { # EXIT DEADLINE SECONDS
	exec 9>>"$TABLE.lock"
	flock 9
	touch "$TABLE"
	awk -F '\t' -v OFS='\t' -v row="$BATS_TEST_DESCRIPTION" -v code="$1" -v deadline="$2" -v seconds="$3" \
		-v again="${RECORDED-}" '
		$1 != row { print; next }
		again && $4 > seconds { code = $2; deadline = $3; seconds = $4 }
		END { print row, code, deadline, seconds }' "$TABLE" >"$TABLE.part"
	mv "$TABLE.part" "$TABLE"
	exec 9>&-
	RECORDED=1
}

# Processes that were told to end get 2 s.
nothing_is_left() { # WORLD
	local tries
	for tries in {1..20}; do
		[ -z "$(survivors)" ] && diff <(echo "$1") <(world) >"$BATS_TEST_TMPDIR/left" && return
		sleep 0.1
	done
	echo "still running: $(survivors)"
	echo "left behind or changed:"
	cat "$BATS_TEST_TMPDIR/left"
	return 1
}

# state: print the state of build/ and the cache. Files that every run rewrites count by name
# and mode, all others also by their last change. What the cache has about the stand-in QEMU of
# a row does not count, as no other row uses it.
state() {
	echo "$LAB"
	(cd "$LAB" && find build* "$CACHE" ! \( -path '*/accel/*' -newer .git/index \) -printf '%p %y %m %s %C@\n') | sort |
		sed -E '/ d [0-9]+ |\.(log|err|layout) |\/(lock|verdict\.json) |\/faulty\/|\/xsk-netns-cookie\/(before|after|accel)\// {
			s/ [^ ]+ [^ ]+$// }'
}

# Most faults leave the same state; run the next make repro once per file for each state.
next_repro_succeeds() {
	local state
	state=$(state | sha256sum)
	! grep -qsxF "$state" "$BATS_FILE_TMPDIR/recovered" || return 0
	(cd "$LAB" && unset TMPDIR && KVM_DEVICE=$KVM_BEFORE PATH=$PATH_BEFORE make -s repro "${KNOBS[@]}" >"$BATS_TEST_TMPDIR/next" 2>&1 3>&- 4>&-) ||
		{ echo "the next make repro fails:"; cat "$BATS_TEST_TMPDIR/next"; return 1; }
	grep -q 'REPRODUCED: EINVAL before the fix, success after the fix' "$BATS_TEST_TMPDIR/next"
	echo "$state" >>"$BATS_FILE_TMPDIR/recovered"
}

# case_of FILE COMMAND...: make the case "faulty", with that file passed through COMMAND; print
# CASE=...
case_of() {
	local file=$1
	shift
	cp -r repro/cases/xsk-netns-cookie "$BATS_TEST_TMPDIR/faulty"
	"$@" <"repro/cases/xsk-netns-cookie/$file" >"$BATS_TEST_TMPDIR/faulty/$file"
	echo "CASE=$BATS_TEST_TMPDIR/faulty"
}

# case_with FILTER...: the same, with guest.sh passed through sed.
case_with() { case_of guest.sh sed "$@"; }

# at MOMENT TEXT: the same, with a guest.sh that runs TEXT when the scene is "up", before the
# program runs under "strace", or at the "end". TEXT's stdout is the result channel; under
# strace, fd 4 is.
at() { case_of guest.sh at_moment "$@"; }

at_moment() {
	sed 's/^\(up\|run\)()/its_\1()/'
	case $1 in
	up) printf 'up() {\n\tits_up\n\t%s\n}\nrun() { its_run "$@"; }\n' "$2" ;;
	strace) printf 'exec 4>&1\nup() { its_up; }\nrun() {\n\tif [ $# -gt 0 ]; then\n\t\t%s\n\tfi\n\tits_run "$@"\n}\n' "$2" ;;
	end) printf 'up() { its_up; }\nrun() { its_run "$@"; }\nat_end() {\n\t%s\n}\ntrap at_end EXIT\n' "$2" ;;
	esac
}

# stand_in NAME TEXT: put a program on PATH that does TEXT instead; $REAL is the real one.
stand_in() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/bash\nREAL=%s\n%s\n' "$(command -v "$1")" "$2" >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# path_without PROGRAM: set a PATH without it, and an id(1) that says the user is not root.
path_without() {
	local dir
	mkdir "$BATS_TEST_TMPDIR/path"
	for dir in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
		[ ! -d "$dir" ] || find "$dir" -maxdepth 1 ! -name "$1" ! -type d -exec ln -sfn -t "$BATS_TEST_TMPDIR/path" {} +
	done
	# shellcheck disable=SC2123 # on purpose
	PATH=$BATS_TEST_TMPDIR/path
	stand_in id 'echo 1000'
}

# qemu_that TEXT: put a QEMU on PATH that runs guests with TEXT, which has "$REAL" and "$@".
qemu_that() {
	stand_in qemu-system-x86_64 "[[ \" \$* \" == *' -kernel '* ]] || exec \"\$REAL\" \"\$@\"
$1"
}

PATH_BEFORE=$PATH
KVM_BEFORE=${KVM_DEVICE:-/dev/kvm}
KNOBS=()
