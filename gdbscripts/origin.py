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
import re
from collections import namedtuple

import gdb

import statements
from path import Cut, disassemble
from symbols import LabError
from x86 import holds, is_memory, of_operand, register_of

STATES_MAX = 20000  # of an exploration; beyond that its answer is "unknown"
ERROR_MAX = 4096  # include/linux/err.h
DEPTH_MAX = 8  # callees that one condition is followed into
ARITHMETIC = ("lea", "sub", "add", "and", "or", "xor", "sh", "not", "neg", "sar", "sbb")
KEEPS_FLAGS = ("mov", "lea", "push", "pop", "set", "nop", "cmov", "not")

# step, index: the instruction. kind: constant, expression, fault, memory (it was there
# before the call), or elsewhere: another task or an interrupt stored value at address.
# carrier: what holds the value where its function returns.
Birth = namedtuple("Birth", "step index kind carrier address value", defaults=[None, None])


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
            raise (LabError if path.whole else Cut)("the path's calls and returns do not match")
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


def slot_before(slot, one):
    """Where the memory of a frame that an operand names was, before an instruction, by the
    stack pointer that the operand is relative to."""
    if not slot.endswith("(%rsp)"):
        return slot
    by = 0
    if one.name.startswith("push"):
        by = -8
    elif one.name.startswith("pop") and not one.name.startswith("popcnt"):
        by = 8
    elif one.name.startswith(("sub", "add")) and one.operands[-1] == "%rsp" and one.operands[0].startswith("$"):
        by = int(one.operands[0][1:], 16) * (-1 if one.name.startswith("sub") else 1)
    offset = int(slot[:-len("(%rsp)")] or "0", 16) + by
    return f"{offset:#x}(%rsp)" if offset else "(%rsp)"


def is_slot(operand):
    """Does an operand name memory of the frame that it runs in?"""
    return re.fullmatch(r"(-?0x[0-9a-f]+)?\(%r[bs]p\)", operand) is not None


def offset_of(slot):
    return int(slot[:slot.index("(")] or "0", 16)


def is_given_away(path, frame, slot):
    """Does the frame take the address of what stands at a slot, or below it, as for a callee?"""
    base = slot[slot.index("("):]
    blocks = {path.blocks[step] for step, of in enumerate(path.frames) if of == frame}
    return any(one.name.startswith("lea") and one.operands[0].endswith(base) and is_slot(one.operands[0])
               and offset_of(one.operands[0]) <= offset_of(slot)
               for block in blocks for one in block.instructions)


def stored(path, step, index, slot):
    """The instruction that stored what another one reads from memory of its frame: (step,
    index), or None where that is not sure: a callee may have stored there, too."""
    frame, called = path.frames[step], False
    for at, i, callee in backwards(path, step, index):
        if path.frames[at] != frame:
            return None
        if callee is not None:
            called = True
            continue
        one = path.instructions(at)[i]
        if one.stores() == slot:
            return None if called and is_given_away(path, frame, slot) else (at, i)
        if slot.endswith("(%rbp)") and "rbp" in one.writes():
            return None
        slot = slot_before(slot, one)
    return None


def birth(path, step, index, register="rax", value=None, live=None):
    """The Birth of what a register holds before an instruction. value: what it is, where
    that is known. live: see Live in why.py; it answers what the path does not tell, and
    without it a value that was in memory is followed no further."""
    carrier, frame = register, path.frames[step]
    while True:
        for step, index, callee in backwards(path, step, index):
            if path.frames[step] != frame:  # an argument of the caller's
                carrier, frame = register, path.frames[step]
            if callee is not None:
                if register == "rax":
                    step, index, carrier = callee, len(path.instructions(callee)), "rax"
                    frame = path.frames[step]
                    break
                continue  # saved by the callee, or known not to be written by it (-fipa-ra)
            one = path.instructions(step)[index]
            if register in one.writes():
                kind, source = one.source(register)
                if kind == "choice":
                    operand, condition = source
                    if not live:
                        return Birth(step, index, "expression", carrier)
                    if not holds(condition, live.flags(step, index)):
                        continue  # it kept what it had
                    kind, source = of_operand(operand)
                if kind == "pop":
                    step, index, operand = pushed(path, step, index)
                    kind, source = of_operand(operand)
                if kind == "negated":
                    value = value if value is None else -value
                elif kind == "register":
                    register = source
                elif kind == "memory":
                    written, address = stored(path, step, index, source) if is_slot(source) else None, None
                    if not written and live:
                        written, address = live.last_write(step, index, source, value)
                    if not written:
                        return Birth(step, index, "elsewhere" if address else "memory", carrier, address, value)
                    if path.frames[written[0]] != frame:
                        frame, carrier = path.frames[written[0]], path.instructions(written[0])[written[1]].stores()
                    step, index = written
                    one = path.instructions(step)[index]
                    kind, source = of_operand(one.operands[0])
                    if not one.name.startswith("mov"):
                        kind = "expression"
                    if kind == "register":
                        register = source
                        break
                if kind == "constant" and value is not None and (source - value) % 2**32:
                    raise LabError(f"followed {value} to a {source} in {one.text}")
                if kind in ("constant", "expression"):
                    return Birth(step, index, kind, carrier)
                break
            if index == 0 and step in path.fixups:
                return Birth(step - 1, max(0, len(path.instructions(step - 1)) - 1), "fault", carrier)
        else:
            raise (LabError if path.whole else Cut)("the value was there before the call")


def stored_birth(path, value):
    """The Birth of a value that the path's last instruction stores."""
    step = len(path.blocks) - 1
    index = len(path.instructions(step)) - 1
    one = path.instructions(step)[index]
    kind, source = of_operand(one.operands[0]) if one.name.startswith("mov") else ("expression", None)
    if kind != "register":
        return Birth(step, index, kind, one.stores())
    born = birth(path, step, index, source, value)
    return born._replace(carrier=one.stores()) if path.frames[born.step] == path.frames[step] else born


def passed_birth(path, function, register, value, live):
    """The Birth of an argument of the last call of a function that had this value, or None."""
    for step in range(len(path.blocks) - 1, 0, -1):
        if path.blocks[step].start == function and path.callers[path.frames[step]] == step - 1:
            try:
                return birth(path, step, 0, register, value, live)
            except LabError:  # another value
                continue
    return None


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


def constant_of(one):
    """The 32-bit constant that an instruction writes, or None."""
    if not target_of(one) or one.flow:
        return None
    kind, value = one.source(register_of(one.operands[-1])) if register_of(one.operands[-1]) else (
        of_operand(one.operands[0]) if one.name.startswith("mov") else (None, None))
    return value % 2**32 if kind == "constant" else None


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
        self.constant = constant_of(born)
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

    def ways(self, block, holders):
        """Where the function may go on behind a block: one way only, where what is compared
        holds the value."""
        last = block[-1]
        behind = last.end if last.flow in (None, "jcc", "call") and last.end < self.end else None
        target = last.target if last.flow in ("jmp", "jcc") else None
        flags = self.flags_of(block, holders) if last.flow == "jcc" else None
        if flags is None:
            return target, behind
        return (target,) if holds(last.name[1:], flags) else (behind,)

    def flags_of(self, block, holders):
        """The flags that a block ends with, if they come from a comparison of the value with a
        constant; else None."""
        one = next((one for one in reversed(block) if sets_flags(one)), None)
        if self.constant is None or not one or register_of(one.operands[-1]) not in holders:
            return None
        bits = 64 if one.operands[-1].startswith("%r") and one.operands[-1][-1] != "d" else 32
        value = self.constant - (self.constant >> 31 << 32)  # errors are negative
        if one.name.startswith("test") and one.operands[0] == one.operands[-1]:
            other = 0
        elif one.name.startswith("cmp") and one.operands[0].startswith("$"):
            other = int(one.operands[0][1:], 16)
            other -= other >> bits - 1 << bits
        else:
            return None
        less = {"SF"} if value < other else set()
        borrows = {"CF"} if value % 2**bits < other % 2**bits else set()
        return less | borrows | ({"ZF"} if value == other else set())

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
                if one.address == self.born.address or (self.constant is not None and constant_of(one) == self.constant):
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
            ways = self.ways(block, holders)
            todo += [(way, holders) for way in ways if way is not None]
        return False


def branches(path, frame, born):
    """The branches of a frame in order of time: (step, what held the value then)."""
    holders, found = frozenset(), []
    constant = constant_of(path.instructions(born.step)[born.index])
    # An error is the same wherever it was made; other constants are when this one was born.
    begin = 0 if constant is not None and constant > 2**32 - ERROR_MAX else born.step
    for step, of in enumerate(path.frames):
        if of != frame:
            continue
        for index, one in enumerate(path.instructions(step)):
            if one.flow in ("jcc", "jmp"):
                found.append((step, holders))
            holders = transfer(one, holders)
            is_again = constant is not None and step >= begin and constant_of(one) == constant
            if is_again or (step, index) == (born.step, born.index):
                holders |= {target_of(one)}
    return found


def sets_flags(one):
    return not one.flow and not one.name.startswith(KEEPS_FLAGS)


def compared(path, step, index):
    """The instruction that set the flags which another one reads: (step, index), or None."""
    for at, i, callee in backwards(path, step, index):
        if callee is not None or path.frames[at] != path.frames[step]:
            return None
        if sets_flags(path.instructions(at)[i]):
            return at, i
    return None


def tests_value(path, step, holders):
    """Does the branch at the end of a step test the value itself? It was made by then, and
    what is done about it decides nothing: "if (err)", "if (retry_estale(err))"."""
    at = compared(path, step, len(path.instructions(step)) - 1)
    if not at:
        return False
    operands = path.instructions(at[0])[at[1]].operands
    return any((register_of(operand) or operand) in holders for operand in operands)


def cannot_change(branch, made):
    """Can a branch that ran after the value was made not have changed it, by the source? Either
    the function that made it has returned it, or the branch stands before the statement, which
    has gone back: "error = -ENOENT; goto exit;"."""
    at, of = (statements.levels(one.address) for one in (branch, made))
    if statements.text_at(of[0]).startswith("return"):
        return True
    return at[-1]["path"] == of[-1]["path"] and at[-1]["line"] < of[-1]["line"]


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
        after = step >= born.step  # the branch is its last instruction
        if holders and tests_value(path, step, holders):
            continue
        if after and cannot_change(branch, path.instructions(born.step)[born.index]):
            continue
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


def decide(path, born):
    """decisions(), and the Birth that they are about. Behind "if (err) goto out;" compilers
    make the value once more where it can be but one: the first one counts."""
    while True:
        decided = decisions(path, born)
        value = constant_of(path.instructions(born.step)[born.index])
        if born.kind != "constant" or not decided or decided[0] >= born.step:
            return born, decided
        try:
            tested = returned(path, decided[0], len(path.instructions(decided[0])) - 1)
        except LabError:
            return born, decided
        if not tested or constant_of(path.instructions(tested.step)[tested.index]) != value:
            return born, decided
        born = tested._replace(carrier=born.carrier) if path.frames[tested.step] == path.frames[born.step] else tested


def is_inside(path, frame, of):
    """Is a frame a callee of another one, at any depth?"""
    while frame is not None and frame != of:
        caller = path.callers[frame]
        frame = None if caller is None else path.frames[caller]
    return frame == of


def returned(path, step, index):
    """Where a callee made what an instruction tests or computes from: its Birth, or None."""
    one = path.instructions(step)[index]
    if one.flow or one.name.startswith(("set", "sbb", "cmov")):
        at = compared(path, step, index)
        if not at:
            return None
        step, index = at
        one = path.instructions(step)[index]
    operands = [operand for operand in set(one.operands) if not operand.startswith("$")]
    if len(operands) != 1:
        return None  # two are compared, and none of them alone decided
    register = register_of(operands[0])
    if not register and is_slot(operands[0]):
        at = stored(path, step, index, operands[0])
        if not at or not path.instructions(at[0])[at[1]].name.startswith("mov"):
            return None
        register = register_of(path.instructions(at[0])[at[1]].operands[0])
        step, index = at
    if not register:
        return None
    frame = path.frames[step]
    born = birth(path, step, index, register)
    made = path.instructions(born.step)[born.index]
    if path.frames[born.step] == frame:  # "ret = a && b; if (!ret)"
        return born if born.kind == "constant" or made.name.startswith("set") else None
    return born if is_inside(path, path.frames[born.step], frame) else None


def deeper(path, step, index):
    """What decided before, in the function or in callees, about what a branch tests: (step,
    index of the branch or of the instruction that computed it, Birth of the answer)."""
    found = []
    while len(found) < DEPTH_MAX:
        try:
            born = returned(path, step, index)
        except LabError:  # followed to where the path does not reach
            break
        if not born or born.kind in ("memory", "fault"):
            break
        if born.kind != "constant":
            step, index = born.step, born.index
        else:
            born, decided = decide(path, born)
            if not decided or decided[0] >= step:
                break
            step, index = decided[0], len(path.instructions(decided[0])) - 1
        found.append((step, index, born))
    return found


def computed_at(path, step, index):
    """Where something was computed for a branch, or for an expression: two conditions
    that become one comparison get the line of one of them, and one that becomes
    arithmetic gets another line, but what is computed for it keeps its own."""
    one = path.instructions(step)[index]
    branch = one.flow is not None
    wanted = set() if branch else {register_of(operand) for operand in one.operands} - {None}
    flags, found = branch or one.name.startswith(("sbb", "adc", "set", "cmov")), []
    for at, i, callee in backwards(path, step, index):
        if path.frames[at] != path.frames[step] or not (wanted or flags):
            break
        one = path.instructions(at)[i]
        if callee is not None:
            if "rax" in wanted:
                found.append(one.address)
            break
        compares = flags and sets_flags(one)
        if not (compares or wanted & one.writes()):
            continue
        is_arithmetic = one.name.startswith(ARITHMETIC)
        wanted -= one.writes()
        if compares or is_arithmetic or not branch:
            found.append(one.address)
        if compares or is_arithmetic:
            wanted |= {register_of(operand) for operand in one.operands} - {None}
        flags = (flags and not compares) or one.name.startswith(("sbb", "adc", "set"))
    return found
