# SPDX-License-Identifier: GPL-2.0-only
"""xsklab-why: find the kernel line that refused a system call.

usage: gdb -batch -x why.py -ex 'xsklab-why CALL.json SOCKET' VMLINUX

CALL.json  {number, thread, nth, errno, name, args_raw, carried, last, since}: the nth call of that
           number by that thread of the program (0 is the first thread), and the expected error;
           see repro/why.d/choose.jq for the rest. Or an array of such calls, in order of time,
           to explain in one boot. Until this file exists, the guest waits at the program's start
SOCKET     QEMU's gdb stub; the guest waits there (-S), under TCG
Environment: PROGRAM, the program's path in the guest
Output: origin.json, see about() in answer.py; for an array, an array, with null for a call
without an explanation. The guest is killed at the end.

How: save the guest at the call's entry (savevm), and let the call run once while recent.c, a QEMU
plugin, records the blocks of code that run. To read what these do not show, values and flags, go
back to the entry (loadvm), and let the guest run to the place again. A save takes 0.08 s, each
return to the entry 0.05 s. Single-stepping would be too slow: a call has 10^5 to 10^6 steps of a
millisecond each. So would be QEMU's reverse execution, which replays the guest from the start
for each question: 24 s.

Exit: 0; 1 no origin.json, and a line on stderr after "why: " says why.
"""
import json
import os
import shlex
import sys

import gdb

sys.dont_write_bytecode = True  # leave nothing behind in a checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import expressions  # noqa: E402
import messages  # noqa: E402
import origin  # noqa: E402
import stored  # noqa: E402
from answer import Answer  # noqa: E402
from guest import Call, Live, Tasks, guest_is_there, restore  # noqa: E402
from path import PATH_MAX, Cut, Path  # noqa: E402
from question import Question  # noqa: E402
from recent import Recorder  # noqa: E402
from symbols import LabError  # noqa: E402

STORED = {"so-error": stored.socket_error, "error-queue": stored.queued_error, "completion": stored.completion}


def explain_all(calls, tasks, recorder):
    """The answers for several calls, in order of time; None for a call without one."""
    for call in calls:
        for one in call, call.get("last"), call.get("since"):
            if one and one["number"] is not None:
                tasks.count(one["thread"], one["number"])
    answers = []
    for call in calls:
        try:
            answers.append(explain(call, tasks, recorder))
        except (LabError, gdb.error) as error:
            if len(calls) == 1:
                raise
            print(f"why: {call['call']}: {error}", file=sys.stderr)
            answers.append(None)
            if not guest_is_there():
                break
        if call is not calls[-1]:
            restore()  # explaining it may have run the guest past the next call
    return answers + [None] * (len(calls) - len(answers))


def explain(call, tasks, recorder):
    """The answer for one call."""
    if call.get("carried") in STORED:
        return explain_stored(call, *STORED[call["carried"]](call, tasks), recorder)
    value = Call(call, tasks).record(recorder)
    for count in (PATH_MAX, None):
        addresses, whole = recorder.last(count)
        try:
            return explain_returned(call, value, Path(addresses, whole), recorder)
        except Cut as cut:
            error = cut
    raise error


def explain_returned(call, value, path, recorder):
    """The call returned the error, or acknowledged a request with it."""
    live, says = Live(path) if path.whole else None, None
    if call.get("carried") == "netlink-ack":
        acknowledge = int(gdb.parse_and_eval("(unsigned long)netlink_ack"))
        step = origin.call_with(path, acknowledge, "rdx", -call["errno"], live)
        if step is None:  # a dump ends with it
            restore()
            return explain_stored(call, *stored.dump_error(call), recorder)
        says = messages.acknowledged(step, live)
        born = origin.birth(path, step, 0, "rdx", -call["errno"], live)
    else:
        end = len(path.blocks) - 1
        born = origin.birth(path, end, len(path.instructions(end)), "rax", value, live)
    if born.kind == "elsewhere":
        return explain_stored(call, born.address, born.value, recorder)
    answer = Answer(path, live.values if live else unknown, call["name"], live).about(born)
    return dict(answer, says=says or answer["says"])


def unknown(wanted):
    """No values: the call is too long to go back to places in it."""
    return {}


def explain_stored(call, address, value, recorder):
    """The error was stored before the program saw it."""
    elsewhere, path, born = stored.trace(address, value, recorder)
    answer = Answer(path, lambda wanted: elsewhere.values(path, wanted), call["name"]).about(born)
    return dict(answer, kind="elsewhere", errno=abs(value))


class Why(Question):
    __doc__ = __doc__
    name, output = "why", "origin.json"

    def begin(self):
        gdb.execute(f"directory {shlex.quote(expressions.source_dir())}", to_string=True)
        self.recorder = Recorder()
        self.tasks = Tasks(os.environ["PROGRAM"])

    def answer(self, question):
        answers = explain_all(question if isinstance(question, list) else [question], self.tasks, self.recorder)
        return answers if isinstance(question, list) else answers[0]


Why()
