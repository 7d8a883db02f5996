# SPDX-License-Identifier: GPL-2.0-only
"""The gdb side of recent.c, a plugin of QEMU: the blocks of kernel code that ran last, and how often
some tasks made some system calls."""
import array
import functools
import mmap
import os
import re

import gdb

from symbols import LabError

RING = "recent"  # recent.c's file
HEADER = 4096  # of it
ON, KEPT, TASK, LOAD, CURRENT, DEBUGGER, IS_DUE, HANDLERS, CALLS = range(9)  # words of struct header
CALL_TASK, CALL_HANDLER, CALL_COUNT, CALL_ALARM, CALL_WORDS = range(5)
CALLS_MAX = 64


@functools.lru_cache(None)
def words():
    with open(RING, "r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")


def load_of_stack_pointer():
    """The address at which __switch_to_asm loads the next task's thread.sp."""
    start = int(gdb.parse_and_eval("(unsigned long)&__switch_to_asm"))
    gdb.execute("set trust-readonly-sections on")  # the kernel is not mapped yet
    instructions = gdb.selected_inferior().architecture().disassemble(start, count=32)
    gdb.execute("set trust-readonly-sections off")  # it patches its text
    for one in instructions:
        if re.match(r"mov\s+0x[0-9a-f]+\(%rsi\),%rsp", one["asm"]):
            return one["addr"] % 2**64
    raise LabError("__switch_to_asm does not load the next task's stack pointer")


def name_of(task):
    """What stands for a task in recent.c's file."""
    return int(gdb.parse_and_eval(f"(unsigned long)&((struct task_struct *){task})->thread.sp"))


def state():
    """What the plugin knows of the guest, for whoever saves the guest."""
    return bytes(words()[CURRENT:HEADER // 8].cast("B"))


def set_state(saved):
    words()[CURRENT:HEADER // 8].cast("B")[:] = saved


class Recorder:
    """Records blocks. Create it before the guest starts."""

    def __init__(self):
        self.words = words()
        self.room = len(self.words) - HEADER // 8
        self.begin = 0
        self.words[LOAD] = load_of_stack_pointer()

    def start(self, task=0):
        """Record the blocks of a task, or all blocks."""
        self.begin = self.words[KEPT]
        self.words[TASK] = task and name_of(task)
        self.words[ON] = 1

    def stop(self):
        self.words[ON] = 0

    def last(self, count=None):
        """The addresses of the last blocks since start(), at most count, and whether these are all."""
        kept = self.words[KEPT]
        first = max(self.begin, kept - min(count or self.room, self.room))
        place, size, ring = first % self.room, kept - first, self.words[HEADER // 8:]
        found = array.array("Q", ring[place:place + size])
        found.extend(ring[:size - len(found)])
        return found, first == self.begin


class Counted:
    """The calls of one system call's handler by one task, which may be known later."""

    def __init__(self, row, handler, task=None):
        if row >= CALLS_MAX:
            raise LabError(f"too many kinds of calls to count, at most {CALLS_MAX}")
        self.words = words()[CALLS + row * CALL_WORDS:]
        self.words[CALL_HANDLER] = self.handler = handler
        words()[HANDLERS] |= 1 << handler // 16 % 64
        self.set_task(task)

    def set_task(self, task):
        self.words[CALL_TASK] = name_of(task) if task else 0

    def count(self):
        return self.words[CALL_COUNT]

    def interrupt_at(self, count):
        """Interrupt gdb as soon as the task has entered the handler so many times."""
        words()[DEBUGGER] = os.getpid()
        self.words[CALL_ALARM] = count

    def acknowledge(self):
        """Let the guest run at its speed again. Was gdb interrupted?"""
        is_due, words()[IS_DUE], self.words[CALL_ALARM] = words()[IS_DUE], 0, 0
        return bool(is_due)
