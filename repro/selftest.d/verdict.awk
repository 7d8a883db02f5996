# SPDX-License-Identifier: GPL-2.0-only
#
# Judge what a suite's runner printed: TAP, or the words of xdp-tools. The exit status of older
# kselftest runners is 0 whatever the tests did, and they say "not ok" of a test that was skipped.
# Exit: 0 all tests passed; 1 one failed; 125 one was skipped, or none ran.

/^(not )?ok .*(# SKIP|\[SKIP\])|^ +\[.*\] *SKIPPED$/ { skipped++; next }
/^not ok |^ +\[.*\] *(FAIL|INVALID)$/ { failed++; next }
/^ok |^ +\[.*\] *PASS$/ { passed++ }
END { exit failed ? 1 : skipped || !passed ? 125 : 0 }
