# SPDX-License-Identifier: GPL-2.0-only
"""The path of one task through the kernel, from the blocks of code that ran.

recent.c records the address of each block. Its instructions come from the target's memory, as
the kernel patches its own text. Without the interrupts and exceptions in between, the path is
one sequence of blocks with matched calls and returns.
"""
import functools
import re

import gdb

from symbols import LabError
from x86 import Instruction

ENTRIES = ("asm_exc_", "asm_sysvec_", "irq_entries_start", "spurious_entries_start")
BEGINS = ("entry_SYSCALL_64", "__switch_to_asm")
PATH_MAX = 1 << 21  # blocks to read at first; more take seconds
BLOCK_MAX = 512  # instructions; QEMU's own limit
LONGJMP_MAX = 8  # frames that a return may skip


class Cut(LabError):
    """The answer lies before the recorded part of the path."""


class Block:
    """Instructions from an address to the next change of control flow."""
    __slots__ = ("start", "symbol", "instructions", "end", "last", "repeats", "is_entry")

    def __init__(self, start, instructions=None):
        self.start = start
        self.symbol, offset = entry_symbol(start)
        self.instructions = instructions or disassemble(start)
        self.last = self.instructions[-1]
        self.end = self.last.end
        self.repeats = self.instructions[0].text.startswith("rep")
        # Does the processor enter here for an interrupt or an exception? At an asm_ symbol, only the
        # first instruction is an entry; the other symbols have many stubs side by side.
        self.is_entry = self.symbol.startswith(ENTRIES) and (not self.symbol.startswith("asm_") or not offset)


@functools.lru_cache(None)
def entry_text():
    return [int(gdb.parse_and_eval(f"(unsigned long)&__entry_text_{end}")) for end in ("start", "end")]


def entry_symbol(address):
    """The symbol of the kernel's entry code at an address, and the offset; "" for other code."""
    start, end = entry_text()
    if not start <= address < end:
        return "", 0
    name, _, rest = gdb.execute(f"info symbol {address:#x}", to_string=True).partition(" ")
    offset = re.match(r"\+ (\d+)", rest)
    return name, int(offset.group(1)) if offset else 0


def disassemble(start):
    """The instructions of the block at an address."""
    architecture = gdb.selected_inferior().architecture()
    found = []
    while len(found) < BLOCK_MAX:
        for one in architecture.disassemble(start, count=16):
            found.append(Instruction(one["addr"] % 2**64, one["length"], one["asm"]))
            if found[-1].flow:
                return found
        start = found[-1].end
    return found


def innermost(blocks):
    """The blocks that a processor ran last for one purpose: since it entered an interrupt or a
    system call that it has not left, or since it switched tasks."""
    begins = [0]
    for number, block in enumerate(blocks):
        if block.symbol.startswith(BEGINS):
            begins = [number]
        elif block.is_entry:
            begins.append(number + 1)
        if block.last.flow == "iret" and len(begins) > 1:
            begins.pop()
    return blocks[begins[-1]:]


def executed(addresses, known):
    """The Blocks at addresses; all iterations of "rep movsb" are one."""
    block = None
    for address in addresses:
        if block is not None and address == block.start and block.repeats:
            continue
        block = known.get(address)
        if block is None:
            block = known[address] = Block(address)
        yield block


def is_rest(block, before):
    """Is a block the rest of the one before, which an interrupt cut short?"""
    return before.start < block.start < before.end and block.start != before.last.target


def callers_of(blocks):
    """If the beginning of the path is missing: a block for each frame that was called there and that
    the path returns to, the outermost first."""
    returns, behind, nested, before = [], [], 0, None
    for block in blocks:
        nested += block.is_entry
        if not nested:
            last = None if before is None or is_rest(block, before) else before.last
            if last is not None and last.flow == "ret":
                while behind and behind[-1] != block.start and block.start in behind[-LONGJMP_MAX:]:
                    behind.pop()
                if behind and behind[-1] == block.start:
                    behind.pop()
                else:
                    returns.append(block.start)
            elif last is not None and last.flow == "call" and block.start != last.end:
                behind.append(last.end)
            before = block
        nested -= nested and block.last.flow == "iret"
    return [Block(address - 1, [Instruction(address - 1, 1, "call *%rax")]) for address in reversed(returns)]


class Path:
    """Steps in order of time. Step i has blocks[i]; stops[i], the address before which the block
    was left, or None; and frames[i], its frame. Frame f has callers[f], the step that called it,
    or None."""

    def __init__(self, addresses, whole=True, end=None):
        """addresses: the blocks that ran; whole: none is missing at the beginning. end: None, or, if
        all tasks and interrupts were recorded, the address at which the recording stopped; the
        path is then that of the task or interrupt that ran last."""
        self.blocks, self.stops, self.frames = [], [], []
        self.callers = [None]
        self.fixups = set()  # steps at which a fixup continued after an exception
        self.whole = whole
        known = {}
        blocks = list(executed(addresses, known))
        if end is not None:
            blocks = innermost(blocks)
        elif not whole:
            blocks = [*callers_of(blocks), *blocks]
        self._read(blocks)
        if not self.blocks:
            raise LabError("QEMU recorded no executed code")
        if end is not None and self.blocks[-1].start < end < self.blocks[-1].end:
            self.stops[-1] = end

    def instructions(self, step):
        """The instructions of a step that ran."""
        block, stop = self.blocks[step], self.stops[step]
        if stop is None:
            return block.instructions
        return [one for one in block.instructions if one.address < stop]

    def stack(self, frame):
        """The return addresses of a frame and its callers, innermost first."""
        found = []
        while self.callers[frame] is not None:
            caller = self.callers[frame]
            found.append(self.blocks[caller].end)
            frame = self.frames[caller]
        return found

    def _read(self, blocks):
        frame, nested, interrupted = 0, 0, False
        for block in blocks:
            if block.is_entry:
                nested += 1
            elif not nested:
                if self.blocks:
                    frame = self._follow(frame, block.start, interrupted)
                interrupted = False
                self.blocks.append(block)
                self.stops.append(None)
                self.frames.append(frame)
            if nested and block.last.flow == "iret":
                nested -= 1
                interrupted = True

    def _follow(self, frame, address, interrupted):
        """The frame in which the block at an address runs, after the last step."""
        step = len(self.blocks) - 1
        block, last = self.blocks[step], self.blocks[step].last
        if self.stops[step] is None and block.start <= address < block.end and (
                interrupted or address != last.target):
            self.stops[step] = address
        if self.stops[step] is not None:
            return frame
        if last.flow == "ret":
            outer = frame
            for _ in range(LONGJMP_MAX):
                caller = self.callers[outer]
                if caller is None:
                    break
                outer = self.frames[caller]
                if self.blocks[caller].end == address:
                    return outer
        elif interrupted and address not in (last.end, last.target) and not (
                last.flow and last.target is None):
            self.stops[step] = last.address  # at the latest
            self.fixups.add(step + 1)
        elif last.flow == "call" and address != last.end:
            self.callers.append(step)
            return len(self.callers) - 1
        return frame
