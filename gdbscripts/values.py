# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-values: read the variables of a condition of a program or of the kernel, as it decides.

usage: gdb -batch -x values.py -ex 'xsklab-values QUESTION.json SOCKET' VMLINUX

QUESTION.json  RUN.json of places.py with {program, image, address, nth, task, text}: the variables
          of the text are read at the nth arrival of the program's task at the address in an image;
          or in the kernel, in a {call: {number, nth}} of the task
SOCKET    QEMU's gdb stub; the guest waits there (-S), under TCG with the plugin recent.c
Output: values.json, {NAME: VALUE}, without variables that the compiler optimized out. The guest
        is killed at the end.
Exit: 0; 1 the task did not get there, and a line on stderr after "values: " says why.
"""
import os
import sys

import gdb

sys.dont_write_bytecode = True  # leave nothing behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from expressions import Unread, drop_pointers, known, names  # noqa: E402
from guest import Call, Stop, Tasks, proceed  # noqa: E402
from places import images_of, read_blocks  # noqa: E402
from question import Question  # noqa: E402
from recent import Recorder  # noqa: E402


def executed():
    """The name of the program that runs."""
    return gdb.parse_and_eval("$lx_current()->mm->exe_file->f_path.dentry->d_name.name").string("latin-1")


def load(question):
    """Load the symbols of an image. The name of its program, if the address is in this: other
    programs have something else there."""
    places = images_of(question, read_blocks(question["folder"]))[question["image"]]
    for one in places.modules:
        one.load()
    program = places.modules[0].path
    return os.path.basename(program) if places.module(int(question["address"], 16)).path == program else None


def read_values(question):
    Recorder()
    tasks, call, name = Tasks(question["program"]), question.get("call"), None
    if call:
        Call(dict(call, thread=question["task"]), tasks).reach()
    else:
        name = load(question)
    left, address = question["nth"], question["address"]

    def arrives():
        nonlocal left
        left -= tasks.is_current(question["task"]) and name in (None, executed())
        return not left
    proceed(f"{address} was reached for the {question['nth']}th time",
            Stop(f"*{address}", arrives), tasks.births)
    return drop_pointers({name: value for name, value in known(names(question["text"])).items() if not isinstance(value, Unread)})


class Values(Question):
    __doc__ = __doc__
    name, output = "values", "values.json"

    def answer(self, question):
        return read_values(question)


Values()
