# SPDX-License-Identifier: GPL-2.0-only
#
# calls.jq: parse the log of "strace -f -n -o FILE"; a module, and the only place that knows
# the format of such a log's lines.
#
# strace_events: of a log as text, a stream of
#   {order, thread, number, nth, call, args, result, error, text}   a call that ended; thread 0
#     is the program's first; nth counts the thread's calls of that number since the
#     program's start; error and text are null if there was none
#   {order, thread, ended}   a thread's end: "exited with 1", "killed by SIGSEGV"
# failed($numbers): of such a call that failed, {order, thread, number, nth, call, args, error,
#   text, errno}; $numbers is {NAME: number}
# words($errno): of such a call that wrote something that may speak of errors, {order, thread,
#   text, errors: [{error, by}]}; by is "text", "name", or "number", which may be chance
# strace_calls($errno): of a log as text, {failed, rows}; $errno is errno.c's
#   failed  [as above]
#   rows    [{order, row}]: the program's writes of rows, each by its first row

# Only the result grows with the log. Of an overlong line, use the beginning.

# If another thread interrupts a call, the call has two lines: join them.
def whole_lines:
  foreach (.[] | .[:65536]) as $line ({begun: {}};
    ($line | capture("^(?<pid>[0-9]{1,10}) +(?<rest>.*)$") // {pid: "0", rest: $line}) as $l
    | if $l.rest | endswith("<unfinished ...>") then .begun[$l.pid] = ($l.rest | rtrimstr("<unfinished ...>") | rtrimstr(" ")) | .whole = null
      elif $l.rest | test("^(\\[ *[0-9]{1,9}\\] )?<\\.\\.\\. \\w+ resumed>") then
        .whole = {pid: $l.pid, rest: ((.begun[$l.pid] // "") + ($l.rest | sub("^.*?<\\.\\.\\. \\w+ resumed>"; "")))}
      else .whole = $l end;
    .whole | values);

def strace_events:
  . / "\n" | map(select(. != ""))
  | (map(capture("^(?<pid>[0-9]{1,10}) ").pid | tonumber) | unique) as $pids
  | foreach whole_lines as $l ({order: 0, counts: {}, interrupted: {}};
      ($l.pid | tonumber) as $pid | .order += 1
      | {order, thread: ($pids | index($pid) // 0)} as $at
      | ($l.rest | capture("^\\[ *(?<number>[0-9]{1,9})\\] (?<call>\\w+)\\((?<args>.*)\\) += (?<result>[^ ]+) ?(?<error>E[A-Z0-9_]+)?(?: \\((?<text>[^)]*)\\))?") // null) as $call
      | .event = null
      | if $call then
          "\($pid) \($call.number)" as $key | .counts[$key] += 1
          # Do not count the execve() that started the program.
          | (.counts[$key] - (if $pid == $pids[0] and $call.call == "execve" then 1 else 0 end)) as $nth
          | ($at + $call + {$nth, number: ($call.number | tonumber), args: ($call.args | sub(" +$"; ""))}) as $event
          | if $event.result == "?" and $event.error then .interrupted[$l.pid] = $event
            elif $event.call != "rt_sigreturn" then .event = $event
            # strace shows here, at the end of the handler, what the interrupted call returned.
            elif $event.error == "EINTR" and .interrupted[$l.pid] then
              .event = .interrupted[$l.pid] + {result: "-1", error: "EINTR", text: $event.text} | .interrupted[$l.pid] = null
            else . end
        else .event = ([$l.rest | capture("\\+\\+\\+ (?<ended>.*) \\+\\+\\+$") | $at + .][0]) end;
      .event | values);

def failed($numbers): select(.result == "-1" and .error)
  | {order, thread, number, nth, call, args, error, text, errno: $numbers[.error]};

def error_numbers($errno): [$errno | to_entries[] | {(.value.name): (.key | tonumber)}] | add;

def words($errno): select((.call // "") | test("^(write|writev|sendto|sendmsg)$")) | select(.args | contains("nlmsg_type=") | not)
  | . as $e | (.args | capture("\"(?<text>.*)\"").text | sub("(\\\\n)+$"; "")) as $text
  # Take the longest: "No such device" is also a prefix of another text.
  | ([[$errno[] | select(.text as $its | $text | contains($its))] | max_by(.text | length) | values | {error: .name, by: "text"}]
    + [$text | match("Unknown error ([0-9]{1,4})"; "g") | $errno[.captures[0].string] | values | {error: .name, by: "text"}]
    + [$text | match("\\bE[A-Z0-9_]{2,}\\b"; "g").string | select(. as $name | any($errno[]; .name == $name)) | {error: ., by: "name"}]
    + [$text | match("(?:\\b(?:errno|error|err|rc|ret|res|result|returned|code)\\b[ :=(#]{0,4}-?|\\(-?(?=[0-9]+\\))|(?:^|[\\s:=,\\[])-)([0-9]{1,3})\\b"; "ig") | $errno[.captures[0].string]
      | values | {error: .name, by: "number"}]) as $errors
  | select($errors != []) | {order, thread, $text, $errors};

def strace_calls($errno):
  error_numbers($errno) as $numbers
  | [strace_events | {failed: ([failed($numbers)][0]),
      row: ([select(.call and (.call | test("^(write|writev|sendto|sendmsg)$"))) | .order as $order
        | .args | capture("^[0-9]+, \"[{] *\\\\\"row\\\\\": *\\\\\"(?<row>[^\"\\\\]*)\\\\\"") | {$order, row}][0])}]
  | {failed: map(.failed | values), rows: map(.row | values)};
