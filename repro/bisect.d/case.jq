# SPDX-License-Identifier: GPL-2.0-only
#
# case.jq: the case of a bisection's steps, from case.json: column $column alone, without
# probes, and without expectations, as only the rows are compared. $kind, kernel or library, is
# what each commit is built as, so the column no longer chooses that.

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
