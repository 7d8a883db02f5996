# SPDX-License-Identifier: GPL-2.0-only
"""The path that one task took through the kernel, from QEMU's log of executed code.

The log (-d exec,nochain) has a line for each block that ran: its address, and the
symbol there. What is in a block is read from the target's memory, where the kernel
has patched its own text. Interrupts and exceptions that came in between are left
out; what remains is one sequence of blocks with matched calls and returns.
"""
import re

import gdb

from symbols import LabError
from x86 import Instruction

ENTRIES = ("asm_exc_", "asm_sysvec_", "irq_entries_start", "spurious_entries_start")
BEGINS = ("entry_SYSCALL_64", "__switch_to_asm")
RING_3 = re.compile("/0000[0-7]")  # its memory may be another program's by now
BLOCK_MAX = 512  # instructions; QEMU's own limit
LONGJMP_MAX = 8  # frames that a return may skip


class Block:
    """Instructions from an address to the next change of control flow."""
    __slots__ = ("start", "symbol", "instructions", "end", "last", "repeats", "is_entry")

    def __init__(self, start, symbol):
        self.start, self.symbol = start, symbol
        self.instructions = disassemble(start)
        self.last = self.instructions[-1]
        self.end = self.last.end
        self.repeats = self.instructions[0].text.startswith("rep")
        self.is_entry = (not symbol or symbol.startswith(ENTRIES)) and is_entry(start)


def is_entry(address):
    """Does the processor enter here for an interrupt or an exception? The stubs of one
    symbol stand side by side; of the others only the first instruction is an entry. QEMU
    gives no symbols for them: they are no functions."""
    name, _, offset = gdb.execute(f"info symbol {address:#x}", to_string=True).partition(" ")
    return name.startswith(ENTRIES) and (not name.startswith("asm_") or not offset.startswith("+"))


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
    """Of the blocks of a processor those that it ran last for one purpose: since the
    interrupt or the system call that it entered and did not leave, or since it took up a task."""
    begins = [0]
    for number, block in enumerate(blocks):
        if block.symbol.startswith(BEGINS):
            begins = [number]
        elif block.is_entry:
            begins.append(number + 1)
        if block.last.flow == "iret" and len(begins) > 1:
            begins.pop()
    return blocks[begins[-1]:]


class Path:
    """Steps in order of time. Of step i: blocks[i]; stops[i], the address before
    which the block was left, or None; frames[i], the frame it ran in.
    Of frame f: callers[f], the step that called it, or None."""

    def __init__(self, log, end=None):
        """end: the address up to which the log was written, of a log of all tasks and
        interrupts; then the path is that of the one which the processor ran at the end."""
        self.blocks, self.stops, self.frames = [], [], []
        self.callers = [None]
        self.fixups = set()  # steps that an exception went on with, elsewhere
        self._known = {}
        blocks = list(self._executed(log))
        self._read(blocks if end is None else innermost(blocks))
        if not self.blocks:
            raise LabError(f"the emulator logged nothing in {log}")
        if end is not None and self.blocks[-1].start < end < self.blocks[-1].end:
            self.stops[-1] = end

    def instructions(self, step):
        """What was executed of a step."""
        block, stop = self.blocks[step], self.stops[step]
        if stop is None:
            return block.instructions
        return [one for one in block.instructions if one.address < stop]

    def stack(self, frame):
        """The addresses that a frame and its callers return to, innermost first."""
        found = []
        while self.callers[frame] is not None:
            caller = self.callers[frame]
            found.append(self.blocks[caller].end)
            frame = self.frames[caller]
        return found

    def _block(self, line):
        at = line.index("/") + 1
        key = line[at:at + 16]
        block = self._known.get(key)
        if block is None:
            block = self._known[key] = Block(int(key, 16), line.rsplit("] ", 1)[1].strip())
        return block

    def _executed(self, log):
        """The blocks that ran, in order of time."""
        with open(log, encoding="ascii", errors="replace") as lines:
            block, last_line = None, None
            for line in lines:
                if line.startswith("Stopped"):
                    block = last_line = None  # it did not run after all
                elif line.startswith("Trace") and not (line == last_line and block.repeats) and not RING_3.search(line):
                    if block:
                        yield block
                    block, last_line = self._block(line), line
            if block:
                yield block

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
            self.stops[step] = last.address  # somewhere before
            self.fixups.add(step + 1)
        elif last.flow == "call" and address != last.end:
            self.callers.append(step)
            return len(self.callers) - 1
        return frame
