# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-crossing: what the kernel executes in some system calls of a program.

usage: gdb -batch -x crossing.py -ex 'xsklab-crossing CALLS.json SOCKET' VMLINUX

CALLS.json  {program, calls: [{number, thread, nth}]}, in order of time: the nth call of that
            number that the program's thread makes (0 is its first)
SOCKET      QEMU's gdb stub; the guest waits there (-S), under TCG with the plugin recent.c
Output: for each call N/record.run and N/record.blocks, as repro/diverge.d/record.c writes them
        of ring 3, with one task, and without interrupts. The guest is killed at the end.
Exit: 0; 1 there is no record, and the reason is on stderr in a line that starts with
      "crossing: ".
"""
import array
import json
import os
import sys
import traceback

import gdb

sys.dont_write_bytecode = True  # nothing is left behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Call, Counter, Tasks, end_guest  # noqa: E402
from path import KEPT_MAX, Path, Recorder  # noqa: E402
from symbols import LabError, connect, finish  # noqa: E402

SWITCH = 0x80000000
KINDS = {"jcc": "branch", "call": "call", "ret": "return"}


def cross(counter, call, recorder):
    """Run the guest to the call and through it; the Path."""
    wanted = call["thread"], call["number"], call["nth"]
    counter.next(f"call {call['nth']} of number {call['number']}", lambda *made: made == wanted)
    Call(call, counter).watch(recorder)
    return Path(*recorder.last(KEPT_MAX))


def kind_of(last):
    if last.flow == "jmp":
        return "goto" if last.target else "jump"
    return KINDS.get(last.flow, "none")


def write(path, folder):
    """Blocks that were left before their end are begun again, and count then."""
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


class Crossing(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("xsklab-crossing", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        file, socket = gdb.string_to_argv(argument)
        try:
            with open(file, encoding="utf-8") as opened:
                question = json.load(opened)
            kernel = os.path.dirname(gdb.objfiles()[0].filename)
            gdb.execute(f"source {kernel}/vmlinux-gdb.py")
            gdb.execute("set breakpoint always-inserted on")
            connect(socket)
            recorder = Recorder()
            counter = Counter(Tasks(question["program"]), {call["number"] for call in question["calls"]})
            for number, call in enumerate(question["calls"]):
                write(cross(counter, call, recorder), str(number))
            finish("ended")
            end_guest()
        except Exception as error:  # whatever it is, the guest must not wait for ever
            if not isinstance(error, (LabError, gdb.error)):
                traceback.print_exc()
            print(f"crossing: {error}", file=sys.__stderr__, flush=True)
            os._exit(1)  # "quit" would let the guest go on


Crossing()
