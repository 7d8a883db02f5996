# SPDX-License-Identifier: GPL-2.0-only
#
# rows.jq: the calls of both variants side by side, for the report's table and
# its charts; included with jq -L repro/judge -L repro/report.d.
include "shown";

# Calls with a name that tells a function's first call from its second.
def numbered:
  reduce .[] as $call ({seen: {}, calls: []};
    .seen[$call.function] += 1 | .calls += [$call + {id: "\($call.function) \(.seen[$call.function])"}])
  | .calls;

# Two lists of numbered calls as pairs {before, after}; null where one has no such call.
def merged($before; $after):
  if $before == [] then [$after[] | {before: null, after: .}]
  elif $after == [] then [$before[] | {before: ., after: null}]
  elif $before[0].id == $after[0].id
  then [{before: $before[0], after: $after[0]}] + merged($before[1:]; $after[1:])
  elif any($after[]; .id == $before[0].id) then [{before: null, after: $after[0]}] + merged($before; $after[1:])
  else [{before: $before[0], after: null}] + merged($before[1:]; $after) end;

# The values that are NULL in some call: a pointer that never is says nothing.
def nulls: [.variants[].sockets[].calls[] | .function as $function | .values | to_entries[]
  | select(.value == null) | "\($function) \(.key)"] | unique;

# A call's values in words; bytes are left to the struct that they are of.
def values($nulls): .function as $function | [.values | to_entries[]
  | select(.value | type != "array")
  | select((.value | type != "string") or ("\($function) \(.key)" | IN($nulls[])))
  | "\(.key | printable)\u00a0\(.value | shown | printable)"];

def result($variant):
  if .has_returned | not then "was not seen to return"
  else returned($variant) | ltrimstr("returned ") | printable end;

# The libraries may differ in their arguments: what both have is compared.
def differ($variants):
  if .before == null or .after == null then true
  else (.before | result($variants.before)) != (.after | result($variants.after))
    or (.after.values as $other | any(.before.values | to_entries[]; .key as $key
        | ($other | has($key)) and (.value | shown) != ($other[$key] | shown)))
  end;

def socket_name: "\(.device), ifindex \(.ifindex), queue \(.queue)" | printable;

# [{socket, pairs: [{before, after, differs, parts}]}]; "parts" is true of the first
# pair that differs.
def rows:
  .variants as $v
  | [range([$v.before.sockets, $v.after.sockets | length] | max) as $i
     | [$v.before.sockets[$i], $v.after.sockets[$i]] as [$b, $a]
     | {index: $i, socket: ($b // $a | socket_name),
        pairs: [merged($b.calls // [] | .[:100] | numbered; $a.calls // [] | .[:100] | numbered)[]
                | .differs = differ($v)]}]
  | ([.[] | .index as $i | .pairs | to_entries[] | select(.value.differs) | [$i, .key]][0]) as $parts
  | if $parts then .[$parts[0]].pairs[$parts[1]].parts = true else . end;

# The rows that are shown: of many sockets, the first, and from where they part.
def shown_rows: rows
  | ([.[] | select(any(.pairs[]; .parts)) | .index][0] // 1) as $part
  | [.[] | select(.index == 0 or (.index >= $part and .index < $part + 3))];
