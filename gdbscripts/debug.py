# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-debug: both rings of a waiting guest in one gdb; see "make debug".

usage: gdb -x gdbscripts/debug.py -ex 'xsklab-debug CASE.json PROGRAM TARGET' VMLINUX

Loads PROGRAM's symbols beside the kernel's, connects to TARGET (127.0.0.1:1234), and
breaks at start_kernel and at the functions that CASE.json lists as "debug". Then
it is an ordinary gdb: continue, backtrace, finish, print, lx-ps.
"""
import json
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from symbols import add_program, locate  # noqa: E402


class Debug(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("xsklab-debug", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        case, program, target = gdb.string_to_argv(argument)
        with open(case, encoding="utf-8") as file:
            data = json.load(file)
        rings = {spec["function"]: spec["ring"] for spec in data["probes"]}
        kernel, user = add_program(program)
        places = [locate(kernel, "start_kernel")]
        places += [locate(user if rings[name] else kernel, name) for name in data["debug"]]
        gdb.execute(f"target remote {target}")
        # In hardware: nothing is mapped yet, neither the kernel nor the program.
        for _, address in places:
            gdb.Breakpoint(f"*{address:#x}", gdb.BP_HARDWARE_BREAKPOINT)


Debug()
