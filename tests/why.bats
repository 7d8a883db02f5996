#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# repro/why: the kernel line that refused a call, for programs that the lab does not know. The
# expected lines were read in the sources of Linux 5.10 to 7.2.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # what is quoted is jq's; bats sets output

load lib

setup_file() {
	export PROGRAM=$BATS_FILE_TMPDIR/refused
	cc -O2 -o "$PROGRAM" tests/refused.c -lpthread
}

answer() { jq -re "$1" build/why.json; }

# refused NAME CALL ERRNO CONDITION STATEMENT: the answer is that condition and statement.
refused() {
	run -0 --separate-stderr repro/why "PROG=$PROGRAM" "ARGS=$1"
	[ "$(answer .call)" = "$2" ]
	[ "$(answer .errno)" = "$3" ]
	answer .condition | grep -qxE "$4" || { answer .condition; return 1; }
	[ "$(answer .statement.text)" = "$5" ] || { answer .statement.text; return 1; }
	# The line is the source's, and the chain leads from the call to it.
	sed -n "$(answer .line)p" "$(jq -r .source_dir build/kernel.json)/$(answer .file)" |
		grep -qF "$(answer .condition | cut -d'(' -f1)"
	[ "$(answer '.chain[0].function')" = "__x64_sys_$2" ]
	answer '. as $why | any(.chain[]; .function == $why.function and .line == $why.line)' >/dev/null
}

# screen FILTER: show the last answer, changed by the filter.
screen() {
	run -0 jq -rs -L repro/why.d -L repro/judge --slurpfile chosen build/why/chosen.json --arg run build/why -f repro/why.d/screen.jq <(jq -c "$1" build/why/answers.jsonl)
}

value() { [ "$(jq -c --arg name "$1" '.values[$name]' build/why.json)" = "$2" ]; }

@test "bind: an address that is too short, and its length" {
	refused bind-short bind EINVAL 'if \(addr_len < sizeof\(struct sockaddr_in\)\)' 'return -EINVAL;'
	value addr_len 3
	[[ $output == *"addr_len = 3"* ]]
	# What stands in another function is shown with its name.
	screen '.within = [{function, file, line: 7, condition: "if (x) {", values: {}, unread: {}, callee: []}, {function: "f", file: "net/f.c", line: 8, condition: "if (y) {", values: {}, unread: {}, callee: []}]
		| .statement = {function: "f", file: "net/f.c", line: 9, text: "return -EINVAL;"}'
	[[ $output == *$'\n  within   7: if (x) {\n'* && $output == *$'\n  within   f, net/f.c:8: if (y) {\n'* ]]
	[[ $output == *$'\n  the error is set in f, net/f.c:9: return -EINVAL;\n'* ]]
	# A last line without an error, too.
	screen '.program = {said: null, last: "mount: 22", ended: "exited with 1"}'
	[[ $output == *'the program said "mount: 22" and exited with 1'* ]]
	# A command adds to the knobs that are there.
	screen '.lacks = ["CONFIG_A", "CONFIG_B"] | .again = "make why PROG=p CONFIG=b.config"'
	[[ ${lines[1]} == "  this kernel has no CONFIG_A, CONFIG_B; make why PROG=p CONFIG='b.config build/why/CONFIG_A.config'" ]]
	screen '.statement = null'
	[[ $output != *"  -> "* && $output != *"error is set"* ]]
}

# bats test_tags=slow
@test "ioctl: a device that does not exist" {
	refused ioctl-device ioctl ENODEV 'if \(!dev\)' 'return -ENODEV;'
	value dev null
}

# bats test_tags=slow
@test "setsockopt: two checks in one function are told apart" {
	refused setsockopt-short setsockopt EINVAL 'if \(optlen < sizeof\(int\)\)' 'return -EINVAL;'
	value optlen 3
}

# bats test_tags=slow
@test "bpf: a condition of two lines is shown whole" {
	refused bpf-map bpf EINVAL \
		'if \(attr->max_entries == 0 \|\| attr->key_size == 0 \|\| attr->value_size == 0\)' 'return -EINVAL;'
	value 'attr->max_entries' 0
}

# bats test_tags=slow
@test "read: an error that was set before the check" {
	refused read-closed read EBADF 'if \((f\.file|fd_file\(f\)|!fd_empty\(f\))\) \{' 'ssize_t ret = -EBADF;'
}

# bats test_tags=slow
@test "recv: an error returned through an out-parameter, after a sleep" {
	refused recv-timeout recvfrom EAGAIN \
		'\} while \(timeo && !__skb_wait_for_more_packets\(.*\)\);' 'error = -EAGAIN;'
	value timeo 0
}

# bats test_tags=slow
@test "sendto: an ERR_PTR()" {
	refused netlink-nobody sendto ECONNREFUSED 'if \(!sock\)' 'return ERR_PTR(-ECONNREFUSED);'
	value sock null
}

# bats test_tags=slow
@test "sendto: an argument that the compiler keeps no longer is read where its function begins" {
	refused sendto-long sendto EMSGSIZE 'if \(cork->length \+ length > maxnonfragsize - fragheaderlen\) \{' 'return -EMSGSIZE;'
	value length 3008
	# A name of the condition has a value, or the reason why not.
	answer '(.values + .unread) as $known | all("length", "cork->length", "maxnonfragsize", "fragheaderlen"; in($known))' >/dev/null
}

# bats test_tags=slow
@test "write: what a pointer in a condition points to" {
	refused write-ttl write EINVAL 'if \(conv\(.*' 'err = -EINVAL;'
	[ "$(answer '.callee[0].values | "\(."*param->min") \(."*param->max") \(.tmp) \(has("param->max"))"')" = "1 255 300 false" ]
}

# bats test_tags=slow
@test "mount: a function that always returns the error is not what decided, but the condition that led to it" {
	refused mount-mode mount EINVAL 'if \(kstrtouint\(param->string, base, &result->uint_32\) < 0\)' "return inval_plog(log, \"Bad value for '%s'\", param->key);"
	[ "$(answer '.callee[-1] | "\(.function) \(.condition)"')" = "_kstrtoull if (*s)" ]
}

# bats test_tags=slow
@test "-> marks the line that sets the error: not an equal one further down, and no line that only tests it" {
	refused socket-family socket EAFNOSUPPORT 'if \(!pf\)' 'err = -EAFNOSUPPORT;'
	[ "$(answer '.line - .statement.line')" = 1 ]
	[ "$(answer .unread.pf)" = "NULL, by the branch taken" ]
	refused memfd-seal fcntl EBUSY 'error = mapping_deny_writable\(file->f_mapping\);' \
		'return atomic_dec_unless_positive(&mapping->i_mmap_writable) ? 0 : -EBUSY;'
	[[ $output != *"  -> "* && $output == *"the error is set in mapping_deny_writable, include/linux/fs.h:"* ]]
}

# bats test_tags=slow
@test "a netlink request: the kernel's text, though the program did not ask for extended acknowledgements" {
	refused ack-mtu sendto EINVAL 'if \(dev->max_mtu > 0 && new_mtu > dev->max_mtu\) \{' 'return -EINVAL;'
	[[ ${lines[0]} == *"{nlmsg_len=40, nlmsg_type=RTM_NEWLINK, "* ]]
	[ "${lines[1]}" = '  the kernel says "mtu greater than device maximum"' ]
}

# bats test_tags=slow
@test "an IPv4 address is dotted, too" {
	refused connect-nowhere connect ENETUNREACH 'if \(fl4->flowi4_oif && \(ipv4_is_multicast\(fl4->daddr\) .*' 'err = -ENETUNREACH;'
	value 'fl4->daddr' '"117967114 (10.9.8.7)"'
}

# bats test_tags=slow
@test "mknod: the mode of a file is octal" {
	refused mknod-folder mknodat EPERM 'switch \(mode & S_IFMT\) \{' 'return -EPERM;'
	value mode '"040600"'
	value S_IFMT '"0170000"'
}

# bats test_tags=slow
@test "other threads whose same call is refused all the time do not matter" {
	refused threads bind EINVAL 'if \(addr_len < sizeof\(struct sockaddr_in\)\)' 'return -EINVAL;'
	value addr_len 3
	run -0 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=threads ERRNO=EADDRNOTAVAIL NTH=250
	[ "$(answer .thread)" -gt 0 ]
	[ "$(answer .errno)" = EADDRNOTAVAIL ]
}

@test "make why finds the refusal of this project's case without knowing the case" {
	run -0 --separate-stderr make -s why PROG=build/xsk-netns-cookie/program.before \
		ARGS='--ingress outer --egress inner --egress-netns inner-ns'
	[ "$(answer '"\(.call) \(.errno)"')" = "bind EINVAL" ]
	answer .text | grep -qE 'fq|xsk_validate_queues'
	[[ $output == *"said \"xsk_socket__create_shared: Invalid argument"* ]]
}

# bats test_tags=slow
@test "LIST=1 lists every call that failed; CALL, ERRNO and NTH choose one" {
	run -0 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=library LIST=1
	[[ $output == *'access("/nosuch", F_OK) = -1 ENOENT (No such file or directory)'* ]]
	[ "${#lines[@]}" = 2 ]
	run -0 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=library CALL=access ERRNO=ENOENT NTH=1
	[ "$(answer '"\(.call) \(.errno)"')" = "access ENOENT" ]
	[[ $(answer .chain[-1].file) == fs/* || $(answer .chain[-1].file) == include/* ]]
	run -1 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=library CALL=access NTH=2
	ends_with "no failed call matches CALL=access NTH=2"
}

# bats test_tags=slow
@test "an error that the C library lacks is named as the kernel names it" {
	run -0 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=bpf-batch ERRNO=ENOTSUPP
	[ "$(answer '"\(.call) \(.errno)"')" = "bpf ENOTSUPP" ]
	answer .statement.text | grep -q 'err = -ENOTSUPP'
}

# bats test_tags=slow
@test "an error in an acknowledgement is listed, and the screen says if the program went on" {
	run -0 --separate-stderr repro/why PROG="$(PATH=$PATH:/usr/sbin command -v ip)" ARGS='link set dev outer mtu 70000' LIST=1
	[[ $output == *"nlmsg_type=RTM_NEWLINK, "*"was answered with EINVAL (Invalid argument)"* ]]
	run -0 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=went-on
	[[ ${lines[0]} == "the program went on and exited with 0 after this:" ]]
}

# bats test_tags=slow
@test "an option that the kernel lacks is named, and a file that only the host has" {
	run -0 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=mptcp
	[ "$(answer '.lacks[0]')" = CONFIG_MPTCP ]
	[[ ${lines[1]} == "  this kernel has no CONFIG_MPTCP; make why PROG="*" CONFIG=build/why/CONFIG_MPTCP.config" ]]
	grep -qx CONFIG_MPTCP=y build/why/CONFIG_MPTCP.config
	run -0 --separate-stderr repro/why PROG=/bin/cat "ARGS=$PWD/README.md"
	[ "$(answer '.missing[0]')" = "$PWD/README.md" ]
	[[ ${lines[1]} == "  only on the host, not in the guest: $PWD/README.md; make why PROG=/bin/cat "*" FILES=$PWD/README.md" ]]
	run -1 --separate-stderr repro/why PROG=/bin/cat "ARGS=$PWD/README.md" "FILES=$PWD/README.md"
	ends_with "no system call failed"
	# CONFIG=<(...) can be read only once.
	run -2 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=mptcp CONFIG=<(echo nonsense)
	said 'must be CONFIG_NAME=VALUE or a comment'
}

@test "an error that the kernel never returned is recognised, even if another call failed" {
	run -1 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=library
	ends_with "the program reported EINVAL (library: Invalid argument"
	[ ! -e build/why.json ]
}

# bats test_tags=slow
@test "a program without a failed call, one that crashes, and one that never ends" {
	run -1 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=fine
	ends_with "no system call failed, and the program exited with 0"
	run -1 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=crash
	ends_with "killed by SIGSEGV"
	run -1 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=forever DEADLINE=3
	ends_with "was still running at the deadline"
}

# bats test_tags=slow
@test "FILES and SETUP come along, and ARGS are a shell's words" {
	echo 'echo "set up" >/case/marker; [ -s "/case/a file" ] || cp hello "/case/a file"' >"$BATS_TEST_TMPDIR/setup"
	echo hello >"$BATS_TEST_TMPDIR/hello"
	run -0 --separate-stderr repro/why PROG=/bin/cat "ARGS=marker 'a file' /etc/nosuch" \
		"FILES=/case/hello=$BATS_TEST_TMPDIR/hello" "SETUP=$BATS_TEST_TMPDIR/setup"
	grep -q '^set up' build/why/strace/console.log
	grep -q '^hello' build/why/strace/console.log
	echo 'echo begun; echo "no \"such\" thing" >&2; exit 7' >"$BATS_TEST_TMPDIR/setup"
	run -125 --separate-stderr repro/why PROG=/bin/cat ARGS=/etc/nosuch "SETUP=$BATS_TEST_TMPDIR/setup"
	ends_with 'failed in the guest with status 7; its last line: "no "such" thing"; see'
	run -0 --separate-stderr repro/why PROG=/bin/cat ARGS=/etc/nosuch
	answer .args | grep -q /etc/nosuch
	[ "$(answer .errno)" = ENOENT ]
}

# brought ITEM...: the output has these items for vm/image.
brought() {
	local item
	for item; do
		grep -qxF -- "$item" <<<"$output" || { echo "no $item in $output"; return 1; }
	done
}

@test "a script brings its interpreter and the programs that it runs" {
	cd "$BATS_TEST_TMPDIR"
	ip=$(PATH=$PATH:/usr/sbin command -v ip)
	printf '%s\n' '#!/bin/bash' '# gdb is for later' 'set -e' 'x=$(ip -j link)' 'if ! timeout 5 tee f; then exit 1; fi' >run.sh
	run -0 "$OLDPWD/repro/why.d/comes-along" ./run.sh /case/run.sh
	brought /case/run.sh=./run.sh /bin/bash=/bin/bash "$ip=$ip" "$(type -P tee)=$(type -P tee)"
	[[ $output != */gdb=* ]]
	printf '%s\n' '#!/usr/bin/env -S python3 -u' 'import socket, mine' 'import subprocess as s' 's.run(["ip", "link"])' >test.py
	echo >mine.py
	run -0 "$OLDPWD/repro/why.d/comes-along" ./test.py /case/test.py
	brought "/case/mine.py=$PWD/mine.py" "$ip=$ip" "/usr/bin/env=/usr/bin/env"
	grep -qE '^/.*/python3[0-9]+\.zip=' <<<"$output"
	grep -qE '^/(usr/bin/python3[^/]*=|.*/bin/python3[^/]*=)' <<<"$output"
}

@test "FILES takes folders, and a relative path in the guest goes below /case" {
	local here=$PWD
	cd "$BATS_TEST_TMPDIR"
	mkdir -p folder/deep
	echo 1 >folder/one
	echo 2 >folder/deep/two
	run -0 "$here/repro/why.d/comes-along" /bin/true /case/true folder a/b=folder/one "/etc/c=folder"
	brought /case/true=/bin/true /case/folder=folder /case/a/b=folder/one /etc/c=folder
	run -0 "$here/vm/image" "$here/build/gen_init_cpio" out.cpio "/case/folder=folder" /case/a/b=folder/one
	for item in "dir /case/folder/deep " "file /case/folder/deep/two " "file /case/folder/one " "file /case/a/b "; do
		grep -qF "$item" out.cpio.list
	done
	run -2 "$here/vm/image" "$here/build/gen_init_cpio" out.cpio "a/b=folder/one"
	touch "folder/a blank"
	run -2 "$here/vm/image" "$here/build/gen_init_cpio" out.cpio "/case/folder=folder"
}

# bats test_tags=slow
@test "scripts run, too: a shell script that calls ip, and one of python" {
	cd "$BATS_TEST_TMPDIR"
	printf '%s\n' '#!/bin/bash' 'ip link set dev outer mtu 70000 || exit 3' >run.sh
	printf '%s\n' '#!/usr/bin/env python3' 'import socket' 's = socket.socket()' 's.bind(("127.0.0.1", 7777)); s.listen()' \
		't = socket.socket()' 't.bind(("127.0.0.1", 7777))' >test.py
	chmod +x run.sh test.py
	cd "$OLDPWD"
	run -0 --separate-stderr repro/why "PROG=$BATS_TEST_TMPDIR/run.sh" LIST=1
	[[ $output == *"was answered with EINVAL (Invalid argument)"* && ${lines[-1]} == "the program exited with 3" ]]
	run -0 --separate-stderr repro/why "PROG=$BATS_TEST_TMPDIR/test.py"
	[ "$(answer '"\(.call) \(.errno)"')" = "bind EADDRINUSE" ]
	[[ $output == *'said "OSError: [Errno 98] Address already in use"'* ]]
}

# A row of repro/why.d/kernels.
kernel_row() { # KERNEL OUTCOME TEXT [FUNCTION CONDITION LINE]
	jq -cn --arg kernel "$1" --arg outcome "$2" --arg text "$3" --arg function "${4-}" --arg condition "${5-}" --arg line "${6-}" \
		'{$kernel, release: "6.1", $outcome, $text} + if $function == "" then {} else {call: "bind", errno: "EINVAL", $function, file: "net/a.c", $line, $condition} end'
}

@test "KERNELS: a row with another answer is marked, one whose line only moved is not" {
	{
		kernel_row v5.10 allowed "the program exited with 0"
		kernel_row v5.15 allowed "the program exited with 0"
		kernel_row v6.1 refused "bind EINVAL" f "if (!x)" 10
		kernel_row v6.12 refused "bind EINVAL" f "if (!x)" 25
		kernel_row distro refused "bind EINVAL" f "if (!y)" 25
	} >"$BATS_TEST_TMPDIR/rows"
	run -0 jq -rs -L repro/judge -f repro/why.d/kernels.jq "$BATS_TEST_TMPDIR/rows"
	[ "$(cut -c1-10 <<<"$output" | tr '\n' '|')" = '  v5.10   |  v5.15   |* v6.1    |  v6.12   |* distro  |' ]
	[[ ${lines[2]} == *"refused  bind EINVAL  f, net/a.c:10  if (!x)" ]]
	refuses "KERNEL and KERNELS cannot both be given" "PROG=$PROGRAM" KERNELS=distro KERNEL=distro
}

# bats test_tags=slow
@test "KERNELS: a row for each kernel, refused where or allowed" {
	run -0 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=setsockopt-short "KERNELS=distro distro"
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[1]} == "  distro "*"refused  setsockopt EINVAL  sk_setsockopt, net/core/sock.c:"*"if (optlen < sizeof(int))" ]]
	run -0 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=fine KERNELS=distro
	[[ $output == *"allowed  no system call failed, and the program exited with 0"* ]]
	# One that cannot be fetched has no release, not the one before it.
	XDG_CACHE_HOME=$BATS_TEST_TMPDIR KERNEL_ORG=file:///nosuch run -125 --separate-stderr repro/why "PROG=$PROGRAM" ARGS=fine KERNELS=v5.15
	[[ $output == "  v5.15  -  lost     lab failure: KERNEL=v5.15: cannot fetch file:///nosuch/"* ]]
}

# refuses TEXT WORD...: bad input, told in one line before anything is built.
refuses() {
	local text=$1
	shift
	run -2 --separate-stderr repro/why "$@"
	said "$text"
	one_line
}

@test "a program that cannot run in the guest is an error in one line" {
	(
		cd "$BATS_TEST_TMPDIR"
		echo 'exit 1' >script
		echo '#!/bin/nosuchshell' >odd
		cp "$PROGRAM" plain
		chmod -x plain
		chmod +x script odd
		cp "$PROGRAM" arm
		printf '\xb7' | dd of=arm bs=1 seek=18 conv=notrunc 2>/dev/null # EM_AARCH64
		echo 'int missing(void) { return 0; }' | cc -shared -o libmissing.so -x c -
		echo 'int missing(void); int main(void) { return missing(); }' | cc -o needs -x c - -L. -lmissing
	)
	refuses "PROG= is needed"
	refuses "no such file" "PROG=$BATS_TEST_TMPDIR/nothing"
	refuses "not executable; chmod +x it" "PROG=$BATS_TEST_TMPDIR/plain"
	refuses "source code; compile it first" PROG=tests/refused.c
	refuses "neither an ELF program nor a script" "PROG=$BATS_TEST_TMPDIR/script"
	refuses "its interpreter /bin/nosuchshell was not found" "PROG=$BATS_TEST_TMPDIR/odd"
	refuses "is for AArch64" "PROG=$BATS_TEST_TMPDIR/arm"
	refuses "needs libmissing.so" "PROG=$BATS_TEST_TMPDIR/needs"
}

@test "invalid knobs are errors in one line" {
	refuses "unknown knob FOO=1; repro/why takes PROG ARGS FILES " "PROG=$PROGRAM" FOO=1
	said "the case xsk-netns-cookie has LAYOUT QUEUES INDEX; see make help-all"
	refuses "CALL=nosuchcall is not a system call" "PROG=$PROGRAM" CALL=nosuchcall
	refuses "ERRNO=EFOO is not the name of an error" "PROG=$PROGRAM" ERRNO=EFOO
	refuses "NTH=0" "PROG=$PROGRAM" NTH=0
	refuses "a quote is open" "PROG=$PROGRAM" "ARGS='x"
	refuses "no such file" "PROG=$PROGRAM" FILES=/nosuch
	refuses "no such file" "PROG=$PROGRAM" SETUP=/nosuch
}
