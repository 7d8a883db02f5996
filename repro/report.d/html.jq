# SPDX-License-Identifier: GPL-2.0-only
#
# html.jq: print sections.jq's sections as one self-contained page: no script, no external
# font or picture. It is well-formed XML, too.
#
# Named arguments: $topology, a picture as SVG, or nothing; $charts, [{title, svg}].
include "shown";

def pre: "<pre>\(@html)</pre>";

def lines: map(@html) | join("<br/>");

def mark: if .differs then "! " else "" end;

# Two columns side by side; any other number, one line each.
def table: . as {$columns, $heads}
  | "<table\(if ($columns | length) == 2 then "><tr>\($heads | map("<th>\(@html)</th>") | join(""))</tr>" else " class=\"pairs\">" end)",
  (.rows[] | mark as $mark
   | if .title then "<tr><td colspan=\"2\" class=\"title\">\(.title | @html)</td></tr>"
     else (if .differs then "<tr class=\"differs\">" else "<tr>" end) as $tr
       | if ($columns | length) == 2 then $tr, (.cells[] | "<td>\($mark)\(lines)</td>"), "</tr>"
         else .cells as $cells | range($columns | length)
           | "\($tr)<th>\($columns[.] | @html)</th><td>\($mark)\($cells[.] | lines)</td></tr>" end
     end),
  "</table>";

def figure($class; $caption): select(. != "")
  | "<figure class=\"\($class)\">", ., "<figcaption>\($caption | @html)</figcaption></figure>";

def picture: {
    topology: [$topology | figure("topology"; "The guest's network namespaces, by ip -json")],
    charts: ["<div class=\"charts\">", ($charts[] | (.title | printable) as $title | .svg | figure("chart"; $title)), "</div>"]
  }[.][];

def block:
  if .p then "<p>\(.p | @html)</p>"
  elif .pre then .pre | join("\n") | pre
  elif .pairs then "<table class=\"pairs\">", (.pairs[] | "<tr><th>\(.[0] | @html)</th><td>\(.[1] | @html)</td></tr>"), "</table>"
  elif .table then .table | table
  elif .picture then .picture | picture
  else "<details\(if .fold.open then " open=\"open\"" else "" end)><summary>\(.fold.title | @html)</summary>\(.fold.text | pre)</details>" end;

"<!DOCTYPE html>",
"<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">",
"<head>",
"<meta charset=\"utf-8\"/>",
"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>",
"<title>\(.subject | @html)</title>",
"<style>",
"body { font: 16px/1.45 sans-serif; color: #111; background: #fff; max-width: 76rem; margin: 0 auto; padding: 0 1rem 3rem; }",
"h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; border-bottom: 1px solid #bbb; }",
"p, td, th, h1 { overflow-wrap: anywhere; }",
"pre { background: #f4f4f4; padding: .5rem; overflow-x: auto; font-size: .85rem; }",
"table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .15rem .5rem; border-top: 1px solid #ddd; width: 50%; }",
".pairs th { width: 9rem; font-weight: normal; color: #555; } .pairs td { width: auto; }",
".title { font-weight: bold; background: #f4f4f4; } .differs td { background: #fdecee; }",
".charts { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 1rem 0; } .chart { flex: 1 1 22rem; overflow-x: auto; } .chart svg { min-width: 20rem; }",
"svg { max-width: 100%; height: auto; } figcaption { color: #555; }",
"details { margin: .3rem 0; } summary { cursor: pointer; }",
"@media print { body { font-size: 10pt; max-width: none; padding: 0; } pre { white-space: pre-wrap; overflow-wrap: anywhere; } tr, figure { break-inside: avoid; } }",
"</style>",
"</head>",
"<body>",
"<h1>\(.subject | @html)</h1>",
(.sections[] | "<h2>\(.title | @html)</h2>", (.blocks[] | block)),
"</body>",
"</html>"
