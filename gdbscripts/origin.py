# SPDX-License-Identifier: GPL-2.0-only
"""Where a returned value was born, and which branch decided it.

Birth: from the end of a path backwards, the value is followed from register to
register, into the callee that returned it, and through memory, to the instruction
that made it.

Decision: compilers keep one "return -EINVAL" for several checks, set err long before
the check, and run clean-up code with branches of its own after it. What decides is
the last branch at which another outcome was still possible: from its other side some
way leads to the function's end with another value. That is a question about the
code, not about the path, so the other side is explored.
"""
from collections import namedtuple

import gdb

from path import disassemble
from symbols import LabError
from x86 import holds, is_memory, of_operand, register_of

STATES_MAX = 20000  # of an exploration; beyond that its answer is "unknown"

# step, index: the instruction. kind: constant, expression, fault, memory (it was there
# before the call), or elsewhere: another task or an interrupt stored it, and writer is
# the address of that and those that it returns to. carrier: what holds the value where
# its function returns.
Birth = namedtuple("Birth", "step index kind carrier writer", defaults=[None])


def backwards(path, step, index):
    """What was executed before an instruction, in its frame and then in its callers:
    (step, index, None), or for a whole call that returned (step, index, its last step)."""
    while True:
        while index:
            index -= 1
            yield step, index, None
        previous = step - 1
        if previous < 0:
            return
        frame = path.frames[previous]
        if frame == path.frames[step] or path.callers[path.frames[step]] == previous:
            step, index = previous, len(path.instructions(previous))
            continue
        caller = path.callers[frame]
        while caller is not None and path.frames[caller] != path.frames[step]:
            caller = path.callers[path.frames[caller]]
        if caller is None:
            raise LabError("the path's calls and returns do not match")
        step, index = caller, len(path.instructions(caller)) - 1
        yield step, index, previous


def pushed(path, step, index):
    """Where the value was pushed that an instruction pops: (step, index, operand)."""
    depth = 0
    for at, i, callee in backwards(path, step, index):
        if callee is None:
            one = path.instructions(at)[i]
            if one.name.startswith("pop") and not one.name.startswith("popcnt"):
                depth += 1
            elif one.name.startswith("push"):
                if not depth:
                    return at, i, one.operands[0]
                depth -= 1
    raise LabError("a value was popped that was never pushed")


def birth(path, value, live):
    """The Birth of the value in rax at the end of the path. live answers what the
    path does not tell: see Live in why.py."""
    step, index = len(path.blocks) - 1, len(path.instructions(len(path.blocks) - 1))
    register, carrier = "rax", "rax"
    while True:
        for step, index, callee in backwards(path, step, index):
            if callee is not None:
                if register == "rax":
                    step, index, carrier = callee, len(path.instructions(callee)), "rax"
                    break
                continue  # saved by the callee, or known not to be written by it (-fipa-ra)
            one = path.instructions(step)[index]
            if register in one.writes():
                kind, source = one.source(register)
                if kind == "choice":
                    operand, condition = source
                    if not holds(condition, live.flags(step, index)):
                        continue  # it kept what it had
                    kind, source = of_operand(operand)
                if kind == "pop":
                    step, index, operand = pushed(path, step, index)
                    kind, source = of_operand(operand)
                if kind == "negated":
                    value = -value
                elif kind == "register":
                    register = source
                elif kind == "memory":
                    written, writer = live.last_write(step, index, source, value)
                    if not written:
                        return Birth(step, index, "elsewhere" if writer else "memory", carrier, writer)
                    step, index = written
                    one = path.instructions(step)[index]
                    carrier = one.stores()
                    kind, source = of_operand(one.operands[0])
                    if not one.name.startswith("mov"):
                        kind = "expression"
                    if kind == "register":
                        register = source
                        break
                if kind == "constant" and (source - value) % 2**32:
                    raise LabError(f"followed {value} to a {source} in {one.text}")
                if kind in ("constant", "expression"):
                    return Birth(step, index, kind, carrier)
                break
            if index == 0 and step in path.fixups:
                return Birth(step - 1, max(0, len(path.instructions(step - 1)) - 1), "fault", carrier)
        else:
            raise LabError("the value was there before the call")


def transfer(one, holders):
    """What holds the value after an instruction, given what held it before."""
    if one.flow:
        return holders - {"rax"} if one.flow == "call" else holders
    if one.name.startswith(("neg", "cltq")):
        return holders
    if one.name.startswith("cmov") and holders & {register_of(one.operands[0]), register_of(one.operands[1])}:
        # It selects ("ret ? ret : err"), and what it selected on the path was the value.
        return holders | {register_of(one.operands[1])}
    after = holders - one.writes() - {one.stores()}
    if one.name.startswith("mov") and len(one.operands) == 2 and not one.operands[0].startswith("$"):
        source, target = one.operands
        if (register_of(source) or source) in holders:
            after |= {register_of(target) or target}
    return after


def target_of(one):
    """What an instruction writes its result to."""
    return one.stores() or (register_of(one.operands[-1]) if one.operands else None)


def bounds(address):
    """The first address of the function at an address, and the first behind it; none
    where it has no debug information, as the stub of a call that is not configured."""
    block = gdb.block_for_pc(address)
    while block and not (block.function and block.superblock and block.superblock.is_static):
        block = block.superblock
    if block is None:
        return address, address
    return block.start, block.end


class Exploration:
    """Can the function be left with another value than the one that was born?"""

    def __init__(self, born, carrier):
        self.born, self.carrier = born, carrier
        self.start, self.end = bounds(born.address)
        self.blocks = {}
        self.selected = {}  # branch that only selects: the way that it went

    def block(self, address):
        if address not in self.blocks:
            self.blocks[address] = disassemble(address)
        return self.blocks[address]

    def only_selects(self, address):
        """Does this way return at once what another variable holds ("ret ? ret : err")?"""
        source = "register"
        while self.start <= address < self.end:
            block = self.block(address)
            for one in block:
                if self.carrier in one.writes():
                    source = one.source(self.carrier)[0]
                if one.stores() or one.flow in ("call", "jcc"):
                    return False
            if block[-1].flow == "ret":
                return source == "register"
            address = block[-1].target or 0
        return False

    def other_outcome(self, address, holders):
        """From an address, with the value in holders: True, False, or None for unknown."""
        todo, seen = [(address, frozenset(holders))], set()
        while todo:
            state = todo.pop()
            if state in seen:
                continue
            seen.add(state)
            if len(seen) > STATES_MAX:
                return None
            address, holders = state
            if not self.start <= address < self.end:
                # A jump to another function ends in that one's return.
                return True
            block = self.block(address)
            for one in block:
                holders = transfer(one, holders)
                if one.address == self.born.address:
                    holders |= {target_of(one)}
            last = block[-1]
            if last.flow == "ret":
                if self.carrier not in holders:
                    return True
            elif last.address in self.selected:
                todo.append((self.selected[last.address], holders))
                continue
            elif last.flow == "jmp" and last.target is None:
                return True  # one of many ways through a table
            elif last.flow in ("jmp", "jcc"):
                todo.append((last.target, holders))
            if last.flow in (None, "jcc", "call") and last.end < self.end:
                todo.append((last.end, holders))
        return False


def branches(path, frame, born):
    """The branches of a frame in order of time: (step, what held the value then)."""
    holders, found = frozenset(), []
    for step, of in enumerate(path.frames):
        if of != frame:
            continue
        executed = path.instructions(step)
        for index, one in enumerate(executed):
            if one.flow in ("jcc", "jmp"):
                found.append((step, holders))
            holders = transfer(one, holders)
            if (step, index) == (born.step, born.index):
                holders |= {target_of(one)}
    return found


def decisions(path, born):
    """The steps whose last instruction may be the branch that decided, the likeliest
    first; more than one only where the code does not tell."""
    if born.kind == "expression":
        return []
    exploration = Exploration(path.instructions(born.step)[born.index], born.carrier)
    found, selections = [], []
    if exploration.start == exploration.end:
        return []
    for step, holders in reversed(branches(path, path.frames[born.step], born)):
        branch = path.blocks[step].last
        if path.stops[step] is not None or (branch.flow == "jmp" and branch.target is not None):
            continue
        if branch.target is None:  # one of many ways through a table
            return found + [step] + selections
        taken = path.blocks[step + 1].start == branch.target
        other = branch.end if taken else branch.target
        outcome = exploration.other_outcome(other, holders)
        if outcome and holders and exploration.only_selects(other):
            selections.append(step)
            exploration.selected[branch.address] = path.blocks[step + 1].start
        elif outcome is not False:
            found.append(step)
        if outcome and found:
            break
    return found + selections


ARITHMETIC = ("lea", "sub", "add", "and", "or", "xor", "sh", "not", "neg", "sar", "sbb")
KEEPS_FLAGS = ("mov", "lea", "push", "pop", "set", "nop", "cmov", "not")


def computed_at(path, step, index):
    """Where something was computed for a branch, or for an expression: two conditions
    that become one comparison get the line of one of them, and one that becomes
    arithmetic gets another line, but what is computed for it keeps its own."""
    one = path.instructions(step)[index]
    branch = one.flow is not None
    wanted = set() if branch else {register_of(operand) for operand in one.operands} - {None}
    flags, found = branch or one.name.startswith(("sbb", "adc", "set", "cmov")), []
    for at, i, callee in backwards(path, step, index):
        if callee is not None or path.frames[at] != path.frames[step] or not (wanted or flags):
            break
        one = path.instructions(at)[i]
        sets_flags = flags and not one.flow and not one.name.startswith(KEEPS_FLAGS)
        if not (sets_flags or wanted & one.writes()):
            continue
        is_arithmetic = one.name.startswith(ARITHMETIC)
        wanted -= one.writes()
        if sets_flags or is_arithmetic or not branch:
            found.append(one.address)
        if sets_flags or is_arithmetic:
            wanted |= {register_of(operand) for operand in one.operands} - {None}
        flags = (flags and not sets_flags) or one.name.startswith(("sbb", "adc", "set"))
    return found
