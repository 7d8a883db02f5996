# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-values: read the variables of a program's condition as it decides.

usage: gdb -batch -x values.py -ex 'xsklab-values QUESTION.json SOCKET' VMLINUX

QUESTION.json  RUN.json of places.py with {program, image, address, nth, task, text}: the variables
          of the text are read at the nth arrival of the program's task at the address in an image
SOCKET    QEMU's gdb stub; the guest waits there (-S)
Output: values.json, {NAME: VALUE}, without variables that the compiler optimized out. The guest
        is killed at the end.
Exit: 0; 1 the task did not get there, and a line on stderr after "values: " says why.
"""
import os
import sys

import gdb

sys.dont_write_bytecode = True  # leave nothing behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from expressions import known, names  # noqa: E402
from guest import Stop, Tasks, proceed  # noqa: E402
from places import images_of, read_blocks  # noqa: E402
from question import Question  # noqa: E402


def executed():
    """The name of the program that runs."""
    return gdb.parse_and_eval("$lx_current()->mm->exe_file->f_path.dentry->d_name.name").string("latin-1")


def read_values(question):
    places = images_of(question, read_blocks(question["folder"]))[question["image"]]
    tasks = Tasks(question["program"])
    left, address = question["nth"], question["address"]
    program, module = places.modules[0].path, places.module(address).path
    for one in places.modules:
        one.load()

    def arrives():
        nonlocal left
        # What other programs have at the address is not this.
        if tasks.is_current(question["task"]) and (module != program or executed() == os.path.basename(program)):
            left -= 1
        return not left
    proceed(f"{address:#x} was reached for the {question['nth']}th time",
            Stop(f"*{address:#x}", arrives), tasks.births)
    return known(names(question["text"]))


class Values(Question):
    __doc__ = __doc__
    name, output = "values", "values.json"

    def answer(self, question):
        return read_values(question)


Values()
