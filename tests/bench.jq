# SPDX-License-Identifier: GPL-2.0-only
#
# bench.jq: make tests/bench's table, as JSON and as text.
#
# Named arguments: $rounds, {NAME: seconds} of each round; $memory, $sizes, {NAME: MiB};
#   $verdict, of the last run; $last, the last table; $build, the kernel's CPU seconds;
#   $processors, $load.
# Output: {case, kernel, qemu, accel, processors, load, rounds, seconds, ratios (bare boots),
#   memory, sizes: {NAME: number}, kernel_cpu_seconds, text: lines}.

def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
def hundredths: . * 100 | round / 100;

# "1.5" as "1.50".
def digits($n): (. * pow(10; $n) | round | tostring) as $all
  | ("0" * ([$n + 1 - ($all | length), 0] | max) // "") + $all
  | if $n == 0 then . else .[:-$n] + "." + .[-$n:] end;
def left($width): tostring | . + (" " * ([$width - length, 0] | max) // "");
def right($width): tostring | (" " * ([$width - length, 0] | max) // "") + .;
def cell($digits): if . == null then "" else digits($digits) end | right(10);

def header: "\(.case)   Linux \(.kernel)   QEMU \(.qemu) \(.accel)   \(.processors) processors, load \(.load)   \(.rounds) rounds";

# Goals are in bare boots: those of two idle processors under TCG, where one takes 0.56 s.
[
  {name: "floor", title: "bare boot: a PID 1 that resets at once"},
  {name: "all", title: "make repro, nothing to build", goal: 4.64},
  {name: "outside", title: "  outside its guests", goal: 0.71},
  {name: "all_restored", title: "make repro SNAPSHOT=1", goal: 2.14},
  {name: "first", title: "one guest to its case's first line"},
  {name: "plain", title: "  to its end, plain and under strace"},
  {name: "restored", title: "  the same from a snapshot"},
  {name: "gdb", title: "  the same with gdb, booted"},
  {name: "why_cold", title: "make why, computed", goal: 8.93},
  {name: "why_warm", title: "make why, from the cache"}
] as $times
| $last[0] as $was
| ($verdict[0] | {case, kernel: .columns[0].kernel.release, qemu, accel}) + {
    $processors, load: ($load | tonumber), rounds: ($rounds | length),
    seconds: ($times | map(.name as $name | {($name): ($rounds | map(.[$name]) | median | hundredths)}) | add),
    ratios: ($times | map(.name as $name | {($name): ($rounds | map(.[$name] / .floor) | median | hundredths)}) | add),
    $memory, $sizes,
    kernel_cpu_seconds: ($build[0] // {} | if .release == $verdict[0].columns[0].kernel.release then .seconds else null end)
  }
| . as $table
| .text = [
    header,
    (select($was) | "last time: \($was | header)"),
    "\("" | left(40))   seconds bare boots last time      goal",
    ($times[] | .name as $name | .goal as $goal | $table.ratios[$name] as $ratio
      | "\(.title | left(38))\($table.seconds[$name] | cell(2))\($ratio | cell(2))\($was.ratios[$name]? | cell(2))\(if $goal then $goal | cell(2) + if $ratio <= $goal then "  met" else "  NOT MET" end else "" end)"),
    (select($table.kernel_cpu_seconds) | "\("kernel build, CPU seconds" | left(38))\($table.kernel_cpu_seconds | cell(0))\("" | left(10))\($was.kernel_cpu_seconds? | cell(0))"),
    "\("MiB" | right(48))\("last time" | right(20))",
    ((.memory | to_entries[] | {key, value, was: $was.memory[.key]?, digits: 0}),
     (.sizes | to_entries[] | {key, value, was: $was.sizes[.key]?, digits: 1})
      | "\(.key | left(38))\(.digits as $digits | .value | cell($digits))\("" | left(10))\(.digits as $digits | .was | cell($digits))")
    | sub(" +$"; "")
  ]
