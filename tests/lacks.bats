#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/why.d/lacks with the source of the built kernel: the options that a call needs. Needs no
# guest.

# shellcheck disable=SC2016,SC2154 # what is quoted is jq's; bats sets output

load lib

setup() {
	SOURCE=$(jq -r .source_dir build/kernel.json)
	[ -d "$SOURCE" ] || skip "the kernel's source is gone"
}

# lacks OPTION... -- HINT...: run it with the built kernel's configuration without these options.
lacks() {
	local -a without=()
	while [ "$1" != -- ]; do
		without+=(-e "^CONFIG_$1=")
		shift
	done
	shift
	grep -v "${without[@]}" build/kernel/config >"$BATS_TEST_TMPDIR/config"
	run -0 repro/why.d/lacks "$SOURCE" "$BATS_TEST_TMPDIR/config" "$@"
}

# bats test_tags=slow
@test "a feature that the kernel has needs no option" {
	lacks NOTHING -- syscall:bind syscall:bpf family:AF_INET family:AF_XDP family:AF_PACKET prog:BPF_PROG_TYPE_XDP map:BPF_MAP_TYPE_XSKMAP \
		netlink:NETLINK_ROUTE filesystem:tmpfs kind:veth function:veth_xmit syscall:nosuch kind:nosuch file:/dev/nosuch
	[ -z "$output" ]
}

@test "each kind of hint leads to its option" {
	while read -r option hint; do
		lacks "$option" -- "$hint"
		[ "${lines[0]-}" = "CONFIG_$option" ] || { echo "$hint: ${lines[0]-} instead of CONFIG_$option"; return 1; }
	done <<'END'
IO_URING syscall:io_uring_setup
EPOLL syscall:epoll_create1
PACKET family:AF_PACKET
XDP_SOCKETS family:AF_XDP
MPTCP protocol:IPPROTO_MPTCP
XFRM_USER netlink:NETLINK_XFRM
CGROUP_BPF prog:BPF_PROG_TYPE_CGROUP_SKB
OVERLAY_FS filesystem:overlay
VETH kind:veth
VXLAN kind:vxlan
NET_SCH_FQ kind:fq
BPF_JIT file:/proc/sys/net/core/bpf_jit_enable
USER_NS function:create_user_ns
END
	lacks TUN -- file:/dev/net/tun
	[ "${lines[0]}" = CONFIG_TUN ]
}

@test "an option comes with its dependencies, and a stub leads to its option" {
	lacks NET_SCHED -- kind:fq
	[[ $output == *CONFIG_NET_SCHED* ]]
	# A header has a stub for a function that is not compiled.
	line=$(grep -n -A 9 'struct user_namespace \*ns)' "$SOURCE/include/linux/user_namespace.h" | grep -m 1 -oP '^[0-9]+(?=-.*-EINVAL)')
	lacks USER_NS -- "stub:include/linux/user_namespace.h:$line"
	[ "${lines[0]}" = CONFIG_USER_NS ]
	lacks NOTHING -- "stub:include/linux/user_namespace.h:$line"
	[ -z "$output" ]
}

@test "hints come from the call, and from the line that refused it" {
	hints() { jq -rs -L repro/why.d -f repro/why.d/hints.jq <(echo "$1") <(echo "${2-null}"); }
	[ "$(hints '{"call": "userfaultfd", "args": "0", "error": "ENOSYS"}')" = syscall:userfaultfd ]
	[ "$(hints '{"call": "socket", "args": "AF_VSOCK, SOCK_STREAM, 0", "error": "EAFNOSUPPORT"}')" = family:AF_VSOCK ]
	[ "$(hints '{"call": "socket", "args": "AF_INET, SOCK_STREAM, IPPROTO_MPTCP", "error": "EPROTONOSUPPORT"}')" = protocol:IPPROTO_MPTCP ]
	[ "$(hints '{"call": "socket", "args": "AF_NETLINK, SOCK_RAW, NETLINK_XFRM", "error": "EPROTONOSUPPORT"}')" = netlink:NETLINK_XFRM ]
	[ "$(hints '{"call": "bpf", "args": "BPF_PROG_LOAD, {prog_type=BPF_PROG_TYPE_KPROBE, insn_cnt=2}, 144", "error": "EINVAL"}')" = prog:BPF_PROG_TYPE_KPROBE ]
	[ "$(hints '{"call": "mount", "args": "\"o\", \"/mnt\", \"overlay\", 0, \"\"", "error": "ENODEV"}')" = filesystem:overlay ]
	[ "$(hints '{"call": "openat", "args": "AT_FDCWD, \"/dev/fuse\", O_RDWR", "path": "/dev/fuse", "error": "ENOENT"}')" = file:/dev/fuse ]
	# A qdisc, decoded and as bytes.
	[ "$(hints '{"call": "sendmsg", "carried": "netlink-ack", "args": "3, [{nla_len=8, nla_type=TCA_KIND}, \"htb\"]", "error": "EOPNOTSUPP"}')" = kind:htb ]
	[ "$(hints '{"call": "sendmsg", "carried": "netlink-ack", "args": "3, \"\\x00\\x08\\x00\\x01\\x00\\x68\\x74\\x62\\x00\\x08\"", "error": "EOPNOTSUPP"}')" = kind:htb ]
	[ "$(hints '{"call": "bind", "args": "3", "error": "EINVAL"}' '{"file": "net/a.c", "line": 3, "statement": {"file": "include/b.h", "line": 4}}')" = \
		$'stub:net/a.c:3\nstub:include/b.h:4' ]
}
