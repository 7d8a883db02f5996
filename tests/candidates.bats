#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Which error make why takes for the one that made the program fail: with logs of strace from the
# guest, or written here. Needs no guest.

# shellcheck disable=SC2016,SC2154 # what is quoted is jq's; bats sets output

load lib

setup_file() {
	export ERRORS=$BATS_FILE_TMPDIR/errno.json
	cc -o "$BATS_FILE_TMPDIR/errno" repro/judge/errno.c
	"$BATS_FILE_TMPDIR/errno" >"$BATS_FILE_TMPDIR/libc.json"
	printf '#define ENOTSUPP\t524\t/* Operation is not supported */\n#define ERESTART_RESTARTBLOCK 516 /* restart */\n' |
		jq -Rs --argjson errno "$(cat "$BATS_FILE_TMPDIR/libc.json")" -f repro/why.d/errnos.jq >"$ERRORS"
}

setup() { OUT=$BATS_TEST_TMPDIR/calls.json; }

# candidates LOG: into $OUT; LOG is a name in tests/strace, or - for stdin.
candidates() {
	local log=tests/strace/$1.log
	[ "$1" != - ] || log=/dev/stdin
	jq -Rs -L repro/why.d -L repro/judge --argjson errno "$(cat "$ERRORS")" --arg output "${SAID-}" -f repro/why.d/candidates.jq <"$log" >"$OUT"
}

# choose [CALL ERRNO NTH]: print the chosen error.
choose() {
	jq -c -L repro/why.d -L repro/judge --arg call "${1-}" --arg error "${2-}" --arg nth "${3-}" --arg every "${ALL-}" --arg program /case/p \
		--argjson errno "$(cat "$ERRORS")" --arg again "make why PROG=./p" -f repro/why.d/choose.jq "$OUT"
}

# chosen LOG CALL ERRNO [FILTER]: the lab chooses that error of the log, and the filter holds for it.
chosen() {
	candidates "$1"
	run -0 choose
	[ "$(jq -r '"\(.call) \(.error)"' <<<"$output")" = "$2 $3" ] || { echo "$output"; return 1; }
	jq -e "${4-true}" <<<"$output" >/dev/null || { echo "$output"; return 1; }
}

list() { jq -r -L repro/why.d -L repro/judge -f repro/why.d/list.jq "$OUT"; }

# log LINE...: a log of the first thread's calls, each NUMBER CALL(ARGS) = RESULT.
log() {
	echo '40 [  59] execve("/case/p", ["/case/p"], 0x7ffe /* 9 vars */) = 0'
	local line
	for line; do
		printf '40 [%4d] %s\n' "${line%% *}" "${line#* }"
	done
	printf '40 [ 231] exit_group(%d)              = ?\n40 [ 231] +++ exited with %d +++\n' "${STATUS-1}" "${STATUS-1}"
}

@test "an error number in the last message outweighs six thousand EAGAIN around it" {
	polls() { for ((i = 0; i < 3000; i++)); do echo '45 recvfrom(3, 0x7ffd1de10370, 64, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)'; done; }
	mapfile -t polls < <(polls)
	log "${polls[@]}" '49 bind(5, {sa_family=AF_XDP}, 16) = -1 EBUSY (Device or resource busy)' \
		'1 write(2, "worker 2 cannot start, giving up (16)\n", 38) = 38' "${polls[@]}" >"$BATS_TEST_TMPDIR/log"
	chosen - bind EBUSY '.said | contains("giving up (16)")' <"$BATS_TEST_TMPDIR/log"
	[ "$(list)" = '6000 x recvfrom(3, 0x7ffd1de10370, 64, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
bind(5, {sa_family=AF_XDP}, 16) = -1 EBUSY (Device or resource busy)
the program exited with 1' ]
}

@test "a message may name an error by text, by name, or by number, in programs' usual forms" {
	for words in "Device or resource busy" EBUSY "(16)" "(-16)" "rc=-16" "errno 16" "[Errno 16]" "ret: -16" "failed with -16" "error code 16"; do
		log '257 openat(AT_FDCWD, "/etc/p.conf", O_RDONLY) = -1 ENOENT (No such file or directory)' \
			'49 bind(5, {sa_family=AF_XDP}, 16) = -1 EBUSY (Device or resource busy)' \
			'42 connect(6, {sa_family=AF_INET}, 16) = -1 ENETUNREACH (Network is unreachable)' \
			"1 write(2, \"worker 2: $words\\n\", 38) = 38" '54 setsockopt(6, SOL_SOCKET, SO_DEBUG, [1], 4) = -1 EACCES (Permission denied)' >"$BATS_TEST_TMPDIR/log"
		chosen - bind EBUSY .spoken <"$BATS_TEST_TMPDIR/log"
	done
	# Any other number is not an error.
	log '49 bind(5, {sa_family=AF_XDP}, 16) = -1 EBUSY (Device or resource busy)' \
		'1 write(2, "worker 16 of 16 gives up\n", 38) = 38' >"$BATS_TEST_TMPDIR/log"
	chosen - bind EBUSY '.spoken | not' <"$BATS_TEST_TMPDIR/log"
}

@test "if two calls return the same error, a message that names one or its argument decides" {
	two=('257 openat(AT_FDCWD, "/run/a.sock", O_RDONLY) = -1 ENOENT (No such file or directory)'
		'257 openat(AT_FDCWD, "/run/b.sock", O_RDONLY) = -1 ENOENT (No such file or directory)')
	log "${two[@]}" '1 write(2, "cannot open /run/a.sock: No such file or directory\n", 50) = 50' >"$BATS_TEST_TMPDIR/log"
	chosen - openat ENOENT '.args_text[1] == "/run/a.sock" and (.next[0] | .command == "make why PROG=./p CALL=openat ERRNO=ENOENT NTH=2")' <"$BATS_TEST_TMPDIR/log"
	log "${two[@]}" '1 write(2, "No such file or directory\n", 26) = 26' >"$BATS_TEST_TMPDIR/log"
	chosen - openat ENOENT '.args_text[1] == "/run/b.sock"' <"$BATS_TEST_TMPDIR/log"
}

@test "without a message, what the program did next counts: it gave up, or closed the descriptor" {
	chosen quiet listen EBADF '.said == null and (.because | contains("exited with 3 soon after")) and .args_raw == [99, 1]'
	run -0 choose "" ENOENT
	[ "$(jq -r .args_text[1] <<<"$output")" = /etc/nosuch.conf ]
	[ "$(jq .because <<<"$output")" = null ]
	run -0 choose recvfrom "" 50
	[ "$(jq -c '[.nth, .args_raw]' <<<"$output")" = '[50,[3,null,9,0,0,0]]' ]
	run -0 choose recvfrom "" 51
	[[ $output == *"no failed call matches CALL=recvfrom NTH=51; LIST=1 lists the "* ]]
	chosen number setsockopt ENOPROTOOPT '.said | contains("setup rc=-92")'
}

@test "another process that ended with an error is named" {
	printf '%s\n' '40 [  59] execve("/case/run.sh", ["/case/run.sh"], 0x7ffe /* 9 vars */) = 0' '40 [  56] clone(child_stack=NULL, flags=SIGCHLD) = 41' \
		'41 [  59] execve("/nosuch/ip", ["ip"], 0x7ffe /* 9 vars */) = -1 ENOENT (No such file or directory)' \
		'41 [  59] execve("/bin/ip", ["ip"], 0x7ffe /* 9 vars */) = 0' '41 [  16] ioctl(3, SIOCSIFFLAGS, {}) = -1 EPERM (Operation not permitted)' \
		'41 [ 231] +++ exited with 2 +++' '40 [ 231] +++ exited with 3 +++' >"$BATS_TEST_TMPDIR/log"
	chosen - ioctl EPERM '.because | contains("the process ip exited with 2 soon after")' <"$BATS_TEST_TMPDIR/log"
}

@test "the last line of a write counts, even if strace cut it off" {
	log '49 bind(5, {sa_family=AF_XDP}, 16) = -1 EBUSY (Device or resource busy)' \
		'54 setsockopt(6, SOL_SOCKET, SO_DEBUG, [1], 4) = -1 EACCES (Permission denied)' \
		'1 write(1, "worker 1 is up\nworker 2"..., 4096) = 4096' >"$BATS_TEST_TMPDIR/log"
	SAID="worker 3: Device or resource busy" chosen - bind EBUSY '.said == "worker 3: Device or resource busy" and .because == "the program printed this error last and exited with 1 soon after"' <"$BATS_TEST_TMPDIR/log"
	chosen - setsockopt EACCES <"$BATS_TEST_TMPDIR/log"
}

@test "with several threads, a call's descriptor is not compared" {
	log '49 bind(5, {sa_family=AF_XDP}, 16) = -1 EBUSY (Device or resource busy)' >"$BATS_TEST_TMPDIR/log"
	chosen - bind EBUSY '.args_raw == [5, null, 16]' <"$BATS_TEST_TMPDIR/log"
	echo '41 [ 231] +++ exited with 0 +++' >>"$BATS_TEST_TMPDIR/log"
	echo '41 [  39] getpid()                = 40' >>"$BATS_TEST_TMPDIR/log"
	chosen - bind EBUSY '.args_raw == [null, null, 16]' <"$BATS_TEST_TMPDIR/log"
}

@test "ENOENT is a search path if the same name was found elsewhere" {
	log '257 openat(AT_FDCWD, "/etc/p.conf", O_RDONLY) = -1 EACCES (Permission denied)' \
		'257 openat(AT_FDCWD, "/usr/a/x.o", O_RDONLY) = -1 ENOENT (No such file or directory)' \
		'257 openat(AT_FDCWD, "/usr/b/x.o", O_RDONLY) = 3' >"$BATS_TEST_TMPDIR/log"
	chosen - openat EACCES '.next == []' <"$BATS_TEST_TMPDIR/log"
}

@test "EINTR belongs to the call that a signal ended, not to the handler's return" {
	chosen interrupted recvfrom EINTR '.nth == 1 and .number == 45 and .args_raw[0:1] == [3]'
	run -1 grep rt_sigreturn "$OUT"
	# With SA_RESTART, the kernel restarts the call after the handler.
	printf '%s\n' '7 [  45] recvfrom(3, 0x7ffd, 64, 0, NULL, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)' \
		'7 [  15] rt_sigreturn({mask=[]})    = 45' '7 [  45] recvfrom(3, 0x7ffd, 64, 0, NULL, NULL) = 5' '7 [ 231] +++ exited with 0 +++' |
		candidates -
	[ "$(jq -c .failed "$OUT")" = '[]' ]
}

@test "netlink: the error of an acknowledgement belongs to the request with its number" {
	chosen netlink-ack sendto EEXIST '.carried == "netlink-ack" and .carrier.call == "recvfrom" and .number == 44 and .args_raw[0] == 4
		and .errno == 17 and (.args | contains("NLM_F_ACK"))'
	chosen sock-destroy sendto ENOENT '.carried == "netlink-ack"'
	# ip prints the kernel's text; its probes are not chosen instead.
	chosen extended-ack sendmsg EINVAL '.says == "mtu greater than device maximum" and (.said | contains("mtu greater")) and .next == []'
	chosen ip-exist sendmsg EEXIST '.says == null'
	chosen dump sendto ENOENT '.carried == "netlink-ack" and .says == "ipv4: FIB table does not exist"'
	[[ $(list) == *") was answered with ENOENT (No such file or directory)"* ]]
}

@test "netlink: with several requests in flight, each acknowledgement finds its own" {
	request() { echo "44 sendto(3, [{nlmsg_len=40, nlmsg_type=$1, nlmsg_flags=NLM_F_REQUEST|NLM_F_ACK, nlmsg_seq=$2, nlmsg_pid=0}, 1], 40, 0, NULL, 0) = 40"; }
	ack() { echo "45 recvfrom(3, [{nlmsg_len=36, nlmsg_type=NLMSG_ERROR, nlmsg_flags=NLM_F_CAPPED, nlmsg_seq=$1, nlmsg_pid=40}, {error=$2, msg={nlmsg_len=40, nlmsg_type=RTM_NEWADDR, nlmsg_flags=0, nlmsg_seq=$1, nlmsg_pid=0}}], 4096, ${3:-0}, NULL, NULL) = 36"; }
	log '41 socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3' "$(request RTM_NEWADDR 1)" "$(request RTM_NEWROUTE 2)" "$(request RTM_NEWLINK 3)" \
		"$(ack 1 0)" "$(ack 2 -ENETUNREACH MSG_PEEK)" "$(ack 2 -ENETUNREACH)" "$(ack 3 0)" >"$BATS_TEST_TMPDIR/log"
	chosen - sendto ENETUNREACH '.nth == 2 and .since == {call: "socket", number: 41, nth: 1, thread: 0}' <"$BATS_TEST_TMPDIR/log"
	[ "$(jq '.failed | length' "$OUT")" = 1 ]
}

@test "a long text in a call's arguments is shortened, the arguments behind it are not" {
	zeros=$(printf '\\0%.0s' {1..100})
	to='0, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("169.254.0.2")}, 16'
	path=/$(printf 'folder/%.0s' {1..20})file
	log "44 sendto(3, \"$zeros\"..., 3000, $to) = -1 EMSGSIZE (Message too long)" \
		"46 sendmsg(3, {msg_name=NULL, msg_iov=[{iov_base=\"$zeros\"..., iov_len=3000}$(printf ', {iov_base="x", iov_len=1}%.0s' {1..20})], msg_flags=0}, MSG_DONTWAIT) = -1 EMSGSIZE (Message too long)" \
		"82 rename(\"$path\", \"${path}2\") = -1 EACCES (Permission denied)" | candidates -
	run -0 list
	[ "${lines[0]}" = "sendto(3, \"${zeros:0:32}\"..., 3000, $to) = -1 EMSGSIZE (Message too long)" ]
	[[ ${lines[1]} == "sendmsg(3, {msg_name=NULL, msg_iov=[{iov_base=\"${zeros:0:32}\"..., iov_len=3000}, "*"...}, MSG_DONTWAIT) = -1 EMSGSIZE"* ]]
	[[ ${lines[2]} == "rename(\"/folder/"*"\"..., \"/folder/"*"\"...) = -1 EACCES"* ]]
	[ "${#lines[1]}" -le 300 ]
}

@test "SO_ERROR and the error queue: the call that reported the error, and the descriptor's history" {
	chosen so-error getsockopt ECONNREFUSED '.carried == "so-error" and .since.call == "socket" and .last == {call: "connect", number: 42, nth: 1, thread: 0}'
	chosen error-queue recvmsg ECONNREFUSED '.carried == "error-queue" and .since.call == "socket" and .last.call == "sendto" and .args_raw[0] == 3'
	[[ $(list) == *") reported ECONNREFUSED (Connection refused)"* ]]
}

@test "an error of the kernel's own has a name" {
	chosen kernels-own bpf ENOTSUPP '.errno == 524 and .spoken'
	[[ $(list) == *"= -1 ENOTSUPP (Operation is not supported; the C library says Unknown error 524)"* ]]
}

@test "an error that no call returned is the library's" {
	log '21 access("/nosuch", F_OK) = -1 ENOENT (No such file or directory)' '1 write(2, "p: Invalid argument\n", 20) = 20' | candidates -
	run -0 choose
	[[ $output == *'the program reported EINVAL (p: Invalid argument), but no system call returned it'* ]]
	# A message that no call explains does not hide one that a call explains.
	log '49 bind(5, {sa_family=AF_XDP}, 16) = -1 EBUSY (Device or resource busy)' '1 write(2, "bind: Device or resource busy\n", 30) = 30' \
		'1 write(2, "cannot start: Invalid argument\n", 20) = 20' >"$BATS_TEST_TMPDIR/log"
	chosen - bind EBUSY '.because | contains("no call returned EINVAL, which the program reported last")' <"$BATS_TEST_TMPDIR/log"
}

@test "if a program uses io_uring, an error that no call returned came in a completion" {
	ring=('425 io_uring_setup(8, {flags=0}) = 3' '425 io_uring_setup(8, {flags=0}) = 4'
		'21 access("/nosuch", F_OK) = -1 ENOENT (No such file or directory)')
	log "${ring[@]}" '1 write(2, "p: Invalid argument\n", 20) = 20' >"$BATS_TEST_TMPDIR/log"
	chosen - io_uring_enter EINVAL '.carried == "completion" and .errno == 22 and .since == {call: "io_uring_setup", number: 425, nth: 1, thread: 0}' <"$BATS_TEST_TMPDIR/log"
	log "${ring[@]}" '1 write(1, "res=-105\n", 9) = 9' >"$BATS_TEST_TMPDIR/log"
	chosen - io_uring_enter ENOBUFS <"$BATS_TEST_TMPDIR/log"
	# Without a message: any error. Exit code 0: none. A call returned it: that call.
	log "${ring[@]:0:2}" >"$BATS_TEST_TMPDIR/log"
	chosen - io_uring_enter null '.errno == null' <"$BATS_TEST_TMPDIR/log"
	STATUS=0 log "${ring[@]:0:2}" | candidates -
	run -0 choose
	[[ $output == *'no system call failed, and the program exited with 0'* ]]
	log "${ring[@]}" '49 bind(5, {sa_family=AF_XDP}, 16) = -1 EINVAL (Invalid argument)' '1 write(2, "p: Invalid argument\n", 20) = 20' >"$BATS_TEST_TMPDIR/log"
	chosen - bind EINVAL <"$BATS_TEST_TMPDIR/log"
}

@test "ALL=1: distinct errors that are not noise, in order of time; the likeliest is marked" {
	candidates number
	ALL=1 run -0 choose
	[ "$(jq -c 'map([.call, .likeliest])' <<<"$output")" = '[["openat",false],["setsockopt",true],["close",false]]' ]
	candidates quiet
	ALL=1 run -0 choose recvfrom
	[ "$(jq -c 'map([.call, .nth])' <<<"$output")" = '[["recvfrom",50]]' ]
}

@test "files that the program looked for in vain are named, but not the kernel's own" {
	log '257 openat(AT_FDCWD, "/usr/share/p/table", O_RDONLY) = -1 ENOENT (No such file or directory)' \
		'257 openat(AT_FDCWD, "/proc/nosuch", O_RDONLY) = -1 ENOENT (No such file or directory)' \
		'59 execve("/usr/sbin/tc", ["tc"], 0x7ffe /* 9 vars */) = -1 ENOENT (No such file or directory)' \
		'21 access("/etc/ld.so.preload", R_OK) = -1 ENOENT (No such file or directory)' | candidates -
	[ "$(jq -c -L repro/why.d 'include "rank"; unseen' "$OUT")" = '["/usr/sbin/tc","/usr/share/p/table"]' ]
}
