# SPDX-License-Identifier: GPL-2.0-only
#
# html.jq: one self-contained page from diverge.json: every difference in order of time, both
# runs side by side with source, foldable by function; jq -r -L repro/judge. It is well-formed
# XML, too, and has no script.
include "shown";

def text: tostring | printable | @html;
def place: if .file then "\(.file):\(.line)" else "(no source)" end;
def calls: map("\(.name)(\(.args)) = \(.result)\(if .error then " \(.error)" else "" end)" | text) | join("<br/>");

def side($of; $truth; $others):
  if . == null then "<td>-</td>" else
  "<td>\([(if $truth then "the condition is \($truth[$of])" else empty end),
    (if .line then "goes on at line \(.line)" else empty end),
    (.functions - $others | unique | select(. != []) | "calls \(join(", "))")] | map(text) | join("<br/>"))",
  (.calls | select(. != []) | "<pre>\(calls)</pre>"), "</td>" end;

def difference($open):
  . as $d
  | "<details\(if $open then " open=\"open\"" else "" end) class=\"\(.rank)\"><summary>\("\(.seen.function // .function // "code without a name")  \(.seen | place)  \(.seen.text // "")" | text)</summary>",
  (.seen.source | select(. != []) | "<pre>\(map("\(if .line == $d.seen.line then "=&gt;" else "  " end) \(.line)  \(.text | gsub("\t"; "    ") | text)") | join("\n"))</pre>"),
  "<table><tr>", (.works | side("works"; $d.truth; $d.fails.functions // [])), (.fails | side("fails"; $d.truth; $d.works.functions // [])), "</tr></table></details>";

def section($title; $open): select(. != []) | "<h2>\($title | text)</h2>",
  (group_by(.seen.function // .function) | sort_by(.[0].number) | .[]
    | if length > 3 then "<details><summary>\(.[0].seen.function // .[0].function // "?" | text), \(length) times\(if length > 100 then ", the first 100" else "" end)</summary>", (.[:100][] | difference(false)), "</details>" else .[] | difference($open) end);

"<!DOCTYPE html>",
"<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>",
"<title>\("Where \(.program) parts" | text)</title>",
"<style>body { font: 16px/1.45 sans-serif; max-width: 76rem; margin: 0 auto; padding: 0 1rem 3rem; } pre { background: #f4f4f4; padding: .5rem; overflow-x: auto; font-size: .85rem; }",
"table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .15rem .5rem; border-top: 1px solid #ddd; width: 50%; overflow-wrap: anywhere; } .none summary { color: #777; }</style></head><body>",
"<h1>\("\(.program): \(.verdict)" | text)</h1>",
"<table><tr><th>works: \(.works.words | text), exit \(.works.status | text)</th><th>fails: \(.fails.words | text), exit \(.fails.status | text)</th></tr></table>",
([.answer | values] | section("Here"; true)),
(.values | select(. != []) | "<table>", (.[] | "<tr><td>\("\(.name) = \(.works)" | text)</td><td>\("\(.name) = \(.fails)" | text)</td></tr>"), "</table>"),
(.in_kernel // {} | ([.answer | values] | section("In the kernel"; true)), (.chain // [] | section("From there on in the kernel"; false))),
(.chain | section("From there on"; true)),
(.perhaps | section("Or else"; false)),
(.folded | section("Without a consequence"; false)),
"</body></html>"
