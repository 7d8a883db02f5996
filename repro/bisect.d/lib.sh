# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts of a bisection share; sourced after vm/lib.sh, in the lab's folder.
#
# Environment: STATE, the folder of this bisection in the cache:
#   git/           an object store with the user's repository as an alternate; git bisect's
#   words          what repro/run or repro/why gets, one per line; library, patches
#   commits/ID/    seen.json (repro/bisect.d/observe), sources, log
#   symptom.json   what is good and what is bad (symptom.jq)
#   tree/          of a kernel, the one tree, and its tree.id (repro/bisect.d/tree)
#   bisect.out     what git bisect said; steps, a line for each
# KIND is kernel or library; AGE, good or bad, what the old end is; REPO, the user's repository.
# shellcheck disable=SC2016,SC2153 # the variables are jq's; STATE comes from the environment

# Children end with their script, even if SIGKILL ends it.
TIED=(setpriv --pdeathsig TERM)

theirs() { GIT_TERMINAL_PROMPT=0 timeout 600 git -c safe.directory='*' --no-optional-locks -C "$REPO" "$@"; }

# The user's own settings of git must not change what these commands do.
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

# told COMMIT: say in one line what became of it; of a skipped one, why.
told() {
	local verdict='' what=''
	{ read -r verdict && read -r what; } < <(verdict_of "$1") || true
	[ "$verdict" = skip ] || what=''
	echo "$(subject "$1"): $verdict${what:+, $what} ($(seen "$1" how))"
}

# observe COMMIT WHAT: see what the row does at this commit, unless that is known.
observe() {
	[ ! -t 2 ] || printf '\e[K%s: %s\r' "$2" "$(subject "$1")" >&2
	"${TIED[@]}" repro/bisect.d/observe "$1"
}
