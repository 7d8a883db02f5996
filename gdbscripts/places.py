# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-places: what is at the addresses of a recorded run (repro/diverge.d).

usage: gdb -batch -x places.py -ex 'xsklab-places keys|lines RUN.json'

RUN.json  {folder, files: {PATH: FILE}, different: [PATH...], images: [{program: PATH, maps:
          [{start, length, offset, path}]}], wanted: [NUMBER...], source: FOLDER}: the files of
          this host that the guest's are; those that are not the same in the other run; the
          programs that were executed, and the code that each mapped; for "lines" the blocks
          that it is asked for; and where the source is, if it is not where it was compiled
folder    holds record.blocks, see repro/diverge.d/record.c
Output: keys   folder/places, see repro/diverge.d/align.c. A place of a file that is the same
               in both runs is its offset; else function and text, see key_of().
        lines  folder/lines.json, {NUMBER: {image, function, within, file, line, path, module,
               address, text, first, last, source, starts}}: of a block's last instruction. within
               is the function that the compiler made of it; function may be inlined there, or is
               FILE+OFFSET where the file has no name for it; file is as the compiler knew it, path
               where it is here; text is the whole statement, from line first to last; starts:
               function and line of the block's first instruction

Addresses that belong to no file (the vdso, code made at run time) are a place each.
"""
import bisect
import contextlib
import functools
import json
import os
import shlex
import struct
import sys
import traceback

import gdb

sys.dont_write_bytecode = True  # leave nothing behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import statements  # noqa: E402

PIE_BASE = 0x555555554000  # of a program with an interpreter, with norandmaps
PAGE = 4096
ET_EXEC, PT_LOAD, PT_INTERP, PF_X = 2, 1, 3, 1


class Elf:
    """The parts of an ELF header that tell where the file is loaded."""

    def __init__(self, file):
        with open(file, "rb") as opened:
            head = opened.read(64)
            self.is_fixed = struct.unpack_from("<H", head, 16)[0] == ET_EXEC
            self.entry, at = struct.unpack_from("<QQ", head, 24)
            size, count = struct.unpack_from("<HH", head, 54)
            opened.seek(at)
            headers = opened.read(size * count)
            self.interpreter, self.code = None, []
            for i in range(count):
                kind, flags, offset, address, _, length, memory = struct.unpack_from("<IIQQQQQ", headers, i * size)
                if kind == PT_INTERP:
                    opened.seek(offset)
                    self.interpreter = opened.read(length).rstrip(b"\0").decode()
                if kind == PT_LOAD and flags & PF_X:
                    self.code.append((offset, address, memory))


class Module:
    """A file in memory; base: what is added to its own addresses."""

    def __init__(self, path, file, base, elf):
        self.path, self.file, self.base = path, file, base
        self.ranges = [(base + address, base + address + memory) for _, address, memory in elf.code]

    def load(self):
        gdb.execute(f"add-symbol-file {shlex.quote(self.file)} -o {self.base:#x}", to_string=True)

    def unload(self):
        gdb.execute(f"remove-symbol-file {shlex.quote(self.file)}", to_string=True)


def program_of(path, file_of):
    """What runs: of a script, the interpreter; None where this host does not have it."""
    try:
        with open(file_of(path), "rb") as file:
            first = file.readline(PAGE)
    except OSError:
        return None
    return program_of(first[2:].split()[0].decode(), file_of) if first.startswith(b"#!") else path


def modules_of(run, image, starts):
    """A program, its interpreter, and what that mapped. Where the program began, one of the
    blocks starts: at the entry of the interpreter, or else of the program."""
    def file_of(path):
        return os.path.realpath(run["files"].get(path, path))

    def entered(elf):
        return next((start - elf.entry for start in starts if start % PAGE == elf.entry % PAGE), 0)
    program = program_of(image["program"], file_of)
    if program is None:
        return []
    elf = Elf(file_of(program))
    base = 0 if elf.is_fixed else PIE_BASE if elf.interpreter else entered(elf)
    found = [Module(program, file_of(program), base, elf)]
    if elf.interpreter:
        loader = Elf(file_of(elf.interpreter))
        found.append(Module(elf.interpreter, file_of(elf.interpreter), entered(loader), loader))
    for one in image["maps"]:
        if one["path"] and os.path.exists(file_of(one["path"])):
            library = Elf(file_of(one["path"]))
            for offset, address, _ in library.code:
                if offset // PAGE * PAGE == one["offset"]:
                    found.append(Module(one["path"], file_of(one["path"]),
                                        one["start"] - address // PAGE * PAGE, library))
    return found


def images_of(run, blocks):
    """The Places of each program that was executed. A block that others ran too is in the first."""
    gdb.execute(f"set debug-file-directory {os.path.dirname(run['folder'])}:/usr/lib/debug")
    found = []
    for number, image in enumerate(run["images"]):
        own = next((start for start, _, image in blocks if image == number), None)
        found.append(Places(modules_of(run, image, [own or 0, blocks[0][0]])))
    return found


class Places:
    """Addresses of a program to modules, functions and lines."""

    def __init__(self, modules):
        self.modules = modules
        self.ranges = sorted((start, end, module) for module in modules for start, end in module.ranges)
        self.starts = [start for start, _, _ in self.ranges]

    @contextlib.contextmanager
    def loaded(self, modules):
        """With the symbols of some modules; other programs are at the same addresses."""
        files = {module.file: module for module in modules}
        for module in files.values():
            module.load()
        yield
        for module in files.values():
            module.unload()

    def module(self, address):
        at = bisect.bisect_right(self.starts, address) - 1
        if at >= 0 and address < self.ranges[at][1]:
            return self.ranges[at][2]
        return None

    def function(self, address, inlined=True):
        """The function at an address, by debug information, or else the nearest symbol."""
        block = gdb.block_for_pc(address)
        while block and (not block.function or not inlined and not (
                block.superblock and block.superblock.is_static)):
            block = block.superblock
        if block:
            return block.function.name
        named = gdb.execute(f"info symbol {address:#x}", to_string=True)
        return named.split(" in section")[0].split(" + ")[0] if " in section" in named else None

    def line(self, address):
        where = gdb.find_pc_line(address)
        if where.symtab and where.line:
            return where.symtab.filename, where.symtab.fullname(), where.line
        return None, None, None


def read_blocks(folder):
    with open(os.path.join(folder, "record.blocks"), encoding="ascii") as file:
        return [(int(fields[0], 16), int(fields[1], 16), int(fields[5]) if fields[5:] else 0)
                for fields in map(str.split, file)]


def key_of(places, address):
    """A place by what it is called: function, text of the line, which of the line's parts,
    and how far in it."""
    named = gdb.execute(f"info symbol {address:#x}", to_string=True).split(" in section")[0]
    where = gdb.find_pc_line(address)
    if not where.symtab or not where.line:
        return named.strip()
    function, lines = places.function(address), statements.lines_of(where.symtab.fullname())
    text = lines[where.line - 1].strip() if where.line <= len(lines) else where.line
    parts = sorted({entry.pc for entry in where.symtab.linetable().line(where.line) or []
                    if places.function(entry.pc) == function})
    return f"{function}|{text}|{bisect.bisect_right(parts, where.pc)}+{address - where.pc}"


def write_keys(run, blocks, images):
    """Of code that is the same in both runs, offsets; of other code, what it is called."""
    different, found = set(run["different"]), {}

    @functools.lru_cache(None)
    def key(places, address, entry):
        module = places.module(address)
        if module is None:
            return f"{address:x}"
        if module.path not in different:
            return f"{module.path}+{address - module.base:x}"
        name = places.function(address) if entry else key_of(places, address)
        return f"{name}".replace("\t", " ")
    for image, places in enumerate(images):
        with places.loaded(module for module in places.modules if module.path in different):
            for number, (start, last, of) in enumerate(blocks):
                if of == image:
                    found[number] = f"{key(places, last, False)}\t{key(places, start, True)}\n"
    with open(os.path.join(run["folder"], "places"), "w", encoding="utf-8") as file:
        file.writelines(found[number] for number in range(len(blocks)))


def line_of(places, start, last):
    """What lines.json says of a block."""
    module = places.module(last)
    file, path, line = places.line(last)
    lines = statements.lines_of(path) if path else []
    text, first, end = statements.whole(lines, line) if lines else (None, line, line)
    unnamed = module and f"{os.path.basename(module.path)}+{last - module.base:#x}"
    return {"function": places.function(last) or unnamed, "within": places.function(last, inlined=False), "file": file, "line": line, "path": path,
            "module": module.path if module else None, "address": hex(last),  # too large for jq
            "text": text, "first": first, "last": end,
            "source": [{"line": at, "text": lines[at - 1]}
                       for at in range((first or 0) - 2, (end or 0) + 3) if 0 < at <= len(lines)],
            "starts": {"function": places.function(start), "line": places.line(start)[2]}}


def write_lines(run, blocks, images):
    found = {}
    for image, places in enumerate(images):
        wanted = [number for number in run["wanted"] if blocks[number][2] == image]
        with places.loaded({places.module(address) for number in wanted for address in blocks[number][:2]} - {None}):
            for number in wanted:
                found[number] = {"image": image, **line_of(places, *blocks[number][:2])}
    with open(os.path.join(run["folder"], "lines.json"), "w", encoding="utf-8") as out:
        json.dump(found, out)


class Command(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("xsklab-places", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        what, file = gdb.string_to_argv(argument)
        try:
            with open(file, encoding="utf-8") as opened:
                run = json.load(opened)
            if "source" in run:
                gdb.execute(f"directory {shlex.quote(run['source'])}", to_string=True)
            blocks = read_blocks(run["folder"])
            {"keys": write_keys, "lines": write_lines}[what](run, blocks, images_of(run, blocks))
        except Exception as error:
            traceback.print_exc()
            print(f"places: {error}", file=sys.__stderr__, flush=True)
            os._exit(1)


Command()
