# SPDX-License-Identifier: GPL-2.0-only
#
# calls.jq: the system calls of a program that failed, from "strace -f -n -o FILE".
#
# Input:  strace's log as text (jq -Rs). Named argument: $errno, vm/errno.c's.
# Output: {failed, said, ended}
#   failed  [{order, thread, number, nth, call, args, errno, error, text}]; thread 0 is
#           the program's first; nth counts the thread's calls of that number since
#           the program's start
#   said    [{order, error, text}]: what the program wrote that has an error's text in it
#   ended   "exited with 1", "killed by SIGSEGV" or null

# A call that another thread came in between has two lines.
def whole_lines:
  reduce .[] as $line ({lines: [], begun: {}};
    ($line | capture("^(?<pid>[0-9]+) +(?<rest>.*)$") // {pid: "0", rest: $line}) as $l
    | if $l.rest | endswith("<unfinished ...>") then .begun[$l.pid] = ($l.rest | rtrimstr("<unfinished ...>"))
      elif $l.rest | test("<\\.\\.\\. \\w+ resumed>") then
        .lines += [{pid: $l.pid, rest: ((.begun[$l.pid] // "") + ($l.rest | sub("^.*?<\\.\\.\\. \\w+ resumed>"; "")))}]
      else .lines += [$l] end)
  | .lines;

. / "\n" | map(select(. != "")) | whole_lines
| (map(.pid | tonumber) | unique) as $pids
| reduce .[] as $l ({order: 0, counts: {}, failed: [], said: [], ended: null};
    ($l.pid | tonumber) as $pid | .order += 1 | .order as $order
    | ($l.rest | capture("^\\[ *(?<number>[0-9]+)\\] (?<call>\\w+)\\((?<args>.*)\\) += (?<result>[^ ]+) ?(?<error>E[A-Z0-9]+)?(?: \\((?<text>[^)]*)\\))?") // null) as $call
    | if $call then
        "\($pid) \($call.number)" as $key | .counts[$key] += 1
        # The call that started the program is not its own.
        | (.counts[$key] - (if $pid == $pids[0] and $call.call == "execve" then 1 else 0 end)) as $nth
        | if $call.result == "-1" and $call.error then
            .failed += [{$order, thread: ($pids | index($pid)), number: ($call.number | tonumber), $nth,
              call: $call.call, args: ($call.args | sub(" +$"; "")), error: $call.error, text: $call.text,
              errno: ([$errno | to_entries[] | select(.value.name == $call.error) | .key | tonumber][0])}]
          elif $call.call | test("^(write|writev|sendto|sendmsg)$") then
            # The longest: "No such device" is the beginning of another one.
          .said += [[$errno[] | select(.text as $text | $call.args | contains($text))]
              | max_by(.text | length) // empty
              | {$order, error: .name, text: ($call.args | capture("\"(?<text>.*)\"").text)}]
          else . end
      elif $pid == $pids[0] then
        .ended = (($l.rest | capture("\\+\\+\\+ (?<how>.*) \\+\\+\\+$").how) // .ended)
      else . end)
| {failed, said, ended}
