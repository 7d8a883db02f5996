# SPDX-License-Identifier: GPL-2.0-only
#
# chart.jq: the sequence chart of one variant for mscgen, from repro/report.d/facts;
# jq -L repro/judge -L repro/report.d.
#
# Named argument: $variant, before or after. The charts of both have the same rows in
# the same height, so that they can stand side by side; where one has no such call, its
# row is empty.
include "rows";
include "shown";

# What a quoted string of mscgen's can hold.
def quoted: gsub("[\"\\\\]"; "'") | gsub("\u00a0"; " ");

# Who is called: the kernel, the program itself, or its library.
def party($program): if .ring == 0 then "kernel" elif .file | endswith($program) then "program" else "library" end;

# Is a pair's call made while that of another runs?
def within($outer): . as $inner | any("before", "after";
  $outer[.] and $inner[.] and ($outer[.].returned_at == null or $inner[.].order < $outer[.].returned_at));

# A socket's pairs as rows: an arrow for a call and one for its return; a box for a
# call that stays where it is.
def events($program):
  def close: .events += [.open[-1] + {kind: "return"}] | .open |= .[:-1];
  reduce .pairs[] as $pair ({open: [], events: []};
    until(.open == [] or (.open[-1] as $outer | $pair | within($outer)); close)
    | (.open[-1].to // "program") as $from
    | ($pair | .before // .after | party($program)) as $to
    | ($pair + {$from, $to}) as $row
    | if $pair.parts then .events += [{kind: "mark"}] else . end
    | if $from == $to then .events += [$row + {kind: "box"}]
      else .events += [$row + {kind: "call"}] | .open += [$row] end)
  | until(.open == []; close)
  | .events[];

# The values of a call of both variants that they do not share.
def own_values($row; $nulls):
  if $row.before and $row.after
  then [$row.before, $row.after | values($nulls)] as [$b, $a] | values($nulls) - ($b - ($b - $a))
  else [] end;

# At most two lines at an arrow, one above and one below it.
def text($which; $variants; $nulls): . as $row
  | .[$which]
  | if . == null then []
    elif $row.kind == "return" then ["= \(result($variants[$which]))"]
    else ["\(.function)()" | printable]
      + (own_values($row; $nulls) | if . == [] then . else [join(", ")] end)
      + if $row.kind == "box" then ["= \(result($variants[$which]))"] else [] end
    end
  | map(.[:44]);

def colour($text):
  if $text == [] then "linecolour=\"white\""
  elif .differs then "linecolour=\"#b00020\", textcolour=\"#b00020\""
  else "linecolour=\"black\"" end;

def arc($variants; $nulls):
  if .kind == "mark" then "program box kernel [label=\"here they part\", textbgcolour=\"#ffd54f\"];"
  else ([text("before", "after"; $variants; $nulls) | length] | max) as $height
  | text($variant; $variants; $nulls) as $text
  | ($text + [range($height - ($text | length)) | " "] | map(quoted) | join("\\n")) as $quoted
  | {call: "\(.from) => \(.to)", return: "\(.to) >> \(.from)", box: "\(.to) box \(.to)"}[.kind]
    + " [label=\"\($quoted)\", \(colour($text))];" end;

"msc {",
"hscale=\"0.9\", arcgradient=\"0\";",
"program, library, kernel;",
(.verdict | if .variants then
  .variants as $variants | nulls as $nulls | "/program.c" as $program
  | shown_rows[]
  | "--- [label=\"\(.socket | quoted)\"];", (events($program) | arc($variants; $nulls))
 else "program box kernel [label=\"no timeline was judged\"];" end),
"}"
