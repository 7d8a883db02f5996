# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib.sh: functions shared by the scripts of a bisection; source it after vm/lib.sh, in the lab's
# folder.
#
# Environment: STATE, the folder of this bisection in the cache:
#   git/           git bisect's object store, with the user's repository as an alternate
#   words          the arguments of repro/run or repro/why, one per line
#   library        the name of the case's library
#   patches        the user's patches of the kernel
#   commits/ID/    seen.json (repro/bisect.d/observe), sources, log
#   symptom.json   what good and bad mean (symptom.jq)
#   tree/, tree.id the one tree of a kernel (repro/bisect.d/tree)
#   bisect.out     git bisect's output
#   steps          a line for each step
# KIND is kernel or library; AGE says whether the old end is good or bad; REPO is the user's
# repository.
# shellcheck disable=SC2016,SC2153 # the variables are jq's; STATE comes from the environment

# Children end with their script, even if SIGKILL ends it.
TIED=(setpriv --pdeathsig TERM)

theirs() { GIT_TERMINAL_PROMPT=0 timeout 600 git -c safe.directory='*' --no-optional-locks -C "$REPO" "$@"; }

# The user's settings of git must not change these commands.
ours() { GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -c gc.auto=0 --git-dir="$STATE/git" "$@"; }

seen_of() { echo "$STATE/commits/$1/seen.json"; }
log_of() { echo "$STATE/commits/$1/log"; }

# symptom FILTER OPTION...: run a filter with symptom.jq.
symptom() { jq -r -L repro/judge -L repro/bisect.d "${@:2}" "include \"shown\"; include \"symptom\"; $1"; }

# seen COMMIT FILTER: ask a commit's seen.json.
seen() { symptom "$2" <"$(seen_of "$1")"; }

# verdict_of COMMIT: print good, bad or skip, and the result in words on a second line.
verdict_of() {
	symptom 'judged($symptom[0]) | .verdict, (.what | printable)' --slurpfile symptom "$STATE/symptom.json" <"$(seen_of "$1")"
}

# subject COMMIT: print its short id and subject.
subject() { ours show -s --no-show-signature --format='%h %s' --abbrev=12 "$1" | printable | cut -c1-80; }

# told COMMIT: say in one line how it ended, and if it was skipped, why.
told() {
	local verdict='' what=''
	{ read -r verdict && read -r what; } < <(verdict_of "$1") || true
	[ "$verdict" = skip ] || what=''
	echo "$(subject "$1"): $verdict${what:+, $what} ($(seen "$1" how))"
}

# observe COMMIT WHAT: build and run this commit, unless its result is known.
observe() {
	[ ! -t 2 ] || printf '\e[K%s: %s\r' "$2" "$(subject "$1")" >&2
	"${TIED[@]}" repro/bisect.d/observe "$1"
}
