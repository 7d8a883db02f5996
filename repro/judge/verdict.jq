# SPDX-License-Identifier: GPL-2.0-only
#
# verdict.jq: compare what the lab observed with what the case expects; jq -L repro/judge.
#
# Named arguments: $name (of the case), $plan (plan.jq's), $errno (errno.c's), $refusals (refusals.jq's), $build
#   (BUILD) and $folder (the case's), $accel, $retried (why, or ""), $qemu, $took (1/100 s),
#   $layouts (pahole's, as text); for each column COLUMN/kernel and, if the case has a library,
#   COLUMN/library (its library.json; both slurped), and as text COLUMN/result, COLUMN/timeline
#   (JSON lines), COLUMN/strace, COLUMN/origins ([{call, at}]: a refused call, and
#   gdbscripts/why.py's answer).
# Output: verdict.json, see verdict.schema.json. "verdict" is reproduced if everything is as
#   expected, not-reproduced if something observed is not as expected, and lab-failure if
#   something is missing or contradicts itself.
include "shown";
include "rules";
include "observed";

$plan[0] as $plan | $plan.case as $case | $errno[0] as $errno | [$build, $folder] as $folders

# pahole's text as {struct: [{name, offset, size}]}.
| ([$layouts | scan("struct (\\w+) \\{\n((?:\t.*\n|\n)*)\\}") | {(.[0]): [.[1]
    | scan("(\\w+)(?:\\[\\d+\\])*; +/\\* +(\\d+) +(\\d+) \\*/")
    | {name: .[0], offset: (.[1] | tonumber), size: (.[2] | tonumber)}]}] | add // {}) as $structs

# A value for people: error numbers by their names.
| def named: if type == "number" and . < 0 and . > -4096
    then $errno[-. | tostring].name // . else . end;

# The name of a row's error; null if there was none.
  def error: if . == null or . == 0 then null else -. | named end;

# The value of a struct's member, as a little-endian number.
  def member($bytes): . as $m
    | reduce ($bytes[$m.offset:$m.offset + $m.size] | reverse | .[]) as $byte (0; . * 256 + $byte);

  def decoded: if .struct and (.values.bytes | type) == "array" then . as $call
    | .fields = ([$structs[$call.struct][]?
        | select(.offset + .size <= ($call.values.bytes | length))
        | {(.name): member($call.values.bytes)}] | add)
    else . end;

# The calls of a timeline in order of time, each with its return.
  def calls: . as $events
    | ($case.probes // [] | map({(.function): {syscall, struct} | map_values(values)}) | add) as $specs
    | (reduce ($events[].return | values) as $return ({}; .["\($return.of)"] //= $return)) as $returns
    | [$events[] | .call // empty | . as $call
       | $returns["\(.order)"] as $return
       | $call + {returned: ($return.value | named), has_returned: ($return != null), returned_at: $return.order}
         + ($specs[.function] // {})]
    | map(select(.function != "main") | decoded);

# Rows by name, each with the calls that gdb recorded before the program wrote it.
  def calls_by_row: calls + [.[].rows | values | select(.names != [])] | sort_by(.order)
    | reduce .[] as $event ({calls: [], rows: []};
        if $event.names then {calls: [], rows: (.rows + [{row: $event.names[0], together: $event.names[1:], calls}])}
        else .calls += [$event] end)
    | .rows;

# The key that identifies one call of a program.
  def which: {thread, number, nth, errno};

# One column: for each row, what the program, the kernel and strace say.
  def observed: . as $column
    | ($ARGS.named | {
        result: .["\($column.name)/result"] | result,
        timeline: (.["\($column.name)/timeline"] // "" | json_lines(is_event($folders))),
        strace: (.["\($column.name)/strace"] | lines),
        origins: (.["\($column.name)/origins"] | json(is_origins($folders)) | if . then .is else null end),
        kernel: .["\($column.name)/kernel"][0], library: (.["\($column.name)/library"] | if . then "\($case.library.name) \(.[0].version // error("library.json has no version"))" else "" end)}) as $seen
    | ($seen | map_values(. // [])) as $v
    | ($v.timeline | calls_by_row) as $recorded
    | ($refusals[0][$column.name] // {}) as $strace
    | ($strace.refused // [] | map(which as $which | .at = [$v.origins[] | select(.call | which == $which) | .at][0])) as $refused
    | $column + {
        library: ($seen.library | if . == "" then null else . end), kernel: $seen.kernel,
        garbled: [$seen | to_entries[] | select(.value == null) | .key],
        release: ([$v.result[] | objects | .boot.release // empty][0]),
        tainted: ([$v.result[] | objects | .end.tainted // empty][0]),
        restored: any($v.result[] | objects; .restored),
        whole: any($v.timeline[]; .done),
        numbered: ([$v.timeline[][].order?] == [range(1; 1 + ($v.timeline | length))]),
        recorded: [$recorded[].row],
        together: [$recorded[] | select(.together != []) | [.row, .together[]]],
        reported: [$v.result | rows_of("run")[].row],
        again: [$v.result | rows_of("strace")[] | {row, errno: (.errno | error)}],
        traced: $strace.rows,
        refused: $refused,
        rows: [$v.result | rows_of("run")[] | . as $row
          | ([$refused[] | select(.rows | index($row.row))][0]) as $refusal
          | {row, errno: (.errno | error), call: ($refusal.call // null),
             facts: (del(.row, .errno)), calls: ([$recorded[] | select(.row == $row.row) | .calls][0] // [])}]
      };

# The rule that matches a row, and the outcome that it names.
  def rule($row; $release): . as $column
    | [$case.expect[] | select(speaks($row; $column; $release))][-1];
  def expectation($row): rule($row; .release // "0")
    | if . == null then null else
        . as $rule | if ($rule.is | type) == "string" then {name: $rule.is, is: $case.outcomes[$rule.is]} else {name: null, is: $rule.is} end
        | .why = $rule.why end;

  def matches($wanted): if $wanted == "set" then . != null and . != false
    elif ($wanted | type) == "object" then type == "number" and ($wanted.min == null or . >= $wanted.min) and ($wanted.max == null or . <= $wanted.max)
    else . == $wanted end;
  def words: if . == null then "none" elif type == "object" then [(.min | values | "\(.) or more"), (.max | values | "\(.) or less")] | join(" and ") else tostring end;
  def pointer: if . == null then "NULL" else words end;

# The first few of many, as text.
  def some: if length > 8 then .[:8] + ["\(length - 8) more"] else . end | if . == [] then "none" else join(", ") end;
  def quoted: map(tojson) | some;

# How a row differs from its expectation, as text.
  def differences($outcome): . as $row
    | (.facts + {errno, call}) as $facts
    | [ ($outcome | to_entries[] | select(.key != "calls") | . as {$key, value: $wanted}
          | select($facts | has($key)) | $facts[$key]
          | select(matches($wanted) | not)
          | if $key == "errno" then "\(. // "success") instead of \($wanted // "success")" else "\($key) is \(words) instead of \($wanted | words)" end),
        (select($outcome.calls) | [.calls[].function] as $called
          | [$outcome.calls[] | select((.optional and (.function | IN($called[]) | not)) | not)] as $expected
          | if $called != [$expected[].function]
            then "called \($called | some) instead of \([$expected[].function] | some)"
            else range($expected | length) as $i | $row.calls[$i] as $call | $expected[$i]
              | to_entries[] | select(.key | IN("function", "optional") | not)
              | (if .key == "returned" then $call.returned else $call.values[.key] end) as $value
              | .key as $key | .value | . as $wanted
              | select($value | matches($wanted) | not)
              | "\($call.function): \($key) was \($value | pointer) instead of \(pointer)"
            end) ];

# What is missing or contradicts itself in one column, as text.
  def contradictions: . as $v
    | (($case.probes // []) != []) as $has_probes
    | [ (.garbled[] | "garbled \(.): \(if . == "strace" then "" else "a line is not JSON or has an unknown form, or " end)it has more than \(lines_max) lines or \(bytes_max) bytes"),
        (select($has_probes and (.whole | not)) | "the timeline is cut off"),
        (select(.release == null) | "the guest did not say which kernel it runs"),
        (select(.release != null and .release != .kernel.release) | "the guest ran Linux \(.release) instead of \(.kernel.release)"),
        (.reported | group_by(.)[] | select(length > 1) | "row \"\(.[0])\" was reported \(length) times"),
        (($plan.rows - .reported)[] | "row \"\(.)\" was not reported"),
        ((.reported - $plan.rows) | unique[] | "row \"\(.)\" was reported, but the case does not declare it"),
        (.together[] | "the rows \(quoted) came in one write(), so their calls cannot be told apart; make the program flush each line (setlinebuf)"),
        (select($has_probes and .recorded != .reported and .together == [] and .whole)
          | "gdb saw writes of the rows \(.recorded | quoted) before main() returned, but the program reported \(.reported | quoted); make it flush each line (setlinebuf)"),
        (select([.rows[] | {row, errno}] != .again) | "under strace the rows ended differently: \([.again[] | "\(.row) \(.errno // "success")"] | some)"),
        (select(.traced != [.again[].row] and .together == [])
          | "strace saw writes that begin with the rows \(.traced // [] | quoted), but the program reported \([.again[].row] | quoted); make it flush each line (setlinebuf)"),
        (.rows[] | . as $row
          | (select(.errno) | .calls[] | select(.syscall and .returned == $row.errno and .syscall != $row.call)
             | "row \"\($row.row)\": under gdb \(.syscall) returned \(.returned), but under strace \($row.call // "no call") did"),
            (.calls[]
             | (select(.has_returned | not) | "gdb did not see \(.function) return"),
               (.function as $function | .values | to_entries[]
                 | select(.key as $key | $row.facts | has($key) and .[$key] != null)
                 | select(.value != $row.facts[.key])
                 | "row \"\($row.row)\": the program reports \(.key) \($row.facts[.key]), but in \($function) it is \(.value)"))),
        (.refused[] | select(.at == null) | "the line that refused \(.call) with \(.error) is not known"),
        (.rows[] | . as $row | $v | expectation($row.row)
          | if . == null then select($row.row | IN($plan.rows[])) | "no rule of the case covers row \"\($row.row)\" on Linux \($v.release // "?")"
            else .is | keys_unsorted[] | select(. != "calls") | . as $fact
              | select(({errno: 0, call: 0} + $row.facts) | has($fact) | not)
              | "row \"\($row.row)\" does not report the fact \($fact), which the case expects" end),
        (select($has_probes and (.numbered | not)) | "a line of the timeline is missing")
      ] | map("\($v.name): \(.)");

# "success", or the error numbers that the lab saw.
  def outcome: [.rows[].errno | select(.)] | unique | if . == [] then "success" else join(", ") end;

[$plan.columns[] | observed | . as $column | .rows |= map(. as $row | .expected = ($column | expectation($row.row)))] as $columns
| [$columns[] | contradictions[]] as $broken
| [$columns[] | .name as $name | .rows[] | . as $row | select(.expected)
   | "\($name): \(.row): \(differences($row.expected.is)[])"] as $surprises
| ([$columns[].rows[].expected.why? | values] | unique) as $why
| ($columns[0].rows | length | if . == 1 then "1 row" else "\(.) rows" end) as $rows
| (if ($columns | length) == 1 then $rows else [$columns[] | "\(outcome) \(.title)"] | join(", ") end) as $summary
| {
    version: 1,
    case: $name,
    title: $case.title,
    verdict: (if $broken != [] then "lab-failure" elif $surprises != [] then "not-reproduced" else "reproduced" end),
    reason: (if $broken != [] then $broken[0]
             elif $surprises != [] then "\(if ($columns | length) == 1 then "" else "\($summary); " end)\($surprises[0])"
             elif ($columns | length) == 1 then (if $rows == "1 row" then "the row is" else "all \($rows) are" end) + " as the case expects"
             else $summary end
             | if $broken == [] and $surprises == [] and $why != [] then "\(.): \($why | join("; "))" else . end | printable),
    control: (($columns | length) > 1 and all($plan.rows[]; . as $row | [$columns[].rows[] | select(.row == $row) | .expected.is] | unique | length == 1)),
    knobs: $plan.knobs,
    accel: $accel,
    retried: (if $retried == "" then null else $retried end),
    restored: any($columns[]; .restored),
    qemu: $qemu,
    seconds: ($took / 10 | round / 10),
    differences: ($broken + $surprises | .[:1000] | map(printable)),
    columns: [$columns[] | {name, title, words, library,
      kernel: (.kernel + {release: (.release // .kernel.release), tainted}),
      rows: .rows[:256], refused: [.refused[] | {rows, call, args, nth, thread, error, text, at}]}]
  }
