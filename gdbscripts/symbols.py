# SPDX-License-Identifier: GPL-2.0-only
"""Symbols of the kernel and of the guest's program in one gdb, and values as JSON."""
import os
import re
import shlex
import struct
import time

import gdb


LISTEN_DEADLINE = 10  # seconds


class LabError(Exception):
    """The lab failed; the text says where."""


def check_qemu():
    if not os.path.exists(f"/proc/{os.environ['QEMU_PID']}"):
        raise LabError("QEMU has ended")


def connect(socket):
    """Connect to QEMU's stub as soon as it listens, while the process $QEMU_PID exists."""
    until = None
    while True:
        check_qemu()
        if os.path.exists(socket):
            until = until or time.monotonic() + LISTEN_DEADLINE
            try:
                gdb.execute(f"target remote {socket}", to_string=True)
                return
            except gdb.error:
                if time.monotonic() > until:
                    raise
        time.sleep(0.01)


def finish(how):
    """Tell vm/boot that all output is written. how: "recorded" if the guest continues without gdb;
    "ended" if gdb ends the guest, which is not needed any more."""
    with open("gdb.done", "w", encoding="ascii") as file:
        file.write(f"{how}\n")


def add_program(program):
    """Load the program's symbols; returns the objfiles of kernel and program."""
    kernel = gdb.objfiles()[0]
    gdb.execute(f"add-symbol-file {shlex.quote(program)}", to_string=True)
    return kernel, gdb.objfiles()[-1]


def check_kernel():
    """Check that the running kernel, once it is mapped, is the one that the symbols belong to."""
    built, runs = gdb.objfiles()[0].build_id, running_build_id()
    if built != runs:
        raise LabError(f"vmlinux is not the kernel that runs: build id {built} instead of"
                       f" {runs}; remove what build/kernel points to, and run make kernel")


def running_build_id():
    """The build id in the guest's memory, from the ELF notes; None if there is none.

    It is found by its section: to look a variable up, gdb reads the types of half the kernel.
    """
    section = gdb.execute("maintenance info sections .notes", to_string=True)
    try:
        start, stop = (int(address, 16) for address in
                       re.search(r"(0x[0-9a-f]+)->(0x[0-9a-f]+) at ", section).groups())
        notes = bytes(gdb.selected_inferior().read_memory(start, stop - start))
    except (AttributeError, gdb.MemoryError):
        return None
    while len(notes) >= 12:
        name, size, kind = struct.unpack_from("<3I", notes)
        begin = 12 + (name + 3 & ~3)
        if kind == 3 and notes[12:12 + name] == b"GNU\0":  # NT_GNU_BUILD_ID
            return notes[begin:begin + size].hex()
        notes = notes[begin + (size + 3 & ~3):]
    return None


def locate(symbols, name):
    """The symbol of a function, and the address after its prologue.

    Call this before gdb connects: later it analyses prologues in the target's memory, where ring 3
    is not mapped yet.
    """
    symbol = symbols.lookup_static_symbol(name) or symbols.lookup_global_symbol(name)
    if symbol is None or symbol.type.code != gdb.TYPE_CODE_FUNC:
        raise LabError(f"no function {name} in {os.path.basename(symbols.filename)}:"
                       " inlined away, or another version")
    # -source takes ten times as long: gdb reads the file lists of the whole kernel.
    for place in (f"-function {name}", f"-source {symbol.symtab.filename} -function {name}"):
        placed = gdb.execute(f"tbreak {place}", to_string=True)
        address = re.search(r" at (0x[0-9a-f]+): file (.+), line ", placed)
        gdb.execute("delete", to_string=True)
        if address and address.group(2) == symbol.symtab.filename:
            return symbol, int(address.group(1), 16)
    raise LabError(f"{name} is not in one place: {placed.strip()}")


def to_json(value):
    """A gdb.Value as a number, hex text, list of bytes, or None for NULL."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        address = int(value)
        return hex(address & (2**64 - 1)) if address else None
    if kind.code == gdb.TYPE_CODE_ARRAY:
        first, last = kind.range()
        return [to_json(value[i]) for i in range(first, last + 1)]
    if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):  # atomic_t, atomic64_t, sockptr_t
        return to_json(value[kind.fields()[0]])
    return int(value)
