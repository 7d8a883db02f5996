# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What repro/LIBRARY/build of each library has in common: sources from a git repository or a
# source package, kept in the cache. They source it after vm/lib.sh.
# Inputs: PACKAGE (a source package), PATHS (what to take of the sources), DEBIAN_SUITES and
#   UBUNTU_SUITES (where to look for the package), MADE_BY (a sum of what compile uses), and
#   compile OUT (compiles the sources in OUT).
# Output: NAME, the sources' name in the cache.
# shellcheck disable=SC2034,SC2153 # those who source this set and use variables

kept=$CACHE/libraries

bare_git() { # GITDIR ARGUMENTS...
	local dir=$1
	shift
	GIT_TERMINAL_PROMPT=0 timeout "${GIT_DEADLINE:-300}" git -c safe.directory='*' -c gc.auto=0 \
		-c http.lowSpeedLimit=1000 -c http.lowSpeedTime="${STALL_DEADLINE:-20}" -C "$dir" "$@"
}

# unpack_commit GITDIR SOURCE COMMIT: unpack PATHS of a commit into SCRATCH/tree.
unpack_commit() {
	scratch
	mkdir -p "$SCRATCH/tree"
	bare_git "$1" archive "$3" -- "${PATHS[@]}" | tar -x -C "$SCRATCH/tree" ||
		lab_failure "cannot unpack commit $3 of $2"
}

# put NAME SOURCE VERSION: keep SCRATCH/tree in the cache as the sources NAME.
put() {
	jq -n --arg id "$1" --arg source "$2" --arg version "$3" '$ARGS.named' >"$SCRATCH/tree/library.json"
	mkdir -p "$kept"
	mv -T "$SCRATCH/tree" "$kept/$1" 2>/dev/null || [ -d "$kept/$1" ] ||
		lab_failure "cannot write $kept/$1"
}

# suites: print the archive's suites, in the order of preference, as lines for a sources.list.
suites() {
	local id uri suite keyring='' names
	# shellcheck source=/dev/null
	id=$(. /etc/os-release && echo "$ID")
	uri=$(mirror_of "$id")
	[ -n "$uri" ] || return 0
	names=$DEBIAN_SUITES
	[ "$id" = debian ] || names=$UBUNTU_SUITES
	[ ! -e "/usr/share/keyrings/$id-archive-keyring.gpg" ] ||
		keyring="[signed-by=/usr/share/keyrings/$id-archive-keyring.gpg] "
	for suite in $names; do
		echo "$suite deb-src $keyring$uri $suite main"
	done
}

# download_package: download the source package, the newest of the first suite that has one, into
# SCRATCH; print its version.
download_package() {
	local suite line version log=$CACHE/apt.log tried=''
	private_apt system apt-get update >"$log" 2>&1 || return 1
	while read -r suite line; do
		echo "$line" >"$SCRATCH/$suite.list"
		private_apt "$SCRATCH/$suite.list" apt-get update >>"$log" 2>&1 || continue
		version=$(private_apt "$SCRATCH/$suite.list" apt-cache showsrc --only-source "$PACKAGE" 2>>"$log" |
			awk '/^Version:/ { print $2 }' | sort -V | tail -n 1)
		[ -n "$version" ] || continue
		if (cd "$SCRATCH" && private_apt "$SCRATCH/$suite.list" apt-get source \
			--download-only "$PACKAGE=$version") >>"$log" 2>&1; then
			echo "$version"
			return
		fi
		tried+=" $version ($suite)"
	done < <(suites)
	note "cannot fetch a source package of $PACKAGE; tried:${tried:- none}"
	return 1
}

# unpack_package VERSION: unpack PATHS of the package in SCRATCH into SCRATCH/tree.
unpack_package() {
	mkdir "$SCRATCH/tree"
	dpkg-source --no-check -x "$SCRATCH/$PACKAGE"_*.dsc "$SCRATCH/unpacked" >"$CACHE/apt.log" 2>&1 ||
		lab_failure "cannot unpack $PACKAGE $1; see $CACHE/apt.log"
	(cd "$SCRATCH/unpacked" && tar -c "${PATHS[@]}") | tar -x -C "$SCRATCH/tree"
}

# fill OUT: copy the sources NAME from the cache and compile them, unless OUT has them.
fill() {
	local out=$1
	if cmp -s "$out/library.json" "$kept/$NAME/library.json" && [ "$(cat "$out/made-by" 2>/dev/null)" = "$MADE_BY" ]; then
		return
	fi
	rm -rf "$out"
	mkdir -p "$(dirname "$out")"
	cp -r "$kept/$NAME" "$out" 2>/dev/null || {
		rm -rf "$out"
		lab_failure "cannot write $out; is its disk full?"
	}
	compile "$out"
	echo "$MADE_BY" >"$out/made-by"
}
