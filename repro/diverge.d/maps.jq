# SPDX-License-Identifier: GPL-2.0-only
#
# maps.jq: complete program.json for gdbscripts/places.py: $different, and the images in $calls
# (calls.jq).

def hex: ascii_downcase | ltrimstr("0x") | explode
  | reduce .[] as $digit (0; . * 16 + ($digit | if . >= 97 then . - 87 else . - 48 end));
def number: if startswith("0x") then hex else tonumber end;

[$calls | split("\n")[] | split("\t")] as $lines
| [$lines[] | select(.[0] == "map") | {image: (.[1] | tonumber), start: (.[2] | number), length: (.[3] | number), offset: (.[4] | number), path: .[5]}] as $maps
| [.program, ($lines[] | select(.[0] == "exec")[1])] as $paths
| . + {$different, wanted: [], images: [range($paths | length) as $i | {program: $paths[$i], maps: [$maps[] | select(.image == $i) | del(.image)]}]}
