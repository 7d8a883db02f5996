# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-why: the line of the kernel that refused one system call.

usage: gdb -batch -x why.py -ex 'xsklab-why CALL.json SOCKET' VMLINUX

CALL.json  {program, number, thread, nth, errno, name, args_raw, carried, last, since}: the
           nth call of that number that the program's thread makes (0 is its first), and the
           error it will get; repro/why.d/choose.jq has the rest. Or an array of such calls,
           in order of time, which are explained in one boot
SOCKET     QEMU's gdb stub; the guest waits there (-S), under TCG
Output: origin.json, see answer() below; of an array, an array, with null for a call that could
not be explained. The guest is killed at the end.

How: at the call's entry the guest is saved (savevm). The call runs once while recent.c, a
plugin of QEMU, keeps the blocks of code that run. What these do not tell, values and flags,
is read when the guest is taken back to the entry (loadvm) and comes by again: a save takes
0.08 s, and each return to the entry 0.05 s. A call has 10^5 to 10^6 steps, and one step by
gdb takes a millisecond. QEMU's reverse execution replays all from the start for each
question: 24 s.

Exit: 0; 1 no origin.json, and a line on stderr says why, after "why: ".
"""
import json
import os
import re
import shlex
import sys

import gdb

sys.dont_write_bytecode = True  # nothing is left behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import decision  # noqa: E402
import expressions  # noqa: E402
import messages  # noqa: E402
import origin  # noqa: E402
import statements  # noqa: E402
import stored  # noqa: E402
from guest import Call, Counter, Live, Tasks, guest_is_there, restore  # noqa: E402
from path import PATH_MAX, Cut, Path, Recorder  # noqa: E402
from question import Question  # noqa: E402
from symbols import LabError  # noqa: E402

CHANCES_MAX = 4  # that an answer shows
STORED = {"so-error": stored.socket_error, "error-queue": stored.queued_error, "completion": stored.completion}


def explain_all(calls):
    """What explain() has of each of some calls in order of time; None where it has nothing."""
    recorder = Recorder()
    tasks = Tasks(calls[0]["program"])
    made = [one for call in calls for one in (call, call.get("last"), call.get("since")) if one]
    counter = Counter(tasks, {one["number"] for one in made} - {None})
    answers = []
    for call in calls:
        try:
            answers.append(explain(call, counter, recorder))
        except (LabError, gdb.error) as error:
            if len(calls) == 1:
                raise
            print(f"why: {call['call']}: {error}", file=sys.stderr)
            answers.append(None)
            if not guest_is_there():
                break
        if call is not calls[-1]:
            restore()  # its questions may have taken the guest past the next one
    return answers + [None] * (len(calls) - len(answers))


def explain(call, counter, recorder):
    """What answer() has of one call."""
    if call.get("carried") in STORED:
        return explain_stored(call, *STORED[call["carried"]](call, counter), recorder)
    value = Call(call, counter).record(recorder)
    for count in (PATH_MAX, None):
        addresses, whole = recorder.last(count)
        try:
            return explain_returned(call, value, Path(addresses, whole), recorder)
        except Cut as cut:
            error = cut
    raise error


def explain_returned(call, value, path, recorder):
    """The call returned the error, or acknowledged a request with it."""
    live = Live(path) if path.whole else None
    if call.get("carried") == "netlink-ack":
        acknowledge = int(gdb.parse_and_eval("(unsigned long)netlink_ack"))
        born = origin.passed_birth(path, acknowledge, "rdx", -call["errno"], live)
        if not born:  # a dump ends with it
            restore()
            return explain_stored(call, *stored.dump_error(call), recorder)
    else:
        end = len(path.blocks) - 1
        born = origin.birth(path, end, len(path.instructions(end)), "rax", value, live)
    if born.kind == "elsewhere":
        return explain_stored(call, born.address, born.value, recorder)
    return answer(call, path, born, live.values if live else unknown, live)


def unknown(places, wanted):
    """The values where the call is too long to go back to the places in it."""
    return {}


def explain_stored(call, address, value, recorder):
    """The error was stored before the program saw it."""
    elsewhere, path, born = stored.trace(address, value, recorder)
    return dict(answer(call, path, born, lambda *asked: elsewhere.values(path, *asked)),
                kind="elsewhere", errno=abs(value))


def answer(call, path, born, values, live=None):
    """What decided about the value that was born on a path, and the way there. values: a
    function of places and expressions. live: where the guest can go back to the path."""
    born, steps = decision.decide(path, born)
    decided = [(step, len(path.instructions(step)) - 1) for step in steps]
    places = decided or ([(born.step, born.index)] if born.kind == "expression" else [])
    found = [one for place in places for one in conditions(path, place, born, call["name"])]
    place = places[0] if places else (born.step, born.index)
    made = path.instructions(born.step)[born.index].address
    found = found or statements.answers(None, [], made, False, call["name"])
    if statements.only_translates(found[0]["condition"]):
        outer, frame, step = caller(path, place, found[0])
        around = outer and around_it(path, frame, step, outer)
        if around and around[0][0] is not None:
            place, guard = around[0]
            found = [statements.answer(guard, [], statements.levels(made)[0], False, call["name"])]
    around = within(path, values, place, found[0])
    named = {(one["file"], one["line"]) for one in [found[0], *around]}
    begun = min(step for step, *_ in [place, *decision.deeper(path, *place)] if path.frames[step] == path.frames[place[0]])
    return dict(public(found[0]), kind=born.kind, others=[public(one) for one in found[1:] if not statements.sets_variable_of(one, found[0])], chain=chain(path, place),
                values=values_at(path, values, place, found[0]), within=around,
                nor=nor(path, values, place, found[0]), says=messages.said(path, begun, live) if live else None,
                callee=[one for one in callees(path, values, place) if (one["file"], one["line"]) not in named])


def public(found):
    """Where this host keeps the source is nobody's business."""
    return {key: [public(one) for one in value] if key == "inlined" else value for key, value in found.items() if key != "path"}


def chances(path, values, place, found, wanted):
    """The conditions that the path passed, of the function of an answer and before its place,
    and at which the function would have returned what is wanted; the last one first."""
    step, seen, passed = place[0], {found["line"]}, []
    for at in range(step - 1, -1, -1):
        branch = path.blocks[at].last
        if len(passed) == CHANCES_MAX or path.frames[at] != path.frames[step] or path.stops[at] is not None or branch.flow != "jcc":
            continue
        for one in statements.levels(branch.address):
            text, first, last = statements.whole(statements.lines_of(one["path"]), one["line"])
            if one["function"] == found["function"] and first not in seen and statements.is_condition(text) \
                    and statements.guards(dict(one, line=first), rf"return ({wanted});"):
                one = dict(one, line=first, first=first, last=last, condition=text, inlined=[])
                seen.update({first}, (line for line, _, _ in statements.enclosing(one)))
                passed.append(public_with(path, values, (at, len(path.instructions(at)) - 1), one))
    return passed


def nor(path, values, place, found):
    """The chances() of what decided: of the function, of one inlined into the condition, and of
    the one that it called last."""
    asked = [(place, found, "0")]
    for one in found["inlined"]:
        called = re.search(rf"(!\s*)?\b{one['function']}\(", found["condition"] or "")
        if called:
            asked.append((place, one, "true|1" if called.group(1) else "false|0"))
    for step, index, born in decision.deeper(path, *place)[-1:]:
        if born.kind == "constant":
            of = conditions(path, (step, index), born, None)[0]
            asked.append(((step, index), of, "false|0" if decision.constant_of(path.instructions(born.step)[born.index]) else "true|1"))
    return [chance for at, one, wanted in asked if one["line"] and statements.guards(one, rf"return ({wanted});")
            for chance in chances(path, values, at, one, wanted)]


def within(path, values, place, found):
    """The conditions around the one that decided, around the call of its function if it has none
    itself, and what decided in what they call."""
    return [dict(public_with(path, values, at, one), callee=callees(path, values, at) if at else [])
            for at, one in surrounding(path, place, found)]


def surrounding(path, place, found):
    """The conditions around an answer, the innermost first, in the functions inlined into it and
    in its own: (place or None, the condition as a level)."""
    frame, step = path.frames[place[0]], place[0]
    around = [one for level in found["inlined"] for one in around_it(path, frame, step, level)]
    if not statements.is_condition(found["condition"] or "") and not statements.enclosing(found):
        found, frame, step = caller(path, place, found)
    around += around_it(path, frame, step, found) if found else []
    return list({(one["file"], one["line"]): (at, one) for at, one in around}.values())


def public_with(path, values, at, one):
    """A condition, with its values if the path has a place for it."""
    return {**{key: one[key] for key in ("function", "file", "line", "condition")},
            "values": values_at(path, values, at, one) if at else {}}


def caller(path, place, found):
    """The level that calls the function of an answer, its frame, and the step there; the
    function may be inlined. No level where the path has none."""
    step, index = place
    frame = path.frames[step]
    levels = statements.levels(path.instructions(step)[index].address)
    outer = next((number + 1 for number, one in enumerate(levels) if one["function"] == found["function"]), len(levels))
    if outer < len(levels):
        return levels[outer], frame, step
    if path.callers[frame] is None:
        return None, frame, step
    step = path.callers[frame]
    return statements.levels(path.blocks[step].last.address)[0], path.frames[step], step


def around_it(path, frame, step, found):
    """The conditions around a level, the innermost first: (place of its branch or None where
    the path has no branch for it, the condition as a level)."""
    conditions_around = []
    for first, last, text in statements.enclosing(found):
        branch = last_branch(path, frame, step, found["function"] if first else None, first, last)
        at = None if branch is None else (branch, len(path.instructions(branch)) - 1)
        if not first:
            label, at_branch = text, statements.levels(path.blocks[branch].last.address) if at else []
            found = next((one for one in at_branch if one["function"] == found["function"]), None)
            if not found or not statements.guards(found, rf"goto {label};"):
                break
            text, first, last = statements.whole(statements.lines_of(found["path"]), found["line"])
        conditions_around.append((at, dict(found, line=first, first=first, last=last, condition=text, inlined=[])))
        step = step if branch is None else branch
    return conditions_around


def last_branch(path, frame, before, function, first, last):
    """The last step of a frame before a given one that ends with a branch of a function on its
    lines first to last; with any branch if the function is None."""
    for step in range(before - 1, -1, -1):
        branch = path.blocks[step].last
        if path.frames[step] == frame and path.stops[step] is None and branch.flow == "jcc" and (not function or any(
                one["function"] == function and first <= one["line"] <= last for one in statements.levels(branch.address))):
            return step
    return None


def conditions(path, place, born, name):
    """The conditions that an instruction of the path may stand for, the likeliest first."""
    return statements.answers(path.instructions(place[0])[place[1]].address, decision.computed_at(path, *place),
                              path.instructions(born.step)[born.index].address, (born.step, born.index) < place, name)


def callees(path, values, place):
    """What decided in the functions that the condition calls, the outermost first; the last one
    with the conditions around it in its function."""
    found = []
    for step, index, born in decision.deeper(path, *place):
        one = conditions(path, (step, index), born, None)[0]
        found.append(dict(public_with(path, values, (step, index), one), inlined=public(one)["inlined"], within=[]))
    if found and statements.enclosing(one):
        found[-1]["within"] = [public_with(path, values, *around) for around in surrounding(path, (step, index), one)]
    return found


def values_at(path, values, place, found):
    wanted = expressions.variables(found)
    found_values = values(statements.group(path, place, found), wanted) if wanted else {}
    return {**found_values, **expressions.macros(wanted - found_values.keys(), found["file"])}


def chain(path, place):
    """The functions on the way to an instruction, every level of inlining, the outermost first."""
    callers = [address - 1 for address in reversed(path.stack(path.frames[place[0]]))]
    return [statements.shown(level) for address in [*callers, path.instructions(place[0])[place[1]].address]
            for level in reversed(statements.levels(address))]


class Why(Question):
    __doc__ = __doc__
    name, output = "why", "origin.json"

    def answer(self, question):
        gdb.execute(f"directory {shlex.quote(expressions.source_dir())}", to_string=True)
        answers = explain_all(question if isinstance(question, list) else [question])
        return answers if isinstance(question, list) else answers[0]


Why()
