#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Faults of the guest; see judge.bash.

load judge

@test "guest: panic in the middle of the case" {
	fault 125 20 'panic: Kernel panic' build/faulty/before \
		repro/run "$(case_with 's|^phase strace|echo c >/proc/sysrq-trigger|')"
}

@test "guest: reset before the result" {
	fault 125 20 'reset: the guest ended before its case did' build/faulty/before \
		repro/run "$(case_with 's|^phase run|echo b >/proc/sysrq-trigger|')"
}

@test "guest: a reproducer that never ends" {
	fault 125 20 'hang: the guest had not ended after 5 s' build/faulty/before \
		repro/run DEADLINE=5 "$(case_with 's|^phase run|while :; do :; done|')"
}
