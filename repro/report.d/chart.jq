# SPDX-License-Identifier: GPL-2.0-only
#
# chart.jq: the sequence chart of one column for mscgen, from repro/report.d/facts;
# jq -L repro/judge -L repro/report.d.
#
# Named argument: $column, its index. The charts of all columns have the same lines at the
# same height, so that they fit side by side; if a column lacks a call, its line is empty.
include "rows";
include "shown";

# Text for a quoted string of mscgen.
def quoted: printable | gsub("[\"\\\\]"; "'") | gsub("\u00a0"; " ");

# The callee: the kernel, the program itself, or its library.
def party($case): if .ring == 0 then "kernel" elif .file // "" | startswith("repro/cases/\($case)/") then "program" else "library" end;

# Does a line's call happen during another line's call?
def within($outer): .calls as $inner | any(range($inner | length); $outer.calls[.] as $o | $inner[.] as $i
  | $o and $i and ($o.returned_at == null or $i.order < $o.returned_at));

# A row's lines as events: an arrow for a call and one for its return; a box for a call
# within the same party.
def events($case):
  def close: .events += [.open[-1] + {kind: "return"}] | .open |= .[:-1];
  reduce .lines[] as $line ({open: [], events: []};
    until(.open == [] or (.open[-1] as $outer | $line | within($outer)); close)
    | (.open[-1].to // "program") as $from
    | ([$line.calls[] | values][0] | party($case)) as $to
    | ($line + {$from, $to}) as $event
    | if $line.parts then .events += [{kind: "mark"}] else . end
    | if $from == $to then .events += [$event + {kind: "box"}]
      else .events += [$event + {kind: "call"}] | .open += [$event] end)
  | until(.open == []; close)
  | .events[];

# The values of a column's call that differ from another column's.
def own_values($which; $manner): .calls
  | if length > 1 and all(.[]; .)
    then [.[] | values($manner)] | .[$which] - reduce .[1:][] as $other (.[0]; . - (. - $other))
    else [] end;

# At most two lines at an arrow, one above and one below it.
def text($which; $columns; $manner): . as $event
  | .calls[$which]
  | if . == null then []
    elif $event.kind == "return" then ["= \(result($columns[$which]))"]
    else ["\(.function)()"]
      + ($event | own_values($which; $manner) | if . == [] then . else [join(", ")] end)
      + if $event.kind == "box" then ["= \(result($columns[$which]))"] else [] end
    end
  | map(.[:44]);

def colour($text):
  if $text == [] then "linecolour=\"white\""
  elif .differs then "linecolour=\"#b00020\", textcolour=\"#b00020\""
  else "linecolour=\"black\"" end;

def arc($columns; $manner):
  if .kind == "mark" then "program box kernel [label=\"first difference\", textbgcolour=\"#ffd54f\"];"
  else ([text(range($columns | length); $columns; $manner) | length] | max) as $height
  | text($column; $columns; $manner) as $text
  | ($text + [range($height - ($text | length)) | " "] | map(quoted) | join("\\n")) as $quoted
  | {call: "\(.from) => \(.to)", return: "\(.to) >> \(.from)", box: "\(.to) box \(.to)"}[.kind]
    + " [label=\"\($quoted)\", \(colour($text))];" end;

.name as $case | manner as $manner | .verdict
| .columns as $columns
| "msc {",
  "hscale=\"0.9\", arcgradient=\"0\";",
  "program, library, kernel;",
  (shown_rows[] | "--- [label=\"\(.title | quoted)\"];", (events($case) | arc($columns; $manner))),
  "}"
