# SPDX-License-Identifier: GPL-2.0-only
#
# list.jq: the errors that a program met, one per line; jq -r -L repro/why.d -L repro/judge.
#
# Input: the output of candidates.jq. Calls that differ only by addresses share a line, and so do
# calls with the same error if there are more than many().
include "rank";
include "shown";

def many: 6;

def line: (if length == 1 then "" else "\(length) x " end) + (.[0] | told);

(.failed | group_by([.call, .error, .carried])
  | map((group_by(.args | gsub("0x[0-9a-f]{6,}"; "...")) | if length > many then [[.[][]] | map(.args = "...")] else . end)[])
  | sort_by(.[0].order)[] | line),
"the program \(.ended // "was still running at the deadline")"
| printable
