# SPDX-License-Identifier: GPL-2.0-only
#
# sections.jq: the report as a list of sections, which text.jq and html.jq print; jq -L
# repro/judge -L repro/report.d. All of it comes from the run and its case.
#
# Input:  the output of repro/report.d/facts, see there.
# Output: {subject, to, cc: [addresses], sections: [{title, blocks}]}, and for the sender alone
#   advice: [what keeps the mail from being ready]; a block is one of
#   {p: text}  {pre: lines}  {pairs: [[name, text]]}  {table: {columns, heads, rows}}, a row
#   is {title} or {cells: [lines of each column], differs}; and for html.jq alone
#   {picture: name}  {fold: {title, text}}
include "shown";
include "rows";
include "mail";

# Names of rows; a comma in one must not look like the end of a name.
def some: map(if contains(",") then "\"\(.)\"" else . end) | if length > 3 then .[:2] + ["\(length - 2) more"] else . end | join(", ");

def capitalised: ascii_upcase[:1] + .[1:];

def failing: [.rows[] | select(.errno)];

def errors: map("\(.errno)\(if .call then " at \(.call)" else "" end)") | unique | join(", ");

def releases: [.verdict.columns[].kernel.release // "?"] | unique | join(" / ");

# What a column ran.
def ran: [.library // empty, "Linux \(.kernel.release)\([.kernel | .patch[]?, .config[]?] | if . == [] then "" else " with \(join(", "))" end)"];

# Whose row it is; a single column needs no name.
def whose($columns): if ($columns | length) == 1 then "" else "\(.title | capitalised), " end;

# What fails, one sentence per column.
def failures: .verdict.columns as $columns | $columns[]
  | (if ($columns | length) == 1 then ran | if length > 1 then "With \(join(" on "))" else "On \(.[0])" end else "\(.title | capitalised) (\(ran | join(", ")))" end)
    + ", " + (failing | if . == [] then "nothing fails." else "\(map(.row) | some) \(if length > 1 then "fail" else "fails" end): \(errors)." end);

def subject:
  if .verdict.verdict == "lab-failure" then "\(.name): the lab failed, there is no verdict"
  elif .verdict.verdict != "reproduced" then "\(.name): not as predicted on Linux \(releases)"
  elif .verdict.control then "\(.name): as predicted, a control"
  else "[\(if .bisection.regzbot then "REGRESSION" else "BUG" end)] \(.case.report.subject // "\(.name): \([.verdict.columns[] | failing[]] | errors)")" end;

# The fix that the case describes, unless the user chose another.
def fixed: if .case.report.fix and all(.library[]; startswith("FIX=") | not) then " Fixed by \(.case.report.fix)." else "" end;

def what_fails:
  {title: "What fails", blocks: [
    {p: "\(.case.title).\(fixed)"},
    (select(.verdict.verdict == "reproduced" and (.verdict.control | not)) | .case.report.question | values | {p: .}),
    (.case.report.scene | values | {p: .}),
    {p: failures},
    {p: "\(.verdict | if .verdict == "lab-failure" then "There is no verdict"
      elif .verdict == "reproduced" then if .control then "The control ended as predicted" else "Reproduced" end
      else "Not reproduced" end) in xsklab, which boots a virtual machine for \(
        if .verdict.columns | length == 1 then "this" else "each side" end): \(.verdict.reason)."},
    (.verdict.differences // [] | select(. != []) | {pre: map("! \(.)")})
  ]};

def missing: select(.missing != [])
  | {title: "What is missing", blocks: [{pre: [.missing[] | "- \(.)"]}]};

def impact: (if .verdict.control then "None: this run is a control." else .case.report.impact | values end)
  | {title: "Impact", blocks: [{p: .}]};

def kernel_word:
  if .source // "" | startswith("kernel.org") then "v\(.release | sub("(?<v>^[0-9]+\\.[0-9]+)\\.0$"; .v))"
  elif .source // "" | startswith("linux-source-") then "distro"
  else "TREE" end;

# The first kernel that the user chose, not a column of the case.
def chosen_kernel: [.verdict.columns[] | select(.words.KERNEL) | .name] as $own
  | first(.kernels[] | select(.source and .columns - $own != []));

# A word, quoted for a shell and for make.
def word: if test("^[A-Za-z0-9._:,/@%+=-]*$") then . else @sh end;

# The shell commands that make the lab repeat this run.
def knobs: . as $facts
  | .columns[0] as $first
  | [["make", "repro", "CASE=\(.name)", (chosen_kernel | "KERNEL=\(kernel_word)"), .library[]],
     [(.verdict.knobs // ($first.words | del(.CASE, .COLUMN, .ARGS)) | to_entries[] | "\(.key)=\(.value)"),
      (select(.verdict.columns[0].words.ARGS | not) | $first.words.ARGS | values | "ARGS=\(.)"),
      (select(any(.columns[1:][]; .name == $first.words.COLUMN)) | "SWAP=1")]]
  | map(select(. != []) | map(word) | join(" ")) | join(" \\\n  ") / "\n";

def steps:
  {title: "Steps to reproduce", blocks: [
    (select(.runnable) | {p: "With QEMU alone, from the \(if .tools.archives == "" then "attached " else "" end)archive:"},
      {pre: [(select(.tools.archives != "") | "curl -O \("\(.tools.archives | rtrimstr("/"))/\(.archive).tar.zst" | word)"),
        "tar --zstd -xf \(.archive).tar.zst", "cd \(.archive)", "./run.sh"]}),
    (.tools.lab // "" | rtrimstr("-dirty")) as $commit
    | {p: "From scratch, with xsklab\(if $commit == "" then "" else ", commit \($commit)" end):"},
    {pre: ((if .tools.url == "" then [] else
        ["git clone \(.tools.url | word) xsklab", "cd xsklab\(if $commit == "" then "" else " && git checkout \($commit)" end)"] end) + knobs)},
    (chosen_kernel | select(kernel_word == "TREE") | {p: "TREE is a folder with Linux \(.release): \(.tree)."}),
    (select(.tools.case_is != "") | {p: "The case is \(.tools.case_is); the archive has it as repro/cases/\(.name). Copy it into the lab first."})
  ]};

# A row's outcome in a column, with the facts that differ between columns, and what the case did
# not expect.
def seen($name; $columns; $differences): . as $column | row($name)
  | if . == null then ["not reported"]
    else ($name | if ($columns | length) == 1 then {} else shared($columns) end) as $shared
    | (.facts | with_entries(select(.key as $key | $shared | has($key) | not)) | facts) as $own
    | [ended, ($own | select(. != "")),
       ("\($column.name): \($name): " as $prefix | $differences[] | select(startswith($prefix)) | ltrimstr($prefix))]
    end;

def table(lines): .verdict.columns as $columns
  | ([$columns[].kernel.release] | unique | length > 1) as $kernels
  | {table: {columns: [$columns[].title], rows: [lines],
      heads: [$columns[] | [.title + (.library | if . then ": \(.)" else "" end), (select($kernels) | "Linux \(.kernel.release)")] | join(", ")]}};

def expected:
  {title: "Expected and seen", blocks: [
    (.case.report.expected | values | {p: "Expected: \(.)"}),
    {picture: "topology"},
    {p: "Seen\(if .verdict.columns | length > 1 then "; \"!\" marks what differs" else "" end):"},
    (select(.verdict.columns != []) | (.verdict.differences // []) as $differences | .verdict.columns as $columns
     | if ($columns | length) == 1
       then {pairs: [.verdict | row_names[] | . as $name | [., ($columns[0] | seen($name; $columns; $differences) | join(", "))]]}
       else table(.verdict | row_names[] | . as $name
         | {title: row_title($columns)},
           ([$columns[] | seen($name; $columns; $differences)] | {cells: ., differs: (unique | length > 1)})) end),
    (select(.verdict.columns == []) | {p: "nothing; \(.verdict.reason)."})
  ]};

# The first refused calls, each with its column.
def refused: .verdict.columns as $columns
  | [$columns[] | . as $column | .refused[]? | {column: $column, refused: ., who: "\($column | whose($columns))\(.rows | some)"}] | .[:16];

def refused_calls:
  [refused | unique_by(.refused | refused_text)[] | . as {$column, $refused}
   | ([$column | refused_bytes($refused)][0]) as $bytes
   | {p: "\(.who), as strace shows it (it looks up names in its own network namespace)\(if $bytes then ", with the argument's bytes and fields" else "" end):"},
     {pre: ([$refused | refused_text] + ($bytes // {} | [.bytes, .fields | values]))}]
  | {title: "The refused call", blocks: (if . == [] then [{p: "No row's call was refused."}] else . end)};

def source_lines: . as $at | [.source[]?
  | "\(if .line == $at.line then "=>" elif .line == $at.statement.line and $at.statement.file == $at.file then "->" else "  " end) \(.line) \(.text | gsub("\t"; "    "))"];

# Show a line that refused several calls once.
def refused_in:
  [refused | map(select(.refused.at)) | . as $all | to_entries[] | .key as $i | .value
   | (.column.kernel.release // "?") as $release
   | [.refused.at.file, .refused.at.line, $release] as $place
   | .refused.at
   | if any($all[:$i][]; [.refused.at.file, .refused.at.line, .column.kernel.release // "?"] == $place)
     then {p: "\($all[$i].who): the same line, \(place)."}
     else {p: "\($all[$i].who): \(.function)(), \(place), Linux \($release)"},
       (source_lines | select(. != []) | {pre: .}),
       {pairs: [
         ["values", (made_by | if . == "" then "none that gdb can read" else . end)],
         ["called", ([.chain[] | "\(.function) \(place)"] | join(" > "))],
         (.others[]? | ["or else", "\(.function) \(place): \(.condition)"])]} end]
  | {title: "The line that refused it", blocks: (if . == [] then [{p: "No line is known."}] else . end)};

def parts: select(.parts) | {title: "Where the failing run leaves the working one", blocks: [{pre: .parts}]};

def cell($column; $manner):
  if . == null then ["not called"]
  else ["\(.function)()", "  \(values($manner) | join(", "))", "  = \(result($column))"] | map(select(. != "  ")) end;

def timeline: .verdict as $verdict | manner as $manner | ($verdict | differing_rows) as $rows
  | any($rows[].lines[]; .parts) as $part
  | {title: "Timeline", blocks: (
      if all($verdict.columns[].rows[]; .calls == []) then [{p: "No call was recorded."}] else [
        {p: "Calls of program, library and kernel in order of time; a pointer is shown as NULL or set.\(if $part then " The table begins with the first difference." else "" end)"},
        {picture: "charts"},
        table($rows[] | {title},
          (.lines[] | {cells: [range(.calls | length) as $i | .calls[$i] | cell($verdict.columns[$i]; $manner)], differs})),
        (($verdict | row_names | length) - ($rows | length)
         | select(. > 0) | {p: "Rows not shown here: \(.); the archive's timeline.jsonl has them."})
      ] end
      + [.functions[] | {fold: (. + {open: true})}])};

def letters: . as $bits | [range(18) | select((($bits / pow(2; .)) | floor) % 2 == 1) | "PFSRMBUDAWCIOELKXT"[.:. + 1]] | join("");

def taint:
  if . == null then "taint state not known"
  elif . == 0 then "not tainted" else "tainted: \(.), \(letters)" end;

def versions: . as $facts | .verdict as $verdict
  | {title: "Versions", blocks: [
    {pairs: [
      (.kernels | if . == [] then ["kernel", "not known"] else .[] | .columns as $names
        | ["kernel", ([(if ($facts.kernels | length) > 1 then "\($names | join(", ")): " else "" end) + "Linux \(.release), build id \(.build_id)", .tree,
            ([.patch[]?, .config[]?] | select(. != []) | "with \(join(", "))"),
            ([$verdict.columns[] | select(.name | IN($names[])) | .kernel.tainted | taint] | unique[])] | join("; "))] end),
      (.kernels | [.[] | select(.fragments)] as $known
       | if $known == [] then ["config", "not known"] else range($known | length) as $i | $known[$i]
         | select($i == 0 or .fragments != $known[0].fragments)
         | ["config", "tinyconfig with the fragments \(.fragments | join(", ")) of the archive's kernel-config/\(
             $facts.case.config // [] | if . == [] then "" else " and \(join(" "))" end); all of it is in \(.name)/config"] end),
      ([$verdict.columns[] | select(.library) | "\(.title): \(.library)"] | select(. != []) | ["library", join("; ")]),
      ["QEMU", ($verdict.qemu | values | "\(.) \($verdict.accel)\(if $verdict.restored then ", guests restored from a snapshot" else "" end)\($verdict.retried // "" | if . == "" then . else ", run again because KVM lost a guest: \(.)" end)") // "not known"],
      ["gdb", .tools.gdb], ["compiler", ([.kernels[].compiler | values] | unique | join("; ") | if . == "" then "not known" else . end)],
      ["host", .tools.host], ["lab", (.tools.lab | if . then "xsklab, commit \(.)" else "not known" end)]
    ]}]};

# What make bisect found.
def bisection: .bisection | values
  | {title: (if .effect == "broke" then "Regression" else "The commit that fixes it" end), blocks: [
    {pairs: [
      ["commit", "\(.commit[:12]) (\"\(.subject)\"), \(.author), \(.date); \(if .release then "first in \(.release)" else "in no release yet" end)"],
      ["bad", "\(.bad), \(.row): \(.symptom.bad)"], ["good", "\(.good), \(.row): \(.symptom.good)"],
      ["trial", .trial],
      ["latest", "\(if .kind == "kernel" then "mainline" else "release" end) tried: \(if .latest_tried then "yes" else "no" end)\(if .latest then " (the newest tag is \(.latest))" else "" end)"]]},
    (select(.lines != []) | {p: "Lines that it changes in functions on the failing path:"}, {pre: .lines}),
    (select(.effect == "broke") | {pre: [.fixes, (.regzbot | values)]})]};

def regression: select((.last_good or .first_bad) and (.bisection | not))
  | {title: "Regression", blocks: [{pairs: [
      ["last good", .last_good // "not known"],
      ["first bad", .first_bad // "not known"]]}]};

# An address for a mail's header, [NAME, ADDRESS]; whatever else the line has is dropped.
def address: printable
  | capture("^(\"?(?<name>[^<\"]{0,60}?)\"? *<)?(?<mail>[!-;=?A-~]{1,40}@[A-Za-z0-9.-]{1,30})>?( .*)?$")
  | [.name // "", .mail];

# To whom the report goes: the case's lists, then those who maintain the code, each once.
def recipients: reduce ((.case.report.lists // []), .to, (.bisection.to // [])
    | .[] | address) as $one ([]; if any(.[]; .[1] == $one[1]) then . else . + [$one] end)
  | map(.[1] as $mail | .[0] | if . == "" then $mail else "\(phrase) <\($mail)>" end);

# What keeps the mail from being ready.
def advice:
  (select(.tools.url == "") | "set REPOSITORY= to where others can clone this lab"),
  (select(.tools.archives == "") | "upload the archives, and set ARCHIVES= to their folder's URL"),
  (([("subject", "scene", "question", "impact", "expected"), (select(.case.library.fix) | "fix")] - (.case.report // {} | keys))
   | select(. != []) | "case.json lacks \(map("report.\(.)") | join(", "))"),
  (select(recipients == []) | "add its recipients: \(.no_to // "case.json lacks report.lists")");

def attached: {title: (if .tools.archives == "" then "Attached" else "Archives" end), blocks: [
    (.tools.archives | select(. != "") | {p: "At \(.):"}),
    {p: "\(.archive).tar.zst: logs and timelines of this run, the sources\(if .runnable then ", and everything that run.sh needs to run it again" else "" end)."},
    (select(.here.kernels != []) | {p: "\(.archive)-debug.tar.zst: vmlinux with debug information."}),
    (.logs[] | {fold: .})
  ]};

# The text below comes from the guest, the case and others: make it printable, and bound it.
def harmless: if .fold then .fold.title |= printable
  else walk(if type == "string" then printable else . end) end;

recipients as $recipients
| ([.case.report.lists[]? | address] | unique_by(.[1]) | length | if . == 0 then $recipients | length else . end) as $lists
| { subject: (subject | printable), to: $recipients[:$lists], cc: $recipients[$lists:], advice: [advice | printable],
    sections: ([what_fails, missing, impact, steps, expected, refused_calls, refused_in, parts, timeline,
      versions, bisection, regression, attached] | map(.blocks |= map(harmless))) }
