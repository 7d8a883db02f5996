# SPDX-License-Identifier: GPL-2.0-only
#
# errnos.jq: the errors that a program can meet: the C library's, and the kernel's own, which
# should never leave it and sometimes do; jq -Rs -f errnos.jq LINUX/include/linux/errno.h.
#
# Named argument: $errno, the C library's, as errno.c has them.
# Output: the same with the kernel's own: {"524": {"name": "ENOTSUPP", "text": ...}}

[splits("\n") | capture("^#define\\s+(?<name>E[A-Z0-9_]+)\\s+(?<number>[0-9]{1,4})\\s*(/\\* *(?<text>.*?) *\\*/)?")
  | {(.number): {name, text: "\(.text // "an error of the kernel's own"), which the C library calls Unknown error \(.number)"}}]
| (add // {}) + $errno
