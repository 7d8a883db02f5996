# SPDX-License-Identifier: GPL-2.0-only
"""A question to a guest, as a command of gdb."""
import json
import os
import sys
import traceback

import gdb

from guest import end_guest
from symbols import LabError, connect, finish


class Question(gdb.Command):
    """A command of gdb with the words FILE.json SOCKET: connects to the guest that waits at the
    socket, and writes what answer() makes of the file to self.output. The guest is killed at the
    end. If there is no answer, gdb exits with 1, and the reason is on stderr behind self.name."""
    name = output = None

    def __init__(self):
        super().__init__(f"xsklab-{self.name}", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        name, socket = gdb.string_to_argv(argument)
        try:
            with open(name, encoding="utf-8") as file:
                question = json.load(file)
            # $lx_current(); of the tree whose Makefile has run on this host already
            gdb.execute(f"source {os.path.dirname(gdb.objfiles()[0].filename)}/vmlinux-gdb.py")
            gdb.execute("set breakpoint always-inserted on")
            connect(socket)
            answer = self.answer(question)
            with open(self.output, "w", encoding="utf-8") as file:
                json.dump(answer, file)
            finish("ended")
            end_guest()
        except Exception as error:  # whatever it is, the guest must not wait for ever
            if not isinstance(error, (LabError, gdb.error)):
                traceback.print_exc()
            print(f"{self.name}: {error}", file=sys.__stderr__, flush=True)
            # "quit" would let the guest go on, wherever it has been taken to.
            os._exit(1)

    def answer(self, question):
        raise NotImplementedError
