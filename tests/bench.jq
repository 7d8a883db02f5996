# SPDX-License-Identifier: GPL-2.0-only
#
# bench.jq: tests/bench's table, as JSON and as text.
#
# Named arguments: $rounds, {NAME: seconds} of each; $memory, $sizes, {NAME: MiB};
#   $verdict, of the last run; $last, the last table; $build, the kernel's CPU seconds;
#   $processors, $load.
# Output: {case, kernel, qemu, accel, processors, load, rounds, floor: seconds, ratios:
#   {NAME: floors}, outside, restored: seconds, memory, sizes: {NAME: MiB}, kernel_cpu_seconds,
#   text: lines}.

def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
def hundredths: . * 100 | round / 100;

# "1.5" as "1.50", so that columns can be read.
def digits($n): (. * pow(10; $n) | round | tostring) as $all
  | ("0" * ([$n + 1 - ($all | length), 0] | max) // "") + $all
  | if $n == 0 then . else .[:-$n] + "." + .[-$n:] end;
def left($width): tostring | . + (" " * ([$width - length, 0] | max) // "");
def right($width): tostring | (" " * ([$width - length, 0] | max) // "") + .;

def against($goal): if $goal == null then "" else "goal \($goal)  \(if . <= $goal then "met" else "NOT MET" end)" end;
def row($title; $value; $was; $digits; $goal):
  "  \($title | left(53))\($value | digits($digits) | right(7))   \((if $was == null then "" else $was | digits($digits) end) | right(7))   \($value | against($goal))"
  | sub(" +$"; "");

# What is given in floors, and the goals for two processors under TCG.
[
  {name: "first", title: "boot to the case's first line", goal: 1.3},
  {name: "plain", title: "one column, plain and under strace", goal: 1.6},
  {name: "restored", title: "the same from a snapshot"},
  {name: "gdb", title: "one column with gdb, plain and under strace"},
  {name: "all", title: "make repro: all columns, with gdb, side by side", goal: 4},
  {name: "all_restored", title: "make repro SNAPSHOT=1", goal: 1},
  {name: "why_cold", title: "make why, its answer computed"},
  {name: "why_warm", title: "make why, its answer in the cache"}
] as $times
| $last[0] as $was
| ($verdict[0] | {case, kernel: .columns[0].kernel.release, qemu, accel}) + {
    $processors, load: ($load | tonumber), rounds: ($rounds | length),
    floor: ($rounds | map(.floor) | median | hundredths),
    ratios: ($times | map(.name as $name | {($name): ($rounds | map(.[$name] / .floor) | median | hundredths)}) | add),
    outside: ($rounds | map(.outside) | median | hundredths),
    restored: ($rounds | map(.restored) | median | hundredths),
    $memory, $sizes,
    kernel_cpu_seconds: ($build[0] // {} | if .release == $verdict[0].columns[0].kernel.release then .seconds else null end)
  }
| . as $table
| .text = [
    "\(.case)   Linux \(.kernel)   QEMU \(.qemu) \(.accel)   \(.processors) processors, load \(.load)   medians of \(.rounds) rounds",
    (if $was then "the last time: \($was.case)   Linux \($was.kernel)   QEMU \($was.qemu) \($was.accel)   \($was.processors) processors, load \($was.load)   \($was.rounds) rounds" else empty end),
    "",
    "in floors                                                   now    last time",
    row("a PID 1 that resets at once (\(.floor) s)"; 1; (if $was then 1 else null end); 2; null),
    ($times[] | row(.title; $table.ratios[.name]; $was.ratios[.name]; 2; .goal)),
    "seconds",
    row("make repro outside its guests, all up to date"; .outside; $was.outside; 2; 0.3),
    row("one column, plain and under strace, from a snapshot"; .restored; $was.restored; 2; 0.3),
    (if .kernel_cpu_seconds then row("the kernel's build, of all processors together"; .kernel_cpu_seconds; $was.kernel_cpu_seconds; 0; null) else empty end),
    "MiB, largest resident set of a process",
    (.memory | to_entries[] | row(.key; .value; $was.memory[.key]; 0; null)),
    "MiB on disk",
    (.sizes | to_entries[] | row(.key; .value; $was.sizes[.key]; 1; null))
  ]
