# SPDX-License-Identifier: GPL-2.0-only
#
# screen.jq: one screen of text for one or more answers; jq -rs -L repro/why.d -L repro/judge.
#
# Input: the answers. Named arguments: $chosen, the errors to explain; $run, the folder with the
# config of a missing option.
include "rank"; # includes shown, and jq 1.8.2 aborts if it comes second
include "shown";

def place: if .file then "\(.file):\(.line)" else "(no source)" end;

# Without repeats.
def distinct: reduce .[] as $one ([]; if any(.[]; . == $one) then . else . + [$one] end) | .[];

# The values of a condition.
def values_text: made_by(" = ") | if . == "" then "none that gdb can read" else . end;
def its_values: select(.values != {} or .unread != {}) | "           \(values_text)";

# A condition around another one, in a function.
def around($function): "  within   \(if .function == $function then .line else "\(.function), \(place)" end): \(.condition)", its_values;

def at: {function, file, line};

# What the compiler put into a condition's code, but for the statement.
def inlined($statement): [.inlined[] | select(at != ($statement | at)) | "  and there in \(.function), \(place): \(.text)"] | distinct;

def called: [.[] | . as $one
  | ["  in \(.function), \(place): \(.condition)", inlined(null), "           \(values_text)", (.within[] | around($one.function))]] | distinct[];

# Where the source is.
def source: .kernel.source_dir | "  source   \(if startswith("\(env.HOME)/") then "~" + ltrimstr(env.HOME) else . end)";

def program:
  "  the program \(.program | .said // .last | if . then "said \"\(.)\" and " else "" end)\(.program.ended)   \(.seconds) s";

# Add words to one knob of a question's command.
def with($knob; $more): (capture(" \($knob)=(?<old>'[^']*'|[^ ']+)").old // "" | gsub("'"; "")) as $old
  | ("\($old) \($more)" | ltrimstr(" ")) as $all
  | sub(" \($knob)=('[^']*'|[^ ']+)"; "") + " \($knob)=\(if $all | test("^[A-Za-z0-9_./+=,:@%-]+$") then $all else "'\($all)'" end)";

# Files that the program did not find; they may be the cause if the call is for one of them.
def missing_files: .missing as $missing
  | "  only on the host, not in the guest: \($missing | join(", ")); \(.again | with("FILES"; $missing | join(" ")))";
def is_for_missing: .args as $args | .errno == "ENOENT" and any(.missing[]; . as $file | $args | contains("\"\($file)\""));

def screen: . as $why
| ([.chain[] | .function | length] | max + 2) as $width
| "\({call, args, carried, error: .errno, text: .error} | told)   Linux \(.kernel.release) (\(.kernel.source))",
  (if .lacks != [] then "  this kernel has no \(.lacks | join(", ")); \(.lacks[0] as $option | .again | with("CONFIG"; "\($run)/\($option).config"))" else empty end),
  (if is_for_missing then missing_files else empty end),
  (if .says then "  the kernel says \"\(.says)\"" else empty end),
  "",
  "  refused in \($why.function), \($why | place)",
  ($why.source[] | .line as $line
    | "  \(if $line == $why.line then "=>" elif $line == $why.statement.line and $why.statement.file == $why.file then "->" else "  " end) \($line | tostring | pad(6))\(.text | gsub("\t"; "    "))"),
  (if $why.statement == null then empty
   elif $why.statement.shared then $why.statement
     | "  lines \(.line) and \(.shared | if .file == $why.file then .line else place end) (\(.shared.text)) share one instruction: which of the two set \($why.errno) cannot be told apart"
   elif $why.statement.file != $why.file or ([$why.source[].line] | index($why.statement.line) | not)
   then "  the error is set in \($why.statement | "\(.function), \(place): \(.text)")" else empty end),
  ($why | inlined($why.statement)),
  (if $why.kind == "memory" then "  the error was in memory before the call"
   elif $why.carried == "completion" then empty
   elif $why.kind == "elsewhere" and $why.carried then "  the error was set before the program asked for it"
   elif $why.kind == "elsewhere" then "  while the call slept: another task or an interrupt set the error"
   elif $why.kind == "fault" then "  a page fault made the error" else empty end),
  "",
  "  values   \(values_text)",
  ($why.callee | called),
  ($why.passes_if[] | "  passes if \(.function), \(place): \(.condition)", its_values),
  ($why.within[] | around($why.function), (.callee | called)),
  ($why.chain | to_entries[] | "  \(if .key == 0 then "called   " else "         " end)\(.value.function | pad($width))\(.value | place)"),
  ($why.others[] | "  or else  \(.function), \(place): \(.condition)");

def other_files: if .[0].missing == [] or any(.[]; is_for_missing) then empty else .[0] | missing_files, "" end;

. as $answers | ($chosen | flatten) as $asked
| (if $answers[0].program.ended == "exited with 0" then "the program went on and exited with 0\(if $asked | length == 1 then " after this" else "" end):" else empty end),
  ($answers[0] | if $asked | length == 1 then screen, source, "", ($answers | other_files), program, (if .because then "  chosen because \(.because)" else empty end), (.next[] | "  or ask   \(.command)   \(.text)")
    else
      ($answers[] | screen, ""), ($answers | other_files),
      ($asked[] | select([.call, .nth, .thread, .error] | IN($answers[] | [.call, .nth, .thread, .errno]) | not) | "not explained: \(told)"),
      "  \($answers | length) of \($asked | length) errors explained; LIST=1 lists also those that working programs get",
      source, program
    end)
| printable
