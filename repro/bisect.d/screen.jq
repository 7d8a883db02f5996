# SPDX-License-Identifier: GPL-2.0-only
#
# screen.jq: one screen of text from bisect.json; jq -L repro/judge.
include "shown";

def time: "\(. / 60 | floor):\(. % 60 | tostring | if length < 2 then "0\(.)" else . end)";

"\(.commit[:12]) \(.subject)",
"  \("\(if .effect == "broke" then "broke" else "fixed" end) it" | pad(11))\(.row): \(if .effect == "broke" then "\(.symptom.good), then \(.symptom.bad)" else "\(.symptom.bad), then \(.symptom.good)" end)",
"  by         \(.author), \(.date); \(if .release then "first in \(.release)" else "in no release that this repository knows" end)",
(.lines[:12][] | "  touches    \(.)"),
(select(.lines | length > 12) | "             \(.lines | length - 12) more lines; see bisect.json"),
"  trial      \(.trial)",
(.to | to_entries[] | "  \(if .key == 0 then "to" else "  " end)         \(.value)"),
(select(.effect == "broke") | "  tags       \(.fixes)", (.regzbot | values | "             \(.)")),
"  newest tag \(.latest // "none")\(if .latest then (if .latest_tried then ", tried" else ", not tried" end) else "" end)",
"  \(.steps.tried) commits tried, \(.steps.built) of them built and \(.steps.run) run   \(.steps.seconds | time)"
