# SPDX-License-Identifier: GPL-2.0-only
#
# screen.jq: one screen of text from verdict.json. Every word of a row was
# observed; rows in which both variants agree are left out.

def pad($width): . + " " * ([$width - length, 0] | max);

def row($title; $before; $after): "  \($title | pad(30))\($before | pad(38))\($after)";

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

# A call of one variant, with the values that are NULL in only one of them.
def cell($other; $variant):
  if . == null then "not called"
  else ([.values | to_entries[]
         | select(.key as $key | $other.values | type == "object" and has($key))
         | select((.value == null) != ($other.values[.key] == null))
         | "\(.key) \(.value | shown)"] + [returned($variant)] | join(", "))
  end;

def socket: if . == null then "not reported" else "\(.errno // "bound")\(if .step then " (\(.step))" else "" end)\(if .netns_cookie then ", netns cookie \(.netns_cookie)" else "" end)" end;

def hex: . as $n | "0123456789abcdef" | "\(.[$n / 16 | floor:][:1])\(.[$n % 16:][:1])";

# The first bind() that the kernel refused: strace's line, the bytes, the fields.
def refused_call: .variants.before as $v
  | [$v.sockets[].calls[] | select(.struct)] | to_entries
  | map(select(.value.returned != 0))[0] // empty
  | "  refused call  \($v.strace[.key] // "" | sub("^[0-9]+ +"; ""))",
    "                \([.value.values.bytes[] | hex] | join(" "))",
    "                \([.value.fields | to_entries[] | "\(.key) \(.value)"] | join(", "))";

def place: if . then .file + (if .line then ":\(.line)" else "" end) else "" end;

def rows:
  .variants.before as $b | .variants.after as $a
  | "\(.case)   Linux \(.kernel.release) (\(.kernel.source))   QEMU \(.qemu) \(.accel)   libxdp \($b.library) / \($a.library)",
    row(""; "before the fix"; "after the fix"),
    (range([$b.sockets, $a.sockets | length] | max) as $i
     | ($b.sockets[$i] // $a.sockets[$i])
     | row("\(.device)  ifindex \(.ifindex) queue \(.queue)"; $b.sockets[$i] | socket; $a.sockets[$i] | socket)),
    (range([$b.sockets, $a.sockets | length] | min) as $i
     | [$b.sockets[$i].calls, $a.sockets[$i].calls] as [$bc, $ac]
     | ([$ac[], $bc[]] | map(.function) | reduce .[] as $f ([]; if index($f) then . else . + [$f] end))[] as $f
     | ([$bc[] | select(.function == $f)][0]) as $bcall
     | ([$ac[] | select(.function == $f)][0]) as $acall
     | [($bcall | cell($acall; $b)), ($acall | cell($bcall; $a))] as [$bcell, $acell]
     | select($bcell != $acell)
     | row("\($b.sockets[$i].device) \($b.sockets[$i].queue): \($f)"; $bcell; $acell)),
    ([$b, $a] | map(.refused_at) | select(any(.[]; .)) | . as [$br, $ar]
     | row("refused in"; $br.function // "nowhere"; $ar.function // "nowhere"),
       row(""; $br | place; $ar | place),
       (if $br.text or $ar.text then row(""; $br.text // ""; $ar.text // "") else empty end)),
    refused_call,
    (.differences[] | "  ! \(.)");

(if .variants then rows else .case end),
"  \(if .verdict == "reproduced" and .control then "AS PREDICTED" else .verdict | ascii_upcase | gsub("-"; " ") end): \(.reason)\(if .seconds then "   \(.seconds) s" else "" end)"
