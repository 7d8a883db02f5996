# SPDX-License-Identifier: GPL-2.0-only
#
# refusals.jq: list the refused system calls in a case's rows, for each column: calls with the
# same name, error, and constants in the arguments once, as one line of the kernel refuses them.
# jq -L repro/judge.
#
# Named arguments: $errno (errno.c's), $plan (plan.jq's); per column, as text, COLUMN/result
#   and COLUMN/strace.
# Output, for jq -r: the number of refused calls; a line "COLUMN N<tab>CALL" for each, N from 0;
#   then {COLUMN: {rows [names], refused [{rows, program, thread, number, nth, call, args,
#   errno, error, text, name}]}}: the rows that strace saw the program write, and the refused
#   calls. A row's refused call is the last one with the row's error since the previous row.
include "calls";
include "observed";

# The constants in a call's arguments, like XDP_RX_RING; not text, numbers and names in quotes.
def constants: [gsub("\"[^\"]*\""; "") | scan("\\b[A-Z][A-Z0-9_]+\\b")];

$plan[0].columns | map(.name as $column
  | ($ARGS.named["\($column)/strace"] | if lines then . else "" end | strace_calls($errno[0]) | .rows |= .[:rows_max]) as $strace
  | ([0] + [$strace.rows[].order]) as $begins
  | [$ARGS.named["\($column)/result"] | result // [] | rows_of("strace")[] | . as $row
     | ([$strace.rows | to_entries[] | select(.value.row == $row.row) | .key][0]) as $i
     | select($i != null and ($row.errno // 0) != 0)
     | [$strace.failed[] | select(.order > $begins[$i] and .order < $strace.rows[$i].order and .errno == $row.errno)][-1]
     | values + {row: $row.row}]
  | group_by([.call, .error, (.args | constants)]) | map(sort_by(.order) | .[0] + {rows: map(.row), name: .[0].error} | del(.row))
  | {($column): {rows: [$strace.rows[].row], refused: sort_by(.order)}})
| add
| [to_entries[] | .key as $column | .value.refused | to_entries[] | "\($column) \(.key)\t\(.value | del(.rows) | tojson)"] as $lines
| ($lines | length), $lines[], .
