# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Build what each side of repro/diverge runs: kernel, image, and what they are made from.
# Sourced after repro/case.sh and repro/program.sh.
# Inputs: WORKS, FAILS, OUT, DEADLINE, TIED, the knobs of repro/diverge. If a knob is wrong, the
# functions end the script with 2, and with 125 if something does not build.
# shellcheck disable=SC2153,SC2154 # case.sh and repro/diverge have them

# side SIDE COMMAND...: run a function with the words of one side; for a subshell.
side() {
	local text=${WORKS}
	local -a words
	SIDE=$1
	[ "$SIDE" = works ] || text=$FAILS
	sh -n -c "set -- $text" 2>/dev/null || usage_error "${SIDE^^}=$text: a quote is open"
	mapfile -t words < <(xargs -r printf '%s\n' <<<"$text")
	shift
	unset WORKS FAILS
	"$@" "${words[@]}"
}

# check WORDS...: refuse what cannot run, before anything is built.
check() {
	read_case "$@"
	choose_column
	if [ -n "${PROG-}" ]; then
		check_words
		check_program
	else
		[ "$HAS_PROGRAM" = true ] || usage_error "CASE=$NAME has no program; PROG= names one"
	fi
}

# prepare WORDS...: build what one side needs, and write to OUT/SIDE: kernel and kernel.json,
# initrd, words (the environment of its guest), program.json (for gdbscripts/places.py).
prepare() {
	local folder=$OUT/$SIDE program name link
	local -a items
	check "$@"
	rm -rf "$folder"
	mkdir -p "$folder"
	if [ -n "${PROG-}" ]; then
		link=$BUILD/kernel
		"${TIED[@]}" kernel-config/build "$link" "${KERNEL-}"
		program=$PROG name=$(guest_name)
		echo "${name@Q} ${ARGS-}" >"$folder/command"
		# shellcheck disable=SC2086 # words
		"${TIED[@]}" repro/why.d/comes-along "$PROG" "$name" ${FILES-} >"$folder/items"
		mapfile -t items <"$folder/items"
		items+=("/case/command=$folder/command")
		ARGS=''
		guest_words "$COLUMN"
	else
		repro/run build
		machine_of "$COLUMN"
		link=$KERNEL_LINK program=$folder/program name=/case/program
		cp "$RUN/program.$AS" "$program" # the other side may build it otherwise
		items=("$name=$program")
	fi
	"${TIED[@]}" make -s --no-print-directory ${V:+V="$V"} CASE="$CASE" BUILD="$BUILD" \
		"$BUILD/guest.cpio" "$BUILD/errno.json" "$BUILD"/diverge.tools/{align,begin} >&2 </dev/null ||
		lab_failure "the guest's image or the aligner does not build; make's messages are above"
	ln -sfn "$(realpath "$link")" "$folder/kernel"
	cp "$link.json" "$folder/kernel.json"
	printf '%s\n' CASE=diverge "SECONDS_MAX=$DEADLINE" "${WORDS[@]}" >"$folder/words"
	make_initrd
	link_debug_files
	for item in "${items[@]}"; do
		[[ $item == *=* && -f ${item#*=} ]] || continue
		printf '%s\t%s\n' "${item%%=*}" "$(realpath "${item#*=}")"
	done | jq -Rn --arg program "$name" --arg folder "$(realpath "$folder")/run" \
		'{$folder, $program, files: ([inputs / "\t" | {key: .[0], value: .[1]}] | from_entries)}' >"$folder/program.json"
}

# Debug information among FILES, where gdb looks for it.
link_debug_files() {
	local file id
	[ -n "${PROG-}" ] || return 0
	for file in ${FILES-}; do
		[[ $file == *.debug ]] || continue
		id=$(LC_ALL=C readelf -n "${file#*=}" 2>/dev/null | sed -n 's/^ *Build ID: //p')
		mkdir -p "$folder/.build-id/${id:0:2}"
		ln -sfn "$(realpath "${file#*=}")" "$folder/.build-id/${id:0:2}/${id:2}.debug"
	done
}

make_initrd() {
	local item file
	for item in "${items[@]}"; do
		file=${item%%=*} file=${file##*/}
		[[ $file != *.so?(.*) ]] || items+=("/case/lib/$file=${item#*=}")
	done
	[ -z "${SETUP-}" ] || items+=("/case/setup=$SETUP")
	: >"$folder/empty" # without it, a call of the dynamic linker itself fails in every program
	"${TIED[@]}" vm/image "$BUILD/gen_init_cpio" "$folder/case.cpio" /case/diverge.sh=repro/diverge.d/guest.sh \
		"/case/guest.sh=$DIR/guest.sh" "/bin/begin=$BUILD/diverge.tools/begin" \
		"/bin/ldconfig=$(PATH=$PATH:/usr/sbin:/sbin command -v ldconfig)" "/etc/ld.so.preload=$folder/empty" \
		'/bin/timeout->busybox' '/bin/env->busybox' "${items[@]}"
	cat "$BUILD/guest.cpio" "$folder/case.cpio" >"$folder/initrd"
}
