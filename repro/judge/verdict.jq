# SPDX-License-Identifier: GPL-2.0-only
#
# verdict.jq: compare what two guests showed with what the case predicts.
#
# Named arguments: $name, $build (BUILD), $folder (the case's), $before_is and
#   $after_is (which library ran as which),
#   $layout, $queues, $accel, $retried (why, or ""), $qemu, $took (1/100 s);
#   files as JSON: $case, $kernel, $libxdp, $errno (repro/judge/errno.c's); files as text:
#   $layouts (pahole's), and $before_X and $after_X for X of result, timeline
#   (JSON lines), strace and origin (gdbscripts/why.py's JSON, or null). See repro/run.
# Output: verdict.json. "verdict" is reproduced when everything is as predicted,
#   not-reproduced when something was observed that is not, and lab-failure when
#   something is missing or contradicts itself.
#
# The guests are not trusted: what they left behind is text of a bounded length, and
# what is taken from it is of a form that is known. Whatever else is there is garbled.
include "shown";

# Of a result, a timeline or strace's log; 128 sockets need less than a tenth of that.
def bytes_max: 4194304;
def lines_max: 10000;

def natural: type == "number" and . >= 0 and . <= 18446744073709551616 and . == floor;
def word: type == "string" and length <= 64 and test("\\A[A-Za-z0-9_.+~@-]+\\z");
# Of the kernel, of the lab, or of the build's or the case's folder, which may be anywhere.
def path: ltrimstr($build + "/") | ltrimstr($folder + "/") | type == "string" and length <= 1024
  and test("\\A[A-Za-z0-9_][A-Za-z0-9_./+-]*\\z") and (contains("..") | not);
def optional(form): . == null or form;
def place_in_source: type == "object" and (.function | optional(word)) and (.file | optional(path)) and (.line | optional(natural));

# What gdb makes of a value: a number, an address, bytes, or NULL.
def value: optional(type == "number" or (type == "string" and test("\\A0x[0-9a-f]{1,16}\\z"))
  or (type == "array" and length <= 4096 and all(.[]; natural)));
def values_by_name: type == "object" and all(keys[]; word) and all(.[]; value);

# What a line of the guest's script may say. An array is ip's.
def is_result: type == "array" or (type == "object"
  and (.boot | optional(type == "object" and (.release | word)))
  and (.phase | optional(word))
  and (.end | optional(type == "object" and (.tainted | optional(natural))))
  and (.socket | optional(type == "object" and all(keys[]; word) and all(.[]; optional(word or natural))
    and (.device | word) and all(.ifindex, .queue; natural) and (.netns_cookie | optional(natural))
    and (.step | optional(word)) and (.errno | natural and . < 4096))));

def is_event: type == "object"
  and (.call | optional(place_in_source and all(.order, .ring; natural) and (.function | word) and (.values | values_by_name)))
  and (.return | optional(type == "object" and all(.order, .of; natural) and (.function | word) and (.value | value)));

def is_origin: optional(place_in_source and (.condition | optional(type == "string"))
  and (.statement | optional(place_in_source)) and (.values | type == "object" and all(keys[]; length < 256)
    and all(.[]; optional(type == "number" or type == "string")))
  and all(.chain, .others; type == "array" and all(.[]; place_in_source))
  and all(.others[]; .condition | optional(type == "string")));

# The lines of a text; null where there are too many.
def lines: if utf8bytelength > bytes_max then null
  else split("\n") | if length > lines_max then null else map(select(. != "")) end end;

# The lines of a text as JSON of a form; nothing where one is not.
def json_lines(form): lines | values | map(fromjson? // null) | select(all(.[]; form));

# What one guest left behind; null is what is garbled.
def observation($library; $result; $timeline; $strace; $origin): {
    $library,
    result: (($result | json_lines(is_result) | map(objects)) // null),
    timeline: (($timeline | json_lines(is_event)) // null),
    strace: ($strace | lines),
    origin: ({is: ($origin | try fromjson catch false | select(is_origin))} // null)
  };

# pahole's text as {struct: [{name, offset, size}]}.
def structs:
  [scan("struct (\\w+) \\{\n((?:\t.*\n|\n)*)\\}") | {(.[0]): [.[1]
    | scan("(\\w+)(?:\\[\\d+\\])*; +/\\* +(\\d+) +(\\d+) \\*/")
    | {name: .[0], offset: (.[1] | tonumber), size: (.[2] | tonumber)}]}] | add // {};

# A value as people know it: error numbers by their names.
def named($errno): if type == "number" and . < 0 and . > -4096
  then $errno[-. | tostring].name // . else . end;

# The calls of a timeline in order of time, each with what became of it.
def calls($errno):
  (reduce (.[].return | values) as $return ({}; .["\($return.of)"] //= $return)) as $returns
  | [.[] | .call // empty | . as $call
     | $returns["\(.order)"] as $return
     | $call + {
         returned: ($return.value | named($errno)),
         has_returned: ($return != null),
         returned_at: $return.order
       }]
  | map(select(.function != "main"));

# The result lines of one phase of the guest's script.
def of_phase($name):
  reduce .[] as $line ({lines: []};
    if $line.phase then .phase = $line.phase
    elif .phase == $name then .lines += [$line] else . end)
  | .lines;

# Calls grouped by socket: a group begins with the case's first function.
def by_socket($first):
  reduce .[] as $call ([]; if $call.function == $first or . == []
    then . + [[$call]] else .[-1] += [$call] end);

# Little-endian number of the bytes that a member has in its struct.
def member($bytes): . as $m
  | reduce ($bytes[$m.offset:$m.offset + $m.size] | reverse | .[]) as $byte (0; . * 256 + $byte);

def decoded($structs): if .struct then . as $call
  | .fields = ([$structs[$call.struct][]
      | select(.offset + .size <= ($call.values.bytes | length))
      | {(.name): member($call.values.bytes)}] | add)
  else . end;

# The call that failed, by what the kernel was seen to return; else what the
# program says.
def step: . as $socket
  | if .errno == null then null
    else ([.calls[] | select(.syscall and .returned == $socket.errno) | .syscall][0]) // .step end;

# One variant: sockets with what the program, the kernel and strace say of each.
def observed($in; $variant):
  $in.variants[$variant] as $seen
  | ($seen | map_values(. // [])) as $v
  | ($in.case.probes | map({(.function): {syscall, struct}}) | add) as $specs
  | ([$v.timeline | calls($in.errno)[] | . + $specs[.function] | decoded($in.structs)]
     | by_socket($in.case.socket_begins_with)) as $groups
  | {
      library: $v.library,
      release: ([$v.result[] | .boot.release // empty][0]),
      tainted: ([$v.result[] | .end.tainted // empty][0]),
      restored: any($v.result[]; .restored),
      groups: ($groups | length),
      garbled: [$seen | to_entries[] | select(.value == null) | .key],
      whole: any($v.timeline[]; .done),
      numbered: ([$v.timeline[][].order?] == [range(1; 1 + ($v.timeline | length))]),
      sockets: [$v.result | of_phase("run") | [.[] | .socket // empty] | to_entries[]
        | .value + {calls: ($groups[.key] // [])}
        | .errno = (-.errno | named($in.errno) | if . == 0 then null else . end)
        | .step = step],
      again: [$v.result | of_phase("strace")[] | .socket // empty
        | -.errno | named($in.errno) | if . == 0 then null else . end],
      strace: [$v.strace[] | printable | select(test($in.case.strace))],
      refused_at: ($seen.origin.is | if . then {function, file, line, text: .condition, statement, values, chain, others} else null end)
    };

def matches($value): if . == "set" then ($value | type) == "string" else . == $value end;

# How a socket differs from the outcome that is predicted for it, as text.
def differences($outcome):
  . as $socket
  | [ if .step != $outcome.step or .errno != $outcome.errno
      then "\(.errno // "success") at \(.step // "no step") instead of \($outcome.errno // "success") at \($outcome.step // "no step")"
      else empty end,
      ([.calls[].function] as $called
       | [$outcome.calls[] | select((.optional and (.function | IN($called[]) | not)) | not)]) as $expected
      | if [.calls[].function] != [$expected[].function]
      then "called \([.calls[].function] | join(", ")) instead of \([$expected[].function] | join(", "))"
      else range($expected | length) as $i | $socket.calls[$i] as $call | $expected[$i]
        | to_entries[] | select(.key | IN("function", "optional") | not)
        | (if .key == "returned" then $call.returned else $call.values[.key] end) as $seen
        | .key as $key | .value
        | select(matches($seen) | not)
        | "\($call.function): \($key) was \($seen // "NULL") instead of \(. // "NULL")"
      end ];

def version: [scan("[0-9]+") | tonumber][:2];

def prediction($in): (.before.release // "0" | version) as $release
  | [$in.case.predictions[] | select(.layout == $in.layout and (.since | version) <= $release)]
  | max_by(.since | version);

# What is missing or contradicts itself in one variant, as text.
def contradictions($in; $variant): .[$variant] | . as $v
  | ($in.queues * 2) as $expected
  | [ (.garbled[] | "garbled \(.): a line is no JSON or not what belongs there, or it has no end"),
      if .whole | not then "the timeline is cut off" else empty end,
      if .release == null then "the guest did not say which kernel it runs" else empty end,
      if (.sockets | length) != $expected then "the program reported \(.sockets | length) sockets instead of \($expected)" else empty end,
      if .groups != (.sockets | length) then "gdb saw \(.groups) sockets and the program reported \(.sockets | length)" else empty end,
      if [.sockets[].errno] != .again then "under strace the sockets ended differently: \([.again[] | . // "success"] | join(", "))" else empty end,
      if (.strace | length) != ([.sockets[].calls[] | select(.struct)] | length)
      then "strace saw \(.strace | length) of the calls that gdb saw" else empty end,
      if .refused_at == null and any(.sockets[]; .errno as $errno | $errno and any(.calls[]; .ring == 0 and .returned == $errno))
      then "the line that refused is not known" else empty end,
      (.sockets[] | . as $socket | .calls[]
        | if .has_returned | not then "\(.function) was not seen to return" else empty end,
          (.function as $function | .values | to_entries[]
            | select(.key as $key | $socket | has($key) and .[$key] != null)
            | select(.value != $socket[.key])
            | "\(.key) is \($socket[.key]) to the program and \(.value) in \($function)")),
      if .numbered then empty else "a line of the timeline is missing" end
    ] | map("\($variant): \(.)");

# What the case predicts for the socket that is made as number $i.
def predicted($in; $prediction; $i):
  (if $i == 0 then $prediction.first else $prediction[.device] end) as $name
  | $in.case.outcomes[$name // ""] // {"step": null, "errno": null, "calls": []};

def surprises($in; $prediction; $variant): .[$variant].sockets | to_entries
  | map(.key as $i | .value | predicted($in; $prediction; $i) as $outcome
        | "\($variant): \(.device) queue \(.queue): \(differences($outcome)[])");

# "success", or the error numbers that were seen.
def outcome: [.sockets[].errno | select(.)] | unique | if . == [] then "success" else join(", ") end;

{
  case: $case[0], $name, $layout, $queues, $accel, $qemu,
  kernel: $kernel[0], libxdp: $libxdp[0], errno: $errno[0], structs: ($layouts | structs),
  variants: {
    before: observation($libxdp[0][$before_is]; $before_result; $before_timeline; $before_strace; $before_origin),
    after: observation($libxdp[0][$after_is]; $after_result; $after_timeline; $after_strace; $after_origin)
  }
}
| . as $in
| {before: observed($in; "before"), after: observed($in; "after")}
| . as $seen
| prediction($in) as $prediction
| (contradictions($in; "before") + contradictions($in; "after")
   + (if .before.release != .after.release then ["the guests ran different kernels"] else [] end)
   + (if $prediction then [] else ["the case predicts nothing for this kernel and layout"] end)) as $broken
| (if $prediction then surprises($in; $prediction.before; "before") + surprises($in; $prediction.after; "after") else [] end) as $surprises
| "\(.before | outcome) before the fix, \(.after | outcome) after it" as $summary
| {
    case: $in.name,
    verdict: (if $broken != [] then "lab-failure" elif $surprises != [] then "not-reproduced" else "reproduced" end),
    reason: (if $broken != [] then $broken[0]
             elif $surprises != [] then "\($summary); \($surprises[0])"
             else $summary + (if $prediction.why then ": " + $prediction.why else "" end) end | printable),
    control: ($prediction.control // false),
    layout: $in.layout,
    queues: $in.queues,
    kernel: ($in.kernel + {release: ($seen.before.release // $in.kernel.release), tainted: $seen.before.tainted}),
    libxdp: $in.libxdp.source,
    accel: $in.accel,
    retried: (if $retried == "" then null else $retried end),
    restored: ($seen.before.restored or $seen.after.restored),
    qemu: $in.qemu,
    seconds: ($took / 10 | round / 10),
    differences: ($broken + $surprises | .[:1000] | map(printable)),
    variants: ($seen | with_entries(.key as $variant | .value |= {
      library,
      sockets: [.sockets[:$in.queues * 2] | to_entries[] | .key as $i | .value
        | .predicted = (if $prediction then predicted($in; $prediction[$variant]; $i) | {step, errno} else null end)],
      refused_at, strace}))
  }
