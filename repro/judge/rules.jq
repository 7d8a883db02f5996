# SPDX-License-Identifier: GPL-2.0-only
#
# rules.jq: find the rule of a case that matches a row in a column; a module.

# Does a name match a pattern, in which * stands for any characters?
def glob($name): ("^" + (gsub("(?<c>[.+?()\\[\\]{}|^$\\\\])"; "\\\(.c)") | gsub("[*]"; ".*")) + "$") as $regex
  | $name | test($regex);

# A kernel's release as numbers that compare: "6.1.192-rc1" is [6, 1, 192].
def version: [scan("[0-9]+") | tonumber] | . + [0, 0] | .[:3];

# Does a rule match a row in a column {name, knobs}, on some kernel?
def speaks($row; $column): . as $rule
  | (.rows == null or any(.rows[]; glob($row)))
    and (.columns == null or any(.columns[]; . == $column.name))
    and all(.when // {} | to_entries[]; .key as $key | [.value] | flatten | index($column.knobs[$key]));

# Does it, on a kernel of this release?
def speaks($row; $column; $release): speaks($row; $column)
  and (.since == null or (.since | version) <= ($release | version))
  and (.until == null or ($release | version) < (.until | version));
