# SPDX-License-Identifier: GPL-2.0-only
#
# screen.jq: one screen of text from verdict.json; jq -L repro/judge. It shows only what was
# observed, and leaves out calls that are alike in all columns. The first line is the verdict
# alone, for repro/run, which tells a lab failure itself.
include "shown";

def screen_width: 100;

# Does a value differ between columns? Addresses differ by chance.
def unlike($other): (. == null) != ($other == null) or (type == "number" and . != $other);

# A call of one column, with the values that differ between columns.
def cell($others; $column):
  if . == null then "not called"
  else ([.values | to_entries[] | . as $value
         | select(any($others[].values; has($value.key) and (.[$value.key] as $other | $value.value | unlike($other))))
         | "\(.key) \(.value | shown)"] + [returned($column)] | join(", "))
  end;

# The table's lines as {title, cells: [one for each column]}.
def lines: .columns as $columns
  | (row_names[] | . as $name | shared($columns) as $shared
     | (if ($columns | length) == 1 then {} else $shared end) as $shared
     | {title: $name,
        cells: [$columns[] | row($name) | if . == null then "not reported"
          else "\(ended)\(.facts | with_entries(select(.key as $key | $shared | has($key) | not)) | facts | if . == "" then "" else ", " + . end)" end]},
       (select($shared != {}) | {title: "  \($shared | facts)", cells: []})),
    (select(($columns | length) > 1) | row_names[] | . as $name
     | [$columns[] | row($name) | .calls // []] as $calls
     | (reduce ($calls | reverse | .[][].function) as $f ([]; if index($f) then . else . + [$f] end))[] as $function
     | [$calls[] | [.[] | select(.function == $function)][0]] as $of
     | {title: "\($name): \($function)", cells: [range($columns | length) as $i | $of[$i] | cell($of | del(.[$i]) | map(values); $columns[$i])]}
     | select(.cells | unique | length > 1));

# For each kind of refusal, the kernel line that refused: {title, cells} again.
def refusals: .columns as $columns
  | ([$columns[].refused[].at | values | {function, file, line}] | unique | length) as $places
  | [row_names[] | . as $name | {name: ., refused: [$columns[] | [.refused[] | select(.rows | index($name))][0]]}
     | select(any(.refused[]; .))]
  | group_by([.refused[] | if . then [.call, .error, (.at | {function, file, line})] else null end])
  | sort_by(.[0].name as $name | $name)[]
  | [.[].name] as $names | .[0].refused as $refused
  | {title: (if $places > 1 then "\($names[0])\($names[1:] | if . == [] then "" else " and \(length) alike" end): refused in" else "refused in" end),
     cells: [$refused[] | if . then .at.function // "an unknown place" else "not refused" end]},
    ({title: "", cells: [$refused[] | .at | place]},
     {title: "", cells: [$refused[] | .at.condition // ""]},
     {title: "", cells: [$refused[] | .at | made_by]} | select(any(.cells[]; . != "")));

# Side by side if the columns fit, else one line per column.
def table: .columns as $columns
  | [lines, refusals] as $lines
  | ([$lines[] | select(.cells != []) | .title | length] | max + 2 | [., 30] | max) as $first
  | ((screen_width - $first) / ($columns | length) | floor | [., 38] | min) as $width
  | if ($columns | length) == 1 then
      $lines[] | "  \(.title | pad($first))\(.cells[0])"
    elif $width >= 24 then
      "  \("" | pad($first))\($columns[:-1] | map(.title | pad($width)) | join(""))\($columns[-1].title)",
      ($lines[] | "  \(.title | pad($first))\(.cells[:-1] | map(pad($width - 1) + " ") | join(""))\(.cells[-1] // "")" | sub(" +$"; ""))
    else
      ([$columns[].title | length] | max + 2) as $second
      # Lines without a title join the line above them.
      | (reduce $lines[] as $line ([]; if $line.title == ""
          then .[-1].cells |= ([., $line.cells] | transpose | map(map(select(. != "")) | join(", ")))
          else . + [$line] end))[]
      | "  \(.title)",
        (.cells | to_entries[] | select(.value != "") | "    \($columns[.key].title | pad($second))\(.value)")
    end;

# Each refused call once: as strace prints it, and its bytes and fields by pahole's layout.
def refused_calls: [.columns[] | . as $column | .refused[] | {text: refused_text, column: $column, refused: .}]
  | unique_by(.text) | .[:8]
  | (.[] | . as $call
     | "  refused call  \(.text)",
       (.column | refused_bytes($call.refused) | "                \(.bytes)", "                \(.fields)")),
    (select(any(.[]; .text | contains("if_nametoindex("))) | "                if_nametoindex(): strace looks the number up in its own network namespace");

# The headline: kernel and library, for each column if the columns differ.
def about: .columns as $columns
  | ([$columns[].kernel | {release, source}] | unique) as $kernels
  | [$columns[].kernel | "\(.release // "?")\([.patch[]?, .config[]?] | if . == [] then "" else " with \(join(", "))" end)"] as $short
  | ([$columns[].library | values] | unique) as $libraries
  | "\(.case)   Linux \(if ($kernels | length) == 1 then $kernels[0] | "\(.release) (\(.source))"
      elif ($short | unique | length) < ($kernels | length) then [$columns[].kernel | "\(.release // "?") (\(.source))"] | join(" / ")
      else $short | join(" / ") end)   QEMU \(.qemu) \(.accel)\(if .restored then ", from a snapshot" else "" end)\(if $libraries == [] then "" else "   \([$columns[].library] | join(" / "))" end)";

(.verdict,
 (if .columns then about, table, refused_calls else .case end),
 (.differences[]? | "  ! \(.)"),
 (.retried | values | "  KVM lost a guest, so the lab ran all guests again without it: \(.)"),
 (select(.verdict != "lab-failure")
  | "  \(if .verdict == "reproduced" and .control then "AS PREDICTED" else .verdict | ascii_upcase | gsub("-"; " ") end): \(.reason)\(if .seconds then "   \(.seconds) s" else "" end)"))
| printable
