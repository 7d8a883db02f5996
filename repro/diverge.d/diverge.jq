# SPDX-License-Identifier: GPL-2.0-only
#
# diverge.jq: make diverge.json from the differences of two runs: find the one from which the
# failure follows.
#
# The same for one system call in the kernel ($ring 0), where the last
# difference is the failure.
#
# Named arguments: $works, $fails (the words), $program, $ring (0 or 3); $differences (align.c's lines); of each
#   run "SIDE/calls" (calls.jq's lines), "SIDE/lines" (gdbscripts/places.py), "SIDE/status",
#   "SIDE/kernel".
#
# Ranks: "follows": the ways of the two runs make other system calls, or the kernel answers
#   one otherwise; or the difference is in a function whose result may have decided such a
#   one, or in the same invocation before it. "perhaps": one run comes to a line to which the
#   other never does, or a comparison of strings and the like has another result, and a later
#   call has other arguments; not in a runtime or a header of the system. "none": no consequence
#   was seen.
#   All but calls are guesses: a value that goes through memory is not followed.

# Other code that goes the same way.
def is_same_way: .kind == "code" and .missing == [] and .added == [] and .works.line? != null
  and .works.line == .fails.line and .works.functions == .fails.functions;

# Calls that differ with memory and time, not with what a program does.
def is_noise: test("^(brk|mmap|munmap|mremap|madvise|mprotect|futex|clock_\\w+|gettimeofday|time|sched_yield|getrandom|restart_syscall|set_tid_address|get(p|pp|t)id)$");

def calls_of($text): reduce ($text | split("\n")[] | split("\t") | select(.[0] == "call")) as $c ({};
  .order += 1 | .made["\($c[1]) \($c[2])"] += 1 | .turns["\($c[1]) \($c[2]) \($c[4])"] += 1
  | .calls[$c[1]] += [{task: ($c[1] | tonumber), order: .order, name: $c[2], number: ($c[3] | tonumber), nth: .made["\($c[1]) \($c[2])"],
      naming: $c[4], turn: .turns["\($c[1]) \($c[2]) \($c[4])"], error: (if $c[5] == "" then null else $c[5] end), result: $c[6], args: $c[7]}]) | .calls // {};

(["works", "fails"] | map({key: ., value: {
    calls: calls_of($ARGS.named["\(.)/calls"]),
    lines: $ARGS.named["\(.)/lines"][0],
    ended: ([$ARGS.named["\(.)/calls"] | split("\n")[] | split("\t") | select(.[0] == "ended") | .[1]] | last),
    status: ($ARGS.named["\(.)/status"] | tonumber? // null)}}) | from_entries) as $run

| def place($side; $block): $run[$side].lines["\($block)"] // {};

# In the kernel, what others call to compare texts says nothing of itself.
def has_source: .text != null and ($ring == 3 or (.function // "" | test("^(str|mem)n?(case)?cmp|^sysfs_streq|^bsearch") | not));

# The innermost of the function and its callers that has source.
def seen($side): [place($side; .block), (.stack[] as $b | place($side; $b))] | map(select(has_source)) | .[0];

# The function that this one calls, where the difference is in code without source.
def called($side): ([place($side; .block), (.stack[] as $b | place($side; $b))] | (map(has_source) | index(true)) as $i
  | if $i then .[$i - 1].function else null end) // "";

# Where it went: the first line behind the condition, and was the condition true?
def way($side; $at): [.ways[] as $b | place($side; $b).starts | select(.line != null and .function == $at.function)
    | .line | select(. < $at.first or . > $at.last)][0];

def shown_call: "\(.name)(\(.args)) = \(.result)\(if .error then " \(.error)" else "" end)";

def of_side($side; $task; $at): if . == null then null else
  . as $d | place($side; .block) as $own
  | {block, nth, image: $own.image, address: $own.address, own: ($own | {function, file, line, text, first, last}),
    line: way($side; $at),
    functions: [.functions[] as $b | place($side; $b).starts.function | values],
    fresh: [.fresh[] as $b | place($side; $b) | select(.text) | {function, file, line: (.starts.line // .line)}][0],
    calls: [.calls[] as $i | $run[$side].calls["\($task)"][$i] | values | select(.name | is_noise | not)],
    stack: [.stack[] as $b | place($side; $b) | {function, file, line}]} end;

# Calls with the same kind are alike. Writes to stdout and stderr differ, and so do exits with
# different statuses.
def kind_of_call: if .name | test("^(p?writev?(64)?|exit|exit_group)$") then "\(.name) \(.args | split(",")[0])" else "\(.name) \(.naming) \(.error)" end;

def without($others): . as $these | reduce $others[] as $o ($these; (map(kind_of_call) | index($o | kind_of_call)) as $i
  | if $i == null then . else del(.[$i]) end);

def difference:
  . as $d | (if .fails then "fails" else "works" end) as $side
  | place($side; .[$side].block) as $own
  | (if $own | has_source then $own else (.[$side] | seen($side)) // $own end) as $at
  | {kind, task, when, frame, parents, results, around, leaves,
     called: (if $own | has_source then "" else .[$side] | called($side) end),
     function: $own.function, module: $own.module, has_source: ($own | has_source),
     seen: {function: $at.function, within: $at.within, file: $at.file, line: $at.line, text: $at.text, path: $at.path, source: ($at.source // [])},
     works: (.works | of_side("works"; $d.task; $at)), fails: (.fails | of_side("fails"; $d.task; $at))}
  | .truth = (if .kind != "branch" or .works.line == .fails.line then null
      elif .fails.line == $at.last + 1 then {works: false, fails: true}
      elif .works.line == $at.last + 1 then {works: true, fails: false} else null end)
  | .missing = ((.works.calls // []) | without($d | .fails | of_side("fails"; $d.task; $at) | .calls // []))
  | .added = ((.fails.calls // []) | without($d | .works | of_side("works"; $d.task; $at) | .calls // []));

def is_strong: if $ring == 0 then .is_last elif .kind == "value" then false
  elif .kind == "call" then ((.fails // .works).calls != [])
  else .missing != [] or .added != [] end;

# Do both runs make the same call: do its name and those arguments that say what it does agree?
def is_same_call: ([.works, .fails | .calls[0] | [.name, .naming]] | unique | length) == 1;

# Arguments without the numbers of descriptors and addresses.
def asked: tostring | sub("^[0-9]+"; "") | gsub("0x[0-9a-f]{8,}"; "");

# Does the program ask the kernel for something else? Not where strace's arguments have the
# kernel's answer in them, or what the program only prints.
def asks_otherwise: (.kind == "call" or .kind == "value") and (.works.calls[0].args | asked) != (.fails.calls[0].args | asked)
  and (.works.calls[0].name // "" | test("^(p?read|recv|accept|get|ioctl|p?write|wait|rt_|set_|exit|clone|v?fork|execve|uname|sysinfo|epoll_p?wait)|stat|poll|select|sleep") | not);

# Did this call, which asks for something else, prepare another one: on the same descriptor, or of the
# process as a whole?
def prepares($next): asks_otherwise and ((.fails // .works).calls[0] as $c | ($next.fails // $next.works).calls[0] as $n
  | ($c.name | test("^(cap|prctl|set([ref]*[ug]id|groups|rlimit|ns|priority)|prlimit|ch(dir|root)|fchdir|umask|unshare|u?mount|seccomp|sched_set)"))
    or (($c.args | test("^[0-9]+\\b")) and ($c.args / "," | .[0]) == ($n.args / "," | .[0])));

# Is it in a function whose result is the answer to a question? One that compares texts also goes
# other ways where they are at other addresses; then the result decides nothing in its caller.
def is_question($later): . as $d | .called | test("strto|ato[ilf]|inet_pton")
  or (test("cmp|str(r?chr|str|c?spn|pbrk|sep|tok)|mem(r?chr|mem)|getenv|getopt|fnmatch|bsearch|regexec")
    and any($later[] | .results[]; . as $f | any($d.frame, $d.parents[]; . == $f)));

# What the kernel does in between, depending on what others did before.
def is_housekeeping: any(.function, (.fails // .works).stack[].function; . // "" | test("^(mem(set|cpy|move)|kfree|kvfree|schedule$|__schedule$|get_random|wake_up|try_to_wake)|slab|kmem_cache|kmalloc|alloc_page|rcu_(read|core|note)|^_*(raw_)?(spin|read|write)_(un)?lock|mutex_(un)?lock|update_rq"));

# Through the arguments and results of calls, from the last difference backwards.
def ranked: . as $all
  | [foreach range(length - 1; -1; -1) as $i ({later: []};
      $all[$i] as $d
      | (if $d.kind == "value" or ($d | is_same_way) then "none"
         elif ($d | is_strong) then "follows"
         elif $ring == 0 and ($d | is_housekeeping) then "none"
         elif any(.later[] | select(.task == $d.task); (.frame == $d.frame and ($ring == 0 or ($d.works.fresh // $d.fails.fresh))) or any((if $ring == 0 then .around else .results end)[]; . as $f | any($d.frame, $d.parents[]; . == $f))) then "follows"
         elif .later != [] and ($d.seen.path // "" | startswith("/usr/") | not) and (.later[0] as $next
           | (if $d.has_source then $d.works.fresh // $d.fails.fresh else $d | is_question($all[$i + 1:]) end)
           and if $next.kind == "call" then ($next | asks_otherwise) or ($d.has_source and any($all[$i:$next.number][]; prepares($next)))
             else any($all[$i:][]; asks_otherwise) end) then "perhaps"
         else "none" end) as $rank
      | if $rank == "follows" then .later = [$d] + .later else . end
      | .rank = $rank; $all[$i] + {rank})] | reverse;

# The first call that fails in one run only, whichever task makes it, as if it were a difference:
# if no difference comes to it, the two runs were not aligned up to there, as where tasks
# share their work in other ways.
def missed: . as $all | def key: "\(.name) \(.args | asked)";
  ([$run.works.calls[][] | {key: key, value: .}]) as $works
  | [$run.fails.calls[][] | select(.error and (.name | is_noise | not) and (.error | test("^E(AGAIN|INTR)$") | not)) | key as $key
     | [$works[] | select(.key == $key).value] as $like
     | select($like != [] and all($like[]; .error == null))
     | {kind: "call", task, number: ($all | length), function: null, has_source: false, seen: {source: []}, truth: null, missing: [], added: [],
        rank: "follows", order, works: {calls: $like[:1], functions: []}, fails: {calls: [.], functions: []}}] | sort_by(.order) | .[0]
  | select(. as $one | any($all[] | .fails.calls[]?; .task == $one.task and .order >= $one.order) | not);

# What to compare in the kernel: the call that is answered otherwise; or where a difference comes
# from what was received (a netlink message), the calls before on the same descriptor, which
# made the answer though they were answered alike.
def crossings($all): . as $answer
  | if $ring == 0 or . == null then []
  elif .kind == "call" then [select(is_same_call) | {works: .works.calls[0], fails: .fails.calls[0]}]
  elif .rank == "perhaps" then [$all[] | select(.kind == "call" and .number > $answer.number and .rank == "follows")][:1] | map(crossings($all)[])
  else [$all[] | select(.kind == "value" and .task == $answer.task and .number < $answer.number and .works.calls != []
        and (asks_otherwise | not) and (.fails.calls[0].name | test("^recv|^read")))][-1] as $from
    | if $from == null or .rank != "follows" then [] else
        $from.fails.calls[0] as $received
        | [$run.fails.calls["\(.task)"] | to_entries[] | select(.value.name == $received.name and .value.nth == $received.nth).key][0] as $until
        | [$run.fails.calls["\(.task)"][:$until][] | select((.args | split(",")[0]) == ($received.args | split(",")[0]) and .name != "close") as $one
           | {fails: $one, works: ([$run.works.calls["\($answer.task)"][] | select(.name == $one.name and .naming == $one.naming and .turn == $one.turn)][0])}
           | select(.works)][-3:] end
  end;

# Another end of a function comes after all that is in it.
[$differences[] | select(.kind) | difference] | sort_by(.kind == "end", .when)
| ([.[] | $ring == 0 and is_housekeeping | not] | rindex(true)) as $last
| [range(length) as $i | .[$i] + {number: $i, is_last: ($i == $last)}] | ranked | map(del(.is_last)) | . as $all
| ((if $ring == 3 then $all | missed else empty end)
   // [$all[] | select((.rank == "follows" and (.has_source or .kind == "call")) or (.rank == "perhaps" and .seen.text != null))][0]
   // [$all[] | select(.rank == "follows")][0])
  # The line itself decides by what a function without source returned to it.
| (. as $first | if $first and .rank == "perhaps" and (.has_source | not) then
    [$all[] | select(.rank == "perhaps" and .has_source and .seen == $first.seen)][0] // $first else . end) as $answer
| ([$all[] | select($answer.rank == "perhaps" and .rank == "follows").number][0] // $answer.number) as $before
| {
    version: 1,
    program: $program, works: {words: $works, status: $run.works.status, ended: $run.works.ended},
    fails: {words: $fails, status: $run.fails.status, ended: $run.fails.ended},
    kernel: {works: $ARGS.named["works/kernel"][0], fails: $ARGS.named["fails/kernel"][0]},
    tasks: [$differences[] | select(.run)],
    verdict: (if $answer == null then if $run.works.status == $run.fails.status then "they do not part" else "not known" end
      elif $ring == 3 and $run.works.status == $run.fails.status and $run.works.status != 0
        and ([$run.works, $run.fails | [.calls[][] | select(.error) | kind_of_call] | last] | unique | length) == 1 then "both fail alike"
      else "they part" end),
    answer: $answer,
    chain: [$all[] | select($answer and .number > $answer.number and .rank == "follows" and (.has_source or .kind == "call" or ($answer.has_source | not)))],
    perhaps: [$all[] | select(.rank == "perhaps" and .seen != $answer.seen)],
    inputs: [$all[] | select(.kind == "value" and ($answer == null or .number < $before) and (.works.calls != []))
      | {asks: asks_otherwise, works: .works.calls[0], fails: .fails.calls[0], seen}],
    folded: [$all[] | select(.rank == "none" and .kind != "value" and .number != $answer.number)],
    values: [], crossings: ($answer | crossings($all))
  }
