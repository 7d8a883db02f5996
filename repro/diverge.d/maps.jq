# SPDX-License-Identifier: GPL-2.0-only
#
# maps.jq: complete program.json for gdbscripts/places.py: $different, and the maps in $calls
# (calls.jq).

def hex: ascii_downcase | ltrimstr("0x") | explode
  | reduce .[] as $digit (0; . * 16 + ($digit | if . >= 97 then . - 87 else . - 48 end));
def number: if startswith("0x") then hex else tonumber end;

. + {$different, wanted: [], maps: [$calls | split("\n")[] | split("\t") | select(.[0] == "map")
  | {start: (.[1] | number), length: (.[2] | number), offset: (.[3] | number), path: .[4]}]}
