# SPDX-License-Identifier: GPL-2.0-only
#
# hints.jq: what the kernel may lack, given how a call failed: hints for repro/why.d/lacks, one
# per line. jq -rs -L repro/why.d
#
# Input: the chosen call (choose.jq), and the origin of its error (gdbscripts/why.py).

include "bytes";

# The names of kinds in a netlink request: decoded by strace, or as bytes, if strace could not find
# out the protocol: length, type 1 (TCA_KIND, IFLA_INFO_KIND), a string.
def kinds: .args
  | (match("nla_type=(IFLA_INFO_KIND|TCA_KIND)\\}, \"([a-z0-9_-]+)\""; "g").captures[1].string),
    (match("\\\\x0[5-9a-f]\\\\x00\\\\x01\\\\x00((\\\\x[2-7][0-9a-f]){2,15})\\\\x00"; "g").captures[0].string | bytes | text
      | select(test("^[a-z][a-z0-9_-]+$")));

def arguments($pattern): .args | capture($pattern);

.[0] as $call | .[1] as $origin | $call
| (if .error == "ENOSYS" then "syscall:\(.call)"
   elif .call == "socket" and .error == "EAFNOSUPPORT" then arguments("^(?<family>[AP]F_[A-Z0-9]+),") | "family:\(.family)"
   elif .call == "socket" and (.error == "EPROTONOSUPPORT" or .error == "ESOCKTNOSUPPORT") then
     arguments("(?<name>NETLINK_[A-Z0-9_]+)$") | "netlink:\(.name)"
   else empty end),
  (select(.call == "socket" and .error == "EPROTONOSUPPORT") | arguments("(?<name>IPPROTO_[A-Z0-9_]+)$") | "protocol:\(.name)"),
  (select(.call == "bpf" and .error == "EINVAL") | arguments("^BPF_PROG_LOAD.*prog_type=(?<name>BPF_PROG_TYPE_[A-Z0-9_]+)") | "prog:\(.name)"),
  (select(.call == "bpf" and .error == "EINVAL") | arguments("^BPF_MAP_CREATE.*map_type=(?<name>BPF_MAP_TYPE_[A-Z0-9_]+)") | "map:\(.name)"),
  (select(.error == "ENODEV") | (select(.call == "mount") | arguments("^[^,]+, [^,]+, \"(?<name>[A-Za-z0-9_.-]+)\"")),
    (select(.call == "fsopen") | arguments("^\"(?<name>[A-Za-z0-9_.-]+)\"")) | "filesystem:\(.name)"),
  (select(.error == "ENOENT" or .error == "ENXIO" or .error == "ENODEV") | .path // "" | select(test("^/(dev|proc|sys)/[A-Za-z0-9_./:-]+$")) | "file:\(.)"),
  (select(.carried == "netlink-ack") | kinds | "kind:\(.)"),
  ($origin, $origin.statement | values | select(.file and .line) | "stub:\(.file):\(.line)")
