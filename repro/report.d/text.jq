# SPDX-License-Identifier: GPL-2.0-only
#
# text.jq: print sections.jq's sections as a mail with headers: at most 75 columns, and under 40
# KiB, because each section has a limit of lines; jq -L repro/judge -L repro/report.d.
include "shown";
include "mail";

def width: 75;
# The limit of lines of a section; together they are less than 480.
def limit: {"What fails": 40, "Timeline": 110, "Expected and seen": 50, "Versions": 30, "The line that refused it": 40}[.title] // 24;

def chunks($width): if length <= $width then [.] else [.[:$width]] + (.[$width:] | chunks($width)) end;

# Wrap a text at $width columns; indent all lines but the first by $hanging.
def wrapped($width; $hanging):
  if length <= $width then .
  else ([match("^ *").string][0]) as $indent
  | ($indent + " " * $hanging) as $further
  | reduce (.[$indent | length:] / " " | .[] | chunks($width - ($further | length))[]) as $word
      ({lines: [], line: $indent, fresh: true};
        if .fresh then .line += $word | .fresh = false
        elif (.line | length) + 1 + ($word | length) <= $width then .line += " " + $word
        else .lines += [.line] | .line = $further + $word end)
  | (.lines + [.line])[] end;

# Two columns with a mark between them.
def side_by_side($left; $right; $mark):
  [[$left[] | wrapped(36; 2)], [$right[] | wrapped(36; 2)]] as [$l, $r]
  | range([$l, $r | length] | max)
  | "\($l[.] // "" | pad(36)) \($mark) \($r[.] // "")" | sub(" +$"; "");

# One column as it is; two side by side; more, one line each.
def table: . as {$columns, $heads}
  | ([$columns[] | length] | max + 2) as $first
  | if ($columns | length) == 2 then side_by_side([$heads[0]]; [$heads[1]]; "|"), "-" * 37 + "+" + "-" * 37 else empty end,
    (.rows[] | . as $row
     | if .title then .title | wrapped(width; 2)
       elif ($columns | length) == 1 then .cells[0][] | "  \(.)" | wrapped(width; 2)
       elif ($columns | length) == 2 then side_by_side(.cells[0]; .cells[1]; if .differs then "!" else "|" end)
       else range($columns | length) as $i | $row.cells[$i] | to_entries[]
         | (if .key > 0 then " " * ($first + 2) else (if $row.differs then "! " else "  " end) + ($columns[$i] | pad($first)) end) + .value
         | wrapped(width; $first) end);

def block:
  if .p then "", (.p | wrapped(width; 0))
  elif .pre then "", (.pre[] | "  " + . | wrapped(width; 4))
  elif .pairs then "", ([.pairs[][0] | length + 1] | [max, 10] | max) as $first
    | (.pairs[] | "  \(.[0] | pad($first))\(.[1])" | wrapped(width; $first))
  elif .table then "", (.table | table)
  else empty end;

# A mail's header, an address in each line.
def header($name): select(. != []) | "\($name): \(.[0])\(if length > 1 then "," else "" end)",
  (.[1:] | to_entries | length as $more | .[] | "    \(.value)\(if .key < $more - 1 then "," else "" end)");

[.sections[] | .title as $title | limit as $limit
  | "", "", $title, "-" * ($title | length),
    ([.blocks[] | block] | .[1:]
     | if length > $limit
       then .[:$limit - 1][], "[cut: \(length - $limit + 1) more lines; report.html has them]"
       else .[] end)
  | gsub("\u00a0"; " ") | sub(" +$"; "")] as $body
| (.to | header("To")), (.cc | header("Cc")),
  ("Subject: \(.subject | encoded)" | if startswith("Subject: =?") then . else wrapped(width; 1) end),
  (select($body | any(test("[^ -~]")))
   | "MIME-Version: 1.0", "Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit"),
  $body[1:][]
