# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The case of this run, for the verbs that need one; sourced after vm/lib.sh.
# Environment: CASE (xsk-netns-cookie), a case of repro/cases or the path of a case's
#   folder; BUILD; the case's own knobs, and those that choose what to build: KERNEL,
#   PATCH, CONFIG, CFLAGS, ARGS, FIX, and the knob named after the case's library.
# If the case or a knob is wrong, every function ends the script with 2.
# shellcheck disable=SC2034 # what is set is for those who source this

RECALL='' # take the knobs of an earlier run: its folder, or "last"

# What else the lab keeps in BUILD, as a pattern: no case may have such a name.
BUILD_HAS='bench|bench-kernel*|bisect|case|debian|debug-*|diverge*|errno|errno-menu|gen_init_cpio|init|kernel|lock|menuconfig|netns-cookie|nightly|report|selftest|shell|soak|tmp|why|*.@(cpio|from|json|log|tap|tsv)'

read_word() { # NAME=value
	[[ $1 =~ ^[A-Z][A-Z0-9_]*= ]] || usage_error "$1 is not NAME=value; see make help-all"
	export "${1?}"
}

# read_case [NAME=value...]: read case.json with the knobs of this run, and check both.
# Sets
#   DIR NAME RUN     the case's folder and name, and the folder to build and run it in
#   PLAN             the plan of this run, as JSON (repro/judge/plan.jq)
#   COLUMNS          the columns' names
#   COLUMN_WORDS     ["COLUMN NAME"]: the value of a column's word
#   CASE_KNOBS       the names of the case's knobs
#   KNOB_VALUES      [KNOB]: its value; the shell variable of that name may be a script's own
#   CASE_LIBRARY CASE_FIX LIBRARY_KNOB CASE_CONFIG (lines) HAS_PROBES STRUCTS (of probes)
#   HAS_PROGRAM      true or false
# The words may be knobs of the lab (LAB_KNOBS, a pattern) or of the case. With RECALL, take
# the knobs of that run.
read_case() {
	local kind key value word file plan
	local -a sources
	for word; do
		read_word "$word"
	done
	check_build
	export CASE=${CASE:-xsk-netns-cookie}
	DIR=${CASE%/}
	[[ $CASE == */* ]] || DIR=repro/cases/$CASE
	NAME=${DIR##*/} RUN=$BUILD/${DIR##*/}
	file=$DIR/case.json
	[[ $DIR =~ ^[A-Za-z0-9._/+-]*$ && $NAME == [A-Za-z0-9_]* ]] ||
		usage_error "CASE=$CASE: may have only letters, digits and ._/+-, and its name must begin with a letter or digit"
	# A library's folder has the library's name.
	[[ ! -e repro/$NAME/build && $NAME != @($BUILD_HAS) ]] ||
		usage_error "CASE=$CASE: the lab keeps something else in $RUN; give the case another name"
	[ -f "$file" ] || usage_error "CASE=$CASE: no $file; the lab has $(cd repro/cases && echo *)"
	[ -f "$DIR/guest.sh" ] || usage_error "CASE=$CASE: no $DIR/guest.sh; see docs/case.md"
	sources=("$DIR"/*.c)
	HAS_PROGRAM=false
	[ ! -f "${sources[0]}" ] || HAS_PROGRAM=true
	[ -z "$RECALL" ] || recall_knobs
	read_plan "$file"
	COLUMNS=() CASE_KNOBS=() CASE_CONFIG=() CASE_LIBRARY='' CASE_FIX='' HAS_PROBES='' STRUCTS=()
	declare -gA COLUMN_WORDS=() KNOB_VALUES=()
	{
		IFS= read -r PLAN
		while IFS=$'\t' read -r kind key value; do
			case $kind in
			error) usage_error "$file: $key" ;;
			refused) usage_error "$key" ;;
			column) COLUMNS+=("$key") ;;
			word) COLUMN_WORDS[$key]=$value ;;
			config) CASE_CONFIG+=("$key") ;;
			library) CASE_LIBRARY=$key ;;
			fix) CASE_FIX=$key ;;
			probe)
				HAS_PROBES=1
				[ -z "$value" ] || STRUCTS+=("$value") ;;
			knob) CASE_KNOBS+=("$key") KNOB_VALUES[$key]=$value ;;
			*) usage_error "$file: not JSON: it must hold one object" ;;
			esac
		done
	} <<<"$plan"
	[ -z "$CASE_LIBRARY" ] || [ -x "repro/$CASE_LIBRARY/build" ] ||
		usage_error "$file: library.name: no repro/$CASE_LIBRARY/build"
	for key in "${!COLUMN_WORDS[@]}"; do
		[[ $key == *\ PATCH || $key == *\ CONFIG ]] || continue
		for word in ${COLUMN_WORDS[$key]}; do
			[ -f "$DIR/$word" ] || usage_error "$file: columns.${key% *}.words: ${key#* }=$word: no $DIR/$word"
		done
	done
	LIBRARY_KNOB=${CASE_LIBRARY^^}
	for word; do
		[[ ${word%%=*} =~ ^($LAB_KNOBS${LIBRARY_KNOB:+|$LIBRARY_KNOB})$ || " ${CASE_KNOBS[*]} " == *" ${word%%=*} "* ]] ||
			usage_error "unknown knob $word; repro/${0##*/} takes ${LAB_KNOBS//|/ }${LIBRARY_KNOB:+ $LIBRARY_KNOB}; the case $NAME has ${CASE_KNOBS[*]:-none of its own}; see make help-all"
	done
}

# read_plan FILE: set plan to plan.jq's output for this case.json and this run's knobs. Checking a
# case takes jq a twentieth of a second, so keep the plan of an unchanged one, with the names and
# values of its knobs.
read_plan() {
	local id names values='' name
	local -a lines=()
	id="$HAS_PROGRAM $(stat -c '%n %i %s %z' "$1" repro/judge/{plan,rules,validate}.jq repro/judge/case.schema.json)"
	id=${id//$'\n'/ }
	mapfile -t lines 2>/dev/null <"$RUN/plan" || true
	for name in ${lines[1]-}; do
		values+="${!name-} "
	done
	if [ "${lines[0]-}" = "$id" ] && [ "${lines[2]-}" = "$values" ]; then
		printf -v plan '%s\n' "${lines[@]:3}"
		plan=${plan%$'\n'}
		return
	fi
	plan=$(jq -r -L repro/judge --slurpfile schema repro/judge/case.schema.json \
		--argjson has_program "$HAS_PROGRAM" -f repro/judge/plan.jq "$1" 2>&1) || usage_error "$1: not JSON: ${plan#jq: error}"
	[ -n "$plan" ] || usage_error "$1: not JSON: it must hold one object"
	[ -d "$RUN" ] && [[ $plan != '{"errors"'* && $plan != '{"refused"'* ]] || return 0
	names=$(sed -n 's/^knob\t\([^\t]*\)\t.*/\1/p' <<<"$plan" | tr '\n' ' ') values=''
	for name in $names; do
		values+="${!name-} "
	done
	keep <(printf '%s\n' "$id" "$names" "$values" "$plan") "$RUN/plan"
}

# note_knobs: keep the knobs that decide what a run does, for recall_knobs.
note_knobs() {
	local knob
	{
		printf 'SWAP=%s\0' "${SWAP:-0}"
		for knob in KERNEL PATCH CONFIG FIX CFLAGS ARGS ${LIBRARY_KNOB:+"$LIBRARY_KNOB"}; do
			printf '%s=%s\0' "$knob" "${!knob-}"
		done
		for knob in "${CASE_KNOBS[@]}"; do
			printf '%s=%s\0' "$knob" "${KNOB_VALUES[$knob]}"
		done
	} >"$RUN/knobs"
}

# recall_knobs: export the knobs of the run RECALL, and refuse any that the user gives otherwise.
recall_knobs() {
	local word knob given
	local -a words=()
	[ "$RECALL" != last ] || RECALL=$RUN
	[ -e "$RECALL/knobs" ] || return 0
	mapfile -d '' words <"$RECALL/knobs"
	for word in "${words[@]}"; do
		knob=${word%%=*}
		given=$(printenv "$knob" || true)
		[[ -z $given || $given == "${word#*=}" ]] ||
			usage_error "$knob=$given: the last run had $([[ $word == *= ]] && echo "no $knob" || echo "$word"); leave it out, or run the case again"
		export "${word?}"
	done
}

# guest_knobs: check and export the knobs of every verb that runs guests.
guest_knobs() {
	export DEADLINE=${DEADLINE:-60} ACCEL=${ACCEL:-auto}
	number DEADLINE "$DEADLINE" 1 86400
	case $ACCEL in
	auto | kvm | tcg) ;;
	*) usage_error "ACCEL=$ACCEL: must be auto, kvm or tcg" ;;
	esac
	[ "${SWAP-}" != 1 ] || [ "${#COLUMNS[@]}" -gt 1 ] ||
		usage_error "SWAP=1: the case $NAME has one column, so there is none to exchange it with; to see the case fail, change an expectation and run repro/run judge"
}

# choose_column: check and export COLUMN, for a verb that runs one guest; by default the
# first column.
choose_column() {
	export COLUMN=${COLUMN:-${COLUMNS[0]}}
	[[ " ${COLUMNS[*]} " == *" $COLUMN "* ]] ||
		usage_error "COLUMN=$COLUMN: the case $NAME has ${COLUMNS[*]}"
}

# word COLUMN NAME: set REPLY to the column's word, or else the user's.
word() {
	local key="$1 $2"
	REPLY=${COLUMN_WORDS[$key]-${KNOB_VALUES[$2]-${!2-}}}
}

# column_files COLUMN NAME: set REPLY to the column's files, from the case's folder, and the
# user's.
column_files() {
	local file key="$1 $2"
	REPLY=''
	for file in ${COLUMN_WORDS[$key]-}; do
		REPLY+=" $DIR/$file"
	done
	REPLY="${REPLY# }${!2:+ ${!2}}"
	REPLY=${REPLY# }
}

# first_with FUNCTION COLUMN: set REPLY to the first column for which FUNCTION gives the same
# REPLY as for COLUMN. What two columns share is built once, under the first one's name.
first_with() {
	local column wanted
	"$1" "$2"
	wanted=$REPLY
	for column in "${COLUMNS[@]}"; do
		"$1" "$column"
		[ "$REPLY" != "$wanted" ] || break
	done
	REPLY=$column
}

kernel_words() { # COLUMN
	local kernel patch
	word "$1" KERNEL; kernel=$REPLY
	column_files "$1" PATCH; patch=$REPLY
	column_files "$1" CONFIG
	REPLY="$kernel|$patch|$REPLY"
}

program_words() { # COLUMN
	local library
	word "$1" CFLAGS; library=$REPLY
	library_of "$1"
	REPLY="$REPLY|$library"
}

# kernel_of COLUMN: set REPLY to the link to the column's kernel. The other verbs also use the
# first column's link.
kernel_of() {
	first_with kernel_words "$1"
	if [ "$REPLY" = "${COLUMNS[0]}" ]; then
		REPLY=$BUILD/kernel
	else
		REPLY=$RUN/kernel.$REPLY
	fi
}

# revision_of COLUMN: set REPLY to the revision of the library that the column is linked with.
revision_of() { REPLY=${COLUMN_WORDS["$1 $LIBRARY_KNOB"]-FIX}; }

# library_of COLUMN: set REPLY to the folder of the column's library, or to nothing.
library_of() {
	[ -n "$CASE_LIBRARY" ] || { REPLY=''; return; }
	revision_of "$1"
	REPLY=$BUILD/$CASE_LIBRARY/${REPLY//^/-parent}
}

# built_as COLUMN: set REPLY to the column whose name its program and image have.
built_as() { first_with program_words "$1"; }

# guest_words COLUMN: set WORDS, the environment of the guest's script.
guest_words() {
	local knob
	WORDS=("COLUMN=$1")
	for knob in "${CASE_KNOBS[@]}" ARGS; do
		word "$1" "$knob"
		[[ $REPLY =~ ^[\ !#-~]*$ ]] || usage_error "$knob=$REPLY: must be printable ASCII without double quotes"
		WORDS+=("$knob=$REPLY")
	done
}

# played_by COLUMN: set REPLY to the column whose kernel, program and words run in its place:
# itself, or with SWAP=1 the next column, to show that the lab can say no.
played_by() {
	local i
	REPLY=$1
	[ "${SWAP-}" = 1 ] || return 0
	for i in "${!COLUMNS[@]}"; do
		[ "${COLUMNS[i]}" != "$1" ] || REPLY=${COLUMNS[(i + 1) % ${#COLUMNS[@]}]}
	done
}

# machine_of COLUMN: set KERNEL_LINK, AS (the name of program and image) and WORDS.
machine_of() {
	local player
	played_by "$1"; player=$REPLY
	kernel_of "$player"; KERNEL_LINK=$REPLY
	built_as "$player"; AS=$REPLY
	guest_words "$player"
}
