# SPDX-License-Identifier: GPL-2.0-only
"""Find the branch that decided a value, on the path that ran.

Compilers merge several checks into one "return -EINVAL", set err long before the check, and
branch again in the clean-up code behind it. The branch that decided is the last one at which
another outcome was still possible: from its other side, some way leads to the function's end
with another value. The path does not show the other side, so this explores the code there.
"""
import gdb

import origin
import statements
from path import disassemble
from symbols import LabError
from x86 import holds, of_operand, register_of

STATES_MAX = 20000  # of an exploration; with more, the answer is "unknown"
ERROR_MAX = 4096  # include/linux/err.h
DEPTH_MAX = 8  # levels of callees behind one condition
ARITHMETIC = ("lea", "sub", "add", "and", "or", "xor", "sh", "not", "neg", "sar", "sbb")
ARGUMENTS = {"rdi", "rsi", "rdx", "rcx", "r8", "r9"}
KEEPS_FLAGS = ("mov", "lea", "push", "pop", "set", "nop", "cmov", "not")


def transfer(one, holders):
    """What holds the value after an instruction: holders holds it before."""
    if one.flow:
        return holders - {"rax"} if one.flow == "call" else holders
    if one.name.startswith(("neg", "cltq")):
        return holders
    if one.name.startswith("cmov") and holders & {register_of(one.operands[0]), register_of(one.operands[1])}:
        # "ret ? ret : err": on the path it selected the value.
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


def is_error(constant):
    return constant is not None and constant > 2**32 - ERROR_MAX


def function_block(address):
    """gdb's block of the function at an address, into which others may be inlined; None without debug
    information."""
    block = gdb.block_for_pc(address)
    while block and not (block.function and block.superblock and block.superblock.is_static):
        block = block.superblock
    return block


def bounds(address):
    """The start and end of the function at an address. Both are the address itself if it has no
    debug information, like the stub of a system call that is not configured."""
    block = function_block(address)
    return (address, address) if block is None else (block.start, block.end)


def arguments(function, address):
    """The names of a function's arguments, if it begins at an address; else none."""
    block = function_block(address)
    begins = block is not None and block.start == address and block.function.name == function
    return {symbol.name for symbol in block if symbol.is_argument} if begins else set()


class Exploration:
    """Explores a function's code: can it return another value than the one that was made?"""

    def __init__(self, born, carrier):
        self.born, self.carrier = born, carrier
        self.constant = constant_of(born)
        self.start, self.end = bounds(born.address)
        self.blocks = {}
        self.echoes = set()  # addresses of calls that return an argument
        self.selected = {}  # address of a branch that only selects: where it went

    def block(self, address):
        if address not in self.blocks:
            self.blocks[address] = disassemble(address)
        return self.blocks[address]

    def only_selects(self, address):
        """Does the code from here just return another variable ("ret ? ret : err")?"""
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
        """Where the function may go after a block: one way only, if the last comparison tested
        the value. holders: what held the value then."""
        last = block[-1]
        behind = last.end if last.flow in (None, "jcc", "call") and last.end < self.end else None
        target = last.target if last.flow in ("jmp", "jcc") else None
        flags = self.flags_of(block, holders) if last.flow == "jcc" else None
        if flags is None:
            return target, behind
        return (target,) if holds(last.name[1:], flags) else (behind,)

    def flags_of(self, block, holders):
        """The flags at the end of a block, if they come from comparing the value with a constant;
        else None."""
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
        """Is another outcome possible from an address, with the value in holders? True, False, or
        None for unknown."""
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
                # A tail call: the other function returns.
                return True
            block, compared_with = self.block(address), frozenset()
            for one in block:
                if sets_flags(one):
                    compared_with = holders
                echoed = one.address in self.echoes and holders & ARGUMENTS
                holders = transfer(one, holders) | ({"rax"} if echoed else set())
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
                return True  # a jump table
            todo += [(way, holders) for way in self.ways(block, compared_with) if way is not None]
        return False


def branches(path, frame, born):
    """The branches of a frame, in order of time: (step, what held the value at the branch, what
    held it at the comparison). Compilers make values in between. And the addresses of calls whose
    callee got the value as an argument and returned it."""
    holders, tested, found = frozenset(), frozenset(), []
    constant = constant_of(path.instructions(born.step)[born.index])
    # An error code counts wherever the frame makes it; any other constant, from this one on.
    begin = 0 if is_error(constant) else born.step
    given, echoes = None, set()
    for step, of in enumerate(path.frames):
        if of != frame:
            continue
        if given and path.frames[step - 1] != frame and gives_back(path, step - 1, born):
            holders |= {"rax"}
            echoes.add(given)
        for index, one in enumerate(path.instructions(step)):
            if one.flow in ("jcc", "jmp"):
                found.append((step, holders, tested))
            if sets_flags(one):
                tested = holders
            holders = transfer(one, holders)
            is_again = constant is not None and step >= begin and constant_of(one) == constant
            if is_again or (step, index) == (born.step, born.index):
                holders |= {target_of(one)}
        last = path.blocks[step].last
        given = last.address if last.flow == "call" and holders & ARGUMENTS else None
    return found, echoes


def gives_back(path, step, born):
    """Did the callee that returned at the end of a step return an argument?"""
    try:
        found = origin.birth(path, step, len(path.instructions(step)))
    except LabError:
        return False
    return (found.step, found.index) == (born.step, born.index)


def sets_flags(one):
    return not one.flow and not one.name.startswith(KEEPS_FLAGS)


def compared(path, step, index):
    """The instruction that set the flags for another one: (step, index), or None."""
    for at, i, callee in origin.backwards(path, step, index):
        if callee is not None or path.frames[at] != path.frames[step]:
            return None
        if sets_flags(path.instructions(at)[i]):
            return at, i
    return None


def was_zero(path, place):
    """Was the value zero? None if there is no branch at this place that tests a value for zero."""
    step, branch = place[0], path.instructions(place[0])[place[1]]
    at = compared(path, *place) if branch.name in ("je", "jne") else None
    one = at and path.instructions(at[0])[at[1]]
    if not one or not ((one.name.startswith("test") and one.operands[0] == one.operands[-1])
                       or (one.name.startswith("cmp") and one.operands[0] == "$0x0")):
        return None
    return (path.blocks[step + 1].start == branch.target) == (branch.name == "je")


def tests_value(path, step, holders):
    """Does the branch at the end of a step test the value itself, like "if (err)" or
    "if (retry_estale(err))"? Then the value exists already, and the branch decides nothing, but for
    a value that was read from a table."""
    at = compared(path, step, len(path.instructions(step)) - 1)
    if not at:
        return False
    operands = path.instructions(at[0])[at[1]].operands
    return any((register_of(operand) or operand) in holders for operand in operands)


def cannot_change(branch, made):
    """Does the source show that a branch which ran after the value was made cannot change it?
    Either the function has returned the value, or the branch stands above the statement, which
    jumped back: "error = -ENOENT; goto exit;". Compilers give equal statements the line of the
    first: a condition below a return shows that the function has not returned there."""
    at, of = (statements.levels(one.address) for one in (branch, made))
    if statements.text_at(of[0]).startswith("return"):
        return not any(one["function"] == of[0]["function"] and one["line"] > of[0]["line"]
                       and statements.is_condition(statements.text_at(one)) for one in at)
    return at[-1]["path"] == of[-1]["path"] and at[-1]["line"] < of[-1]["line"]


def decisions(path, born):
    """The steps whose last instruction may be the branch that decided, the likeliest first; more
    than one only if the code does not tell which."""
    if born.kind == "expression":
        return []
    exploration = Exploration(path.instructions(born.step)[born.index], born.carrier)
    found, selections = [], []
    if exploration.start == exploration.end:
        return []
    passed, exploration.echoes = branches(path, path.frames[born.step], born)
    for step, holders, tested in reversed(passed):
        branch = path.blocks[step].last
        if path.stops[step] is not None or (branch.flow == "jmp" and branch.target is not None):
            continue
        if branch.target is None:  # a jump table
            return found + [step] + selections
        after = step >= born.step  # the branch is its last instruction
        if tested and born.kind != "memory" and tests_value(path, step, tested):
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
    """The Birth that counts, and its decisions(). After "if (err) goto out;", compilers may make
    an error again if it can only be this one: the first Birth counts."""
    while True:
        decided = decisions(path, born)
        value = constant_of(path.instructions(born.step)[born.index])
        if not is_error(value) or born.kind != "constant" or not decided or decided[0] >= born.step:
            return born, decided
        try:
            tested = returned(path, decided[0], len(path.instructions(decided[0])) - 1)
        except LabError:
            return born, decided
        if not tested or constant_of(path.instructions(tested.step)[tested.index]) != value:
            return born, decided
        born = tested._replace(carrier=born.carrier) if path.frames[tested.step] == path.frames[born.step] else tested


def is_inside(path, frame, of):
    """Is a frame a callee of another, at any depth?"""
    while frame is not None and frame != of:
        caller = path.callers[frame]
        frame = None if caller is None else path.frames[caller]
    return frame == of


def returned(path, step, index):
    """The Birth of what an instruction tests or uses, if a callee made it; else None."""
    one = path.instructions(step)[index]
    if constant_of(one) is not None:  # it uses nothing
        return None
    if one.flow or one.name.startswith(("set", "sbb", "cmov")):
        at = compared(path, step, index)
        if not at:
            return None
        step, index = at
        one = path.instructions(step)[index]
    operands = [operand for operand in set(one.operands) if not operand.startswith("$")]
    if len(operands) != 1:
        return None  # it compares two values, and neither alone decided
    register = register_of(operands[0])
    if not register and origin.is_slot(operands[0]):
        at = origin.stored(path, step, index, operands[0])
        if not at or not path.instructions(at[0])[at[1]].name.startswith("mov"):
            return None
        register = register_of(path.instructions(at[0])[at[1]].operands[0])
        step, index = at
    if not register:
        return None
    frame = path.frames[step]
    born = origin.birth(path, step, index, register)
    made = path.instructions(born.step)[born.index]
    if path.frames[born.step] == frame:  # "ret = a && b; if (!ret)"
        return born if born.kind == "constant" or made.name.startswith("set") else None
    return born if is_inside(path, path.frames[born.step], frame) else None


def deeper(path, step, index):
    """The earlier decisions, in the function or its callees, that made what a branch tests: (step,
    index of the branch or of the instruction that computed it, Birth of the result)."""
    found = []
    while len(found) < DEPTH_MAX:
        try:
            born = returned(path, step, index)
        except LabError:  # the path does not reach that far
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
    """The addresses that compute something for a branch or an expression. If the compiler merges
    two conditions into one comparison, or makes arithmetic of a condition, the line table has a
    wrong line for it, but the right one for what is computed for it."""
    one = path.instructions(step)[index]
    branch = one.flow is not None
    wanted = set() if branch else {register_of(operand) for operand in one.operands} - {None}
    flags, found = branch or one.name.startswith(("sbb", "adc", "set", "cmov")), []
    for at, i, callee in origin.backwards(path, step, index):
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
