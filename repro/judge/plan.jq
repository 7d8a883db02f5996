# SPDX-License-Identifier: GPL-2.0-only
#
# plan.jq: make the plan of a run, from case.json and the knobs of this run; or report what is
# wrong with either. jq -L repro/judge.
#
# Input:  case.json, and the environment, which has the knobs that the user gave. Named
#   arguments: $schema (case.schema.json), $has_program (is there a .c file?).
# Output: the plan as JSON in a line,
#   {case, knobs {NAME: value}, library (its name, or ""), fix, config [lines],
#    columns [{name, title, words {NAME: value}, knobs (of this run, with its words)}],
#    rows [names], given [the knobs that the user gave], nightly ["NAME=value ..."]}, or
#   {errors: [TEXT]}, or {refused: [TEXT]};
#   then, for a shell, the same as lines of KIND<tab>KEY<tab>VALUE.
include "validate";
include "rules";

# Words that choose what the lab builds, or the program's arguments. A library's knob has
# the library's name.
def buildable: ["KERNEL", "PATCH", "CONFIG", "CFLAGS", "ARGS", (.library.name | values | ascii_upcase)];

# Other names with a meaning to the lab, a shell, or the programs that they start.
def taken: ["CASE", "COLUMN", "FIX", "ACCEL", "DEADLINE", "SWAP", "SNAPSHOT", "V", "BUILD", "QEMU", "PATH", "HOME", "PWD", "TERM", "IFS",
  "ENV", "SHELL", "TMPDIR", "DIR", "NAME", "RUN", "UID", "EUID", "PPID", "RECALL", "SECONDS", "RANDOM", "LINENO", "REPLY", "OPTIND", "OPTARG"];

# Parse NAME=value words, separated by blanks; quotes keep blanks together.
def words: [scan("(?:[^ \t'\"]|'[^']*'|\"[^\"]*\")+")
  | gsub("'(?<a>[^']*)'|\"(?<b>[^\"]*)\""; "\(.a // "")\(.b // "")")
  | (capture("^(?<key>[A-Z][A-Z0-9_]*)=(?<value>.*)$") // {key: ., value: null})];

# A knob's specification: the values and ranges that it accepts, the default first.
def choices: [scan("[^ ]+") | (capture("^(?<low>[0-9]{1,8})\\.\\.(?<high>[0-9]{1,8})$") | map_values(tonumber)) // {word: .}];
def default: choices[0] | .word // .low | tostring;
def allows($value): any(choices[];
  .word == $value or (.low != null and ($value | test("^[0-9]{1,8}$")) and (($value | tonumber) as $n | .low <= $n and $n <= .high)));
def range_of: [choices[] | select(.low != null)][0];
def choice: [choices[] | .word // "between \(.low) and \(.high)"] | join(" or ");

# "client {N}" is client 0 to client N-1.
def expanded($knobs): ([match("\\{([A-Z0-9_]+)\\}").captures[0].string][0]) as $knob
  | if $knob then range($knobs[$knob] // 0 | tonumber) as $i | sub("\\{[A-Z0-9_]+\\}"; "\($i)") else . end;

# All names that the rows of a case may have, with its knobs at their highest; if there are
# too many, enough to notice.
def possible_rows: . as $case | .knobs // {} | map_values([range_of | .high // 0, 257] | min | tostring) | . as $highest | [$case.rows[] | expanded($highest)];

# The checks that a schema of case.json cannot express.
def inconsistencies($has_program): . as $case
  | buildable as $buildable | (.knobs // {}) as $knobs | (.columns | keys_unsorted) as $columns | ([.probes[]?.function]) as $probes
  | def declared($list; $where; $what): . as $name | select($list | index($name) | not)
      | "\($where): \($name | tojson) is not \($what); declared are \($list | map(tojson) | join(", ") | if . == "" then "none" else . end)";
    def allowed($where): . as {$key, $value}
      | if $value == null then "\($where): \($key | tojson) must be NAME=value"
        elif $knobs[$key] then (select($knobs[$key] | allows($value) | not) | "\($where): \($key)=\($value): must be \($knobs[$key] | choice)")
        else $key | declared(($knobs | keys_unsorted) + $buildable; $where; "a knob") end;
    def calls($where): .calls[]?.function | declared($probes; "\($where).calls"; "the function of a probe");
    ($knobs | to_entries[] | select(.key | IN($buildable[], taken[])) | "knobs.\(.key): the lab or the shell has a variable of this name"),
    ($knobs | to_entries[] | .key as $key | .value | choices[] | select(.low != null and .low > .high) | "knobs.\($key): \(.low)..\(.high) is an empty range"),
    (.columns | to_entries[] | .key as $column | .value.words // "" | words[] | allowed("columns.\($column).words")),
    (.nightly // [] | to_entries[] | .key as $i | .value | words[]
      | if .key | IN($buildable[]) then "nightly[\($i)]: \(.key) is not a knob of the case" else allowed("nightly[\($i)]") end),
    (.rows | to_entries[] | .key as $i | .value | match("\\{([^}]*)\\}"; "g").captures[0].string
      | if $knobs[.] == null then declared($knobs | keys_unsorted; "rows[\($i)]"; "a knob")
        else select(($knobs[.] | range_of | .high) as $high | $high == null or $high > 256) | "rows[\($i)]: \(.) must be a range up to at most 256" end),
    (possible_rows | select(length > 256) | "rows: with the knobs at their highest there are more than 256"),
    (select((.probes // []) != [] and ($has_program | not)) | "probes: need a .c file beside case.json"),
    (.probes // [] | to_entries[] | select(.value.function == "main") | "probes[\(.key)]: main cannot be a probe; gdb records from its call to its return"),
    (.probes // [] | to_entries[] | .key as $i | .value | (.values // {} | keys_unsorted) as $values
      | .bits // {} | keys_unsorted[] | declared($values; "probes[\($i)].bits"; "a value of the probe")),
    (.debug[]? | declared($probes; "debug"; "the function of a probe")),
    (.outcomes // {} | to_entries[] | .key as $name | .value | calls("outcomes.\($name)")),
    (.expect | to_entries[] | "expect[\(.key)]" as $where | .value
      | (.is | if type == "string" then declared($case.outcomes // {} | keys_unsorted; $where; "an outcome") else calls("\($where).is") end),
        (.columns[]? | declared($columns; "\($where).columns"; "a column")),
        (.when // {} | to_entries[] | .key as $key | [.value] | flatten[] | {$key, value: .}
          | if $knobs[$key] then allowed("\($where).when") else .key | declared($knobs | keys_unsorted; "\($where).when"; "a knob") end));

# Report rules that match no row, and rows that no rule matches.
def unmatched($run): . as $case | possible_rows as $possible
  | (.expect | to_entries[] | "expect[\(.key)].rows" as $where | .value.rows[]?
      | . as $pattern | select(any($possible[]; . as $row | $pattern | glob($row)) | not)
      | "\($where): no row of the case matches \(tojson)"),
    ($run.columns[] as $column | $run.rows[] as $row
      | select(any($case.expect[]; speaks($row; $column)) | not)
      | "expect: no rule covers row \($row | tojson) in column \($column.name | tojson)\($column.knobs | if . == {} then "" else " with \(to_entries | map("\(.key)=\(.value)") | join(" "))" end)");

. as $case
| [errors($schema[0])] as $wrong
| if $wrong != [] then {errors: $wrong} else
    [inconsistencies($has_program)] as $wrong
    | (.knobs // {}) as $specs
    | ($specs | with_entries(.value = ((env[.key] | values | select(. != "")) // (.value | default)))) as $knobs
    | [($knobs | to_entries[] | select(.value as $value | $specs[.key] | allows($value) | not)
        | "\(.key)=\(.value): must be \($specs[.key] | choice)")] as $refused
    | if $wrong != [] then {errors: $wrong} elif $refused != [] then {refused: $refused} else
        {case: $case, $knobs, library: (.library.name // ""), fix: (.library.fix // ""), config: (.config // []),
         rows: [.rows[] | expanded($knobs)],
         given: [$specs | keys_unsorted[] | select((env[.] // "") != "")],
         nightly: [(.nightly // [""])[] | [words[] | "\(.key)=\(.value)"] | join(" ")],
         columns: [.columns | to_entries[] | (.value.words // "" | words | from_entries) as $words
           | {name: .key, title: (.value.title // .key), $words,
              knobs: ($knobs + ($words | with_entries(select(.key as $key | $specs | has($key)))))}]}
        | . as $run | [$case | unmatched($run)] as $wrong
        | if $wrong != [] then {errors: $wrong} else . end
      end
  end
| tojson,
  ((.errors[]? | ["error", .]), (.refused[]? | ["refused", .]),
   (.columns[]? | .name as $column | ["column", $column], (.words | to_entries[] | ["word", "\($column) \(.key)", .value])),
   (.knobs // {} | to_entries[] | ["knob", .key, .value]), (.library | values | ["library", .]), (.fix | values | ["fix", .]),
   (.config[]? | ["config", .]), (.case.probes[]? | ["probe", .function, .struct // ""])
   | join("\t"))
