# SPDX-License-Identifier: GPL-2.0-only
"""Where a value was born: follow it from the end of a path backwards, from register to register,
into the callee that returned it, and through memory, to the instruction that made it."""
import re
from collections import namedtuple

from path import Cut
from symbols import LabError
from x86 import holds, of_operand

# step, index: the instruction. kind: constant, expression, fault, memory (the value was there
# before the call), or elsewhere (another task or an interrupt stored value at address).
# carrier: what holds the value when the function returns.
Birth = namedtuple("Birth", "step index kind carrier address value", defaults=[None, None])


def backwards(path, step, index):
    """Yield what ran before an instruction, backwards, in its frame and then in its callers:
    (step, index, None), or (step, index, last step of the callee) for a call that returned."""
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
    """The push of the value that an instruction pops: (step, index, operand)."""
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
    """The operand that names the same memory of a frame before an instruction, which may change
    the stack pointer."""
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
    """Does an operand name memory of its own frame?"""
    return re.fullmatch(r"(-?0x[0-9a-f]+)?\(%r[bs]p\)", operand) is not None


def offset_of(slot):
    return int(slot[:slot.index("(")] or "0", 16)


def is_given_away(path, frame, slot):
    """Does the frame take the address of a slot, or of memory below it, as for a callee?"""
    base = slot[slot.index("("):]
    blocks = {path.blocks[step] for step, of in enumerate(path.frames) if of == frame}
    return any(one.name in ("lea", "leaq") and one.operands[0].endswith(base) and is_slot(one.operands[0])
               and offset_of(one.operands[0]) <= offset_of(slot)
               for block in blocks for one in block.instructions)


def stored(path, step, index, slot):
    """The instruction that stored what another one reads from its frame: (step, index), or None
    if it is uncertain, as a callee may have stored there, too."""
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
    """The Birth of what a register holds before an instruction. value: the value, if it is known.
    live: a Live of guest.py, which reads what the path does not show; without it, the search ends
    at a value in memory."""
    carrier, frame = register, path.frames[step]
    carriers = {}  # by frame, if it got the value from a callee, which may return its argument
    while True:
        for step, index, callee in backwards(path, step, index):
            if path.frames[step] != frame:  # the caller passed it as an argument
                frame = path.frames[step]
                carrier = carriers.get(frame, register)
            if callee is not None:
                if register == "rax":
                    carriers[frame] = carrier
                    step, index, carrier = callee, len(path.instructions(callee)), "rax"
                    frame = path.frames[step]
                    break
                continue  # the callee saves it, or does not write it (-fipa-ra)
            one = path.instructions(step)[index]
            if register in one.writes():
                kind, source = one.source(register)
                if kind == "choice":
                    operand, condition = source
                    if not live:
                        return Birth(step, index, "expression", carrier)
                    if not holds(condition, live.flags(step, index)):
                        continue  # the register kept its value
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


def call_with(path, function, register, value, live):
    """The step that begins the last call of a function with this value in a register, or None."""
    return next((step for step in range(len(path.blocks) - 1, 0, -1)
                 if path.blocks[step].start == function and path.callers[path.frames[step]] == step - 1
                 and live and live.holds(step, 0, register, value)), None)
