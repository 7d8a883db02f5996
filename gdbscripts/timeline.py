# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-timeline: record calls of kernel and program in one sequence.

usage: gdb -batch -x timeline.py -ex 'xsklab-timeline CASE.json PROGRAM SOCKET' VMLINUX

CASE.json  its "probes" say which calls to record, see docs/case.md
PROGRAM    the guest's program with symbols, linked at a fixed address
SOCKET     QEMU's gdb stub; the guest waits there (-S)
Output: timeline.jsonl, with {"call":..}, {"return":..} and {"rows":..} in order of time, and
{"done":..} at the end; without that, it is truncated. {"rows":..} names the rows that PROGRAM
wrote in one write(): the calls before it belong to them.

It records one run of PROGRAM, from the entry of main() to its return. Then it removes
the probes, and the guest runs on without gdb.

Exit: 0 the recording is complete; 1 it is not, and a line on stderr after "timeline:" says why.
"""
import json
import os
import re
import sys
import time

import gdb

sys.dont_write_bytecode = True  # leave nothing behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from symbols import LabError, add_program, check_kernel, connect, finish, locate, to_json  # noqa: E402

RESTORE_DEADLINE = 30  # seconds
ROWS_MAX = 65536  # bytes of a write
ROW = re.compile(rb'^\{ *"row": *"([^"\\]*)"', re.MULTILINE)
AGAIN = 1000  # times


def return_of(frame):
    """A frame's return address, and the stack pointer after the return."""
    caller = frame.older()
    return caller.pc(), int(caller.read_register("rsp"))


def proceed(timeline, reached, until):
    """Run the guest until it stops, and check that it stopped for this reason. When a guest ends,
    gdb raises an error, or reports an ordinary stop."""
    ended = None
    try:
        gdb.execute("continue", to_string=True)
    except gdb.error as error:
        ended = error
    if timeline.error or not reached():
        raise LabError(timeline.error or f"the guest ended or stopped before {until}"
                       f"{': ' + one_line(ended) if ended else ''}") from ended


def one_line(error):
    return " ".join(str(error).split())


def is_mapped(address):
    try:
        gdb.selected_inferior().read_memory(address, 1)
    except gdb.MemoryError:
        return False
    return True


def await_restored():
    """Wait until QEMU has loaded the snapshot; until then, the guest has no state."""
    until = time.monotonic() + RESTORE_DEADLINE
    while "inmigrate" in gdb.execute("monitor info status", to_string=True):
        if time.monotonic() > until:
            raise LabError(f"QEMU did not load the snapshot within {RESTORE_DEADLINE} s")
        time.sleep(0.01)
    gdb.execute("maintenance flush register-cache", to_string=True)


class Timeline:
    """The output file, and the state of the recording."""

    def __init__(self, path):
        self.out = open(path, "w", encoding="utf-8")
        self.order = 0
        self.error = None
        self.returns = {}  # return address: Return
        self.over = False  # main() has returned
        self.again = 0  # times that gdb saw the last recorded event again

    def write(self, kind, **fields):
        self.order += 1
        self.again = 0
        json.dump({kind: {"order": self.order, **fields}}, self.out)
        self.out.write("\n")
        self.out.flush()
        return self.order

    def is_running(self, frame):
        """Was this frame's call recorded already, and has it not returned yet?

        After a page fault at the first instruction, or an interrupt during gdb's step over it, the
        guest executes the instruction again and hits the breakpoint again. If KVM allows interrupts
        in single steps, and gdb is slower than the guest's timer, this never ends.
        """
        address, sp = return_of(frame)
        return address in self.returns and sp in self.returns[address].awaited

    def hit_again(self, where):
        """Count an event that was recorded already; return whether to give up."""
        self.again += 1
        return self.again > AGAIN and self.fail(
            f"{where}: the guest does not get past this breakpoint, because single steps take"
            " interrupts; use ACCEL=tcg")

    def expect_return(self, frame, call, symbol):
        """Set a breakpoint for the return of the call in this frame."""
        address, sp = return_of(frame)
        if address not in self.returns:
            self.returns[address] = Return(self, address)
        self.returns[address].awaited[sp] = call, symbol

    def returned(self, call, symbol):
        """Record that a call has just returned."""
        target = symbol.type.target()
        value = None
        if target.strip_typedefs().code != gdb.TYPE_CODE_VOID:
            value = to_json(gdb.parse_and_eval("$rax").cast(target))
        self.write("return", of=call, function=symbol.name, value=value)
        self.over = symbol.name == "main"

    def fail(self, text):
        """Keep the error of a stop(), where gdb swallows exceptions. Returns True: stop here."""
        self.error = self.error or text
        return True


class Stop(gdb.Breakpoint):
    """A software breakpoint if the page is mapped, else one of KVM's four hardware breakpoints; see
    docs/kvm.md."""

    def __init__(self, address, mapped):
        kind = gdb.BP_BREAKPOINT if mapped else gdb.BP_HARDWARE_BREAKPOINT
        try:
            super().__init__(f"*{address:#x}", kind, internal=True)
        except gdb.error as error:
            place = gdb.block_for_pc(address).function
            raise LabError(f"cannot set a breakpoint in {place}{'' if mapped else ', which is not mapped yet'}: "
                           f"{one_line(error)}") from error


class Return(Stop):
    """A breakpoint at the return address of recorded calls. gdb.FinishBreakpoint gives up when it
    sees the other ring's stack in between."""

    def __init__(self, timeline, address):
        super().__init__(address, is_mapped(address))
        self.timeline = timeline
        self.awaited = {}  # stack pointer after the return: call, symbol

    def stop(self):
        try:
            sp = int(gdb.parse_and_eval("$rsp"))
            if sp in self.awaited:
                self.timeline.returned(*self.awaited.pop(sp))
            return self.timeline.over
        except Exception as error:  # gdb would swallow it and go on
            return self.timeline.fail(f"at a return: {error!r}")


def with_known_types(expression, block):
    """The same expression, with the types of its casts looked up in advance: to find a struct by
    name, gdb searches all symbols, which takes as long as the rest of a stop."""
    def known(cast):
        name = f"xsklab_{cast.group(1)}"
        pointer = gdb.lookup_type(f"struct {cast.group(1)}", block).pointer()
        gdb.set_convenience_variable(name, gdb.Value(0).cast(pointer))
        return f"(typeof(${name}))"
    return re.sub(r"\(struct (\w+) \*\)", known, expression)


class Probe(Stop):
    """Records each call of one function."""

    def __init__(self, timeline, spec, symbol, address, mapped):
        super().__init__(address, mapped)
        self.timeline, self.spec, self.symbol = timeline, spec, symbol
        self.expressions = {name: with_known_types(expression, gdb.block_for_pc(address))
                            for name, expression in spec.get("values", {}).items()}
        self.hits = 0

    def values(self, frame):
        found = {}
        for symbol in frame.block():
            if symbol.is_argument:
                found[symbol.name] = to_json(symbol.value(frame))
        for name, expression in self.expressions.items():
            found[name] = to_json(gdb.parse_and_eval(expression))
        return found

    def stop(self):
        try:
            frame = gdb.selected_frame()
            if self.timeline.is_running(frame):
                return self.timeline.hit_again(self.spec["function"])
            self.hits += 1
            where = frame.find_sal()
            call = self.timeline.write(
                "call", ring=self.spec["ring"], function=self.spec["function"],
                file=where.symtab.filename, line=self.symbol.line,
                values=self.values(frame))
            self.timeline.expect_return(frame, call, self.symbol)
            return self.symbol.name == "main"
        except Exception as error:  # gdb would swallow it and go on
            return self.timeline.fail(f"{self.spec['function']}: {error!r}")


class Rows(gdb.Breakpoint):
    """Records when PROGRAM writes rows with write(2): arch/x86/entry/syscall_64.c passes a
    pointer to its registers."""

    def __init__(self, timeline):
        super().__init__("*__x64_sys_write", gdb.BP_BREAKPOINT, internal=True)
        self.timeline = timeline
        self.seen = None

    def stop(self):
        try:
            regs = gdb.parse_and_eval("*(struct pt_regs *)$rdi")
            length = min(int(regs["dx"]), ROWS_MAX)
            text = bytes(gdb.selected_inferior().read_memory(int(regs["si"]), length))
            names = [name.decode("ascii", "replace") for name in ROW.findall(text)]
            if not names:
                return False
            seen = self.timeline.order, int(gdb.parse_and_eval("$rsp")), text
            if seen == self.seen:
                return self.timeline.hit_again("a row")
            self.seen = self.timeline.write("rows", names=names), *seen[1:]
            return False
        except gdb.MemoryError:  # write() returns EFAULT itself
            return False
        except Exception as error:  # gdb would swallow it and go on
            return self.timeline.fail(f"at a row: {error!r}")


class Record(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("xsklab-timeline", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        case, program, socket = gdb.string_to_argv(argument)
        timeline = Timeline("timeline.jsonl")
        try:
            self.record(timeline, case, program, socket)
        except (LabError, gdb.error) as error:
            gdb.write(f"timeline: {timeline.error or error}\n", gdb.STDERR)
            gdb.execute("quit 1")

    def record(self, timeline, case, program, socket):
        with open(case, encoding="utf-8") as file:
            specs = json.load(file)["probes"]
        kernel, user = add_program(program)
        gdb.execute("set breakpoint always-inserted on")  # makes each stop cheaper
        gdb.execute("set backtrace past-main on")  # otherwise main() has no caller
        specs.insert(0, {"function": "main", "ring": 3})
        places = [locate(user if spec["ring"] else kernel, spec["function"])
                  for spec in specs]
        connect(socket)
        await_restored()
        # Only this breakpoint slows the boot. When main() begins, the kernel's text is mapped,
        # and as much of the program as the kernel maps around a page fault.
        begin = Probe(timeline, specs[0], *places[0], mapped=False)
        proceed(timeline, lambda: begin.hits, "main() was called")
        begin.delete()
        check_kernel()
        rows = Rows(timeline)
        probes = [Probe(timeline, spec, symbol, address, is_mapped(address))
                  for spec, (symbol, address) in zip(specs[1:], places[1:])]
        proceed(timeline, lambda: timeline.over, "main() returned")
        for probe in probes:
            if not (probe.hits or probe.spec.get("optional")):
                raise LabError(f"{probe.spec['function']} was never called")
            probe.delete()
        rows.delete()
        timeline.write("done", probes=len(specs))
        gdb.execute("detach", to_string=True)
        finish("recorded")


Record()
