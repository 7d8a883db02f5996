# SPDX-License-Identifier: GPL-2.0-only
#
# kernels.jq: a table of the rows of repro/why.d/kernels; jq -rs -L repro/judge. Line numbers
# change between kernels, so two rows differ only by call, error, function or condition.
include "shown";

def answer: [.outcome, .call, .errno, .function, .condition];

def place: if .outcome != "refused" then .text
  else "\(.text)  \(.function), \(.file // "(no source)"):\(.line // "")  \(.condition // "" | gsub("\\s+"; " "))" end;

. as $rows
| ([$rows[].kernel | length] | max + 2) as $kernels
| ([$rows[] | .release // "-" | length] | max + 2) as $releases
| range(length) as $i | $rows[$i]
| "\(if $i > 0 and answer != ($rows[$i - 1] | answer) then "*" else " " end) \(.kernel | pad($kernels))\(.release // "-" | pad($releases))\(.outcome | pad(9))\(place)"
| printable
