# SPDX-License-Identifier: GPL-2.0-only
#
# screen.jq: one screen of text from why.json; jq -L repro/why.d -L repro/judge.
include "shown";
include "rank";

def place: if .file then "\(.file):\(.line)" else "(no source)" end;

def values_text: to_entries | map("\(.key) = \(.value // "NULL")") | join(", ") | if . == "" then "none that the compiler kept" else . end;

def called: .[] | "  in \(.function), \(place): \(.condition)",
  (.inlined[] | "  and there in \(.function), \(place): \(.text)"), "           \(.values | values_text)";

def screen: . as $why
| ([.chain[] | .function | length] | max + 2) as $width
| (if .program.ended == "exited with 0" then "the program went on after this and exited with 0:" else empty end),
  "\({call, args, carried, error: .errno, text: .error} | told)   Linux \(.kernel.release) (\(.kernel.source))",
  (if .says then "  the kernel says \"\(.says)\"" else empty end),
  "",
  "  refused in \($why.function), \($why | place)",
  ($why.source[] | .line as $line
    | "  \(if $line == $why.line then "=>" elif $line == $why.statement.line and $why.statement.file == $why.file then "->" else "  " end) \($line | tostring | pad(6))\(.text | gsub("\t"; "    "))"),
  (if $why.statement.shared then "  the compiler shares this \($why.errno) with line \($why.statement.shared.line): \($why.statement.shared.text)"
   elif $why.statement.file != $why.file or ([$why.source[].line] | index($why.statement.line) | not)
   then "  the value is made in \($why.statement | "\(.function), \(place): \(.text)")" else empty end),
  ($why.inlined[] | "  and there in \(.function), \(place): \(.text)"),
  (if $why.kind == "memory" then "  the value was in memory before the call"
   elif $why.kind == "elsewhere" then "  while the call slept: by another task, or in an interrupt"
   elif $why.kind == "fault" then "  a page fault made the value" else empty end),
  "",
  "  values   \($why.values | values_text)",
  ($why.callee | called),
  ($why.within[] | "  within   \(.line): \(.condition)", (.values | select(. != {}) | "           \(values_text)"), (.callee | called)),
  ($why.chain | to_entries[] | "  \(if .key == 0 then "called   " else "         " end)\(.value.function | pad($width))\(.value | place)"),
  ($why.others[] | "  or else  \(.function), \(place): \(.condition)"),
  "",
  "  the program \(if $why.program.said then "said \"\($why.program.said)\" and " else "" end)\($why.program.ended)   \($why.seconds) s",
  (if .because then "  chosen as \(.because)" else empty end),
  (.next[] | "  or ask   \(.command)   \(.text)");

screen | printable
