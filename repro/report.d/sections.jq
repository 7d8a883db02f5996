# SPDX-License-Identifier: GPL-2.0-only
#
# sections.jq: the report as a list of sections, which text.jq and
# html.jq print; jq -L repro/judge -L repro/report.d. All of it comes from the run and its case.
#
# Input:  the facts that repro/report gathers, see there.
# Output: {subject, sections: [{title, blocks}]}; a block is one of
#   {p: text}  {pre: lines}  {pairs: [[name, text]]}  {table: {head, rows}}, a row is
#   {title} or {cells: [lines, lines], differs}; and for paper and screens
#   {picture: name}  {fold: {title, text}}
include "shown";
include "rows";

def names: map("\(.device) queue \(.queue)")
  | if length > 3 then .[:2] + ["\(length - 2) more"] else . end
  | join(", ");

def capitalised: ascii_upcase[:1] + .[1:];

def failing: [.sockets[] | select(.errno)];

def errors: map("\(.errno)\(if .step then " at \(.step)" else "" end)") | unique | join(", ");

# What fails, in one sentence.
def failure:
  .verdict as $verdict
  | $verdict.variants | values
  | (.before | failing) as $before | (.after | failing) as $after
  | if $before == [] and $after == [] then "No socket fails, neither with libxdp \(.before.library) nor with \(.after.library)."
    elif $after == [] then "With libxdp \(.before.library) on Linux \($verdict.kernel.release), \($before | names) fails: \($before | errors). With libxdp \(.after.library) it does not."
    elif $before == [] then "With libxdp \(.after.library) on Linux \($verdict.kernel.release), \($after | names) fails: \($after | errors). With libxdp \(.before.library) it does not."
    else "On Linux \($verdict.kernel.release), \($before | names) fails with libxdp \(.before.library): \($before | errors); and with \(.after.library), \($after | names): \($after | errors)." end;

def subject:
  .verdict as $verdict
  | if $verdict.verdict == "lab-failure" then "\(.name): the lab failed, there is no verdict"
    elif $verdict.verdict != "reproduced" then "\(.name): not as predicted on Linux \($verdict.kernel.release)"
    elif $verdict.control then "\(.name): as predicted, a control"
    else "[BUG] \(.case.report.subject // "\(.name): \([$verdict.variants[] | failing[]] | errors)")" end;

def what_fails:
  {title: "What fails", blocks: [
    (.case.about | values | {p: "\(.)."}),
    {p: failure},
    {p: "\(.verdict | if .verdict == "lab-failure" then "There is no verdict"
      elif .verdict == "reproduced" and .control then "The lab's verdict is as predicted"
      else "The lab's verdict is \(.verdict | gsub("-"; " "))" end): \(.verdict.reason)."},
    (.verdict.differences // [] | select(. != []) | {pre: map("! \(.)")})
  ]};

def missing: select(.missing != [])
  | {title: "What is missing", blocks: [{pre: [.missing[] | "- \(.)"]}]};

def impact: {title: "Impact", blocks: [{p: (
  if .verdict.control then "None: this run is a control."
  else .case.report.impact // "The case does not say." end)}]};

def kernel_word:
  if .kernel.source == "kernel.org" then "v\(.kernel.release | sub("(?<v>^[0-9]+\\.[0-9]+)\\.0$"; .v))"
  elif .kernel.source // "" | startswith("linux-source-") then "distro"
  else "TREE" end;

# What makes the lab do this run again, as lines of a shell.
def knobs: . as $facts
  | .verdict
  | [["make repro KERNEL=\(kernel_word)",
      (.libxdp | values | if . == "xdp-tools" then "LIBXDP=upstream" else "LIBXDP=distro" end),
      ($facts.fix | values | "FIX=\(.)")],
     [$facts.guest.before // {} | to_entries[]
      | if .key != "VARIANT" then "\(.key)=\(.value)" elif .value == "after" then "SWAP=1" else empty end]]
  | map(select(. != []) | join(" ")) | join(" \\\n  ") / "\n";

def steps:
  {title: "Steps to reproduce", blocks: [
    (select(.runnable) | {p: "With QEMU and nothing else, from the attached archive:"},
      {pre: ["tar --zstd -xf \(.archive).tar.zst", "cd \(.archive)", "./run.sh"]}),
    {p: "From nothing, with the lab:"},
    {pre: (["git clone \(.tools.url) xsklab", "cd xsklab\(if .tools.lab then " && git checkout \(.tools.lab | rtrimstr("-dirty"))" else "" end)"] + knobs)},
    (select(.verdict.kernel.source and (.verdict | kernel_word) == "TREE") | {p: "TREE is a folder with Linux \(.verdict.kernel.release): \(.kernel.tree // "a local tree")."})
  ]};

def seen: if . == null then ["not reported"]
  else [socket]
    + (if .predicted and (.predicted.errno != .errno or .predicted.step != .step)
       then ["instead of \(.predicted | outcome)"] else [] end)
  end;

# The table of both variants.
def both: .verdict.variants | {head: ["before: libxdp \(.before.library)", "after: libxdp \(.after.library)"]};

def expected:
  {title: "Expected and seen", blocks: [
    {p: "Expected: \(.case.report.expected // "The same as after the fix.")"},
    {picture: "topology"},
    {p: "Seen:"},
    (select(.verdict.variants)
     | (.verdict.variants | [.before.sockets, .after.sockets]) as [$b, $a]
     | {table: (both + {rows: [range([$b, $a | length] | max) as $i
         | ({title: ($b[$i] // $a[$i] | socket_name)},
            {cells: [$b[$i], $a[$i] | seen], differs: ($b[$i].errno != $a[$i].errno)})]})}),
    (select(.verdict.variants == null) | {p: "nothing; \(.verdict.reason)."})
  ]};

def refusals: . as $facts
  | ("before", "after") as $variant
  | ($facts.verdict.variants // {})[$variant] | values
  | . as $v | [refused_call][0] as $call
  | ($call.text // [.strace[] | select(test(" = -1 E"))][0])
  | values
  | {p: "\($variant | capitalised) the fix; strace (which looks names up in its own namespaces), the bytes, and the fields by pahole's layout:"},
    {pre: ([., $call.bytes, $call.fields] | map(values))};

def refused: {title: "The refused call", blocks: ([refusals] | if . == [] then [{p: "No call that the case looks at was refused."}] else . end)};

def source_lines($at): [.source[]
  | "\(if .line == $at.line then "=>" elif .line == $at.statement.line and $at.statement.file == $at.file then "->" else "  " end) \(.line) \(.text | gsub("\t"; "    "))"];

def origins: . as $facts
  | ($facts.verdict.variants // {} | .before.refused_at | {file, line}?) as $before
  | ("before", "after") as $variant
  | ($facts.verdict.variants // {})[$variant].refused_at | values
  | . as $at
  | if $variant == "after" and {file, line} == $before then {p: "After the fix: the same line."}
    else {p: "\($variant | capitalised) the fix: \(.function)(), \(place), Linux \($facts.verdict.kernel.release)"},
    ($facts.origin[$variant] | values | {pre: source_lines($at)}),
    {pairs: [
      ["values", (made_by | if . == "" then "none that the compiler kept" else . end)],
      ["called by", ([.chain[:-1][] | "\(.function) \(place)"] | reverse | join(", "))],
      (.others[]? | ["or else", "\(.function) \(place): \(.condition)"])]} end;

def refused_in: {title: "The line that refused it", blocks: ([origins] | if . == [] then [{p: "None is known."}] else . end)};

def cell($variants; $nulls; $variant):
  if . == null then ["not called"]
  else ["\(.function)()", "  \(values($nulls) | join(", "))", "  = \(result($variants[$variant]))"] | map(select(. != "  ")) end;

def timeline:
  {title: "Timeline", blocks: [
    {p: "The recorded calls of library and kernel, in order of time; a pointer is NULL or set. \"!\" marks what differs."},
    {picture: "chart"},
    (select(.verdict.variants)
     | .verdict.variants as $v
     | (.verdict | nulls) as $nulls | (.verdict | shown_rows) as $rows
     | {table: (both + {rows: [$rows[]
         | ({title: .socket},
            (.pairs[]
             | (select(.parts) | {title: "here they part:"}),
               {cells: [(.before | cell($v; $nulls; "before")), (.after | cell($v; $nulls; "after"))], differs}))]})},
       ((.verdict | rows | length) - ($rows | length)
        | select(. > 0) | {p: "Sockets that are not shown here: \(.); the archive's timeline.jsonl has them."})),
    (select(.verdict.variants == null) | {p: "None was judged."}),
    (.functions[] | {fold: (. + {open: true})})
  ]};

def letters: . as $bits | [range(18) | select((($bits / pow(2; .)) | floor) % 2 == 1) | "PFSRMBUDAWCIOELKXT"[.:. + 1]] | join("");

def kernel_facts: . as $facts | .verdict.kernel // {}
  | if .release == null then "not known"
    else "Linux \(.release), build id \(.build_id // "not known")" end,
    ($facts.kernel.tree | values),
    (if .tainted == null then "whether it was tainted is not known"
     elif .tainted == 0 then "not tainted" else "tainted: \(.tainted), \(.tainted | letters)" end);

def versions: . as $facts | .verdict as $verdict
  | {title: "Versions", blocks: [
    {pairs: [
      ["kernel", ([kernel_facts] | join("; "))],
      ["config", (.kernel | if . then "tinyconfig with the fragments \(.fragments | join(", ")): "
          + ([.options[] | select(endswith("=y")) | rtrimstr("=y") | ltrimstr("CONFIG_")] | join(" "))
          + "; and without "
          + ([.options[] | select(startswith("# ")) | ltrimstr("# CONFIG_") | rtrimstr(" is not set")] | join(" "))
          + ". All of it is in the archive's kernel/config." else "not known" end)],
      ["libxdp", ($verdict.variants // {} | "before: \(.before.library // "not known"); after: \(.after.library // "not known"); of \($verdict.libxdp // "unknown origin")")],
      ["QEMU", ($verdict.qemu | values | "\(.) \($verdict.accel)\(if $verdict.restored then ", guests that went on from a saved one" else "" end)\($verdict.retried // "" | if . == "" then . else ", after KVM had lost a guest: \(.)" end)") // "not known"],
      ["gdb", .tools.gdb], ["compiler", .kernel.compiler // "not known"], ["host", .tools.host],
      ["lab", (.tools.lab | if . then "xsklab, commit \(.)" else "not known" end)]
    ]}]};

def regression: select(.last_good or .first_bad)
  | {title: "Regression", blocks: [{pairs: [
      ["last good", .last_good // "not known"],
      ["first bad", .first_bad // "not known"]]}]};

def recipients:
  {title: "To", blocks: [
    {pre: ((.case.report.lists // []) as $lists | ($lists + [.to[] | select(. as $line | any($lists[]; inside($line)) | not)]))},
    (.no_to | values | {p: .})
  ]};

def attached: {title: "Attached", blocks: [
    {p: "\(.archive).tar.zst: logs and timelines of this run, the sources\(if .runnable then ", and all that run.sh needs to run it again" else "" end)."},
    (select(.kernel) | {p: "\(.archive)-debug.tar.zst: vmlinux with debugging information."}),
    (.logs[] | {fold: .})
  ]};

# What the guest, the case and others wrote comes in here: it is text, and bounded.
def harmless: if .fold then .fold.title |= printable
  else walk(if type == "string" then printable else . end) end;

{ subject: (subject | printable),
  sections: ([what_fails, missing, impact, steps, expected, refused, refused_in, timeline,
    versions, regression, recipients, attached] | map(.blocks |= map(harmless))) }
