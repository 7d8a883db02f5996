# SPDX-License-Identifier: GPL-2.0-only
#
# case.jq: make the case for a bisection's steps from case.json: column $column alone, without
# probes and expectations, as only rows are compared. The bisection sets the $kind (kernel or
# library), so the column no longer does.

def quoted: if contains("'") then "\"\(.)\"" else "'\(.)'" end;

(.library.name // "" | ascii_upcase) as $library
| def words: [scan("(?:[^ \t'\"]|'[^']*'|\"[^\"]*\")+") | gsub("'(?<a>[^']*)'|\"(?<b>[^\"]*)\""; "\(.a // "")\(.b // "")")
    | capture("^(?<key>[^=]*)=(?<value>.*)$")];
{version, title, rows, columns: {($column): (.columns[$column] + {words:
    ([.columns[$column].words // "" | words[]
      | select(.key | IN("PATCH", "KERNEL", (select($kind == "library") | $library)) | not)]
     + [select($kind == "library") | {key: $library, value: "FIX"}]
     | map("\(.key)=\(.value | quoted)") | join(" "))})},
 expect: [{is: {}}]}
+ (with_entries(select(.key | IN("library", "knobs", "config"))))
