# SPDX-License-Identifier: GPL-2.0-only
#
# calls.jq: parse the log of "strace -f -n -o FILE"; a module, and the only place that knows
# the format of such a log.
#
# strace_calls($errno): of a log as text, {failed, said, rows, ended}; $errno is errno.c's.
#   failed  [{order, thread, number, nth, call, args, errno, error, text}]; thread 0 is
#           the program's first; nth counts the thread's calls of that number since
#           the program's start
#   said    [{order, error, text}]: what the program wrote that contains an error's text
#   rows    [{order, row}]: the program's writes of rows, each by its first row
#   ended   "exited with 1", "killed by SIGSEGV" or null

# Only the result grows with the log. Of an overlong line, use the beginning.

# If another thread interrupts a call, the call has two lines: join them.
def whole_lines:
  foreach (.[] | .[:65536]) as $line ({begun: {}};
    ($line | capture("^(?<pid>[0-9]{1,10}) +(?<rest>.*)$") // {pid: "0", rest: $line}) as $l
    | if $l.rest | endswith("<unfinished ...>") then .begun[$l.pid] = ($l.rest | rtrimstr("<unfinished ...>")) | .whole = null
      elif $l.rest | test("^(\\[ *[0-9]{1,9}\\] )?<\\.\\.\\. \\w+ resumed>") then
        .whole = {pid: $l.pid, rest: ((.begun[$l.pid] // "") + ($l.rest | sub("^.*?<\\.\\.\\. \\w+ resumed>"; "")))}
      else .whole = $l end;
    .whole | values);

def strace_calls($errno):
  ($errno | map_values(.name) | to_entries | map({(.value): (.key | tonumber)}) | add) as $numbers
  | . / "\n" | map(select(. != ""))
  | (map(capture("^(?<pid>[0-9]{1,10}) ").pid | tonumber) | unique) as $pids
  | [foreach whole_lines as $l ({order: 0, counts: {}};
      ($l.pid | tonumber) as $pid | .order += 1 | .order as $order
      | ($l.rest | capture("^\\[ *(?<number>[0-9]{1,9})\\] (?<call>\\w+)\\((?<args>.*)\\) += (?<result>[^ ]+) ?(?<error>E[A-Z0-9]+)?(?: \\((?<text>[^)]*)\\))?") // null) as $call
      | .found = null
      | if $call then
          "\($pid) \($call.number)" as $key | .counts[$key] += 1
          # Do not count the execve() that started the program.
          | (.counts[$key] - (if $pid == $pids[0] and $call.call == "execve" then 1 else 0 end)) as $nth
          | if $call.result == "-1" and $call.error then
              .found.failed = {$order, thread: ($pids | index($pid) // 0), number: ($call.number | tonumber), $nth,
                call: $call.call, args: ($call.args | sub(" +$"; "")), error: $call.error, text: $call.text,
                errno: $numbers[$call.error]}
            elif $call.call | test("^(write|writev|sendto|sendmsg)$") then
              .found.row = ([$call.args | capture("^[0-9]+, \"[{] *\\\\\"row\\\\\": *\\\\\"(?<row>[^\"\\\\]*)\\\\\"") | {$order, row}][0])
              # Take the longest: "No such device" is also a prefix of another text.
              | .found.said = ([[$errno[] | select(.text as $text | $call.args | contains($text))]
                | max_by(.text | length) | values
                | {$order, error: .name, text: ($call.args | capture("\"(?<text>.*)\"").text)}][0])
            else . end
        elif $pid == $pids[0] then
          .found.ended = ([$l.rest | capture("\\+\\+\\+ (?<how>.*) \\+\\+\\+$").how][0])
        else . end;
      .found | values)]
  | {failed: map(.failed | values), said: map(.said | values), rows: map(.row | values), ended: (map(.ended | values) | last)};
