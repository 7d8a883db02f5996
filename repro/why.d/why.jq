# SPDX-License-Identifier: GPL-2.0-only
#
# why.jq: make why.json from the files of repro/why: $call (the chosen one), $calls (all that
# failed), $errno (the errors by number), $origin (of its error), $kernel; $took (1/100 s); $lacks
# and $missing, options and files that may be the cause; $again, the command of the question.

$calls[0].ended as $ended | $errno[0]["\($origin.errno)"] as $found
| {
    version: 1,
    call: $call.call, args: $call.args, errno: ($call.error // $found.name), error: ($call.text // $found.text),
    thread: $call.thread, nth: $call.nth,
    carried: $call.carried, carrier: $call.carrier, says: ($call.says // $origin.says),
    lacks: $lacks, missing: $missing, again: $again,
    because: $call.because, next: $call.next,
    function: $origin.function, file: $origin.file, line: $origin.line,
    text: ([$origin.condition, $origin.statement.text] | map(strings)
      | if .[0] == .[1] then .[0] else join("\n") end),
    condition: $origin.condition, statement: $origin.statement, inlined: $origin.inlined,
    values: $origin.values, unread: $origin.unread, callee: $origin.callee, within: $origin.within, passes_if: $origin.passes_if, chain: $origin.chain, source: $origin.source,
    kind: $origin.kind, others: $origin.others,
    program: {said: $call.said, last: $calls[0].last, ended: ($ended // "was still running at the deadline")},
    kernel: $kernel[0],
    seconds: ($took / 10 | round / 10)
  }
