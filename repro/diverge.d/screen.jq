# SPDX-License-Identifier: GPL-2.0-only
#
# screen.jq: one screen of text from diverge.json; jq -L repro/judge.
include "shown";

def tabs: gsub("\t"; "    ");
def short: if length > 60 then .[:57] + "..." else . end;
def call: "\(.name)(\(.args | brief(60))) = \(.result)\(if .error then " \(.error)" else "" end)";
def place: if .file then "\(.file | sub("^\\./"; "")):\(.line)" else "(no source)" end;
def is_same_call: ([.works, .fails | .calls[0] | [.name, .naming]] | unique | length) == 1;
def ended: "exit \(.status // "none")";

def way($side): .truth[$side] | tostring;

# What one did and the other did not.
def contrast:
  (.works.functions // []) as $w | (.fails.functions // []) as $f
  | [ (if .kind == "call" then select(is_same_call) | "\(.works.calls[0] | "\(.name) = \(.result)\(if .error then " \(.error)" else "" end)") there, \(.fails.calls[0] | "\(.result)\(if .error then " \(.error)" else "" end)") here"
       elif .truth then "\(.truth.works) there, \(.truth.fails) here"
       elif .works.line and .fails.line and .works.line != .fails.line then "to line \(.works.line) there, \(.fails.line) here" else empty end),
      ($w - $f | unique | select(. != []) | "not called: \(join(", "))"),
      ($f - $w | unique | select(. != []) | "called: \(join(", "))") ] | join("; ");

def chain_item($width):
  "  \("\(.seen.function // .function // "?")" | pad($width))\("line \(.seen.line // "-")" | pad(10))\(.seen.text // .function // "" | tabs | short)",
  (contrast | select(. != "") | "  \("" | pad($width))          \(.)"),
  (.missing[:6][] | "    - \(call)"), (.added[:6][] | "    + \(call)");

def source($words):
  "  \($words) in \(.seen.function // .function // "code without a name")\(if .seen.within and .seen.within != .seen.function then " (inlined in \(.seen.within))" else "" end), \(.seen | place)",
  (.seen as $seen | .seen.source[] | "  \(if .line == $seen.line then "=>" else "  " end) \(.line | tostring | pad(6))\(.text | tabs)");

def row($name; $works; $fails): "  \($name | pad(26))\($works | tostring | pad(22))  \($fails)";

def ways: if .truth then row("the condition is"; .truth.works; .truth.fails) else empty end,
  (if .works.line != .fails.line then row("goes on at"; "line \(.works.line // "-")"; "line \(.fails.line // "-")") else empty end);

def other_code: if .kind == "code" and .works then "  where the run that works has \(.works.own | "\(.function), \(place): \(.text // "" | tabs)")" else empty end;

def answer:
  .answer as $a
  | ($a | source(if $a.kind == "call" then $a | if is_same_call then "the kernel answers differently to the call" else "they make different calls" end elif $a.rank == "perhaps" then "they part (a guess)" else "they part" end)),
    (if $a.has_source or $a.kind == "call" then empty else "  which called \($a.function // "code without a name")\(if $a.module then " of \($a.module)" else "" end)" end),
    ($a | other_code),
    ([(if $a.kind == "call" then ("works", "fails") as $side | "  \($side): \($a[$side].calls[0] | if . then call else "-" end)" else $a | ways end),
      (.values[] | row(.name; .works; .fails))]
      | if . == [] then empty else "", row(""; "works"; "fails"), .[] end),
    (.in_kernel | select(.answer) | "", (if $a.kind == "call" then empty elif $a.rank == "perhaps" then "  answered otherwise, and not known to follow from it: \(.call | call)" else "  what was received was made by \(.call | call)" end),
      (.answer | source("in the kernel they part"), other_code),
      ([(.answer | ways), (.values[] | row(.name; .works; .fails))] | select(. != []) | row(""; "works"; "fails"), .[]));

# Those that say something.
def shown_chain: [.chain[] | select(contrast != "" or .missing != [] or .added != [])];

def screen: . as $all | shown_chain as $chain
  | "\(.program)   works: \(.works.words) (\(.works | ended))   fails: \(.fails.words) (\(.fails | ended))   Linux \(.kernel.fails.release)\(if .kernel.works.build_id != .kernel.fails.build_id then " against \(.kernel.works.release)" else "" end)",
    "",
    (if .verdict == "they part" then
       answer, "",
       (([$chain[:12][] | .seen.function // .function // "?" | length] | max // 0) + 2) as $width
       | (if $chain != [] then "  from there on" else empty end),
       ($chain[:12][] | chain_item($width)),
       (if $chain[12] then "  and \($chain | length - 12) more, see diverge.json" else empty end),
       (.perhaps[:3][] | "  or else  \(.seen.function // .function), \(.seen | place): \(.seen.text // "" | tabs | short)   (a guess)"),
       ((.inputs | map(select(.asks)) + map(select(.asks | not)))[:3][]
         | "  before   \(.works | call) there", "           \(.fails | call) here")
     else empty end),
    (if .folded != [] then "  without a consequence: \(.folded | length) (\([.folded[] | .seen.function // .function // "?"] | unique | .[:6] | join(", ")))" else empty end),
    (.tasks[] | select((.made - .traced | fabs) > 1) | "  task \(.task) of the run that \(.run) made \(.made) system calls by the record, \(.traced) by strace: some may be named wrongly"),
    "  \(if .verdict == "they part" then "answered" elif .verdict == "not known" then "not known: the failure follows from no difference that was seen" else .verdict end)   \(.seconds) s";

screen | printable
