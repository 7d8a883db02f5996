# SPDX-License-Identifier: GPL-2.0-only
"""The guest under gdb, at one system call: run to the call, save the guest, record what the call
executes, and return to read what the path does not show, values and flags."""
import os
import re
import struct
import subprocess
import time

import gdb

import recent
from expressions import known
from path import Path
from symbols import LabError, check_kernel
from x86 import REGISTERS

ARGUMENTS = ("di", "si", "dx", "r10", "r8", "r9")
# What a system call returns to be restarted; the program sees EINTR.
RESTARTS = (-512, -513, -514, -516)
EINTR = 4
STACK_MAX = 4096  # bytes of the stack to read; it ends at a multiple
SAVES_SECONDS = 20  # to find a call that fails as under strace


def monitor(command):
    return gdb.execute(f"monitor {command}", to_string=True).strip()


def register(name):
    return int(gdb.parse_and_eval(f"${name}")) % 2**64


def frame_pointers():
    """A key that tells a frame and its callers from others at the same address: the stack pointer,
    the word on top, and the return addresses along the frame pointers."""
    sp, bp = register("rsp"), register("rbp")
    size = min(STACK_MAX, -sp % STACK_MAX or STACK_MAX)
    words = struct.unpack(f"<{size // 8}Q", bytes(gdb.selected_inferior().read_memory(sp, size)))
    found = [sp, words[0]]
    while sp <= bp < sp + size - 8 and not bp % 8:
        found.append(words[(bp - sp) // 8 + 1])
        bp = words[(bp - sp) // 8]
    return tuple(found)


def current_task():
    """Its address. In Linux 7.2, the kernel's own function returns a pointer to the task."""
    task = gdb.parse_and_eval("$lx_current()")
    return int(task if task.type.strip_typedefs().code == gdb.TYPE_CODE_PTR else task.address)


def pid_of(task):
    return int(gdb.parse_and_eval(f"((struct task_struct *){task})->pid"))


def is_called_by(callers):
    """Do the frames on the stack return to these addresses, innermost first? Compares as far as gdb
    can unwind: it stops where a softirq switches stacks."""
    found = stack()
    return found[:len(callers)] == callers[:len(found)]


def stack():
    """The return addresses on the stack, innermost first."""
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
    """Let the guest run to one of the stops, and remove all of them."""
    Stop.error = None
    try:
        gdb.execute("continue", to_string=True)
    except gdb.error as error:
        raise LabError(f"the guest ended before {what}: {error}") from error
    finally:
        for stop in stops:
            stop.delete()
    if Stop.error:
        raise LabError(f"on the way to {what}: {Stop.error}")


class Tasks:
    """The program's tasks, by the order in which they were made."""

    def __init__(self, program):
        def is_program():
            # Other programs' names may have any bytes.
            name = gdb.parse_and_eval("((struct linux_binprm *)$rdi)->filename").string("latin-1")
            return name == program
        # In hardware: the kernel is not mapped yet. After each stop, QEMU translates all code again,
        # 0.15 s; so let the setup's programs start in peace: guest.sh calls times() after them.
        proceed("the scene was set up", Stop("*__x64_sys_times", lambda: True, type=gdb.BP_HARDWARE_BREAKPOINT))
        proceed(f"{program} was started",
                Stop("*begin_new_exec", is_program, type=gdb.BP_HARDWARE_BREAKPOINT))
        check_kernel()
        self.numbers = {current_task(): 0}
        self.order = [(current_task(), pid_of(current_task()))]
        self.counted = {}  # (number of the task, system call): recent.Counted
        self.births = Stop("*wake_up_new_task", self.born)

    def born(self):
        if current_task() not in self.numbers:
            return
        task = register("rdi")
        dead = self.numbers.get(task)  # whose memory is used again
        if (task, pid_of(task)) not in self.order:  # else the guest was restored
            self.order.append((task, pid_of(task)))
        self.numbers[task] = number = self.order.index((task, pid_of(task)))
        for (of, _), counted in self.counted.items():
            if of in (dead, number):
                counted.set_task(task if of == number else None)

    def count(self, number, call):
        """Count this system call of a task from now on; return the recent.Counted."""
        if (number, call) not in self.counted:
            handler = int(gdb.parse_and_eval(f"(unsigned long)sys_call_table[{call}]"))
            task = next((task for task, of in self.numbers.items() if of == number), None)
            self.counted[number, call] = recent.Counted(len(self.counted), handler, task)
        return self.counted[number, call]

    def is_current(self, number):
        return self.numbers.get(current_task()) == number


def save():
    """Save the guest, for restore()."""
    global saved
    saved = recent.state()
    if not os.path.exists("snapshot.qcow2"):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "snapshot.qcow2", "1M"], check=True)
        monitor("drive_add 0 if=none,format=qcow2,file=snapshot.qcow2")
    refused = monitor("savevm call")
    if refused:
        raise LabError(f"QEMU cannot save the guest: {refused}")


def restore():
    monitor("loadvm call")
    recent.set_state(saved)
    gdb.execute("maintenance flush register-cache", to_string=True)


class Call:
    """A system call of the program, and where to find it: call has {number, thread, nth}, and perhaps
    args_raw and errno."""

    def __init__(self, call, tasks):
        self.call, self.tasks = call, tasks
        self.counted = tasks.count(call["thread"], call["number"])

    def __str__(self):
        return f"call {self.call['nth']} of number {self.call['number']}"

    def reach(self):
        """Run to the entry of the call: the thread's nth, or the next one with the same arguments."""
        if self.counted.count() < self.call["nth"] - 2:  # for fewer, stops are cheap enough
            self.skip(self.call["nth"] - 1)
        proceed(self, Stop(f"*{self.counted.handler:#x}", self.is_entered))

    def skip(self, count):
        """Run until the thread has entered its call so many times, without a stop for each."""
        self.counted.interrupt_at(count)
        proceed(self)
        if not self.counted.acknowledge() or self.counted.count() != count:
            raise LabError(f"something else stopped the guest before {self}, or gdb's interrupt came too late")

    def is_entered(self):
        call = self.call  # other system calls that this kernel lacks have the same handler
        return (self.tasks.is_current(call["thread"]) and self.counted.count() + 1 >= call["nth"] and self.has_arguments()
                and int(gdb.parse_and_eval("((struct pt_regs *)$rdi)->orig_ax")) == call["number"])

    def has_arguments(self):
        """Do the arguments equal the numbers that strace saw?"""
        registers = gdb.parse_and_eval("*(struct pt_regs *)$rdi")
        return all(wanted is None or not (int(registers[name]) - wanted) % 2**32
                   for name, wanted in zip(ARGUMENTS, self.call.get("args_raw") or []))

    def watch(self, recorder):
        """Let the call run, and record what its task executes; return the call's value."""
        recorder.start(current_task())
        value = self.returned()
        recorder.stop()
        return value

    def returned(self):
        """Let the call run, and return its value."""
        sp, back = register("rsp"), int(gdb.parse_and_eval("*(unsigned long *)$rsp"))
        proceed("the call returned", Stop(f"*{back:#x}", lambda: register("rsp") == sp + 8))
        return int(gdb.parse_and_eval("(long)$rax"))

    def record(self, recorder):
        """Run to a call that fails as under strace, and record it; return its value."""
        wanted, until, values = self.call["errno"], time.monotonic() + SAVES_SECONDS, []
        while not values or time.monotonic() < until:
            self.reach()
            save()
            value = self.watch(recorder)
            if self.call.get("carried") or value == -wanted or (value in RESTARTS and wanted == EINTR):
                return value
            values.append(value)
        raise LabError(f"the call returned {values[0]} instead of {-wanted} this time,"
                       f" and did not fail in {len(values)} tries")


def address_of(one, operand):
    """The address of a memory operand of the instruction that the guest executes next."""
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


class Live:
    """Runs the call again from its entry, to read what its path does not show."""

    def __init__(self, path):
        self.path = path
        self.here = None  # step and index of what the guest executes next

    def to_entry(self):
        restore()
        self.here = 0, 0

    def at(self, step, index):
        """Run the guest to an instruction of the path."""
        if not self.here or (step, index) < self.here:
            self.to_entry()
        if (step, index) == self.here:
            return
        address = self.path.instructions(step)[index].address
        wanted = self.path.stack(self.path.frames[step])
        self.left, self.alike = self.arrivals(step, address, wanted), {}
        proceed(f"{address:#x} was reached again", Stop(f"*{address:#x}", lambda: self.arrived(wanted)))
        self.here = step, index

    def arrived(self, wanted):
        # Unwinding the stack takes milliseconds, and a loop may come here thousands of times.
        frame = frame_pointers()
        if frame not in self.alike:
            self.alike[frame] = is_called_by(wanted)
        self.left -= self.alike[frame]
        return not self.left

    def arrivals(self, step, address, wanted):
        """How often the path reaches an address, in frames with these callers, from where the guest
        is to a step."""
        path, alike, count = self.path, {}, 0
        begin, index = self.here
        passed = path.instructions(begin)[index].address
        for at in range(begin, step + 1):
            block = path.blocks[at]
            if block.start <= address < (path.stops[at] or block.end) and not (at == begin and address <= passed):
                of = path.frames[at]
                if of not in alike:
                    alike[of] = path.stack(of) == wanted
                count += alike[of]
        return count

    def values(self, wanted):
        """Of expressions by place, those that gdb can read there, and their values."""
        found = {}
        for place in sorted(wanted):
            self.at(*place)
            found[place] = known(wanted[place])
        return found

    def holds(self, step, index, name, value):
        """Does a register hold a 32-bit value at an instruction?"""
        self.at(step, index)
        return not (register(name) - value) % 2**32

    def flags(self, step, index):
        self.at(step, index)
        return set(str(gdb.parse_and_eval("$eflags")).strip("[ ]").split())

    def last_write(self, step, index, operand, value):
        """Find the writer of the value that an instruction reads from memory: (an instruction of
        the path, None); (None, the memory's address) if another task or an interrupt wrote it; or
        (None, None) if it was there before the call."""
        self.at(step, index)
        address = address_of(self.path.instructions(step)[index], operand)
        accesses = []  # after which the memory has the value: address, callers, was it new

        def holds_value():
            return not (int(gdb.parse_and_eval(f"*(int *){address:#x}")) - value) % 2**32

        def watched():
            nonlocal held
            before, held = held, holds_value()
            if held:
                accesses.append((register("rip"), stack(), not before))
        self.to_entry()
        held = holds_value()
        watch = Stop(f"*(unsigned int *){address:#x}", watched,
                     type=gdb.BP_WATCHPOINT, wp_class=gdb.WP_ACCESS)
        self.at(step, index)
        watch.delete()
        for behind, callers, _ in reversed(accesses):
            found = self.find_store(step, behind, callers)
            if found:
                return found, None
        return None, address if any(is_new for _, _, is_new in accesses) else None

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


def guest_is_there():
    """Is gdb still connected to the guest?"""
    return gdb.selected_inferior().pid != 0


def end_guest():
    try:
        gdb.execute("kill")
    except gdb.error:  # QEMU may be gone before it has answered
        pass


