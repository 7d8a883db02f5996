# SPDX-License-Identifier: GPL-2.0-only
#
# mail.jq: text for the headers of a mail; a module, jq -L repro/report.d.

# As RFC 2047 wants what is not ASCII.
def encoded: if test("[^ -~]") then "=?UTF-8?q?\(@uri | gsub("[.]"; "=2E") | gsub("_"; "=5F") | gsub("~"; "=7E") | gsub("%"; "="))?=" else . end;

# The name before an address.
def phrase: if test("[^ -~]") then encoded elif test("^[A-Za-z0-9 '-]*$") then . else "\"\(gsub("[\\\\\"]"; ""))\"" end;
