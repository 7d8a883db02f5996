# SPDX-License-Identifier: GPL-2.0-only
#
# choose.jq: choose the error to explain; jq -L repro/why.d -L repro/judge.
#
# Named arguments: $call, $error, $nth, the user's choice or ""; $every, "1" for all distinct
#   errors that are not noise, in order of time; $again, the command of this question without a
#   choice; $errno, as for candidates.jq.
# Input: the output of candidates.jq.
# Output: {none: TEXT}, or the chosen error as in candidates.jq (an array if there are several), and
#   name            the error, as gdbscripts/why.py names it
#   args_raw        [each argument's number, or null]
#   args_text       [each argument's string, or null]
#   likeliest       does it rank first?
#   because         why it was chosen, or null if the user chose it
#   next            the next two: [{text, command}]
include "rank";
include "shown";

def many: 20; # one guest explains them all

def digits($base): reduce (explode[] | if . >= 97 then . - 87 else . - 48 end) as $digit (0; . * $base + $digit);

# The number that an argument shows, else null. No addresses: they differ from run to run. strace's
# comment names a constant.
def number:
  if test("^(0|-?[1-9][0-9]{0,14})$") then tonumber
  elif test("^0[0-7]{1,10}$") then digits(8)
  elif test("^0x[0-9a-f]{1,8}( /\\*.*\\*/)?$") then capture("^0x(?<hex>[0-9a-f]+)").hex | digits(16)
  elif . == "NULL" then 0
  else null end;

def string: [capture("^\"(?<text>[^\"\\\\]*)\"$").text][0];

def clauses: if all(.[]; startswith("the program ")) then "the program \(map(ltrimstr("the program ")) | join(" and "))" else join(", and ") end;

def is_asked_for: ($call == "" or .call == $call) and ($error == "" or .error == $error);

# The command that asks for a candidate.
def command($failed): . as $one
  | [$failed[] | select(.call == $one.call and .error == $one.error) | .order == $one.order]
  | "\($again) CALL=\($one.call) ERRNO=\($one.error)\(if length == 1 then "" else " NTH=\(index(true) + 1)" end)";

# Why there is nothing to explain.
def none($unmatched): (.failed | length) as $failed
  | if $failed == 0 then "no system call failed, and the program \(.ended // "was still running at the deadline"); an error that it reports is its own or a library's"
    elif $call + $error + $nth != "" then
      "no failed call matches \([["CALL", $call], ["ERRNO", $error], ["NTH", $nth]] | map(select(.[1] != "") | join("=")) | join(" ")); LIST=1 lists the \($failed) that failed"
    else "the program reported \($unmatched.error) (\($unmatched.text)), but no system call returned it: it is the program's own or a library's; LIST=1 lists the \($failed) calls that failed" end
  | {none: printable};

# Did the error come in a completion? If the program uses io_uring, and no call returned what it
# reported, or it reported nothing and no call failed that matters.
def is_completion($asked): .uring and $nth == "" and ($call | IN("", "io_uring_enter"))
  and (.ended != "exited with 0" or .said != [] or $error != "")
  and (all($asked[]; .noise) or ($call + $error == "" and any(.said[].errors[]; true) and all($asked[]; .spoken | not)));

# An error from a completion of io_uring, which strace does not show: the last one that the program
# reported, or any.
def completion: (if $error != "" then $error else [.said[].errors[].error][-1] end) as $error
  | ([$errno | to_entries[] | select(.value.name == $error)][0]) as $known
  | {order: 0, thread: .uring.thread, number: null, nth: 1, call: "io_uring_enter", args: "", $error,
     errno: ($known.key | tonumber? // null), text: $known.value.text, path: null, carried: "completion", carrier: null,
     since: .uring, last: null, says: null, next: [], recovered: false, left: 0, process: null, ended, noise: null, spoken: true,
     said: [.said[] | select(any(.errors[]; .error == $error)).text][-1], likeliest: true,
     because: (if $error == null then "no call failed" else "no call returned \($error), which the program reported" end),
     name: $error, args_raw: [], args_text: []};

. as $all
# The last error that the program reported as text, if no call returned it.
| ([.said[] | .text as $text | .errors[] | select(.by == "text") | {error, $text}][-1]
    | if . == null or (.error | IN($all.failed[].error)) then null else . end) as $unmatched
| (if $nth == "" then null else [.failed[] | select(is_asked_for)][($nth | tonumber) - 1].order // -1 end) as $order
| ranked as $ranked
| [$ranked[] | select(is_asked_for and ($order == null or .order == $order))] as $asked

| def chosen: . as $one
    | {name: .error, likeliest: (.order == $asked[0].order),
       # Threads race for descriptors: the number may differ in the next run.
       args_raw: (.args | arguments | map(number) | if $all.threads > 1 then .[0] = null else . end), args_text: (.args | arguments | map(string)),
       next: ([$ranked[] | select(.noise == null and ([.call, .error, .args] != ($one | [.call, .error, .args])))]
         | unique_by([.call, .error, .args]) | sort_by(.score, .order) | reverse | .[:2] | map({text: told, command: command($all.failed)}))} as $more
    | .because |= (if $call + $error + $nth != "" then null
        else (.[:2] | if . == [] then "it failed last" else clauses end)
          + (if $unmatched then "; no call returned \($unmatched.error), which the program reported last" else "" end) end)
    | del(.score) + $more;

  if is_completion($asked) then completion
  elif $asked == [] or ($call + $error + $nth == "" and $unmatched and ($asked[0].spoken | not)) then none($unmatched)
  elif $every != "1" then $asked[0] | chosen
  else
    [$asked[] | select(.noise == null)] | if . == [] then $asked else . end
    | group_by([.call, .error, .carried, (.args | gsub("0x[0-9a-f]{6,}"; ""))]) | map(max_by(.score, .order))
    | sort_by(-.score, .order) | .[:many] | sort_by(.order) | map(chosen)
  end
