# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-why: the line of the kernel that refused one system call.

usage: gdb -batch -x why.py -ex 'xsklab-why CALL.json SOCKET' VMLINUX

CALL.json  {program, number, thread, nth, errno, name}: the nth call of that number that
           the program's thread makes (0 is its first), and the error it will get
SOCKET     QEMU's gdb stub; the guest waits there (-S), under TCG
Output: origin.json, see explain() below. The guest is killed at the end.

How: at the call's entry the guest is saved (savevm). The call runs once with QEMU's
log of executed code on, while its task is on the processor. What the log does not
tell, values and flags, is read when the guest is taken back to the entry (loadvm) and
comes by again. Measured on a call of 300,000 instructions, v5.15, 2 cores: save 0.08 s,
logged call 0.6 s, each return to the entry 0.05 s; a call has 10^5 to 10^6 steps, and
one step by gdb takes a millisecond. QEMU's reverse execution replays all from the
start for each question: 24 s.

Exit: 0 origin.json is there; 1 it is not, and the reason is on stderr in a line that
starts with "why: ".
"""
import json
import os
import re
import shlex
import subprocess
import sys
import traceback

import gdb

sys.dont_write_bytecode = True  # nothing is left behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import origin  # noqa: E402
import statements  # noqa: E402
from path import Path  # noqa: E402
from symbols import LabError, check_kernel, connect, finish  # noqa: E402
from x86 import REGISTERS  # noqa: E402

LOG = "exec.log"
# What a system call returns to be restarted; the program sees EINTR.
RESTARTS = (-512, -513, -514, -516)
EINTR = 4


def monitor(command):
    return gdb.execute(f"monitor {command}", to_string=True).strip()


def register(name):
    return int(gdb.parse_and_eval(f"${name}")) % 2**64


def current_task():
    return int(gdb.parse_and_eval("(unsigned long)&$lx_current()"))


def is_called_by(callers):
    """Are the frames on the stack those that return there, innermost first? Where gdb
    loses the stack, at its change for a softirq, as far as it goes."""
    found = stack()
    return found[:len(callers)] == callers[:len(found)]


def stack():
    """What the frames on the stack return to, innermost first."""
    frame, found = gdb.newest_frame(), []
    while frame:
        if frame.type() == gdb.NORMAL_FRAME:
            found.append(frame.pc())
        frame = frame.older()
    return found[1:]


class Stop(gdb.Breakpoint):
    """Stops at an address where a condition holds."""
    error = None

    def __init__(self, where, condition, **kind):
        super().__init__(where, internal=True, **kind)
        self.holds = condition

    def stop(self):
        try:
            return bool(self.holds())
        except Exception as error:  # gdb would swallow it and go on
            Stop.error = repr(error)
            return True


def proceed(what, *stops):
    """Let the guest run until one of the stops, and take them all out."""
    try:
        gdb.execute("continue", to_string=True)
    except gdb.error as error:
        raise LabError(f"the guest ended before {what}: {error}") from error
    if Stop.error:
        raise LabError(f"on the way to {what}: {Stop.error}")
    for stop in stops:
        stop.delete()


class Tasks:
    """The program's tasks, by the order in which they were made."""

    def __init__(self, program):
        def is_program():
            # Others' names may be of any bytes.
            name = gdb.parse_and_eval("((struct linux_binprm *)$rdi)->filename").string("latin-1")
            return name == program
        # In hardware: the kernel is not mapped yet.
        proceed(f"{program} was started",
                Stop("*begin_new_exec", is_program, type=gdb.BP_HARDWARE_BREAKPOINT))
        check_kernel()
        self.numbers = {current_task(): 0}
        self.births = Stop("*wake_up_new_task", self.born)

    def born(self):
        if current_task() in self.numbers:
            self.numbers[register("rdi")] = len(self.numbers)

    def is_current(self, number):
        return self.numbers.get(current_task()) == number


class Live:
    """The call, run again from its entry to answer what its path does not tell."""

    def __init__(self, path):
        self.path = path

    def at(self, step, index, restart=True):
        """Bring the guest to an instruction of the path."""
        one = self.path.instructions(step)[index]
        wanted = self.path.stack(self.path.frames[step])
        if restart:
            monitor("loadvm call")
            gdb.execute("maintenance flush register-cache", to_string=True)
            if one.address == register("rip"):
                return
        self.left = self.times(step, one.address) if restart else 1
        stops = [Stop(f"*{one.address:#x}", lambda: self.arrived(wanted))]
        proceed(f"{one.address:#x} came by again", *stops)

    def arrived(self, wanted):
        if is_called_by(wanted):
            self.left -= 1
        return not self.left

    def times(self, step, address):
        """How often the path comes to an address, in frames with the same callers, up to a step."""
        path, frame = self.path, self.path.frames[step]
        wanted, alike = path.stack(frame), {}
        count = 0
        for at in range(step + 1):
            block, stop = path.blocks[at], path.stops[at]
            if block.start <= address < (stop or block.end):
                of = path.frames[at]
                if of not in alike:
                    alike[of] = path.stack(of) == wanted
                count += alike[of]
        return count

    def flags(self, step, index):
        self.at(step, index)
        return set(str(gdb.parse_and_eval("$eflags")).strip("[ ]").split())

    def address(self, one, operand):
        """Where an operand of the instruction that the guest is at points to."""
        segment, disp, inner = re.fullmatch(
            r"(?:%(\w+):)?(-?(?:0x)?[0-9a-f]*)(?:\((.*)\))?", operand).groups()
        address = int(disp, 16) if disp else 0
        base, index, scale = ((inner or "").split(",") + ["", "", ""])[:3]
        if base == "%rip":
            address += one.end
        elif base:
            address += register(REGISTERS[base[1:]])
        if index:
            address += register(REGISTERS[index[1:]]) * int(scale or "1")
        if segment in ("fs", "gs"):
            address += register(f"{segment}_base")
        return address % 2**64

    def last_write(self, step, index, operand, value):
        """What wrote the value that an instruction reads from memory: (an instruction of
        the path, None), (None, the addresses of another task or an interrupt), or
        (None, None) where it was there before."""
        self.at(step, index)
        address = self.address(self.path.instructions(step)[index], operand)
        accesses = []  # that left the value there: where, called by whom, and was it new

        def holds_value():
            return not (int(gdb.parse_and_eval(f"*(int *){address:#x}")) - value) % 2**32

        def watched():
            nonlocal held
            before, held = held, holds_value()
            if held:
                accesses.append((register("rip"), stack(), not before))
        monitor("loadvm call")
        gdb.execute("maintenance flush register-cache", to_string=True)
        held = holds_value()
        watch = Stop(f"*(unsigned int *){address:#x}", watched,
                     type=gdb.BP_WATCHPOINT, wp_class=gdb.WP_ACCESS)
        self.at(step, index, restart=False)
        watch.delete()
        for behind, callers, _ in reversed(accesses):
            found = self.find_store(step, behind, callers)
            if found:
                return found, None
        others = [[behind, *callers] for behind, callers, is_new in accesses if is_new]
        return None, others[-1] if others else None

    def find_store(self, before, behind, callers):
        """The last instruction of the path that ends at an address and writes to memory."""
        path = self.path
        for step in range(before, -1, -1):
            if path.blocks[step].start < behind <= path.blocks[step].end:
                for index, one in enumerate(path.instructions(step)):
                    if one.end == behind and one.stores():
                        wanted = path.stack(path.frames[step])
                        if callers[:len(wanted)] == wanted[:len(callers)]:
                            return step, index
        return None


def end_guest():
    try:
        gdb.execute("kill")
    except gdb.error:  # QEMU may be gone before it has answered
        pass


def record(call):
    """Run the guest to the call, save it, and log the call; returns its Path."""
    tasks = Tasks(call["program"])
    handler = int(gdb.parse_and_eval(f"(unsigned long)sys_call_table[{call['number']}]"))
    left = call["nth"]

    def is_call():
        nonlocal left
        left -= tasks.is_current(call["thread"])
        return not left
    proceed(f"call {call['nth']} of number {call['number']}", Stop(f"*{handler:#x}", is_call), tasks.births)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "snapshot.qcow2", "1M"], check=True)
    monitor("drive_add 0 if=none,format=qcow2,file=snapshot.qcow2")
    refused = monitor("savevm call")
    if refused:
        raise LabError(f"QEMU cannot save the guest: {refused}")
    task, sp = current_task(), register("rsp")
    back = int(gdb.parse_and_eval("*(unsigned long *)$rsp"))

    def switched():
        if register("rdi") == task:
            monitor("log none")
        elif register("rsi") == task:
            monitor("log exec,nochain")
    monitor(f"logfile {LOG}")
    monitor("log exec,nochain")
    proceed("the call returned", Stop(f"*{back:#x}", lambda: register("rsp") == sp + 8),
            Stop("*__switch_to", switched))
    monitor("log none")
    value = int(gdb.parse_and_eval("(long)$rax"))
    if value != -call["errno"] and not (value in RESTARTS and call["errno"] == EINTR):
        raise LabError(f"this time the call returned {value} instead of {-call['errno']}")
    return Path(LOG), value


def explain(call):
    """origin.json: see "make why" in README."""
    path, value = record(call)
    live = Live(path)
    born = origin.birth(path, value, live)
    if born.kind == "elsewhere":
        return explain_elsewhere(born, call)
    decided = origin.decisions(path, born)
    statement = path.instructions(born.step)[born.index].address
    answers = []
    for step in decided:
        armed = (born.step, born.index) < (step, len(path.instructions(step)))
        index = len(path.instructions(step)) - 1
        answers += statements.answers(path.blocks[step].last.address, origin.computed_at(path, step, index),
                                  statement, armed, call["name"])
    if born.kind == "expression":
        answers = statements.answers(statement, origin.computed_at(path, born.step, born.index),
                                 statement, False, call["name"])
    answers = answers or statements.answers(None, [], statement, False, call["name"])
    callers = [address - 1 for address in reversed(path.stack(path.frames[born.step]))]
    last = path.blocks[decided[0]].last.address if decided else statement
    return dict(answers[0], kind=born.kind, others=answers[1:], chain=chain([*callers, last]),
                values=values(path, live, decided, born, answers[0]))


def explain_elsewhere(born, call):
    """The call slept, and somebody else stored its error: who, and called by whom."""
    addresses = [address - 1 for address in born.writer if statements.is_kernel(address)]
    answer = statements.answers(None, [], addresses[0], False, call["name"])[0]
    return dict(answer, kind=born.kind, others=[], chain=chain(reversed(addresses)), values={})


def chain(addresses):
    """Every level at the addresses, the outermost call first."""
    return [statements.shown(level) for address in addresses for level in reversed(statements.levels(address))]


def values(path, live, decided, born, answer):
    """The values of the variables in the condition, as they were when it was decided."""
    places = statements.group(path, decided[0], answer) if decided else [(born.step, born.index)]
    wanted, found = statements.variables(answer), {}
    for number, (step, index) in enumerate(places):
        if not wanted - found.keys():
            break
        live.at(step, index, restart=number == 0)
        for expression in sorted(wanted - found.keys()):
            known, value = statements.evaluate(expression)
            if known:
                found[expression] = value
    return found


class Why(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("xsklab-why", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        call_file, socket = gdb.string_to_argv(argument)
        try:
            with open(call_file, encoding="utf-8") as file:
                call = json.load(file)
            kernel = os.path.dirname(gdb.objfiles()[0].filename)
            with open(os.environ["KERNEL_JSON"], encoding="utf-8") as file:
                gdb.execute(f"directory {shlex.quote(json.load(file)['source_dir'])}", to_string=True)
            # $lx_current(); of the tree whose Makefile has run on this host already
            gdb.execute(f"source {kernel}/vmlinux-gdb.py")
            gdb.execute("set breakpoint always-inserted on")
            connect(socket)
            answer = explain(call)
            with open("origin.json", "w", encoding="utf-8") as file:
                json.dump(answer, file)
            finish("ended")
            end_guest()
        except Exception as error:  # whatever it is, the guest must not wait for ever
            if not isinstance(error, (LabError, gdb.error)):
                traceback.print_exc()
            print(f"why: {error}", file=sys.__stderr__, flush=True)
            # "quit" would let the guest go on, wherever it has been taken to.
            os._exit(1)


Why()
