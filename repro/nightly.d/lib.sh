# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What repro/nightly and repro/nightly.d/cell share; sourced after vm/lib.sh.

# Children end with their script, even if SIGKILL ends it.
# shellcheck disable=SC2034 # used by those who source this
TIED=(setpriv --pdeathsig TERM timeout --kill-after=10)

# keep_result FOLDER STATUS TRIES: write a cell's result.json, with the last line that the lab
# said in its log.
keep_result() {
	jq -n --argjson status "$2" --argjson tries "$3" --arg host "${PARALLEL_SSHHOST-}" \
		--arg said "$(sed -nE 's/^xsklab: (lab failure: )?//p' "$1/cell.log" | tail -n 1)" \
		'$ARGS.named | .host |= if . == ":" then "" else . end' >"$1/result.part"
	mv "$1/result.part" "$1/result.json"
}
