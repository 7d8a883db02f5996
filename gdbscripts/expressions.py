# SPDX-License-Identifier: GPL-2.0-only
"""The values of the names in a condition: variables and enumerators where the guest stopped, and
macros from the kernel's headers."""
import functools
import json
import os
import re
import subprocess

import gdb

from symbols import to_json

KEYWORDS = {"if", "else", "while", "for", "switch", "case", "return", "sizeof", "do", "goto", "default", "break", "continue",
            "const", "static", "struct", "unsigned", "int", "long", "u32", "u64", "true", "false", "NULL"}
# What has no value to show: the names of types and labels, and the operands of sizeof() and its like.
NO_VALUES = r"""\b(?:struct|union|enum|goto) +\w+|\b(?:sizeof|offsetof|typeof|container_of)\s*\([^()]*\)"""
HEADERS = ("include", "arch/x86/include")
NESTED_MAX = 3  # macros in macros
TEXT_MAX = 60
NUMBERS = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_BOOL, gdb.TYPE_CODE_CHAR)
MODES = ("umode_t", "mode_t")
NETWORK_ORDER = ("__be32",)
KERNEL_BEGINS = 1 << 47  # no user space above
MODE_BITS = re.compile("S_I[A-Z]+")
# Pointer types to objects with a name, and the expression of $it for the name.
NAMES = {
    "char": "$it",
    "struct net_device": "(char *)$it->name",
    "struct task_struct": "(char *)$it->comm",
    "struct file": "(char *)$it->f_path.dentry->d_name.name",
    "struct dentry": "(char *)$it->d_name.name",
    "struct bpf_map": "(char *)$it->name",
    "struct file_system_type": "$it->name",
    "struct proto": "(char *)$it->name",
    "struct sock": "(char *)$it->__sk_common.skc_prot->name",
    "struct socket": "(char *)$it->sk->__sk_common.skc_prot->name",
}


@functools.lru_cache(None)
def source_dir():
    """The kernel's source tree."""
    with open(os.environ["KERNEL_JSON"], encoding="utf-8") as file:
        return json.load(file)["source_dir"]


class Unread(str):
    """Why gdb cannot read a variable."""


OPTIMIZED_OUT, NOT_HERE = Unread("optimized out"), Unread("not known here")


def names(text):
    """The expressions in a condition, without calls, keywords and types. "*at" comes with "at", for
    drop_pointers()."""
    text = re.sub(rf"""\"[^\"]*\"|'[^']+'|/\*.*?\*/|{NO_VALUES}""", " 0 ", text)
    text = re.sub(r"((?:^|[][({},;=!<>&|+*/%?:~^-]|\breturn\b|\bcase\b)\s*)(\*+)(?=[A-Za-z_])", r"\1@\2", text.strip())
    found = re.findall(r"(?<![\w.>])(?:@(\*+))?([A-Za-z_]\w*(?:(?:->|\.)\w+|\[[^\]]*\])*)(?!\w|\s*\(|->|\.|\[)", text)
    return {one for stars, name in found if name not in KEYWORDS for one in (stars + name, name)}


def variables(found):
    """The names in a condition, and in the functions inlined into it."""
    return names(" ".join(filter(None, [found["condition"]] + [one["text"] for one in found["inlined"]])))


def known(wanted):
    """The values of expressions where the guest stopped, as JSON; an Unread for a variable without
    one. Not for macros, types, and what a NULL pointer points to."""
    found = {expression: evaluate(expression) for expression in sorted(wanted)}
    return {expression: value for expression, (is_known, value) in found.items() if is_known or value}


def drop_pointers(values):
    """Drop the values of pointers whose object was read."""
    for name in [name for name in values if name.startswith("*")]:
        values.pop(name.lstrip("*"), None)
    return values


def evaluate(expression):
    """Can gdb evaluate an expression where the guest stopped, and its value, or an Unread."""
    frame, why = gdb.newest_frame(), None
    for one, text in ((one, text) for one in (frame, *outer(frame)) for text in spellings(expression)):
        try:
            one.select()
            if is_foreign(re.search(r"\w+", text).group(), one):
                continue
            value = gdb.parse_and_eval(text)
            kind = value.type.strip_typedefs().code
            if kind == gdb.TYPE_CODE_FUNC or value.is_optimized_out:
                why = OPTIMIZED_OUT if kind != gdb.TYPE_CODE_FUNC else why
                continue
            if kind in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY):
                text = value.format_string(max_elements=8)[:80]
                return (False, None) if says_nothing(text) else (True, text)
            return True, with_name(value)
        except gdb.MemoryError:
            return False, None
        except gdb.error as error:
            why = OPTIMIZED_OUT if "optimized out" in str(error) else why
        except RuntimeError:  # no block of debug information there
            continue
    return False, why or (NOT_HERE if is_variable(expression) else None)


def says_nothing(text):
    """Does the text of a struct have only addresses in it?"""
    numbers = [int(number, 0) for number in re.findall(r"= (0x[0-9a-f]+|[0-9]+)", text)]
    return numbers != [] and all(number >= KERNEL_BEGINS for number in numbers)


def is_variable(expression):
    """Is an expression that gdb does not know here a variable? Not a macro, a function, or a type."""
    if re.search(r"\W", expression):
        return True
    if expression.isupper() or gdb.lookup_static_symbol(expression) or gdb.lookup_global_symbol(expression):
        return False
    try:
        return not gdb.lookup_type(expression)
    except gdb.error:
        return True


def spellings(expression):
    """An expression, and the same with its members expanded if they are macros, like sk_state."""
    spelled = re.sub(r"(->|\.)(\w+)", lambda match: match[1] + members().get(match[2], match[2]), expression)
    return {expression: None, spelled: None}


@functools.lru_cache(None)
def members():
    """The macros that name members of members, like sk_state."""
    lines = grep(r"^#\s*define\s+[a-z]\w*\s+\w+(\.\w+)+\s*$", "include/net", "include/linux")
    return dict(re.split(r"\s+", re.sub(r"^#\s*define\s+", "", line).strip()) for line in lines)


def is_foreign(name, frame):
    """Would gdb mistake a static variable of another file for this name?"""
    symbol = gdb.lookup_symbol(name, frame.block())[0]
    return bool(symbol and symbol.is_variable and not symbol.needs_frame and not gdb.lookup_global_symbol(name)
                and frame.function() and symbol.symtab.filename not in (
                    frame.function().symtab.filename, frame.find_sal().symtab.filename))


def outer(frame):
    """The frames that a frame was inlined into."""
    while frame and frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
        yield frame


def octal(number):
    return f"0{number:o}" if number else "0"


def with_name(value):
    """A value as JSON; a pointer to an object in NAMES has that object's name, the mode of a file is octal,
    and a number in network byte order is also an IPv4 address."""
    if value.type.unqualified().name in MODES:
        return octal(int(value))
    if value.type.unqualified().name in NETWORK_ORDER and int(value):
        return f"{int(value)} ({'.'.join(map(str, int(value).to_bytes(4, 'little')))})"
    shown, kind = to_json(value), value.type.strip_typedefs()
    name = kind.code == gdb.TYPE_CODE_PTR and NAMES.get(str(kind.target().unqualified().strip_typedefs()))
    if not name or shown is None:
        return shown
    try:
        gdb.set_convenience_variable("it", value)
        return f"{shown} ({gdb.parse_and_eval(name).string('ascii')[:TEXT_MAX]})"
    except (gdb.error, UnicodeDecodeError):  # an error in a pointer, or no object yet
        return shown


def macros(wanted, files):
    """The values of the names that are macros for a number, the same in every configuration, by the
    kernel's headers and the folder of a file."""
    bodies, missing = {}, {name for name in wanted if name.isupper() and not is_error(name)}
    for _ in range(NESTED_MAX):
        if not missing:
            break
        bodies.update(definitions(missing, [*HEADERS, *{os.path.dirname(file) for file in files if file}]))
        missing = {name for name in missing for body in bodies.get(name, ()) for name in names(body)
                   if name.isupper() and name not in bodies}
    found = {name: {expanded(body, bodies) for body in bodies.get(name, ())} - {None} for name in wanted}
    return {name: octal(*values) if MODE_BITS.fullmatch(name) else values.pop() for name, values in found.items() if len(values) == 1}


def is_error(name):
    return re.fullmatch("E[A-Z0-9]+", name) is not None


def definitions(wanted, folders):
    """All definitions of each name."""
    found = {name: set() for name in wanted}
    for line in grep(rf"^#\s*define\s+({'|'.join(wanted)})\s", *folders):
        _, name, body = re.split(r"\s+", re.sub(r"^#\s*", "#", line), maxsplit=2)
        found[name].add(re.sub(r"/\*.*|//.*|\b__force\b", "", body).strip())
    return found


def grep(pattern, *folders):
    """The matching lines of C in folders of the source tree."""
    found = subprocess.run(["grep", "-rhE", pattern, "--include=*.[ch]", "--", *folders], cwd=source_dir(),
                           env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=False)
    return found.stdout.decode("latin-1").splitlines()


def expanded(body, bodies, depth=NESTED_MAX):
    """The number that a macro's text evaluates to, or None."""
    for name in names(body):
        inner = bodies.get(name, set())
        if len(inner) == 1 and depth:
            value = expanded(next(iter(inner)), bodies, depth - 1)
            body = body if value is None else re.sub(rf"\b{name}\b", str(value), body)
    try:
        value = gdb.parse_and_eval(body) if body else None
        return int(value) if value is not None and value.type.strip_typedefs().code in NUMBERS else None
    except gdb.error:
        return None
