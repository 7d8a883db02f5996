# SPDX-License-Identifier: GPL-2.0-only
#
# symptom.jq: a commit's result, and whether it is good or bad; a module, jq -L repro/judge
# -L repro/bisect.d.
#
# seen.json of a commit: {commit, seconds, built, like, code, fixes, runs}; each run is {failure}
# or {rows: [{row, errno, call, function, text, facts, at}]}. function and text are those of the
# line that refused the call; at is all that is known about that line.
def line: {function, text: ([.condition, .statement.text | values][0] // "" | gsub("\\s+"; " "))};

# The rows of a run, from verdict.json.
def rows_of_verdict: .columns[0] | .refused as $refused
  | [.rows[] | .row as $row | ([$refused[]? | select(.rows | index($row)) | .at][0] // {}) as $at
     | {row, errno, call, facts, at: $at} + (if .errno then $at | line else {function: null, text: null} end)];

# The row of a program, from why.json (null: nothing was refused), and how it ended.
def row_of_why($ended): [(. // {}) | {row: "program", errno, call, facts: {ended: $ended}, at: (. // {})}
  + (if .errno then line else {function: null, text: null} end)];

# The part of a row that is compared.
def outcome($facts): {errno, call, function, text, facts: (.facts | with_entries(select(.key | IN($facts[]))))};

def described: "\(.errno // "success")"
  + (if .call then " (\(.call))" else "" end)
  + (if .function then " in \(.function): \(.text)" else "" end)
  + (.facts | if . == {} then "" else ", " + (to_entries | map("\(.key) \(.value)") | join(", ")) end);

def row($name): .rows[] | select(.row == $name);

# Why a commit cannot be judged at all, or nothing.
def failure: [.runs[].failure | values][0];

# How the result was obtained, in words.
def how: (if .like then "like \(.like.commit[:12]): \(.like.because)" elif .built then "built and run" else "run" end)
  + (.fixes // [] | if . == [] then "" else " with \(join(", "))" end) + ", \(.seconds) s";

# Choose the row and the facts by which two ends differ: {row, facts, good, bad}, or {refused}.
# $row and $facts are the user's, or "".
def ends($good; $bad):
  ($facts | [scan("[^ ,]+")]) as $asked
  | [$bad.runs[0].rows[].row] as $rows
  | [$rows[] | . as $name | ([$good.runs[0] | row($name)][0]) as $g | ([$bad.runs[0] | row($name)][0]) as $b
     | {row: ., $g, $b, facts: [select($g) | $b.facts | to_entries[] | select($g.facts[.key] != .value) | .key]}] as $all
  | (if $row == "" then $all else [$all[] | select(.row == $row)] end | map(select(.g))) as $pairs
  | if $pairs == [] then {refused: "ROW=\($row): must be one of \($rows | join(", "))"}
    elif any($asked[]; . as $fact | $pairs[0].b.facts | has($fact) | not) then
      {refused: "FACTS=\($facts): the facts of row \($pairs[0].row) are \($pairs[0].b.facts | keys | join(", "))"}
    else
      ([$pairs[] | select((.g | outcome($asked)) != (.b | outcome($asked)))] | [(.[] | select(.b.errno)), .[]][0]
       // ([$pairs[] | select($asked == [] and .facts != [])][0] | values | . + {chosen: .facts}) // null) as $pair
      | if $pair == null then {refused: "GOOD and BAD do not differ: \($pairs[0].row) is \($pairs[0].b | outcome($asked) | described) at both"}
        else $pair | (.chosen // $asked) as $facts
          | {row, $facts, good: (.g | outcome($facts)), bad: (.b | outcome($facts))}
          | if .bad.errno == null and .good.errno then
              {refused: "GOOD and BAD are exchanged: \(.row) is \(.bad | described) at BAD, and \(.good | described) at GOOD"}
            elif any($good.runs[]; [row($pair.row) | outcome($facts)] != [$pair.g | outcome($facts)])
              or any($bad.runs[]; [row($pair.row) | outcome($facts)] != [$pair.b | outcome($facts)])
            then {refused: "\(.row) differs between the runs of one end"} else . end
        end
    end;

# Judge a commit: {verdict: "good", "bad" or "skip", what: the result in words}.
def judged($symptom):
  [.runs[] | if .failure then {verdict: "skip", what: "another failure: \(.failure)"}
    else [row($symptom.row) | outcome($symptom.facts)][0] as $outcome
      | if $outcome == null then {verdict: "skip", what: "another failure: \($symptom.row) was not reported"}
        elif $outcome == $symptom.bad then {verdict: "bad", what: ($outcome | described)}
        elif $outcome == $symptom.good then {verdict: "good", what: ($outcome | described)}
        else {verdict: "skip", what: "another failure: \($outcome | described)"} end
    end] | unique
  | if length == 1 then .[0] else {verdict: "skip", what: "its runs differ: \(map(.what) | join("; "))"} end;
