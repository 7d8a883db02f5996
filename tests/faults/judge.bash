# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The judge of the fault table; "load judge" in each file of tests/faults. A row is a
# test that injects one fault and calls
#
#   fault EXIT SECONDS CAUSE LOG COMMAND...
#     EXIT     the exit code that is stated for it
#     SECONDS  its deadline; 2 s more are granted
#     CAUSE    an extended regular expression for the last line on stderr, but for what
#              make says itself; '' for none
#     LOG      the log that this line has to name, seen from the lab; '' for none
#
# in $LAB, a checkout of its own. Whatever happened, nothing may be left behind, and
# the next make repro has to succeed without cleaning; from a state from which it has done
# so, it need not again. VERDICT is what verdict.json said
# before that, and $BATS_TEST_TMPDIR has it. Figures go to build/faults.tsv:
# row, exit code, deadline, seconds.

# shellcheck disable=SC2034,SC2154 # some are for the rows, some are set by bats

cd "$BATS_TEST_DIRNAME/../.." || exit
bats_require_minimum_version 1.5.0
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/xsklab # in a row, its own
TABLE=$PWD/build/faults.tsv

# share_cache DIR: a cache with the kernels, sources and answers of the one that there
# is, and folders of its own: what other runs on this host do in theirs is no fault.
share_cache() {
	local dir
	mkdir -p "$1/xsklab"/{kernels,sources}
	for dir in kernels sources; do
		find "$CACHE/$dir/" -mindepth 1 -maxdepth 1 -xtype d -exec realpath -z {} + |
			xargs -0r ln -s -t "$1/xsklab/$dir"
	done
	for dir in libraries origins accel trees; do
		[ ! -e "$CACHE/$dir" ] || cp -rp "$CACHE/$dir" "$1/xsklab"
	done
	find "$CACHE" -maxdepth 1 -type f -exec cp -p -t "$1/xsklab" {} +
}

# A copy of what is here, committed, and of what is built by the knobs KERNEL and LIBXDP.
make_lab() {
	LAB=$BATS_FILE_TMPDIR/lab
	repro/run build 2>/dev/null
	share_cache "$BATS_FILE_TMPDIR/cache"
	export XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache
	mkdir -p "$LAB/build"
	# With their times, so that there is nothing to build.
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

# Everything that a command must leave as it was.
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
		-o -name snapshot.qcow2 -o -name exec.log \) 2>/dev/null
	echo "cache:"
	find "$CACHE" -mindepth 1 -maxdepth 2 ! -path '*/origins/*' ! -path '*/accel/*' ! -path '*/apt' ! -path '*/apt/*' ! -name '*.log' ! -name '*.lock' | sort
	echo "locks:"
	local lock
	for lock in "$LAB"/build*/lock "$CACHE"/*/*.lock; do
		[ ! -e "$lock" ] || flock -n "$lock" true || echo "$lock is held"
	done
}

# What still runs of this row: processes keep its name in their environment, and most
# have a place in the lab.
survivors() {
	local pid
	for pid in $({ grep -lzsx "XSKLAB_FAULT=$BATS_TEST_NAME.$$" /proc/[0-9]*/environ
		find /proc -maxdepth 2 -name cwd -lname "$LAB*" 2>/dev/null; } | cut -d/ -f3 | sort -u); do
		[ "$pid" = "$BASHPID" ] || { tr '\0' ' ' <"/proc/$pid/cmdline" && echo; } 2>/dev/null
	done
}

seconds() { # since the start of the machine, which no clock's jump changes
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
	[ "$status" = "$exit" ] || { echo "not exit $exit"; return 1; }
	if [ -n "$cause" ]; then
		last=$(grep -v '^make: \*\*\* ' <<<"$stderr" | tail -n 1)
		[[ $last =~ $cause ]] || { echo "the last line names another cause than $cause"; return 1; }
		[[ $last == *"$log"* ]] || { echo "the last line does not name $log"; return 1; }
		[ -z "$log" ] || [ -e "$LAB/$log" ] || [ -e "$log" ] || { echo "there is no $log"; return 1; }
	fi
	nothing_is_left "$before"
	next_repro_succeeds
}

# A row stands once in the table; one that tries several moments, with the slowest.
record() { # EXIT DEADLINE SECONDS
	touch "$TABLE"
	awk -F '\t' -v OFS='\t' -v row="$BATS_TEST_DESCRIPTION" -v code="$1" -v deadline="$2" -v seconds="$3" \
		-v again="${RECORDED-}" '
		$1 != row { print; next }
		again && $4 > seconds { code = $2; deadline = $3; seconds = $4 }
		END { print row, code, deadline, seconds }' "$TABLE" >"$TABLE.$$"
	mv "$TABLE.$$" "$TABLE"
	RECORDED=1
}

# What was told to end may take until the deadline is over, 2 s later.
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

# state: what is left in build/ and in the cache. A file that each run writes anew counts by
# its name and mode, all others by their last change, too. What was found about the QEMU of
# a row is not asked for by any other.
state() {
	echo "$LAB"
	(cd "$LAB" && find build* "$CACHE" ! \( -path '*/accel/*' -newer .git/index \) -printf '%p %y %m %s %C@\n') | sort |
		sed -E '/ d [0-9]+ |\.(log|err|layout) |\/(lock|verdict\.json) |\/faulty\/|\/xsk-netns-cookie\/(before|after|accel)\// {
			s/ [^ ]+ [^ ]+$// }'
}

# Most faults leave the same behind; the next make repro runs once in each file for each
# state that they leave.
next_repro_succeeds() {
	local state
	state=$(state | sha256sum)
	! grep -qsxF "$state" "$BATS_FILE_TMPDIR/recovered" || return 0
	(cd "$LAB" && unset TMPDIR && KVM_DEVICE=$KVM_BEFORE PATH=$PATH_BEFORE make -s repro "${KNOBS[@]}" >"$BATS_TEST_TMPDIR/next" 2>&1 3>&- 4>&-) ||
		{ echo "the next make repro fails:"; cat "$BATS_TEST_TMPDIR/next"; return 1; }
	grep -q 'REPRODUCED: EINVAL before the fix, success after the fix' "$BATS_TEST_TMPDIR/next"
	echo "$state" >>"$BATS_FILE_TMPDIR/recovered"
}

# case_of FILE COMMAND...: the case, its file of that name passed through a command;
# prints CASE. Its folder is build/faulty.
case_of() {
	local file=$1
	shift
	cp -r repro/cases/xsk-netns-cookie "$BATS_TEST_TMPDIR/faulty"
	"$@" <"repro/cases/xsk-netns-cookie/$file" >"$BATS_TEST_TMPDIR/faulty/$file"
	echo "CASE=$BATS_TEST_TMPDIR/faulty"
}

# case_with FILTER...: its guest's script passed through sed.
case_with() { case_of guest.sh sed "$@"; }

# at MOMENT TEXT: the case, whose script does TEXT when its scene is "up", before its program
# runs under "strace", or at the "end"; prints CASE. TEXT's stdout is the result's, but under
# strace, where file descriptor 4 is.
at() { case_of guest.sh at_moment "$@"; }

at_moment() {
	sed 's/^\(up\|run\)()/its_\1()/'
	case $1 in
	up) printf 'up() {\n\tits_up\n\t%s\n}\nrun() { its_run "$@"; }\n' "$2" ;;
	strace) printf 'exec 4>&1\nup() { its_up; }\nrun() {\n\tif [ $# -gt 0 ]; then\n\t\t%s\n\tfi\n\tits_run "$@"\n}\n' "$2" ;;
	end) printf 'up() { its_up; }\nrun() { its_run "$@"; }\nat_end() {\n\t%s\n}\ntrap at_end EXIT\n' "$2" ;;
	esac
}

# stand_in NAME TEXT: a program on PATH that does something else; $REAL is the real one.
stand_in() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/bash\nREAL=%s\n%s\n' "$(command -v "$1")" "$2" >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# path_without PROGRAM: a PATH that lacks it, of somebody who is not root.
path_without() {
	local dir
	mkdir "$BATS_TEST_TMPDIR/path"
	for dir in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
		[ ! -d "$dir" ] || find "$dir" -maxdepth 1 ! -name "$1" ! -type d -exec ln -sfn -t "$BATS_TEST_TMPDIR/path" {} +
	done
	# shellcheck disable=SC2123 # that one
	PATH=$BATS_TEST_TMPDIR/path
	stand_in id 'echo 1000'
}

# qemu_that TEXT: a QEMU whose guests are run by TEXT, which has "$REAL" and "$@".
qemu_that() {
	stand_in qemu-system-x86_64 "[[ \" \$* \" == *' -kernel '* ]] || exec \"\$REAL\" \"\$@\"
$1"
}

PATH_BEFORE=$PATH
KVM_BEFORE=${KVM_DEVICE:-/dev/kvm}
KNOBS=()
