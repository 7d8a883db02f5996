# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Functions and settings that all scripts on the host share; sourced.
#
# Exit codes of all of them: 0 as predicted or done; 1 not as predicted; 2 bad
# usage; 125 the lab itself failed (git bisect run skips such a commit).
# Every failure is one line on stderr: what failed, where the log is, what to do.

# Remove what would change the meaning of our commands: functions that replace programs, and
# variables that bash, make, git and the kernel's Makefile read from the environment.
# shellcheck disable=SC2046 # words
unset -f $(compgen -A function)
unset -v SCRATCH POSIXLY_CORRECT BASH_ENV ENV CDPATH MAKEFLAGS MFLAGS MAKELEVEL MAKEFILES \
	ARCH CROSS_COMPILE LLVM KCFLAGS KAFLAGS KCPPFLAGS KBUILD_OUTPUT KCONFIG_CONFIG KCONFIG_ALLCONFIG \
	GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR GIT_NAMESPACE
export LC_ALL=C
umask 022
# On a terminal, bash would set COLUMNS and LINES to its size after each command.
shopt -u checkwinsize

# Reopen closed stdio, or the next open() gets fd 0, 1 or 2.
[ -e "/proc/$BASHPID/fd/0" ] || exec </dev/null
[ -e "/proc/$BASHPID/fd/1" ] || exec >/dev/full
[ -e "/proc/$BASHPID/fd/2" ] || exec 2>/dev/null

# If a command exits when SIGINT arrives, bash assumes that the command handled it, and goes
# on. In a background script, SIGINT is ignored, and a trap cannot change that.
trap 'trap - INT; kill -INT "$BASHPID"' INT

# Downloads, kernels and what the lab learned about this host; shared by all checkouts.
# shellcheck disable=SC2034 # used by those who source this
[[ ${XDG_CACHE_HOME-} == /* ]] || unset XDG_CACHE_HOME # as the XDG standard says
CACHE=${XDG_CACHE_HOME:-${HOME:-~}/.cache}/xsklab

# The folder for building and running, relative to the checkout: runs in two such folders do
# not disturb each other.
export BUILD=${BUILD:-build}

# Print one line, even if the text contains newlines; failing to write it ends nothing.
note() { echo "xsklab: ${*//[[:cntrl:]]/ }" >&2 || true; }

# Filter a guest's text: no control characters, and no command to GitHub's log.
printable() { tr -cd '\11\12\40-\176' | cut -c1-300 | sed 's/##\[/# #[/g'; }

usage_error() { # TEXT
	note "$1"
	exit 2
}

lab_failure() { # TEXT
	note "lab failure: $1"
	exit 125
}

# number NAME VALUE LOWEST HIGHEST: check that a knob's value is a number in that range.
number() {
	if ! [[ $2 =~ ^[0-9]{1,8}$ ]] || [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
		usage_error "$1=$2: must be between $3 and $4"
	fi
}

# check_build: make cannot quote paths, and treats % as a pattern. The lab removes files in BUILD, so
# it must be the lab's own: in build/, new or empty, or a BUILD of an earlier run.
check_build() {
	local file
	[[ $BUILD =~ ^[A-Za-z0-9._/+-]+$ ]] ||
		usage_error "BUILD=$BUILD: may have only letters, digits and ._/+-"
	for file in "$BUILD"/{lock,kernel.json,errno.json}; do
		[ ! -f "$file" ] || return 0
	done
	[ -e "$BUILD" ] || return 0
	case $(realpath -m "$BUILD")/ in
	"$(realpath -m build)"/*) ;;
	*) [ -z "$(ls -A "$BUILD")" ] || usage_error "BUILD=$BUILD: holds files that are not the lab's; name a new or an empty folder" ;;
	esac
}

# claim_build: check BUILD and mark it, so that later runs know it as the lab's.
claim_build() {
	check_build
	[ -e "$BUILD/lock" ] || { mkdir -p "$BUILD" && : >>"$BUILD/lock"; } 2>/dev/null || lab_failure "cannot write $BUILD/lock"
}

# read_clock NAME: set NAME to the uptime in 1/100 s, a clock that nobody can change.
read_clock() {
	local now
	read -r now _ </proc/uptime
	printf -v "$1" %d "$((10#${now/./}))"
}

# is_fresh FILE: was it written within the last day? Ask a mirror or a host again after a
# day, unless the cache cannot keep the answer.
is_fresh() {
	[ -n "$(find "$1" -mtime -1 2>/dev/null)" ] || { [ -e "$1" ] && [ ! -w "${1%/*}" ]; }
}

# proxy: print the proxy that curl and git use, in words and without its password.
proxy() {
	local proxy=${https_proxy:-${HTTPS_PROXY:-${http_proxy:-${all_proxy:-${ALL_PROXY-}}}}}
	proxy=${proxy##*//}
	[ -z "$proxy" ] || echo " through the proxy ${proxy##*@}"
}

# scratch: make SCRATCH, a folder in the cache that is removed when the script ends; fail if
# the cache is not writable. Remove leftovers of SIGKILL after a day, but never a folder in
# use, whatever the clock says. Not for use in $(...): bash may end it without its EXIT trap.
scratch() {
	[ -z "${SCRATCH-}" ] || return 0
	mkdir -p "$CACHE" 2>/dev/null || true
	SCRATCH=$(mktemp -d "$CACHE/tmp.XXXXXX" 2>/dev/null) ||
		lab_failure "cannot write to the cache $CACHE; set XDG_CACHE_HOME to a writable folder with room"
	trap 'rm -rf "$SCRATCH"' EXIT
	exec {SCRATCH_LOCK}<"$SCRATCH"
	flock -n "$SCRATCH_LOCK"
	find "$CACHE" -maxdepth 1 -name 'tmp.*' -mtime +0 -exec flock -n {} rm -rf {} \; 2>/dev/null || true
}

# keep FILE COPY: copy its content atomically. If the cache is not writable, the next run
# only takes longer.
keep() {
	{ mkdir -p "${2%/*}" && cat "$1" >"$2.$$" && mv "$2.$$" "$2"; } 2>/dev/null ||
		rm -f "$2.$$" 2>/dev/null || true
}

# own_tmp: keep temporary files of builds in BUILD/tmp, and remove old ones. After a compiler is
# killed, a child that has just started may still create files that nobody else removes.
own_tmp() {
	local -a left
	export TMPDIR=$BUILD/tmp
	[[ $TMPDIR == /* ]] || TMPDIR=$PWD/$TMPDIR
	[ -d "$TMPDIR" ] || mkdir -p "$TMPDIR"
	left=("$TMPDIR"/*)
	[ ! -e "${left[0]}" ] || rm -rf "${left[@]}"
}

# use_cache: keep make distclean out of the cache until this script and its children end.
use_cache() {
	[ -d "$CACHE" ] || mkdir -p "$CACHE" 2>/dev/null || return 0 # the first that writes to it complains
	exec {CACHE_LOCK}<"$CACHE"
	flock -s -w 60 "$CACHE_LOCK" ||
		lab_failure "make distclean has been removing $CACHE for 60 s; try again when it is done"
}

: "${QEMU:=qemu-system-x86_64}"

# know_qemu: set QEMU_VERSION, QEMU_SANDBOX (not empty if QEMU was built with seccomp), and
# QEMU_ID, which changes when QEMU does. Asking QEMU takes a tenth of a boot, so keep the
# answer as long as the file stays the same; ask a wrapper script each time.
know_qemu() {
	local file memo='' magic=''
	file=$(type -P "$QEMU") || true
	QEMU_ID=$(stat -Lc '%d.%i.%s.%y' "${file:-/dev/null}")
	IFS= read -rN 4 magic 2>/dev/null <"${file:-/dev/null}" || true
	[ "$magic" != $'\x7fELF' ] || memo=$CACHE/qemu/${QEMU_ID//[ :]/.}
	if [ -z "$memo" ] || ! { read -r QEMU_VERSION QEMU_SANDBOX <"$memo"; } 2>/dev/null; then
		QEMU_VERSION='' QEMU_SANDBOX=''
		[[ $("$QEMU" --version 2>/dev/null) =~ version\ ([0-9.]+) ]] && QEMU_VERSION=${BASH_REMATCH[1]}
		[[ $'\n'$("$QEMU" -help 2>/dev/null) != *$'\n-sandbox'* ]] || QEMU_SANDBOX=yes
		[ -z "$memo" ] || [ -z "$QEMU_VERSION" ] || keep <(echo "$QEMU_VERSION $QEMU_SANDBOX") "$memo"
	fi
	QEMU_ID+=" $QEMU_VERSION"
}

# content FILE: print a hash of its content. Keep it beside the file, as reading some MiB
# takes a good part of a boot.
content() {
	local id known sum=''
	id=$(stat -Lc '%i.%s.%y' "$1")
	{ read -r sum known <"$1.sha256"; } 2>/dev/null || true
	if [ "$id" != "${known-}" ]; then
		sum=$(sha256sum <"$1")
		sum=${sum%% *}
		keep <(echo "$sum $id") "$1.sha256"
	fi
	echo "$sum"
}

# close_others: close all descriptors but stdin, stdout and stderr; for a background subshell.
# mmdebstrap passes dash a descriptor by number, and dash understands only one digit.
close_others() {
	local fd
	for fd in "/proc/$BASHPID/fd"/*; do
		fd=${fd##*/}
		[ "$fd" -le 2 ] || exec {fd}>&-
	done
}

# lock FILE SECONDS WHAT: hold FILE's lock until this script and its children end, so that no
# other run starts before.
lock() {
	use_cache
	while
		[ -d "${1%/*}" ] || mkdir -p "${1%/*}"
		# make clean may have removed the folder meanwhile.
		{ exec {LOCK}>"$1" || { mkdir -p "${1%/*}" && exec {LOCK}>"$1"; } } 2>/dev/null ||
			lab_failure "cannot write $1"
		if ! flock -n "$LOCK"; then
			note "waiting for another $3 (at most $2 s)"
			flock -w "$2" "$LOCK" ||
				lab_failure "another $3 has held $1 for $2 s; end it, or wait for it to end"
		fi
		# It may also have removed the file, and another process created a new one.
		! [ "$1" -ef "/proc/$BASHPID/fd/$LOCK" ]
	do
		exec {LOCK}>&-
	done
}

# private_apt SOURCES COMMAND...: run apt-get or apt-cache with package lists of our own. This
# needs no root, changes nothing on the host, and works even if nobody has run apt-get update.
# SOURCES is "system" or a file of deb-src lines.
private_apt() {
	local dir sources=$1 command=$2
	local -a options
	shift 2
	if [ "$sources" = system ]; then
		dir=$CACHE/apt/system
		options=()
	else
		dir=$CACHE/apt/$(basename "$sources" .list)
		options=(-o "Dir::Etc::sourcelist=$sources" -o Dir::Etc::sourceparts=-)
	fi
	mkdir -p "$dir/lists/partial" "$dir/archives/partial"
	flock -w 600 "$dir/lists" timeout 600 "$command" -q -o "Dir::State::Lists=$dir/lists" \
		-o "Dir::Cache=$dir" -o "Dir::Cache::archives=$dir/archives" \
		-o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false \
		-o Acquire::http::Timeout=20 -o Acquire::Retries=2 -o APT::Sandbox::User= \
		-o Debug::NoLocking=1 "${options[@]}" "$@"
}

# apt_options: print options of the system's apt for another apt.conf: proxies, and whether to
# check dates against the clock.
apt_options() {
	local scheme variable
	echo 'Acquire::Languages "none";'
	apt-config dump | grep -E '^Acquire::(https?::Proxy(::[^ ]*)?|Check-[^ ]*) "[^"]' || true
	for scheme in http https; do
		variable=${scheme}_proxy
		[ -z "${!variable-}" ] || echo "Acquire::$scheme::Proxy \"${!variable}\";"
	done
}

# mirror_of ID: print the mirror of that distribution in the system's apt, or nothing.
mirror_of() {
	# shellcheck disable=SC2016 # apt's variables
	private_apt system apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk -v id="$1" 'tolower($1) == id && tolower($2) == id { print $3; exit }'
}
