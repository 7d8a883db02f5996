# SPDX-License-Identifier: GPL-2.0-only
#
# calls.jq: all system calls of a program after the execve() that began it, which is the first
# line of the log of "strace -f -n"; jq -Rrs -L repro/judge. Lines, their words separated by tabs:
#   call TASK NAME NUMBER NAMING ERROR RESULT ARGUMENTS   in order of time; the program's first
#                                           task is 0; NAMING are those arguments that say what
#                                           a call of this name does, as the option's name
#   handler ADDRESS                         of a signal, in hex
#   exec PATH                               another program, in order of time
#   map IMAGE START LENGTH OFFSET PATH      code that an image mapped from a file; the last one
#                                           holds. The first program is image 0, others follow
#   ended HOW                               "exited with 1", "killed by SIGSEGV"
include "calls";

def naming($name): {
    setsockopt: "^[^,]*, (?<is>[^,]*, [^,]*)", getsockopt: "^[^,]*, (?<is>[^,]*, [^,]*)",
    ioctl: "^[^,]*, (?<is>_IOC\\([^)]*\\)|[^,]*)", fcntl: "^[^,]*, (?<is>[^,]*)", epoll_ctl: "^[^,]*, (?<is>[^,]*)",
    prctl: "^(?<is>[^,]*)", arch_prctl: "^(?<is>[^,]*)", bpf: "^(?<is>[^,]*)", keyctl: "^(?<is>[^,]*)"
  }[$name] as $pattern | if $pattern then capture($pattern).is // "" else "" end;

[. / "\n" | map(select(. != "")) | whole_lines] as $lines
| ([$lines[].pid] | map(tonumber) | unique) as $pids
| (reduce $lines[] as $l ({}; ($l.rest | capture("\\] v?(clone3?|fork)\\(.* = (?<pid>[0-9]+)$").pid) as $child | .[$child] = $l.pid)) as $parent
| foreach $lines[1:][] as $l ({files: {}, images: 0, image: {}};
    ($pids | index($l.pid | tonumber)) as $task
    | .image[$l.pid] //= (.image[$parent[$l.pid] // ""] // 0)
    | .out = []
    | ($l.rest | capture("^\\[ *(?<number>[0-9]+)\\] (?<name>\\w+)\\((?<args>.*)\\) += (?<result>[^ ]+) ?(?<error>E[A-Z0-9]+)?") // null) as $c
    | if $c then
        .out = [["call", $task, $c.name, $c.number, ($c.args | naming($c.name)), (if $c.result == "-1" then $c.error else null end) // "", $c.result, ($c.args | sub(" +$"; ""))]]
        | if $c.name == "openat" and ($c.result | test("^[0-9]+$")) then
            .files[$c.result] = ($c.args | capture("\"(?<path>[^\"]*)\"").path // "")
          elif $c.name == "mmap" and ($c.args | test("PROT_EXEC.*, [0-9]+, ")) then
            ($c.args / ", ") as $a
            | .out += [["map", .image[$l.pid], $c.result, $a[1], $a[5], .files[$a[4]] // ""]]
          elif ($c.name | test("^execve")) and $c.result == "0" then
            .images += 1 | .image[$l.pid] = .images
            | .out += [["exec", ($c.args | capture("\"(?<path>[^\"]*)\"").path // "")]]
          elif $c.name == "rt_sigaction" then
            .out += [$c.args | capture("^\\w+, [{]sa_handler=0x(?<at>[0-9a-f]+)") | ["handler", .at]]
          else . end
      elif $task == 0 then
        .out = [$l.rest | capture("\\+\\+\\+ (?<how>.*) \\+\\+\\+$") | ["ended", .how]]
      else . end;
    .out[] | map(tostring | gsub("[\t\n]"; " ")) | join("\t"))
