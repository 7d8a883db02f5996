# SPDX-License-Identifier: GPL-2.0-only
"""A question to a guest, as a command of gdb."""
import json
import os
import sys
import time
import traceback

import gdb

from guest import end_guest
from symbols import LabError, check_qemu, connect, finish


def awaited(name):
    """The question in a JSON file, which may be written while the guest waits."""
    while not os.path.exists(name):
        check_qemu()
        time.sleep(0.01)
    with open(name, encoding="utf-8") as file:
        return json.load(file)


class Question(gdb.Command):
    """A gdb command with the arguments FILE.json SOCKET: connects to the guest that waits at the
    socket, passes the file to answer(), writes the result to self.output, and kills the guest.
    If there is no answer, gdb exits with 1, and a line on stderr after self.name says why."""
    name = output = None

    def __init__(self):
        super().__init__(f"xsklab-{self.name}", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        name, socket = gdb.string_to_argv(argument)
        try:
            # It defines $lx_current().
            gdb.execute(f"source {os.path.dirname(gdb.objfiles()[0].filename)}/vmlinux-gdb.py")
            gdb.execute("set breakpoint always-inserted on")
            gdb.execute("set language c")  # whatever the program was written in
            connect(socket)
            self.begin()
            answer = self.answer(awaited(name))
            with open(self.output, "w", encoding="utf-8") as file:
                json.dump(answer, file)
            finish("ended")
            end_guest()
        except Exception as error:  # whatever it is, the guest must not wait forever
            if not isinstance(error, (LabError, gdb.error)):
                traceback.print_exc()
            print(f"{self.name}: {error}", file=sys.__stderr__, flush=True)
            # "quit" would let the guest continue, in whatever state it is.
            os._exit(1)

    def begin(self):
        """Do what needs only the guest, and not the question."""

    def answer(self, question):
        raise NotImplementedError
