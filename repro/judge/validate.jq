# SPDX-License-Identifier: GPL-2.0-only
#
# validate.jq: report where a value violates a JSON Schema; a module. It knows the keywords
# that the lab's own schemas use, and fails at any other: ignoring a keyword would make a check
# that cannot fail. The tests compare it with another validator.

def known: ["$comment", "$schema", "title", "description", "definitions", "$ref", "type", "const", "enum",
  "required", "properties", "additionalProperties", "propertyNames", "minProperties", "maxProperties",
  "items", "minItems", "maxItems", "minLength", "maxLength", "pattern", "minimum", "maximum", "anyOf"];

def at($key): if type == "number" or ($key | type) == "number" then "\(.)[\($key)]" elif . == "" then $key else "\(.).\($key)" end;

def is_a($kind): type == $kind or ($kind == "integer" and type == "number" and . == floor);

# Errors as text: "KEY: what is wrong".
def errors($root; $schema; $where):
  def wrong($text): if $where == "" then $text else "\($where): \($text)" end;
  . as $value | ([$schema.type // empty] | flatten) as $types
  | ($schema | keys_unsorted - known | if . == [] then empty else error("validate.jq does not know \(join(", "))") end),
    if $schema["$ref"] then errors($root; $root | getpath($schema["$ref"] | ltrimstr("#/") | split("/")); $where)
    elif $types != [] and all($types[]; . as $type | $value | is_a($type) | not) then
      wrong("must be \($types | join(" or ")), not \($value | type)")
    else
      (select($schema | has("const")) | select($value != $schema.const) | wrong("must be \($schema.const | tojson)")),
      (select($schema.enum) | select(all($schema.enum[]; . != $value)) | wrong("must be one of \($schema.enum | map(tojson) | join(", "))")),
      (select($schema.anyOf) | [$schema.anyOf[] | . as $one | [$value | errors($root; $one; $where)]]
        | select(all(.[]; . != [])) | min_by(length)[]),
      if ($value | type) == "object" then
        # An unknown key first: it may be a misspelt one that is missing.
        (select($schema.additionalProperties == false) | $value | keys_unsorted - ($schema.properties // {} | keys_unsorted) | .[]
         | wrong("unknown key \"\(.)\"; known are \($schema.properties | keys_unsorted | join(", "))")),
        ($schema.required // [] | .[] | . as $key | select($value | has($key) | not) | wrong("lacks \"\($key)\"")),
        (select($schema.minProperties and ($value | length) < $schema.minProperties) | wrong("must have at least \($schema.minProperties) keys")),
        (select($schema.maxProperties and ($value | length) > $schema.maxProperties) | wrong("must have at most \($schema.maxProperties) keys")),
        ($value | to_entries[] | .key as $key
         | (if $schema.propertyNames then $key | errors($root; $schema.propertyNames; $where | at($key) | "\(.) (the name)") else empty end),
           (if ($schema.properties // {} | has($key)) then .value | errors($root; $schema.properties[$key]; $where | at($key))
            elif ($schema.additionalProperties | type) == "object" then .value | errors($root; $schema.additionalProperties; $where | at($key))
            else empty end))
      elif ($value | type) == "array" then
        (select($schema.minItems and ($value | length) < $schema.minItems) | wrong("must have at least \($schema.minItems) items")),
        (select($schema.maxItems and ($value | length) > $schema.maxItems) | wrong("must have at most \($schema.maxItems) items")),
        (select($schema.items) | $value | to_entries[] | .key as $key | .value | errors($root; $schema.items; "\($where)[\($key)]"))
      elif ($value | type) == "string" then
        (select($schema.minLength and ($value | length) < $schema.minLength) | wrong("must have at least \($schema.minLength) characters")),
        (select($schema.maxLength and ($value | length) > $schema.maxLength) | wrong("must have at most \($schema.maxLength) characters")),
        # In JSON Schema, $ matches the end; in jq, also the place before a last newline.
        (select($schema.pattern and ($value | test($schema.pattern | sub("\\$$"; "\\z")) | not)) | wrong("\($value | tojson) must match \($schema.pattern)"))
      elif ($value | type) == "number" then
        (select($schema.minimum and $value < $schema.minimum) | wrong("must be at least \($schema.minimum)")),
        (select($schema.maximum and $value > $schema.maximum) | wrong("must be at most \($schema.maximum)"))
      else empty end
    end;

def errors($schema): errors($schema; $schema; "");
