# SPDX-License-Identifier: GPL-2.0-only
# What a machine has: see "a guest is like a machine" in tests/vm.bats.
set -eu

ip -json addr show lo
mount
/case/btf
