# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Build what the columns of a case need: libraries, programs, kernels, images. repro/run
# sources it after repro/case.sh.
# Inputs: what read_case sets; TIED; room, which prints the free space for error messages.
# build exits with 2 if a knob is wrong, with 125 if something does not build.
# shellcheck disable=SC2154 # case.sh and repro/run have them

# Write down what a column's program is made of, for the Makefile. Write only changes, as each
# write rebuilds the program. Two cases may have the same name, and a library's folder another
# revision than the last time, so the age of a file does not show whether the program was built
# from it.
describe_program() { # COLUMN
	local library text sum
	library_of "$1"; library=$REPLY
	sum=$({ cat "$DIR"/*.[ch] "$DIR/guest.sh" "$library"/{library.json,made-by} 2>/dev/null || true; } | sha256sum) # there may be no program
	word "$1" CFLAGS
	text="LIBRARY=$library"$'\n'"CFLAGS=${REPLY@Q}"$'\n'"SOURCES=${sum%% *}"
	[ "$(cat "$RUN/column.$1" 2>/dev/null)" = "$text" ] || echo "$text" >"$RUN/column.$1"
}

# Refuse a malformed KERNEL before anything is fetched.
check_kernels() {
	local column
	for column in "${COLUMNS[@]}"; do
		word "$column" KERNEL
		[[ $REPLY =~ ^(v.*|distro|.*#.*|)$ || -d $REPLY ]] ||
			usage_error "KERNEL=$REPLY: must be vX.Y[.Z], distro, a folder, or GITDIR#REF"
	done
}

build_libraries() {
	local column
	local -a revisions=()
	[ -n "$CASE_LIBRARY" ] || return 0
	for column in "${COLUMNS[@]}"; do
		first_with library_of "$column"
		[ "$REPLY" = "$column" ] || continue
		library_of "$column"; revisions+=("$REPLY")
		revision_of "$column"; revisions[-1]+="=$REPLY"
	done
	WITHOUT_FIX=$DIR/without-fix.cocci WITH_FIX=$DIR/with-fix.cocci "${TIED[@]}" "repro/$CASE_LIBRARY/build" "${!LIBRARY_KNOB-}" "${revisions[@]}"
}

build_kernels() {
	local column kernel patch config
	[ "${#CASE_CONFIG[@]}" = 0 ] || printf '%s\n' "${CASE_CONFIG[@]}" >"$RUN/case.config"
	for column in "${COLUMNS[@]}"; do
		first_with kernel_words "$column"
		[ "$REPLY" = "$column" ] || continue
		kernel_of "$column"; kernel=$REPLY
		column_files "$column" PATCH; patch=$REPLY
		column_files "$column" CONFIG
		config=$REPLY
		[ "${#CASE_CONFIG[@]}" = 0 ] || config="$RUN/case.config $config"
		word "$column" KERNEL
		PATCH=$patch CONFIG=$config "${TIED[@]}" kernel-config/build "$kernel" "$REPLY"
	done
}

make_inputs() { # TARGET...
	local log=$BUILD/make.log
	"${TIED[@]}" make -s --no-print-directory ${V:+V="$V"} CASE="$CASE" BUILD="$BUILD" "$@" >"$log" 2>&1 </dev/null || {
		cat "$log" >&2
		lab_failure "the programs do not build: $(grep -m1 -E 'No space|[Ee]rror' "$log" || room); see $log"
	}
	[ ! -s "$log" ] || cat "$log" >&2 || true
}

# wanted: set REPLY to a text that identifies what to build, and PARTS to the files that it
# is built from and with. Fail if the result may change without a change to these files.
wanted() {
	local column text="$DIR|$FIX" from
	PARTS=(Makefile gdbscripts kernel-config netns repro vm "$DIR")
	for column in "${COLUMNS[@]}"; do
		kernel_words "$column"
		text+="|$REPLY"
		from=${REPLY%%|*}
		[[ $from =~ ^(v[0-9.]+|distro|)$ ]] || return 1
		read -rd '' -a from <<<"${REPLY//|/ }" || true
		PARTS+=("${from[@]:1}")
		program_words "$column"
		text+="|$REPLY"
	done
	if [ -n "$CASE_LIBRARY" ]; then
		[[ ${!LIBRARY_KNOB-} =~ ^(upstream|distro|)$ ]] || return 1
		text+="|${!LIBRARY_KNOB-}"
	fi
	# If a program of the build or of a run is missing, build, and so call repro/needs.
	for from in cc ld pahole busybox ip ethtool strace gdbserver "$QEMU" gdb jq awk cmp find setpriv; do
		PARTS+=("$(type -P "$from" || type -P "/usr/sbin/$from" || echo /nowhere)")
	done
	REPLY=${text//$'\n'/ }
}

# is_built: is everything as the last build left it? Compare ctimes, as packages and archives
# set mtimes of their own. After a day, build again: a newer kernel or library may be available.
is_built() {
	local asked made column
	local -a PARTS
	wanted && { IFS= read -r asked && IFS= read -r made; } 2>/dev/null <"$RUN/built" && [ "$asked" = "$REPLY" ] || return 1
	for column in "${COLUMNS[@]}"; do
		machine_of "$column"
		[ -e "$KERNEL_LINK/vmlinux.boot" ] && [ -e "$RUN/initrd.$AS" ] || return 1
	done
	[ "$made" = "$(made)" ] && [ -z "$(find -H "${PARTS[@]}" "$RUN/built" \( -path "$RUN/built" -mtime +0 -o ! -path "$RUN/built" -newercm "$RUN/built" \) -print -quit 2>&1)" ]
}

# made: print the kernels and libraries that the columns have now; another case or verb may
# have replaced them.
made() {
	local column
	local -a links=() libraries=()
	for column in "${COLUMNS[@]}"; do
		kernel_of "$column"; links+=("$REPLY")
		library_of "$column"
		[ -z "$REPLY" ] || libraries+=("$REPLY/library.json")
	done
	{ readlink "${links[@]}" && cat /dev/null "${libraries[@]}"; } 2>/dev/null | tr -d '\n'
}

# keep_stamp ASKED BEGAN: give the stamp the time when the build began, so that a later change
# counts as not built.
keep_stamp() {
	printf '%s\n' "$1" "$(made)" >"$RUN/built"
	touch -d "@$2" "$RUN/built"
}

# Steps that fail early come before steps that take long.
build() {
	local column name asked='' began=$EPOCHREALTIME
	local -a programs=() images=() PARTS
	! is_built || return 0
	repro/needs
	own_tmp
	mkdir -p "$RUN"
	rm -f "$RUN/built"
	! wanted || asked=$REPLY
	for column in "${COLUMNS[@]}"; do
		built_as "$column"; name=$REPLY
		programs+=("$RUN/program.$name") images+=("$RUN"/{case,initrd}."$name")
	done
	check_kernels
	build_libraries
	for column in "${COLUMNS[@]}"; do
		built_as "$column"
		describe_program "$REPLY"
	done
	[ "$HAS_PROGRAM" = false ] || make_inputs "${programs[@]}"
	build_kernels
	make_inputs "${images[@]}" "$RUN/initrd.saved" "$BUILD/errno.json"
	layouts
	[ -z "$asked" ] || keep_stamp "$asked" "$began"
}

# pahole reads all of vmlinux, so keep its output beside it.
layouts() {
	local struct file
	for struct in "${STRUCTS[@]}"; do
		file=$BUILD/kernel/$struct.layout
		if [ -s "$file" ]; then
			cp "$file" "$RUN/"
			continue
		fi
		pahole -C "$struct" "$BUILD/kernel/vmlinux" >"$RUN/$struct.layout" 2>/dev/null || true
		[ -s "$RUN/$struct.layout" ] || lab_failure "pahole finds no struct $struct in this kernel"
		keep "$RUN/$struct.layout" "$file"
	done
}
