# SPDX-License-Identifier: GPL-2.0-only
#
# bytes.jq: decode bytes as strace shows them, "\\x66\\x71"; a module.

def digit: explode[0] | if . >= 97 then . - 87 else . - 48 end;

def bytes: [match("\\\\x([0-9a-f])([0-9a-f])"; "g").captures | map(.string | digit) | .[0] * 16 + .[1]];

# The printable characters among bytes.
def text: map(select(. >= 32 and . < 127)) | implode;
