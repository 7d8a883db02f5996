# SPDX-License-Identifier: GPL-2.0-only
# A panic in the middle of a case.
echo '{"hello":1}'
echo c >/proc/sysrq-trigger
