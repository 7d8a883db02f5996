# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-crossing: record the kernel code that some system calls of a program execute.

usage: gdb -batch -x crossing.py -ex 'xsklab-crossing CALLS.json SOCKET' VMLINUX

CALLS.json  {program, calls: [{number, thread, nth}]}, in order of time: the nth call of that
            number by that thread of the program (0 is the first thread)
SOCKET      QEMU's gdb stub; the guest waits there (-S), under TCG with the plugin recent.c
Output: for each call N/record.run and N/record.blocks, in the format that repro/diverge.d/record.c
        uses for ring 3, with one task and without interrupts; crossing.json, the number of
        calls. The guest is killed at the end.
Exit: 0; 1 nothing was recorded, and a line on stderr after "crossing: " says why.
"""
import array
import os
import sys

sys.dont_write_bytecode = True  # leave nothing behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Call, Tasks  # noqa: E402
from path import Path  # noqa: E402
from question import Question  # noqa: E402
from recent import Recorder  # noqa: E402
from symbols import LabError  # noqa: E402

SWITCH = 0x80000000
KINDS = {"jcc": "branch", "call": "call", "ret": "return"}


def cross(call, recorder):
    """Run the guest to the call and through it; return the Path."""
    call.reach()
    call.watch(recorder)
    addresses, whole = recorder.last()
    if not whole:
        raise LabError(f"{call} executes more than {recorder.room} blocks of code, too many to compare")
    return Path(addresses)


def kind_of(last):
    if last.flow == "jmp":
        return "goto" if last.target else "jump"
    return KINDS.get(last.flow, "none")


def write(path, folder):
    """Write the record. A block that was left before its end runs again, and counts only then."""
    numbers, run = {}, array.array("I", [SWITCH])
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/record.blocks", "w", encoding="ascii") as blocks:
        for block, stop in zip(path.blocks, path.stops):
            if stop is not None:
                continue
            if block.start not in numbers:
                numbers[block.start] = len(numbers)
                blocks.write(f"{block.start:x} {block.last.address:x} {block.end:x}"
                             f" {block.last.target or 0:x} {kind_of(block.last)}\n")
            run.append(numbers[block.start])
    with open(f"{folder}/record.run", "wb") as file:
        run.tofile(file)


class Crossing(Question):
    __doc__ = __doc__
    name, output = "crossing", "crossing.json"

    def answer(self, question):
        recorder = Recorder()
        tasks = Tasks(question["program"])
        calls = [Call(call, tasks) for call in question["calls"]]
        for number, call in enumerate(calls):
            write(cross(call, recorder), str(number))
        return len(calls)


Crossing()
