# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-values: the variables of a condition of a program, as it decides.

usage: gdb -batch -x values.py -ex 'xsklab-values QUESTION.json SOCKET' VMLINUX

QUESTION.json  RUN.json of places.py with {address, nth, task, text}: the variables of the
          text are read at the nth arrival of the program's task at the address
SOCKET    QEMU's gdb stub; the guest waits there (-S)
Output: values.json, {NAME: VALUE}, without those that the compiler did not keep. The guest
        is killed at the end.
Exit: 0; 1 it did not come there, and the reason is on stderr in a line that starts with
      "values: ".
"""
import json
import os
import sys
import traceback

import gdb

sys.dont_write_bytecode = True  # nothing is left behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import statements  # noqa: E402
from guest import Stop, Tasks, end_guest, known, proceed  # noqa: E402
from places import modules_of, read_blocks  # noqa: E402
from symbols import LabError, connect, finish  # noqa: E402


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
    return known(statements.names(question["text"]))


class Values(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("xsklab-values", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        file, socket = gdb.string_to_argv(argument)
        try:
            with open(file, encoding="utf-8") as opened:
                question = json.load(opened)
            kernel = os.path.dirname(gdb.objfiles()[0].filename)
            gdb.execute(f"source {kernel}/vmlinux-gdb.py")
            gdb.execute("set breakpoint always-inserted on")
            connect(socket)
            answer = read_values(question)
            with open("values.json", "w", encoding="utf-8") as out:
                json.dump(answer, out)
            finish("ended")
            end_guest()
        except Exception as error:  # whatever it is, the guest must not wait for ever
            if not isinstance(error, (LabError, gdb.error)):
                traceback.print_exc()
            print(f"values: {error}", file=sys.__stderr__, flush=True)
            # "quit" would let the guest go on
            os._exit(1)


Values()
