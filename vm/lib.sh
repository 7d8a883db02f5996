# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts that run on the host share; sourced, does nothing by itself.
#
# Exit codes of all of them: 0 as predicted or done; 1 not as predicted; 2 bad
# usage; 125 the lab itself failed (git bisect run skips such a commit).
# Every failure is one line on stderr: what failed; the log; what to do.

export LC_ALL=C
umask 022

# Downloads, kernels and findings about this host; shared by all checkouts.
# shellcheck disable=SC2034 # used by those who source this
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/xsklab

# The folder that is built and run in, seen from the checkout: runs in two go on
# side by side.
export BUILD=${BUILD:-build}

note() { echo "xsklab: $*" >&2; }

usage_error() { # TEXT
	note "$1"
	exit 2
}

lab_failure() { # TEXT
	note "lab failure: $1"
	exit 125
}

# number NAME VALUE LOWEST HIGHEST: is a knob's value one that can be used?
number() {
	if ! [[ $2 =~ ^[0-9]{1,8}$ ]] || [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
		usage_error "$1=$2 is no number between $3 and $4"
	fi
}

# read_clock NAME: the time in 1/100 s, by a clock that nobody sets.
read_clock() {
	local now
	read -r now _ </proc/uptime
	printf -v "$1" %d "$((10#${now/./}))"
}

# is_fresh FILE: was it written within the last day? What a mirror or a host
# answered is asked again after that.
is_fresh() {
	[ -n "$(find "$1" -mtime -1 2>/dev/null)" ]
}

# scratch: make SCRATCH, a folder in the cache that is gone when the script ends;
# or fail, where the cache cannot be written to. What SIGKILL left goes after a day.
# Not in a $(...): bash may end one without its EXIT trap.
scratch() {
	[ -z "${SCRATCH-}" ] || return 0
	mkdir -p "$CACHE" 2>/dev/null || true
	SCRATCH=$(mktemp -d "$CACHE/tmp.XXXXXX" 2>/dev/null) ||
		lab_failure "cannot write to the cache $CACHE; set XDG_CACHE_HOME to a folder with room that can be written to"
	trap 'rm -rf "$SCRATCH"' EXIT
	find "$CACHE" -maxdepth 1 -name 'tmp.*' -mtime +0 -exec rm -rf {} +
}

# lock FILE SECONDS WHAT: hold FILE's lock until this script ends. Children keep
# it, so that nobody starts over something that still runs.
lock() {
	while
		mkdir -p "${1%/*}"
		exec {LOCK}>"$1" || lab_failure "cannot write $1"
		if ! flock -n "$LOCK"; then
			note "waiting for another $3 (at most $2 s)"
			flock -w "$2" "$LOCK" ||
				lab_failure "another $3 has held $1 for $2 s; end it, or wait for it"
		fi
		# make clean may have removed the file meanwhile, and somebody made another.
		! [ "$1" -ef "/proc/$BASHPID/fd/$LOCK" ]
	do
		exec {LOCK}>&-
	done
}

# private_apt SOURCES COMMAND...: apt-get or apt-cache with package lists of our
# own: needs no root, changes nothing on the host, and works where nobody has
# run apt-get update. SOURCES is "system" or a file of deb-src lines.
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
