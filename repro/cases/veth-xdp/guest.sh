# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: three pairs of devices, the second with a large MTU at end 1, the third with more
# tx queues at end 1 than rx queues at end 0. ARGS names other pairs for the same attempts: with
# "plain plain queues" some must not end as expected.

up() {
	# Before Linux 5.11, programs count against this limit until some time after they are closed.
	# shellcheck disable=SC3045 # busybox has it
	ulimit -l unlimited
	ip link add plain0 type veth peer name plain1
	ip link add large0 type veth peer name large1
	ip link set large1 mtu 9000
	ip link add queues0 numrxqueues 1 numtxqueues 1 type veth peer name queues1 numrxqueues 1 numtxqueues 2
	for pair in plain large queues; do
		ip link set "${pair}0" up
		ip link set "${pair}1" up
	done
}

run() {
	# shellcheck disable=SC2086 # words
	"$@" /case/program ${ARGS:-plain large queues}
}
