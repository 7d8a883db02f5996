# SPDX-License-Identifier: GPL-2.0-only
#
# screen.jq: one screen of text from verdict.json; jq -L repro. Every word of a row
# was observed; rows in which both variants agree are left out. The first line is the
# verdict's word alone, for repro/run.
include "shown";

def row($title; $before; $after): "  \($title | pad(30))\($before | pad(38))\($after)";

# A call of one variant, with the values that are NULL in only one of them.
def cell($other; $variant):
  if . == null then "not called"
  else ([.values | to_entries[]
         | select(.key as $key | $other.values | type == "object" and has($key))
         | select((.value == null) != ($other.values[.key] == null))
         | "\(.key) \(.value | shown)"] + [returned($variant)] | join(", "))
  end;

def refused: .variants.before | refused_call
  | "  refused call  \(.text)",
    "                \(.bytes)",
    "                \(.fields)";

def rows:
  .variants.before as $b | .variants.after as $a
  | "\(.case)   Linux \(.kernel.release) (\(.kernel.source))   QEMU \(.qemu) \(.accel)\(if .restored then ", from a snapshot" else "" end)   libxdp \($b.library) / \($a.library)",
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
       (if $br.text or $ar.text then row(""; $br.text // ""; $ar.text // "") else empty end),
       row(""; $br | made_by; $ar | made_by)),
    refused,
    (.differences[] | "  ! \(.)"),
    (.retried | values | "  KVM lost a guest, so both were run again without it: \(.)");

(.verdict,
 (if .variants then rows else .case end),
 "  \(if .verdict == "reproduced" and .control then "AS PREDICTED" else .verdict | ascii_upcase | gsub("-"; " ") end): \(.reason)\(if .seconds then "   \(.seconds) s" else "" end)")
| printable
