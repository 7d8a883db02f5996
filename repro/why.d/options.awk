# SPDX-License-Identifier: GPL-2.0-only
#
# options.awk: the options to turn on for a Kconfig option: itself, and those that it depends on.
#
# usage: awk -v option=NAME -v config=.config -f options.awk KCONFIG-FILE...
# Output: CONFIG_NAME, one per line, the option first; only unset ones. It takes the first of
#   alternatives. For an option without a prompt, it takes one that selects it, or only its
#   dependencies.

BEGIN {
	while ((getline line < config) > 0)
		if (line ~ /^CONFIG_[A-Za-z0-9_]+=[ym]/) {
			sub(/^CONFIG_/, "", line)
			sub(/=.*/, "", line)
			set[line] = 1
		}
}

FNR == 1 { name = ""; ifs = 0; help = 0 }
/\\$/ { held = held substr($0, 1, length($0) - 1) " "; next }
held != "" { $0 = held $0; held = "" }
# A help text ends where a line is indented less than its first one.
help && /^[ \t]*$/ { next }
help { match($0, /^[ \t]*/); if (help == 1) help = 1 + RLENGTH; if (RLENGTH + 1 >= help && help > 1 && RLENGTH > 0) next; help = 0 }
{ sub(/[ \t]#.*/, "") }
/^[ \t]*help[ \t]*$/ || /---help---/ { help = 1; next }
/^[ \t]*(menu)?config[ \t]/ { name = $2; known[name] = 1; for (i = 1; i <= ifs; i++) depend(name, outer[i]); next }
/^if[ \t]/ { outer[++ifs] = substr($0, 4); name = ""; next }
/^endif/ { ifs--; name = ""; next }
/^(menu|choice|comment|source|endmenu|endchoice)/ { name = ""; next }
name == "" { next }
/^[ \t]*(bool|tristate|string|int|hex|prompt)[ \t]+"/ { prompt[name] = 1 }
/^[ \t]*depends on[ \t]/ { sub(/^[ \t]*depends on[ \t]*/, ""); depend(name, $0) }
/^[ \t]*select[ \t]/ { selectors[$2] = selectors[$2] " " name }

function depend(name, expression) { depends[name] = depends[name] (depends[name] == "" ? "" : " && ") "(" expression ")" }

# Split an expression at the operators outside brackets.
function parts(expression, operator, part,    i, depth, n, c) {
	n = 1
	part[1] = ""
	for (i = 1; i <= length(expression); i++) {
		c = substr(expression, i, 1)
		depth += (c == "(") - (c == ")")
		if (depth == 0 && substr(expression, i, 2) == operator) {
			part[++n] = ""
			i++
		} else
			part[n] = part[n] c
	}
	return n
}

function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }

# Does an expression hold? Yes, if that cannot be told.
function holds(expression,    part, n, i) {
	expression = trim(expression)
	n = parts(expression, "||", part)
	if (n > 1) {
		for (i = 1; i <= n; i++)
			if (holds(part[i]))
				return 1
		return 0
	}
	n = parts(expression, "&&", part)
	if (n > 1) {
		for (i = 1; i <= n; i++)
			if (!holds(part[i]))
				return 0
		return 1
	}
	if (expression ~ /^\(.*\)$/)
		return holds(substr(expression, 2, length(expression) - 2))
	if (expression ~ /^[A-Z0-9_]+$/)
		return (expression in set) || (expression in wanted)
	return 1
}

# Turn on the options that make an expression hold.
function want_all(expression, depth,    part, n, i) {
	expression = trim(expression)
	if (holds(expression))
		return
	n = parts(expression, "||", part)
	if (n > 1) {
		want_all(part[1], depth)
		return
	}
	n = parts(expression, "&&", part)
	if (n > 1)
		for (i = 1; i <= n; i++)
			want_all(part[i], depth)
	else if (expression ~ /^\(.*\)$/)
		want_all(substr(expression, 2, length(expression) - 2), depth)
	else
		want(expression, depth)
}

function want(name, depth,    list, n, i) {
	if (depth > 8 || (name in set) || (name in wanted) || !(name in known))
		return
	wanted[name] = 1
	if (prompt[name])
		print "CONFIG_" name
	else {
		n = split(selectors[name], list, " ")
		for (i = 1; i <= n; i++)
			if (prompt[list[i]] && list[i] !~ /TEST|DEBUG/) {
				want(list[i], depth + 1)
				break
			}
	}
	want_all(depends[name], depth + 1)
}

END { want(option, 0) }
