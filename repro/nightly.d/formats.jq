# SPDX-License-Identifier: GPL-2.0-only
#
# formats.jq: turn repro/nightly's facts about its cells into results.jsonl, and that into
# JUnit XML, KTAP and Markdown. A module; each filter says what goes in and out.
#
# A reason may quote a guest or a build. In all formats it is escaped, and is one line
# without control characters.

# Text as one line that is safe for any reader: no control characters, no change of
# direction, no command to GitHub's log, and cut to length.
def plain: tostring[:1000] | explode
  | map(if . < 32 or (. >= 127 and . < 160) or (. >= 8206 and . < 8208) or (. >= 8232 and . < 8239)
    or (. >= 8294 and . < 8298) or . == 65534 or . == 65535 then 32 else . end)
  | implode | gsub("##\\["; "# #[") | if length > 300 then .[:299] + "…" else . end;

# "success", or the error numbers of a column's rows.
def outcome: [.rows[].errno | select(.)] | unique
  | if . == [] then "success" else join(", ") end | plain;

# The result of a cell. An exit code counts only with the matching verdict.
def result: if .status == 0 and .verdict.verdict == "reproduced" then "as predicted"
  elif .status == 1 and .verdict.verdict == "not-reproduced" then "not as predicted"
  else "lab failure" end;

def key: [.case, .kernel, .library, .words | tostring] | join(" ");

# How a cell compares with $was, its last result other than a lab failure.
def change($was): if .result == "lab failure" then "lab failure"
  elif .result == "not as predicted" then
    (if $was == .result then "still failing" else "newly failing" end)
  elif $was == "not as predicted" then "fixed" else null end;

# Why a lab failure is one.
def failure: if .status == null then "no host ran this cell to its end; see \(.log)"
  elif (.status | IN(2, 125)) and .said != "" then .said
  else "repro/run exited with \(.status), but the verdict is \(.verdict.verdict // "missing"); see \(.log)" end;

# Cells as lines of the plan with {status, tries, host, said, log, report, verdict (text)}, and
# the objects of an earlier results.jsonl ([] for none): the objects of results.jsonl, the header
# first.
def results($version; $earlier):
  ($earlier[1:] | map({(key): .last_known}) | add) as $last
  | .[0].planned as $started
  | map(.verdict = ([.verdict | fromjson? | objects][0] // {})
    | (.verdict.columns // []) as $columns
    | result as $result
    | {case, kernel, library, words, $result, tries: (.tries // 0), status, host: (.host | if . == "" then null else . end),
       reason: (if $result != "lab failure" then .verdict.reason else failure end | plain),
       change: null, last_known: null,
       releases: ($columns | map({(.name): (.kernel.release | values | plain)}) | add), libraries: ($columns | map({(.name): .library}) | add),
       outcomes: ($columns | map({(.name): outcome}) | add),
       differences: ([.verdict.differences[]? | plain] | .[:20]),
       seconds: (.verdict.seconds | numbers? // 0), log, report: (.report | if . == "" then null else . end)}
    | ($last[key]) as $was
    | .last_known = (if $result == "lab failure" then $was else $result end)
    | if $earlier == [] then . else .change = change($was) end)
  | {
      format: "xsklab nightly", $version, $started, seconds: (now - ($started | fromdate) | floor),
      compared_with: ($earlier[0].started // null),
      cells: length,
      as_predicted: map(select(.result == "as predicted")) | length,
      not_as_predicted: map(select(.result == "not as predicted")) | length,
      lab_failures: map(select(.result == "lab failure")) | length
    }, .[];

# The text for a choice that the case does not leave.
def chosen_kernel: if .kernel == "" then "the case's kernels" else .kernel end;
def entry: if .words == "" then "defaults" else .words end;
def joined($with): map(select(. != "")) | join($with);
def name: [chosen_kernel, .library, entry] | joined(", ");

# Cells by case, in the order of the run.
def by_case: [.[].case] as $cases
  | map(. as $cell | {cell: ., at: ($cases | index($cell.case))}) | group_by(.at) | map(map(.cell));

def count(f): map(select(f)) | length;
def seconds: map(.seconds) | add | . * 10 | round / 10;

# The filters below read the objects of results.jsonl.

def junit:
  def attribute($name): " \($name)=\"\(. | @html)\"";
  def problem($tag): "<\($tag) type=\"\(.result)\"\(.reason | attribute("message"))>\([.differences[], "log: \(.log)", (.report // empty | "report: \(.)")] | join("\n") | @html)</\($tag)>";
  .[0] as $header | .[1:]
  | "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    "<testsuites name=\"nightly\" tests=\"\(length)\" failures=\"\($header.not_as_predicted)\" errors=\"\($header.lab_failures)\" time=\"\(seconds)\">",
    (by_case[] | "  <testsuite\(.[0].case | plain | attribute("name")) tests=\"\(length)\" failures=\"\(count(.result == "not as predicted"))\" errors=\"\(count(.result == "lab failure"))\" time=\"\(seconds)\"\($header.started | rtrimstr("Z") | attribute("timestamp"))>",
      (.[] | "    <testcase\(name | plain | attribute("name"))\(.case | plain | attribute("classname")) time=\"\(.seconds)\">\(
        if .result == "not as predicted" then problem("failure")
        elif .result == "lab failure" then problem("error") else "" end)</testcase>"),
      "  </testsuite>"),
    "</testsuites>";

# A lab failure is a skip: KTAP has no other word for a test without a result.
def ktap:
  # # begins a directive, and kunit.py stops at these words, which end a kernel's log.
  def text: plain | gsub("#"; "@") | gsub("(?<word>partitions|VFS|reboot):"; .word);
  .[1:] | by_case
  | "KTAP version 1", "1..\(length)",
    (to_entries[] | .key as $i | .value
      | "  KTAP version 1", "  # Subtest: \(.[0].case | text)", "  1..\(length)",
        (to_entries[] | "\(.key + 1) \(.value | name | text)" as $name | .value
          | if .result == "as predicted" then "  ok \($name)"
            elif .result == "lab failure" then "  ok \($name) # SKIP lab failure: \(.reason | text)"
            else (.reason, .differences[] | "  #   \(text)"), "  not ok \($name)" end),
        "\($i + 1) \(.[0].case | text)" as $name
        | if any(.result == "not as predicted") then "not ok \($name)"
          elif all(.result == "lab failure") then "ok \($name) # SKIP lab failure"
          else "ok \($name)" end);

def summary:
  # As code, in which nothing is a link, a mention or HTML. A backslash before a pipe
  # would cancel the pipe's own backslash.
  def code: if . == null or . == "" then "" else plain | gsub("`"; "'") | gsub("\\\\*\\|"; "\\|") | "`\(.)`" end;
  def changes: map(.change | select(. and . != "lab failure")) | group_by(.)
    | map("\(length) \(.[0])") | if . == [] then "nothing changed" else join(", ") end;
  # One column's outcome, or all columns' with their names.
  def outcomes: (.outcomes // {}) | if length < 2 then .[] // "" else to_entries | map("\(.key): \(.value)") | join("; ") end;
  def row: "| \(join(" | ")) |";
  def list($title): if . == [] then empty
    else "", "## \($title)", "", (.[] | "- \([.case, chosen_kernel, .library, .words] | joined(" ") | code): \(.reason | code); log: \(.log | code)\(if .report then "; report: \(.report | code)" else "" end)") end;
  .[0] as $header | .[1:] | any(.host) as $hosts
  | "# Nightly: \($header.as_predicted) of \(length) cells as predicted, \($header.not_as_predicted) not, \($header.lab_failures) lab failures",
    "",
    "\($header.started), \($header.seconds) s; \(if $header.compared_with then "compared with \($header.compared_with | code): \(changes)" else "not compared with an earlier run" end).",
    "",
    (["case", "kernel", "release", "library", "words", "outcomes", "result", "s"] + if $hosts then ["host"] else [] end | row, (map("---") | row)),
    (.[] | [(.case, chosen_kernel, ([.releases[]?] | unique | join(", ")), .library, .words, outcomes | code),
        "\(if .result == "as predicted" then .result else "**\(.result)**" end)\(if .tries > 1 then ", tried \(.tries) times" else "" end)\(if .change and .change != .result then ", \(.change)" else "" end)",
        .seconds, if $hosts then .host | code else empty end] | row),
    (map(select(.result == "not as predicted")) | list("Not as predicted")),
    (map(select(.result == "lab failure")) | list("Lab failures"));
