# SPDX-License-Identifier: GPL-2.0-only
#
# topology.jq: draw the network namespaces and their devices as a graph for dot. Input: a
# guest's result.jsonl as text, with the output of "ip -json" for each namespace, one per
# line. Without such a line, print nothing.

def quoted: "\"\(tostring | .[:200] | explode | map(if . >= 32 and . < 127 and . != 34 and . != 92 then . else 63 end) | implode)\"";

# operstate may still be DOWN when a device has its carrier, see netns/colliding-veth.
def state: if .flags // [] | type == "array" and index("LOWER_UP") then "UP" else .operstate end;

# The text of a device's box: "\l" ends a left-aligned line.
def box:
  [ .ifname, "ifindex \(.ifindex)", (.linkinfo.info_kind // .link_type),
    (.addr_info[]? | "\(.local)/\(.prefixlen)"),
    "\(.num_rx_queues) rx, \(.num_tx_queues) tx queues", state ]
  | map(values | quoted[1:-1] + "\\l") | "\"\(join(""))\"";

# The ends of a veth pair: each names the other's ifindex, or in the same namespace its name.
def is_peer($other): .linkinfo.info_kind == "veth" and $other.linkinfo.info_kind == "veth"
  and if .netns == $other.netns then .link == $other.ifname
    else .link_index == $other.ifindex and $other.link_index == .ifindex end;

# The guest's output may have any form and any length.
def is_device: type == "object" and (.ifname | type == "string") and (.linkinfo // {} | type == "object")
  and (.addr_info // [] | type == "array" and all(.[]; type == "object"));

[ split("\n")[] | fromjson? | select(type == "array" and length <= 64 and all(.[]; is_device)) ][:16]
| select(. != [])
| to_entries
| map(.key as $netns | .value | map(select(.link_type != "loopback")) | to_entries
      | map(.value + {$netns, id: "n\($netns)_\(.key)"}))
| (flatten) as $devices
| "graph topology {",
  "rankdir=LR; nodesep=0.3; ranksep=1.2; fontname=Helvetica; fontsize=12;",
  "node [shape=box, fontname=Helvetica, fontsize=12, style=filled, fillcolor=white];",
  "edge [fontname=Helvetica, fontsize=12];",
  (to_entries[] | .key as $netns | .value
   | "subgraph cluster_\($netns) {",
     "style=filled; color=\"#e8eef4\"; label=\"network namespace \($netns + 1)\";",
     (if . == [] then "e\($netns) [label=\"no device\"];" else empty end),
     (.[] | "\(.id) [label=\(box)];"),
     "}"),
  (range($devices | length) as $i | range($i) | $devices[.] | select(is_peer($devices[$i]))
   | "\(.id) -- \($devices[$i].id) [label=\"veth\"];"),
  "}"
