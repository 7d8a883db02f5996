# SPDX-License-Identifier: GPL-2.0-only
#
# observed.jq: read what a guest left behind; a module.
#
# Guests are not trusted: their output is text of bounded length, and this module takes only
# known forms from it. Anything else is garbled.

# Limits of a result, a timeline or strace's log; 128 rows need less than a tenth of them.
def bytes_max: 4194304;
def lines_max: 10000;
def rows_max: 1024; # of a case's 256, each once in each phase

# Not jq's nan, which sorts below every number and prints as null.
def number: type == "number" and . == . and fabs <= 18446744073709551616;
def natural: number and . >= 0 and . == floor;
def word: type == "string" and length <= 64 and test("\\A[A-Za-z0-9_.+~@-]+\\z");
def text: type == "string" and length <= 200 and test("\\A[ -~]*\\z");
# A path in the kernel, in the lab, or in one of $folders, which may be anywhere.
def source_path($folders): reduce $folders[] as $folder (.; ltrimstr($folder + "/")) | type == "string" and length <= 1024
  and test("\\A[A-Za-z0-9_][A-Za-z0-9_./+-]*\\z") and (contains("..") | not);
def optional(form): . == null or form;
def place_in_source($folders): type == "object" and (.function | optional(word)) and (.file | optional(source_path($folders)))
  and (.line | optional(natural));

# A value as gdb reports it: a number, an address, bytes, or NULL.
def value: optional(number or (type == "string" and test("\\A0x[0-9a-f]{1,16}\\z"))
  or (type == "array" and length <= 4096 and all(.[]; natural)));
def values_by_name: type == "object" and all(keys[]; word) and all(.[]; value);

# A line of the guest's result. An array comes from ip.
def is_result: type == "array" or (type == "object"
  and (.boot | optional(type == "object" and (.release | word)))
  and (.phase | optional(word))
  and (.end | optional(type == "object" and (.tainted | optional(natural))))
  and (if has("row") then (.row | text and length <= 64) and length <= 64 and all(keys[]; word)
      and all(.[]; optional(type == "boolean" or number or text))
      and (.errno | optional(natural and . < 4096)) else true end));

def is_event($folders): type == "object"
  and (.call | optional(place_in_source($folders) and all(.order, .ring; natural) and (.function | word) and (.values | values_by_name)))
  and (.return | optional(type == "object" and all(.order, .of; natural) and (.function | word) and (.value | value)))
  and (.rows | optional(type == "object" and (.order | natural) and (.names | type == "array" and length <= 1024 and all(.[]; text))));

def is_origin($folders): optional(place_in_source($folders) and (.condition | optional(type == "string"))
  and (.statement | optional(place_in_source($folders))) and (.values | type == "object" and all(keys[]; length < 256)
    and all(.[]; optional(number or type == "string")))
  and (.unread | optional(type == "object" and all(keys[]; length < 256) and all(.[]; type == "string")))
  and all(.chain, .others; type == "array" and all(.[]; place_in_source($folders)))
  and all(.others[]; .condition | optional(type == "string"))
  and (.source | optional(type == "array" and length <= 100 and all(.[]; type == "object" and (.line | natural) and (.text | type == "string")))));

# The lines that refused calls: for each, the call and the place.
def is_origins($folders): type == "array" and all(.[]; type == "object" and (.call | type == "object") and (.at | is_origin($folders)));

# The lines of a text; null if there are too many.
def lines: if utf8bytelength > bytes_max then null
  else split("\n") | if length > lines_max then null else map(select(. != "")) end end;

# A text as JSON of a form, as {is}, or null. The array ends the "try": jq 1.6 takes everything
# after it for its body, and an error there would look like bad JSON.
def json(form): [try {is: fromjson} catch null][0] | if . and (.is | form) then . else null end;

# The lines of a text as JSON of a form; null if one is not.
def json_lines(form): lines | if . == null then null else map(json(form)) | if all(.[]; .) then map(.is) else null end end;

# A guest's result as lines; null if it is garbled or has too many rows.
def result: json_lines(is_result) | if . and ([.[] | objects | select(has("row"))] | length) > rows_max then null else . end;

# The rows of a result that one phase of the guest's script reported.
def rows_of($phase): [foreach .[] as $line (null;
    if ($line | type) == "object" and $line.phase then $line.phase else . end;
    select(. == $phase) | $line | objects | select(has("row")))];
