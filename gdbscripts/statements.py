# SPDX-License-Identifier: GPL-2.0-only
"""What the source says at an address: the line at every level of inlining, the whole condition,
and the statement that it guards."""
import functools
import itertools
import re

import gdb

from expressions import names
from symbols import LabError

CONTEXT = 4  # lines before and after
JOINED_MAX = 12  # lines that a condition may have
PLACES_MAX = 24  # instructions of a condition at which to read its variables
HEAD_MAX = 6  # lines of a function's arguments
BLOCK_MAX = 12  # lines that a condition may guard
FRAMES_MAX = 64  # that gdb follows from an address where the guest is not
OPERATOR = r"(?:&&|\|\||[=!<>]=|[-+*/%&|^<>?:=,.]|->)"


@functools.lru_cache(None)
def lines_of(path):
    """The lines of a file; none if the source is missing, see gdb's "directory"."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().split("\n")
    except OSError:
        return []


def shown(one):
    """A level without its path on this host."""
    return {key: one[key] for key in ("function", "file", "line")}


def is_kernel(address):
    """Is there a function of the kernel at an address?"""
    return gdb.block_for_pc(address) is not None


def level(function, where, line):
    """One level of inlining."""
    return {"function": function, "file": where.filename if where else None, "line": line,
            "path": where.fullname() if where else ""}


def move(address):
    """Set the program counter. gdb then looks for the frame that was selected, on a stack that may make
    no sense from there: without the limit, gdb 18 has gone on for minutes."""
    for _ in range(2):  # gdb 13 has lost the first of these behind some stops
        gdb.execute(f"with backtrace limit {FRAMES_MAX} -- set $pc = {address:#x}", to_string=True)
        if gdb.newest_frame().pc() == address:
            return
    raise LabError(f"gdb does not move to {address:#x}")


@functools.lru_cache(None)
def levels(address):
    """Function, file and line at an address, the innermost inlined one first."""
    was = int(gdb.parse_and_eval("$pc")) % 2**64
    move(address)
    frame, found = gdb.newest_frame(), []
    while frame:
        where, function = frame.find_sal(), frame.function()
        foreign = function and where.symtab and where.symtab.filename != function.symtab.filename and not found
        name = function_at(lines_of(where.symtab.fullname()), where.line) if foreign else None
        if name and name != frame.name():
            # The line is of an inlined function, but its inlined block is gone.
            found.append(dict(level(name, where.symtab, where.line), is_guessed=True))
            found.append(level(frame.name(), function.symtab, call_of(name, function, address)))
        else:
            found.append(level(frame.name(), where.symtab, where.line))
        if frame.type() != gdb.INLINE_FRAME:
            break
        frame = frame.older()
    move(was)  # the guest continues from there
    return owned(found)


def owned(found):
    """The levels, beginning with the function whose text has the innermost line: compilers move
    a caller's instructions into the block of an inlined function."""
    inner = found[0]
    owner = function_at(lines_of(inner["path"]), inner["line"])
    if not owner or owner == inner["function"] or not owner.islower():  # SYSCALL_DEFINE3(bind, ...)
        return found
    for number, one in enumerate(found[1:], 1):
        if one["function"] == owner and one["file"] == inner["file"]:
            return [dict(one, line=inner["line"]), *found[number + 1:]]
    return [dict(inner, function=owner), *found[1:]]


def function_at(lines, number):
    """The name of the function around a line, by its text."""
    for line in reversed(lines[:number]):
        named = re.match(r"(?:[A-Za-z_].*?[\s*])?([A-Za-z_]\w*)\(", line)
        if named:
            return named.group(1)
    return None


def call_of(name, function, address):
    """The line, near an address, at which a function calls another one, by its text."""
    entries = [entry for entry in function.symtab.linetable() if entry.pc <= address and entry.line]
    near = max(entries, key=lambda entry: entry.pc).line if entries else function.line
    lines = lines_of(function.symtab.fullname())
    first = last = near
    while first > 1 and not lines[first - 1].startswith(("}", "{")):
        first -= 1
    while last < len(lines) and not lines[last - 1].startswith("}"):
        last += 1
    calls = [number for number in range(first, last) if re.search(rf"\b{name}\(", lines[number - 1])]
    return min(calls, key=lambda line: abs(line - near)) if calls else near


def whole(lines, number):
    """The whole statement or condition at a line: (text, first line, last line)."""
    if not 0 < number <= len(lines):
        return None, number, number
    first = last = number
    while last - first < JOINED_MAX:
        text = " ".join(line.strip() for line in lines[first - 1:last])
        depth = text.count("(") - text.count(")")
        if first > 1 and (depth < 0 or re.match(OPERATOR + r"\s", text) or is_continued(lines[first - 2])):
            first -= 1
        elif (depth > 0 or re.search(OPERATOR + "$", text)) and last < len(lines):
            last += 1
        else:
            break
    return re.sub(r"\s+", " ", text), first, last


def is_continued(line):
    """Does a statement continue after a line? Labels and comments end in the same characters."""
    return re.search(OPERATOR + "$", line.strip()) is not None and not line.rstrip().endswith((":", "*/", ">"))


def same_function(levels_of_inlining, function):
    """The level of a function, or the innermost one if no level is."""
    return next((one for one in levels_of_inlining if one["function"] == function), levels_of_inlining[0])


def answers(branch, computed, statement, armed, name):
    """The conditions that may have decided, the likeliest first, each with the statement that it
    guards. branch: the address of the branch, or None; computed: addresses that compute something
    for it; statement: the address that made the value; armed: was that before the branch?"""
    made = made_at(statement)
    if branch is None:
        return [answer(made, [], made, armed, name, condition=None)]
    at = levels(branch)
    guard = next((one for one in at if sets(one, name)), same_function(at, made["function"]))
    found = [answer(guard, at[:at.index(guard)], made, armed, name)]
    for address in computed:
        at = levels(address)
        other = same_function(at, guard["function"])
        if found[0]["first"] <= other["line"] <= found[0]["last"] and other["function"] == guard["function"]:
            found[0]["inlined"] += [dict(shown(one), path=one["path"], text=text_at(one)) for one in at[:at.index(other)]
                                    if shown(one) not in [shown(known) for known in found[0]["inlined"]]]
        if other["function"] == guard["function"] and is_condition(text_at(other)) \
                and not found[0]["first"] <= other["line"] <= found[0]["last"]:
            found.insert(len(found) if is_condition(found[0]["condition"] or "") else 0, answer(other, [], made, armed, name))
    threaded = None if armed else threaded_guard(found[0], guard)
    if threaded:
        found.insert(0, answer(threaded, [], made, armed, name))
    return [dict(one, statement=setting(one, name)) for one in found]


def made_at(address):
    """The level of the statement that an instruction belongs to, which makes a value. Compilers give what a
    function returns at its end the line of the brace."""
    made = levels(address)[0]
    return dict(made, line=made["line"] - 1) if lines_of(made["path"])[made["line"] - 1:made["line"]] == ["}"] else made


def setting(found, name):
    """The statement of an answer, or the line of a function inlined into its condition, if only that sets
    the error; None for a statement that only tests something."""
    statement = found["statement"]
    if names_error(statement["text"], name):
        return statement
    inner = [dict(shown(one), text=one["text"]) for one in found["inlined"] if names_error(one["text"], name)]
    return next(iter(inner), None if is_condition(statement["text"] or "") else statement)


def answer(guard, inlined, made, armed, name, **known):
    """One condition, at the level of its statement."""
    lines = lines_of(guard["path"])
    if not lines:
        raise LabError(f"the kernel's source is gone: there is no {guard['path']}")
    text, first, last = whole(lines, guard["line"])
    return {**shown(guard), "path": guard["path"],
            "condition": text,
            "inlined": [dict(shown(one), path=one["path"], text=text_at(one)) for one in inlined],
            "statement": guarded(lines, guard, first, last, made, armed, name),
            "source": [{"line": number, "text": lines[number - 1]}
                       for number in range(first - CONTEXT, last + CONTEXT + 1) if 0 < number <= len(lines)],
            "first": first, "last": last, **known}


def text_at(one):
    return whole(lines_of(one["path"]), one["line"])[0] or ""


def is_condition(text):
    return re.match(r"(\} )?(else )?(if|while|switch) ?\(", text)


def only_translates(text):
    """Does an expression only choose between errors, like "return timeo == MAX_SCHEDULE_TIMEOUT ?
    -ERESTARTSYS : -EINTR;"? Then the condition that led to it decided."""
    if not text or is_condition(text) or re.search(r"\b(0|NULL|true|false)\b", text):
        return False
    return "?" in text or not re.search(r"[<>=!]=|[<>] |&&|\|\|", text)


def only_variable(text):
    """The variable of a condition that tests nothing else, and no more than whether it is zero; or None."""
    found = re.match(r"(?:\} )?(?:else )?(?:if|while) \((?:(?:un)?likely\()?!*([a-z_]\w*(?:(?:->|\.)\w+)*)\)+(?: \{)?$", text or "")
    return found and found.group(1)


def indentation(line):
    return len(line) - len(line.lstrip("\t"))


def enclosing(found):
    """The conditions of the blocks around a line, the innermost first: (first line, last line, text).
    If a label stands right above the line: (None, None, label). If the line is in the else block:
    "else: if (...)". Kernel code is indented with tabs."""
    lines, conditions = lines_of(found["path"]), []
    first = found.get("first", found["line"])
    depth, other = indentation(lines[first - 1]), ""
    above = next((line for line in reversed(lines[:first - 1]) if line.strip()), "")
    if re.match(r"[a-z]\w*:$", above.strip()) and above.strip() != "default:":
        return [(None, None, above.strip()[:-1])]
    for number in range(first - 1, 0, -1):
        line = lines[number - 1]
        if line.startswith(("{", "}")) or depth <= 1:
            break
        if not line.strip() or indentation(line) >= depth + bool(other) or re.match(r"\w+:|#", line.strip()):
            continue
        text, first, last = whole(lines, number)
        depth = indentation(lines[first - 1])
        if re.match(r"(\} else )?if \(", text):
            conditions.append((first, last, other + text))
            other = ""
        elif re.match(r"\} else( \{)?$", text):
            other = "else: "
    return conditions


def above(found):
    """The lines of a function before a condition, from the last one backwards, without its head."""
    lines = lines_of(found["path"])[:found["first"] - 1]
    return list(itertools.takewhile(lambda line: not line.startswith(("{", "}")), reversed(lines)))


def declared(found):
    """The names that a function declares before a condition, with its arguments."""
    body = above(found)
    begin = found["first"] - 1 - len(body)
    head = lines_of(found["path"])[max(begin - HEAD_MAX, 0):begin]
    text = "\n".join([*head, *reversed(body)])
    more = re.findall(r"^\t+(?!return\b|goto\b)\w+[\s*]+\w[^;,=()]*((?:,\s*\**\w+)+)", text, re.MULTILINE)  # int one, two;
    return set(re.findall(r"\w[\s*]+\b(\w+)\b(?=\s*[;,=)[])", text)) | set(re.findall(r"\w+", " ".join(more)))


def unchanged(found):
    """The variables in a condition that no line of its function can have changed before: no line above
    names them, and none jumps back."""
    body = above(found)
    if indentation(lines_of(found["path"])[found["first"] - 1]) != 1 or any(re.match(r"\s*\w+:$", line) for line in body):
        return set()
    set_here = r"(\+\+|--|&)\s*{0}\b|\b{0}\s*(\+\+|--|[-+*/%&|^]?=[^=]|(<<|>>)=)"
    return {name for name in names(found["condition"] or "") - set(re.findall(r"\w+", " ".join(body)))
            if re.fullmatch(r"\w+", name) and not re.search(set_here.format(name), found["condition"])}


def behind(lines, last):
    """The lines that a condition guards, if it ends at a line: one, or a block."""
    number = last
    while number < min(last + BLOCK_MAX, len(lines)):
        number += 1
        text = lines[number - 1].strip()
        if text.startswith("}"):
            return
        if text not in ("", "{"):
            yield number
            if not lines[last - 1].rstrip().endswith("{"):
                return


def sets_variable_of(one, found):
    """Does one answer set the variable that another tests, as in "err = f(); if (err)"?"""
    tested = "|".join(map(re.escape, names(found["condition"] or "")))
    return one["function"] == found["function"] and re.match(rf"({tested or '-'})\s*=[^=]", one["condition"] or "") is not None


def guards(found, pattern):
    """Does a condition guard a matching statement, without another condition in between?"""
    lines = lines_of(found["path"])
    _, first, last = whole(lines, found["line"])
    return any(re.match(pattern, lines[number - 1].strip())
               and [one[0] for one in enclosing({"path": found["path"], "line": number})][:1] == [first]
               for number in behind(lines, last))


def names_error(text, name):
    """Does a text name an error? Without a minus, too: sk_err is positive."""
    return name is not None and re.search(rf"\b{name}\b", text or "") is not None


def sets(one, name):
    """Does the condition at a level guard a statement that sets this error?"""
    lines = lines_of(one["path"])
    last = whole(lines, one["line"])[2]
    return any(names_error(lines[number - 1], name) for number in behind(lines, last))


def threaded_guard(found, guard):
    """The condition right above the statement, if the one with the branch implies it: "sock = f();
    if (!sock)" with f() inlined, or "if (!vma && x) ...; if (!vma)"."""
    lines, statement = lines_of(guard["path"]), found["statement"]
    if statement["function"] != found["function"] or statement["line"] <= found["last"]:
        return None
    above = next((number for number in range(statement["line"] - 1, found["last"], -1)
                  if lines[number - 1].strip() not in ("", "{")), None)
    if not above:
        return None
    text, first, last = whole(lines, above)
    if is_condition(text) and statement["line"] in behind(lines, last) and (
            not is_condition(found["condition"] or "") or names(text) <= names(found["condition"])):
        return dict(guard, line=first)
    return None


def guarded(lines, guard, first, last, made, armed, name):
    """The statement that set the value. Compilers merge the statements of several checks, and move
    them; the line table then names another check, or no statement at all. So take a statement
    that the condition guards and that sets this error; else the one that sets it for the condition;
    else the line table's; else the nearest line of the function that sets it: above the condition
    if the value was made before it, else below."""
    def sets_it(number):
        return names_error(lines[number - 1], name)

    def at(number):
        return {"function": guard["function"], "file": guard["file"], "line": number,
                "text": whole(lines, number)[0]}
    text, line, _ = whole(lines_of(made["path"]), made["line"])
    table = {"function": made["function"], "file": made["file"], "line": made["line"], "text": text}
    own = list(filter(sets_it, behind(lines, last)))
    if own:
        is_own = made["function"] == guard["function"] and made["line"] in own
        after = made["line"] if is_own else own[0]
        shared = names_error(text, name) and not first <= line <= after
        return dict(at(after), shared=table) if shared else at(after)
    armed_by = set_above(lines, first, last, name) if made["function"] == guard["function"] else None
    if armed_by:
        return at(armed_by)
    is_switch = lines and lines[first - 1].strip().startswith("switch")
    if not is_switch and (names_error(text, name) or made["function"] != guard["function"]):
        return table
    ways = [range(last + 1, len(lines) + 1), range(last, 0, -1)]
    if armed and not is_switch:
        ways.reverse()
    for numbers in ways:
        within = itertools.takewhile(lambda number: not lines[number - 1].startswith("}"), numbers)
        if is_switch:
            within = itertools.dropwhile(lambda number: "default:" not in lines[number - 1], within)
        nearest = next(filter(sets_it, within), None)
        if nearest:
            return at(nearest)
    return table


def set_above(lines, first, last, name):
    """The line that sets this error for a condition, as in "err = -EINVAL; if (...) goto out;", or None.
    Nothing jumps in between, or sets the variable again."""
    between = lines[first - 1:last]
    for number in range(first - 1, 0, -1):
        line = lines[number - 1]
        if line.strip() and not line.startswith("#"):
            if line.startswith("}") or indentation(line) < indentation(lines[first - 1]):
                return None
            variable = re.match(rf"\t+(?:\w+[ *]+)*(\w+) = -{name};", line)
            if variable and indentation(line) == indentation(lines[first - 1]):
                is_set = r"\b{0}\s*(?:[-+*/%&|^]|<<|>>)?=[^=]|&{0}\b".format(variable.group(1))
                return None if any(re.search(is_set, one) for one in between) else number
        between.append(line)
    return None


def group(path, place, found):
    """The instructions of a condition's lines on the path, up to the one that decided, in order of
    time."""
    step, index = place
    frame, places = path.frames[step], [place]
    while step >= 0 and len(places) < PLACES_MAX:
        if path.frames[step] == frame:
            executed = path.instructions(step)[:index]
            for number in range(len(executed) - 1, -1, -1):
                where = gdb.find_pc_line(executed[number].address)
                if not found["first"] <= where.line <= found["last"] and not found["inlined"]:
                    return places[::-1]
                places.append((step, number))
        step, index = step - 1, None
    return places[::-1]
