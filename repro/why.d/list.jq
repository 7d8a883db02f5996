# SPDX-License-Identifier: GPL-2.0-only
#
# list.jq: the errors that a program met, a line each; jq -r -L repro/why.d -L repro/judge.
#
# Input: candidates.jq's. What repeats is one line: those that differ only by addresses, and of
# more than many() that have call and error in common, all.
include "rank";
include "shown";

def many: 6;

def line: (if length == 1 then "" else "\(length) x " end) + (.[0] | told);

(.failed | group_by([.call, .error, .carried])
  | map((group_by(.args | gsub("0x[0-9a-f]{6,}"; "...")) | if length > many then [[.[][]] | map(.args = "...")] else . end)[])
  | sort_by(.[0].order)[] | line),
"the program \(.ended // "was still running at the deadline")"
| printable
