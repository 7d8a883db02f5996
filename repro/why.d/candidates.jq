# SPDX-License-Identifier: GPL-2.0-only
#
# candidates.jq: list the errors that a program met, from strace's log; jq -Rs -L repro/why.d
# -L repro/judge.
#
# Named arguments: $errno, the errors, from errno.c; $output, the last line that the program
#   wrote, as strace cuts a long write() off.
# Output: {failed, said, last, ended, threads, uring}
#   failed  [the fields of failed() in calls.jq, and
#     path       null, or the first file name in the call's arguments
#     carried    null, or how the error arrived if the call itself succeeded: "netlink-ack"
#                (the call is the request), "so-error" or "error-queue"
#     carrier    null, or the call that delivered it: {call, args, number, nth, thread}
#     since last null, or the call that made its descriptor, and the last one that sent or
#                connected on it: {call, number, nth, thread}
#     says       null, or the kernel's text in an extended acknowledgement
#     next       null, or the thread's next call: {call, args}
#     left       how many calls the thread made after it
#     recovered  did the same call succeed later, for the same descriptor or file name?
#     process    null, or the name of the thread's program, if that is another one
#     ended      how its thread ended, or null]
#   said    [the output of words() in calls.jq]
#   last    the last line that the program wrote, or null
#   ended   how the first thread ended, or null
#   threads how many threads there were
#   uring   null, or the first io_uring_setup(): strace does not show completions
include "calls";
include "bytes";

def ref: if . then {call, number, nth, thread} else null end;
def descriptor: .args | .[:(index(",") // length)] | (tonumber? // "") | tostring;

# The first file name in a call's arguments.
def path: [.args | select(.[:12] | contains("\"")) | capture("^((AT_FDCWD|[0-9]{1,9}), )?\"(?<path>(\\\\.|[^\"\\\\])*)\"").path][0];

# A call and a second attempt at it have the same subject.
def subject: "\(.call) \(path // descriptor | sub("^.*/(?=.)"; ""))";

# From {thread: call}, the thread's own, or else the latest: a thread may inherit a descriptor.
def of_thread($thread): . // {} | .[$thread] // ([.[]] | max_by(.order));

# The errors in netlink acknowledgements and at the end of dumps: {seq, error, says}.
def acks($errno):
  .args | select(contains("nlmsg_type=NLMSG_")) | split("nlmsg_type=NLMSG_")[1:][]
  | capture("^(ERROR|DONE), nlmsg_flags=[^ ]+, nlmsg_seq=(?<seq>[0-9]+), nlmsg_pid=-?[0-9]+\\}, (?<data>.*)")
  | .seq as $seq | .data
  | if test("^[\\[{]*(error=)?-[E0-9]") then
      capture("^[\\[{]*(error=)?-(?<error>[A-Z0-9_]+)(.*NLMSGERR_ATTR_MSG\\}, \"(?<says>(\\\\.|[^\"\\\\])*)\")?")
      | {$seq, error: ($errno[.error].name // .error), says}
    elif startswith("\"\\x") then # the end of a dump, with attributes behind its error
      bytes | select(.[3] == 255)
      | {$seq, error: $errno["\(256 - .[0] + (255 - .[1]) * 256)"].name,
         says: (if .[6] == 1 then .[8:3 + .[4]] | text else null end)}
    else empty end
  | select(.error);

# The errors that a successful call delivered.
def carried($errno; $seen):
  . as $e | descriptor as $fd | "\(.thread)" as $t
  | {carrier: (ref + {args}), since: ($seen.opened[$fd] | of_thread($t) | ref), last: ($seen.sent[$fd] | of_thread($t) | ref)} as $by
  | if .call | test("^recv(from|m?msg)$") then
      (acks($errno) as $ack | $seen.requests["\($fd) \($ack.seq)"] | of_thread($t) | values
        | . + $by + $ack + {carried: "netlink-ack", order: $e.order}),
      (.args | match("ee_errno=([0-9]{1,4})"; "g") | $errno[.captures[0].string] | values
        | $e + $by + {carried: "error-queue", error: .name, says: null})
    elif .call == "getsockopt" then
      .args | capture("SO_ERROR, \\[(?<error>E[A-Z0-9_]+|[1-9][0-9]{0,3})\\]").error
      | $e + $by + {carried: "so-error", error: ($errno[.].name // .), says: null}
    else empty end;

# The kernel's texts that a write repeats, in the form of words().
def repeats($says): select(.call == "write" or .call == "writev") | . as $e
  | [$says[] | select(.says as $text | $e.args | contains($text)) | {error, by: "kernel"}] | select(. != [])
  | . as $errors | $e | {order, thread, text: ([.args | capture("\"(?<text>.*)\"").text | sub("(\\\\n)+$"; "")][0] // ""), $errors};

# Remember of a call what later ones may refer to.
def seen($e; $t): ($e | descriptor) as $fd
  | .counts[$t] += 1
  | if $e.result == "-1" or $e.result == "?" then .
    else
      .good[$e | subject] = $e.order
      | if $e.call | test("^(socket|accept4?|dup[23]?)$") then .opened[$e.result][$t] = $e
        elif $e.call | test("^(connect|send(to|m?msg)|write|writev)$") then
          .sent[$fd][$t] = $e
          | reduce ($e.args | select(contains("nlmsg_seq=")) | match("nlmsg_seq=([0-9]+)"; "g").captures[0].string) as $seq (.;
              .requests["\($fd) \($seq)"][$t] = $e)
        elif $e.call == "io_uring_setup" then .uring //= ($e | ref)
        elif $e.call | test("^execve(at)?$") then .programs[$t] = ($e | path // "" | sub("^.*/(?=.)"; ""))
        else . end
    end
  # A non-blocking connect() fails, and yet a later error comes from it.
  | if $e.call == "connect" then .sent[$fd][$t] = $e else . end;

def events($errno): error_numbers($errno) as $numbers
  | foreach (strace_events, null) as $e ({held: {}, opened: {}, sent: {}, requests: {}, good: {}, counts: {}, ended: {}, programs: {}, says: [], uring: null};
      . as $before | "\($e.thread)" as $t
      | if $e == null then .out = [(.held[][] | {candidate: .}), {all: {good, counts, ended, programs, uring}}]
        elif $e.ended then .ended[$t] = $e.ended | .out = []
        else
          .out = [((.held[$t] // [])[] | {candidate: (. + {next: ($e | {call, args: .args[:200]})})}), {said: ($e | (words($errno), repeats($before.says)))}]
          | seen($e; $t)
          | . as $seen
          | .held[$t] = [$e | failed($numbers) + {carried: null, carrier: null, since: null, last: null, says: null}, carried($errno; $seen)
              | {order, thread, number, nth, call, args, error, errno: $numbers[.error], text: $errno["\($numbers[.error])"].text,
                 path: path, carried, carrier, since, last, says, next: null, subject: subject, at: $seen.counts[$t]}]
          | .says += [.held[$t][] | select(.says) | {error, says}]
        end;
      .out[]);

[events($errno)] as $events
| ([$events[].all | values][0]) as $all
| {failed: ([$events[].candidate | values
      | . + {left: ($all.counts["\(.carrier.thread // .thread)"] - .at), recovered: (($all.good[.subject] // 0) > .order),
             process: (if .thread == 0 then null else $all.programs["\(.thread)"] end), ended: $all.ended["\(.thread)"]} | del(.at, .subject)]
    # MSG_PEEK shows the same message again.
    | unique_by(if .carried == "netlink-ack" then [0, .thread, .number, .nth, .error] else [1, .order] end) | sort_by(.order)),
   said: ([$events[].said | values] | if $output == "" or (.[-1].text // "" | endswith($output)) then .
     else . + [{order: infinite, thread: 0, call: "write", args: "1, \($output | tojson)"} | words($errno)] end),
   last: (if $output == "" then null else $output end), ended: $all.ended["0"], threads: ($all.counts | length), uring: $all.uring}
