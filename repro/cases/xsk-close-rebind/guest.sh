# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a veth pair with 21 queues. ARGS: ms to wait after each close().

up() {
	ip link add left numrxqueues 21 numtxqueues 21 type veth peer name right numrxqueues 21 numtxqueues 21
	ip link set left up
	ip link set right up
}

run() {
	# shellcheck disable=SC2086 # words
	"$@" /case/program left ${ARGS-}
}
