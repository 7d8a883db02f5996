# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-values: the variables of a condition of a program, as it decides.

usage: gdb -batch -x values.py -ex 'xsklab-values QUESTION.json SOCKET' VMLINUX

QUESTION.json  RUN.json of places.py with {address, nth, task, text}: the variables of the
          text are read at the nth arrival of the program's task at the address
SOCKET    QEMU's gdb stub; the guest waits there (-S)
Output: values.json, {NAME: VALUE}, without those that the compiler did not keep. The guest
        is killed at the end.
Exit: 0; 1 the task did not get there, and a line on stderr says why, after "values: ".
"""
import os
import sys

sys.dont_write_bytecode = True  # nothing is left behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from expressions import known, names  # noqa: E402
from guest import Stop, Tasks, proceed  # noqa: E402
from places import modules_of, read_blocks  # noqa: E402
from question import Question  # noqa: E402


def read_values(question):
    modules = modules_of(question, [start for start, _ in read_blocks(question["folder"])])
    tasks = Tasks(question["program"])
    for module in modules:
        module.load()
    left = question["nth"]

    def arrives():
        nonlocal left
        left -= tasks.is_current(question["task"])
        return not left
    address = question["address"]
    proceed(f"{address:#x} was reached for the {question['nth']}th time",
            Stop(f"*{address:#x}", arrives), tasks.births)
    return known(names(question["text"]))


class Values(Question):
    __doc__ = __doc__
    name, output = "values", "values.json"

    def answer(self, question):
        return read_values(question)


Values()
