# SPDX-License-Identifier: GPL-2.0-only
#
# shown.jq: what verdict.json holds in words, for the screen and the report; included
# with jq -L repro.

# Text of Latin letters and blanks in one line; whatever else it has is "?". What is
# long is cut. All that a guest had a hand in goes through it.
def printable: tostring | .[:4000]
  | explode | map(if (. >= 32 and . < 127) or (. >= 160 and . < 592) then . else 63 end) | implode
  # To GitHub's log these are commands, the second where a line begins with it.
  | gsub("##\\["; "# #[") | sub("^(?<blanks> *)::"; "\(.blanks): :");

def pad($width): . + " " * ([$width - length, 0] | max);

def shown: if . == null then "NULL" elif type == "string" then "set" else tostring end;

# What a call returned; a pointer by the call that returned it first.
def returned($variant):
  if (.returned | type) == "string" and (.returned | startswith("0x")) then
    . as $call
    | [$variant.sockets[] | .device as $device | .queue as $queue | .calls[]
       | select(.returned == $call.returned) | {order, function, $device, $queue}][0]
    | if .order == $call.order then "returned a new one"
      else "returned \(.device) queue \(.queue)'s" end
  elif .ring == 0 then (if .returned == 0 then "success" else "\(.returned)" end)
  else "returned \(.returned | shown)" end;

def hex: . as $n | "0123456789abcdef" | "\(.[$n / 16 | floor:][:1])\(.[$n % 16:][:1])";

def outcome: "\(.errno // "bound")\(if .step then " (\(.step))" else "" end)";

def socket: if . == null then "not reported" else outcome + (if .netns_cookie then ", netns cookie \(.netns_cookie)" else "" end) end;

# The first call of a variant that the kernel refused: strace's line, and, where the
# case has its struct, the bytes and the fields; or nothing.
def refused_call:
  . as $v
  | ([[.sockets[].calls[] | select(.struct)] | to_entries[] | select(.value.returned != 0)][0]) as $refused
  | if $refused then {
      text: ($v.strace[$refused.key] // "" | sub("^[0-9]+ +\\[ *[0-9]+\\] "; "")),
      bytes: ([$refused.value.values.bytes[] | hex] | join(" ")),
      fields: ([$refused.value.fields | to_entries[] | "\(.key) \(.value)"] | join(", "))
    } else empty end;

def place: if . then .file + (if .line then ":\(.line)" else "" end) else "" end;

# The values that made an error.
def made_by: if . then [.values | to_entries[] | "\(.key) \(.value // "NULL")"] | join(", ") else "" end;
