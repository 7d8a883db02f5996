# SPDX-License-Identifier: GPL-2.0-only
# For "a guest is like a machine" in tests/vm.bats.
set -eu

ip -json addr show lo
mount
/case/btf
