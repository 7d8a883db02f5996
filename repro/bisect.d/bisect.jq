# SPDX-License-Identifier: GPL-2.0-only
#
# bisect.jq: make bisect.json from what repro/bisect.d/culprit gathered.
include "shown";
include "symptom";

def some: if . == "" then null else . end;

$symptom[0] as $symptom
| {
    version: 1, $case, $kind, row: $symptom.row, $good, $bad,
    symptom: {good: ($symptom.good | described), bad: ($symptom.bad | described)},
    effect: (if $age == "good" then "broke" else "mended" end)
  } + $trial[0] + {
    $commit, $subject, $author, $date, release: ($release | some), $lines, $to,
    fixes: "Fixes: \($commit[:12]) (\"\($subject)\")",
    regzbot: (if "\($kind) \($age)" == "kernel good" then "#regzbot introduced: \($commit[:12])" else null end),
    latest: ($latest | some), latest_tried: $tried,
    steps: {tried: ($seen | length), built: ([$seen[] | select(.built)] | length),
      run: ([$seen[] | select(.like == null)] | length), seconds: ([$seen[].seconds] | add // 0)}
  }
| walk(if type == "string" then gsub("\t"; "    ") | printable else . end)
