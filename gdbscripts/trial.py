# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-trial: find out whether gdb can debug a guest under this accelerator; for vm/accel.

usage: gdb -batch -x trial.py -ex 'xsklab-trial SOCKET' VMLINUX

SOCKET  QEMU's gdb stub; the guest waits there (-S)
Output: trial.json, {"steps_in_peace": BOOL}: false if a single step takes a pending
interrupt first, see docs/kvm.md. The guest runs on without gdb.

Exit: 0 gdb can; 1 it cannot, and a line on stderr after "trial:" says why.
"""
import json
import os
import sys

import gdb

sys.dont_write_bytecode = True  # leave nothing behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from symbols import LabError, connect, finish  # noqa: E402


def run_to(function, kind):
    stop = gdb.Breakpoint(f"*{function}", kind, internal=True)
    gdb.execute("continue", to_string=True)
    expect(gdb.parse_and_eval(f"&{function}"), f"the guest did not stop at {function}")
    return stop


def expect(address, otherwise):
    pc = gdb.parse_and_eval("(unsigned long)$pc")
    if pc != int(address):
        raise LabError(f"{otherwise}, but at {int(pc):#x}")


def try_debugger():
    """Try what a recording needs: both kinds of breakpoints, memory, a step over each kind."""
    first = run_to("start_kernel", gdb.BP_HARDWARE_BREAKPOINT)
    second = run_to("kernel_init", gdb.BP_BREAKPOINT)
    following = gdb.selected_frame().architecture().disassemble(int(gdb.parse_and_eval("(unsigned long)$pc")), count=2)[1]["addr"]
    bits = gdb.execute("maintenance packet qqemu.sstepbits", to_string=True)
    peaceful = "NOIRQ" in bits
    gdb.execute("stepi", to_string=True)
    if peaceful:
        expect(following, "a single step did not end at the next instruction")
    first.delete()
    second.delete()
    return peaceful


class Trial(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("xsklab-trial", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        socket, = gdb.string_to_argv(argument)
        try:
            connect(socket)
            peaceful = try_debugger()
            gdb.execute("detach", to_string=True)
        except (LabError, gdb.error) as error:
            gdb.write(f"trial: {' '.join(str(error).split())}\n", gdb.STDERR)
            gdb.execute("quit 1")
        with open("trial.json", "w", encoding="utf-8") as file:
            json.dump({"steps_in_peace": peaceful}, file)
        finish("recorded")


Trial()
