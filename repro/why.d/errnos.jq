# SPDX-License-Identifier: GPL-2.0-only
#
# errnos.jq: the errors that a program can meet: the C library's, and the kernel's internal ones,
# which sometimes reach user space; jq -Rs -f errnos.jq LINUX/include/linux/errno.h.
#
# Named argument: $errno, the C library's errors, from errno.c.
# Output: $errno plus the kernel's: {"524": {"name": "ENOTSUPP", "text": ...}}

[splits("\n") | capture("^#define\\s+(?<name>E[A-Z0-9_]+)\\s+(?<number>[0-9]{1,4})\\s*(/\\* *(?<text>.*?) *\\*/)?")
  | {(.number): {name, text: "\(.text // "internal to the kernel"); the C library says Unknown error \(.number)"}}]
| (add // {}) + $errno
