# SPDX-License-Identifier: GPL-2.0-only
#
# rank.jq: rank the errors that a program met, to find the one that made it fail; a module.
#
# ranked: the errors in failed of candidates.jq, the likeliest first, each with
#   score    a number
#   because  [reasons to choose it], the strongest first
#   noise    null, or why such an error is usually harmless
#   spoken   did the program report it afterwards?
#   said     null, or the best message in which it did
# told: an error in one line.
# unseen: files that a program looked for in vain; the host may have them.
include "shown" {search: "../judge"};

# An error in a line.
def told: "\(.call)(\(.args | brief(240)))" + {
    "null": " = -1 \(.error) (\(.text))",
    "netlink-ack": " was answered with \(.error) (\(.text))",
    "so-error": " reported \(.error) (\(.text))",
    "completion": " completed a request with \(.error // "an error")\(if .text then " (\(.text))" else "" end)",
    "error-queue": " reported \(.error) (\(.text))"}["\(.carried)"];

# Why an error is usually harmless: working programs also get such errors.
def noise:
  if (.error | IN("EAGAIN", "EINPROGRESS", "EALREADY", "ETIMEDOUT", "ECHILD", "EINTR"))
    and (.call | test("^(recv|read|preadv|accept|send|write|connect|wait|poll|epoll|futex|rt_sigtimedwait|io_|fcntl)")) then "not yet"
  elif .call == "ioctl" and .error == "ENOTTY" or .error == "ESPIPE" or (.args | contains("\"/dev/tty\"")) then "a look at what a file is"
  elif .call == "readlink" and .error == "EINVAL" then "a look whether a file is a link"
  elif .call == "prctl" and (.args | test("^PR_CAP(BSET|_AMBIENT)")) then "a probe for capabilities"
  elif .carried == "netlink-ack" and (.args | test("nlmsg_len=32, nlmsg_type=(RTM_NEWLINK|0x10 )")) then "a probe for strict checking"
  elif .call == "bpf" and .recovered and (.args | test("insn_cnt=[12],|BPF_BTF_LOAD")) then "a probe for what bpf() can do"
  elif .args | test("\\.so(\\.[0-9]+)*\"|/ld\\.so\\.|glibc-hwcaps|locale|/gconv|/nscd/|nsswitch|pyvenv\\.cfg|__pycache__|python[0-9]+\\.zip") then "the search for a library"
  elif (.error | IN("ENOENT", "ENOTDIR")) and .recovered then "a search path"
  elif (.error == "ENOENT" and (.call | test("^(access|faccessat2?|stat|lstat|newfstatat|statx|readlink|readlinkat|unlink|unlinkat)$")))
    or (.error == "EEXIST" and (.call | test("^mkdir"))) then "a look whether a file is there"
  else null end;

# The quoted strings of a call's arguments that a message may repeat.
def quoted: [.args | match("\"([^\"\\\\]{3,})\""; "g").captures[0].string];

# The best message in which the program reported the error: {points, spoken, said, reason}.
def spoken($said; $alike):
  . as $c
  | [$said | to_entries[] | .key as $i | .value | select(.order > $c.order)
     | .errors[] as $error | select($error.error == $c.error and ($error.by != "kernel" or $c.says)) | . as $s
     | (if ($alike | length) > 50 then 0 else [$alike[] | select(.order < $s.order and .order > $c.order)] | length end) as $between
     | {points: ({kernel: 80, text: 60, name: 50, number: 30}[$error.by]
          + (if $i == ($said | length) - 1 then 20 else 10 * $i / ($said | length) end)
          + (if $s.text | test("\\b\($c.call)\\b") then 30 else 0 end)
          + (if any($c | quoted[]; . as $q | $s.text | contains($q)) then 30 else 0 end)
          - ([$between * 5, 15] | min)),
        spoken: true, said: $s.text, reason: "the program printed this error\(if $i == ($said | length) - 1 then " last" else "" end)"}]
  | max_by(.points) // empty;

def whose: if .process then "the process \(.process)" elif .thread == 0 then "the program" else "its thread" end;

def reasons($said; $alike):
  spoken($said; $alike),
  (if .left <= 12 and ((.ended // "") | test("exited with [1-9]|killed")) then {points: 15, reason: "\(whose) \(.ended) soon after"}
   elif .left <= 12 then {points: 6, reason: "\(whose) ended soon after"} else empty end),
  (if .next.call == "close" and .carried == null and (.next.args == (.args | split(",")[0])) then {points: 8, reason: "the descriptor was closed next"} else empty end),
  (if .next.call == "write" and (.next.args | startswith("2, ")) then {points: 10, reason: "the program wrote to stderr next"} else empty end),
  (if .carried then {points: 5, reason: "the program asked for the error"} else empty end),
  ($alike | length | if . == 1 then {points: 6, reason: "it happened only once"} elif . > 200 then {points: -25} elif . > 20 then {points: -15} else empty end),
  (if .recovered then {points: -20} else empty end),
  (noise | values | {points: (if . == "a look at what a file is" then -60 else -40 end)});

def ranked: . as $all
  | (.failed | group_by([.call, .error, .carried]) | map({key: "\(.[0] | [.call, .error, .carried])", value: .}) | from_entries) as $groups
  | [.failed[] | $groups["\([.call, .error, .carried])"] as $alike
     | [reasons($all.said; $alike)] as $reasons
     | . + {score: ($reasons | map(.points) | add // 0), because: ($reasons | map(select(.points > 0)) | sort_by(-.points) | map(.reason)),
            noise: noise, spoken: any($reasons[]; .spoken), said: ([$reasons[].said | values][0])}]
  | sort_by(.score, .order) | reverse;

def unseen: [.failed[] | select(.error == "ENOENT" and .path and (.recovered | not)) | .path
    | select(. != "" and (test("^/(proc|sys|dev|case)(/|$)|locale|nsswitch|nscd|gconv|^/etc/(passwd|group|localtime|ld\\.so)") | not))]
  | unique;
