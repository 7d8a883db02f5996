# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: run a suite, for repro/selftest.
#
# Inputs: /suite/run, which starts the suite's own runner.
# Outputs: what that prints, on stdout.
# Exit: 0 the runner has ended, whatever it found.
set -eu

busybox --install -s /bin 2>/dev/null || true # only missing ones
# kselftest's runner opens its stdout once more: devtmpfs lacks the name, and the port would
# refuse, but a pipe does not.
ln -s /proc/self/fd/1 /dev/stdout
cd /suite
sh ./run 2>&1 | cat
echo
