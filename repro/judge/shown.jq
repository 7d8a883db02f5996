# SPDX-License-Identifier: GPL-2.0-only
#
# shown.jq: the contents of verdict.json in words, for the screen and the report; a module,
# jq -L repro/judge.

# Text as one line of printable characters, cut if it is long; any other character becomes
# "?". Everything that a guest could influence goes through it.
def printable: tostring | .[:4000]
  | explode | map(if (. >= 32 and . < 127) or (. >= 160 and . < 592) then . else 63 end) | implode
  # GitHub's log takes these for commands, the second at the beginning of a line.
  | gsub("##\\["; "# #[") | sub("^(?<blanks> *)::"; "\(.blanks): :");

def pad($width): . + " " * ([$width - length, 0] | max);

def shown: if . == null then "NULL" elif type == "string" then "set" else tostring end;

# A call's return value; a pointer is named after the call that first returned it.
def returned($column):
  if (.returned | type) == "string" and (.returned | startswith("0x")) then
    . as $call
    | [$column.rows[] | .row as $row | .calls[] | select(.returned == $call.returned) | {order, $row}][0]
    | if .order == $call.order then "returned a new one" else "returned \(.row)'s" end
  elif .ring == 0 then (if .returned == 0 then "success" else .returned // "returned" end)
  else "returned \(.returned | shown)" end;

def hex: . as $n | "0123456789abcdef" | "\(.[$n / 16 | floor:][:1])\(.[$n % 16:][:1])";

# A fact's value in words.
def fact: if . == null then "none" else tostring end;
def facts: to_entries | map("\(.key | gsub("_"; " ")) \(.value | fact)") | join(", ");

# How a row ended.
def ended: "\(.errno // "success")\(if .call then " (\(.call))" else "" end)";

# The facts of a row that are alike in all columns.
def shared($columns): . as $row
  | [$columns[].rows[] | select(.row == $row) | .facts] as $all
  | $all[0] // {} | with_entries(. as $fact | select(all($all[]; has($fact.key) and .[$fact.key] == $fact.value)));

def row($name): [.rows[] | select(.row == $name)][0];

# All rows of a verdict by their names, in the order of the first column that has them.
def row_names: reduce (.columns[].rows[].row) as $row ([]; if index($row) then . else . + [$row] end);

# The bytes and fields of a refused call, if the case names its struct.
def refused_bytes($refused): [.rows[] | select(.row == $refused.rows[0]) | .calls[] | select(.fields and .returned == $refused.error)][0]
  | values | {bytes: ([.values.bytes[] | hex] | join(" ")), fields: ([.fields | to_entries[] | "\(.key) \(.value)"] | join(", "))};

# The arguments of a call as strace shows them, one by one.
def arguments:
  reduce (match("\"(\\\\.|[^\"\\\\])*\"(\\.\\.\\.)?|/\\*.*?\\*/|[^][{}(),\"/]+|."; "g").string) as $token ({depth: 0, all: [""]};
    if $token == "," and .depth == 0 then .all += [""]
    else
      .all[-1] += $token
      | .depth += (if $token | IN("(", "[", "{") then 1 elif $token | IN(")", "]", "}") then -1 else 0 end)
    end)
  | .all | map(sub("^ +"; "") | sub(" +$"; ""));

# A text in quotes that strace shows, cut behind some characters.
def cut_text: [.[1:] | match("\\\\([0-7]{1,3}|x[0-9a-f]{2}|.)|[^\\\\\"]"; "g").string] | if length <= 32 then null else "\"\(.[:16] | add)\"..." end;

# A call's arguments, made shorter if they have more characters than $room: first the texts in them,
# but for names of files, then what is long among the arguments. None of these is left out.
def brief($room):
  if length <= $room then . else
    ([match("\"(\\\\.|[^\"\\\\])*\"(\\.\\.\\.)?|[^\"]+|\""; "g").string
      | if test("^\"[^/]") then cut_text // . else . end] | add)
    | if length <= $room then . else
        arguments | map(select(length > 40)) as $long
        | ([($room - ((. - $long) | join(", ") | length)) / ($long | length | if . == 0 then 1 else . end) | floor, 40] | max) as $each
        | map(if length <= $each then . else .[:$each - 4] + ({"[": "...]", "{": "...}", "\"": "\"..."}[.[:1]] // "...") end) | join(", ") end
  end;

def refused_text: "\(.call)(\(.args | brief(240))) = -1 \(.error) (\(.text))";

def place: if . then .file + (if .line then ":\(.line)" else "" end) else "" end;

# The values that decided an error, and why others are missing.
def made_by($is): if . then [(.values | to_entries[] | "\(.key)\($is)\(.value // "NULL")"),
  (.unread // {} | to_entries[] | "\(.key): \(.value)")] | join(", ") else "" end;
def made_by: made_by(" ");
