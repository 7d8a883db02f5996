# SPDX-License-Identifier: GPL-2.0-only
# A reset before PID 1 could report.
echo b >/proc/sysrq-trigger
sleep 5
