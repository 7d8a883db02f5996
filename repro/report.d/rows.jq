# SPDX-License-Identifier: GPL-2.0-only
#
# rows.jq: the calls of all columns side by side, for the report's table and its charts; a
# module, jq -L repro/judge -L repro/report.d.
include "shown";

# Calls with a name that distinguishes a function's first call from its second.
def numbered:
  reduce .[] as $call ({seen: {}, calls: []};
    .seen[$call.function] += 1 | .calls += [$call + {id: "\($call.function) \(.seen[$call.function])"}])
  | .calls;

# Lines [{id, calls: one for each column}] with the calls of one more column, or null;
# $none has a null for each column before it.
def beside($calls; $none): .[0].id as $id
  | if $calls == [] then map(.calls += [null])
    elif . == [] then [$calls[] | {id, calls: ($none + [.])}]
    elif $id == $calls[0].id then [.[0] | .calls += [$calls[0]]] + (.[1:] | beside($calls[1:]; $none))
    elif any($calls[]; .id == $id) then [{id: $calls[0].id, calls: ($none + [$calls[0]])}] + beside($calls[1:]; $none)
    else [.[0] | .calls += [null]] + (.[1:] | beside($calls; $none)) end;

# How to show values, by "FUNCTION VALUE": which are NULL in some call, as a pointer that is never NULL
# says nothing; and of which the case names the bits. Input: the facts of a report.
def manner: {
    nulls: ([.verdict.columns[].rows[].calls[] | .function as $function | .values | to_entries[]
      | select(.value == null) | {"\($function) \(.key)": true}] | add),
    bits: ([.case.probes[]? | .function as $function | .bits // {} | to_entries[] | {"\($function) \(.key)": .value}] | add)
  };

# A number as the names of its bits.
def named($bits): . as $n | [range($bits | length) | select($n / pow(2; .) | floor % 2 == 1)]
  | if $n == 0 or (map(pow(2; .)) | add) != $n then $n else map($bits[.]) | join("|") end;

# A call's values in words, without bytes, which the struct's layout decodes.
def values($manner): .function as $function | [.values | to_entries[] | "\($function) \(.key)" as $name
  | select(.value | type != "array")
  | select((.value | type != "string") or $manner.nulls[$name])
  | "\(.key | printable)\u00a0\(.value | if type == "number" and $manner.bits[$name] then named($manner.bits[$name]) else shown end | printable)"];

def result($column):
  if .has_returned | not then "no return seen"
  else returned($column) | ltrimstr("returned ") | printable end;

# The programs' functions may have different arguments: compare the values that all have.
def differ($columns): .calls as $calls
  | any($calls[]; . == null)
    or ([range($calls | length) as $i | $calls[$i] | result($columns[$i])] | unique | length > 1)
    or any($calls[].values | keys[]; . as $key
        | [$calls[].values | select(has($key)) | .[$key] | shown] | unique | length > 1);

# A row's name, and the facts that are alike in all columns.
def row_title($columns): if ($columns | length) == 1 then . else
  . + (shared($columns) | facts | if . == "" then "" else ": \(.)" end) end | printable;

# [{index, title, lines: [{calls, differs, parts}]}]; "parts" is true of the first line
# that differs.
def rows: .columns as $columns
  | [row_names | to_entries[] | .value as $name
     | [$columns[] | row($name).calls // [] | .[:100] | numbered] as $of
     | {index: .key, title: ($name | row_title($columns)),
        lines: (reduce range($of | length) as $i ([]; beside($of[$i]; [range($i) | null])) | map(.differs = differ($columns)))}]
  | ([.[] | .index as $i | .lines | to_entries[] | select(.value.differs) | [$i, .key]][0]) as $parts
  | if $parts then .[$parts[0]].lines[$parts[1]].parts = true else . end;

# The rows to show: if there are many, the first ones, and those from where the columns part.
def shown_rows: rows
  | ([.[] | select(any(.lines[]; .parts)) | .index][0] // 1) as $part
  | [.[] | select(.index == 0 or (.index >= $part and .index < $part + 3))];

# The same from the first line that differs, if there is one.
def differing_rows: shown_rows
  | ([.[] | select(any(.lines[]; .parts)) | .index][0] // 0) as $part
  | [.[] | select(.index >= $part)
     | (.lines | map(.parts == true) | index(true) // 0) as $first
     | .lines |= .[$first:]];
