# SPDX-License-Identifier: GPL-2.0-only
"""What decided a value that was born on a path, in terms of the source: the condition and its
values, the functions that it called, the blocks around it, and the call chain."""
import re

import gdb

import decision
import expressions
import messages
import statements

CHANCES_MAX = 4  # shown in an answer


def public(found):
    """A condition without paths of this host."""
    return {key: [public(one) for one in value] if key == "inlined" else value for key, value in found.items() if key != "path"}


class Asked:
    """The values of a condition: the last of its places where gdb can read one counts. given:
    {(place of its function's entry): {arguments that still have their value}}. shown: {name: what
    the branch shows of its value}"""

    def __init__(self, places, found, given, shown):
        self.names, self.file = expressions.variables(found), found["file"]
        self.at = {**given, **dict.fromkeys(places, self.names)}  # which names to read where
        own = expressions.names(found["condition"] or "")  # without those of inlined functions
        macros = {name for name in own if name.isidentifier()} - statements.declared(found)
        self.reasons = {expressions.OPTIMIZED_OUT: own, expressions.NOT_HERE: own - macros}
        self.values, self.unread, self.shown = {}, {}, shown

    def fill_in(self, read):
        """read: {place: {name: value, or why there is none}}. The names without a value."""
        for place, names in self.at.items():
            for name, value in read.get(place, {}).items():
                if name in names and not isinstance(value, expressions.Unread):
                    self.values[name] = value
                elif name in names & self.reasons.get(value, set()) and self.unread.get(name) != expressions.OPTIMIZED_OUT:
                    self.unread[name] = value
        missing = self.names - self.values.keys()
        for name in self.unread.keys() - missing:
            del self.unread[name]
        expressions.drop_pointers(self.values)
        expressions.drop_pointers(self.unread)
        self.unread.update({name: text for name, text in self.shown.items() if name in self.unread})
        return missing


class Answer:
    """Answers questions about a path."""

    def __init__(self, path, values, name, live=None):
        """values: a function of places and expressions that reads values. name: the error's. live:
        a Live, if the guest can go back to the path."""
        self.path, self.values, self.name, self.live = path, values, name, live
        self.asked = []  # see values_at()

    def about(self, born):
        """What decided a value, and the call chain, as JSON; see repro/why.d/why.schema.json."""
        born, steps = decision.decide(self.path, born)
        places = [self.last_of(step) for step in steps] or ([(born.step, born.index)] if born.kind == "expression" else [])
        found = [one for place in places for one in self.conditions(place, born, self.name)]
        place = places[0] if places else (born.step, born.index)
        made = self.address((born.step, born.index))
        found = found or statements.answers(None, [], made, False, self.name)
        led = self.led_to(place, found[0], always=born.kind == "constant" and not places)
        if led:
            place, guard = led
            found = [statements.answer(guard, [], statements.made_at(made), False, self.name)]
        before = self.goto_of(place, found[0])
        if before:  # what it cleaned up decides less than what led there
            place, guard = before
            found.insert(0, statements.answer(guard, [], statements.made_at(made), False, self.name))
        around = self.within(place, found[0])
        named = {(one["file"], one["line"]) for one in [found[0], *around]}
        answer = dict(public(found[0]), kind=born.kind, chain=self.chain(place),
                      others=[public(one) for one in found[1:] if not statements.sets_variable_of(one, found[0])],
                      **self.values_at(place, found[0]), within=around, passes_if=self.passes_if(place, found[0]), says=self.said(place),
                      callee=[one for one in self.callees(place) if (one["file"], one["line"]) not in named])
        self.fill_in_values()
        return answer

    def led_to(self, place, found, always):
        """The condition, and its place, that led to a function which only chooses between errors or always
        returns this one; None if there is none, or a pointer chose the function."""
        if not always and not statements.only_translates(found["condition"]):
            return None
        outer, frame, step = self.caller(place, found)
        if not outer or (frame != self.path.frames[place[0]] and self.path.blocks[step].last.target is None):
            return None
        around = self.around_it(frame, step, outer)
        if not around or around[0][0] is None or (always and not statements.guards(around[0][1], rf".*\b{found['function']}\(")):
            return None
        return around[0]

    def goto_of(self, place, found):
        """If an answer stands right behind a label: the condition, and its place, that sets the error and
        goes there."""
        if not statements.enclosing(found) or statements.enclosing(found)[0][0]:
            return None
        around = self.around_it(self.path.frames[place[0]], place[0], found)
        return next((one for one in around[:1] if one[0] and statements.guards(one[1], rf".*\b{self.name}\b")), None)

    def said(self, place):
        """The BPF verifier's messages, from the step at which the function began to decide."""
        steps = [place[0], *(step for step, *_ in decision.deeper(self.path, *place))]
        begun = min(step for step in steps if self.path.frames[step] == self.path.frames[place[0]])
        return messages.said(self.path, begun, self.live) if self.live else None

    def chances(self, place, found, wanted):
        """The earlier conditions in the function of an answer that the path passed, and at which the
        function could have returned what is wanted; the last one first."""
        seen, passed = {found["line"]}, []
        for at in self.branches(self.path.frames[place[0]], place[0]):
            for one in statements.levels(self.path.blocks[at].last.address):
                text, first, last = statements.whole(statements.lines_of(one["path"]), one["line"])
                if one["function"] == found["function"] and first not in seen and statements.is_condition(text) \
                        and statements.guards(dict(one, line=first), rf"return ({wanted});"):
                    one = dict(one, line=first, first=first, last=last, condition=text, inlined=[])
                    seen.update({first}, (line for line, _, _ in statements.enclosing(one)))
                    passed.append((self.last_of(at), one))
        return [self.public_with(*one) for one in passed[:CHANCES_MAX]]

    def passes_if(self, place, found):
        """The chances() that did not hold: in the function that decided, in those inlined into the
        condition, and in those that the condition called."""
        asked = [(place, found, "0")]
        for one in found["inlined"]:
            called = re.search(rf"(!\s*)?\b{one['function']}\(", found["condition"] or "")
            if called:
                asked.append((place, one, "true|1" if called.group(1) else "false|0"))
        for step, index, born in decision.deeper(self.path, *place):
            if born.kind == "constant":
                of = self.conditions((step, index), born, None)[0]
                answered = decision.constant_of(self.path.instructions(born.step)[born.index])
                asked.append(((step, index), of, "false|0" if answered else "true|1"))
        return [chance for at, one, wanted in asked if one["line"] and statements.guards(one, rf"return ({wanted});")
                for chance in self.chances(at, one, wanted)]

    def within(self, place, found):
        """The conditions around the one that decided, or around the call of its function, and what
        decided in the functions that they call."""
        return [dict(self.public_with(at, one), callee=self.callees(at) if at else [])
                for at, one in self.surrounding(place, found)]

    def surrounding(self, place, found):
        """The conditions around an answer, the innermost first, in the functions inlined into it and
        in its own: (place or None, the condition as a level)."""
        frame, step = self.path.frames[place[0]], place[0]
        around = [one for level in found["inlined"] for one in self.around_it(frame, step, level)]
        if not statements.is_condition(found["condition"] or "") and not statements.enclosing(found):
            found, frame, step = self.caller(place, found)
        around += self.around_it(frame, step, found) if found else []
        return list({(one["file"], one["line"]): (at, one) for at, one in around}.values())

    def public_with(self, at, one):
        """A condition without paths of this host, with its values if the path has a place for it."""
        return {**{key: one[key] for key in ("function", "file", "line", "condition")},
                **(self.values_at(at, one) if at else {"values": {}, "unread": {}})}

    def caller(self, place, found):
        """The level that calls the function of an answer, which may be inlined; its frame, and the
        step there. The level is None if the path does not have it."""
        step = place[0]
        frame = self.path.frames[step]
        levels = statements.levels(self.address(place))
        outer = next((number + 1 for number, one in enumerate(levels) if one["function"] == found["function"]), len(levels))
        if outer < len(levels):
            return levels[outer], frame, step
        if self.path.callers[frame] is None:
            return None, frame, step
        step = self.path.callers[frame]
        return statements.levels(self.path.blocks[step].last.address)[0], self.path.frames[step], step

    def around_it(self, frame, step, found):
        """The conditions around a level, the innermost first: (place of its branch, or None if the
        path has no branch for it; the condition as a level)."""
        conditions_around = []
        for first, last, text in statements.enclosing(found):
            branch = self.branch_on(frame, step, found["function"], first, last) if first else next(self.branches(frame, step), None)
            at = None if branch is None else self.last_of(branch)
            if not first:
                label, at_branch = text, statements.levels(self.address(at)) if at else []
                found = next((one for one in at_branch if one["function"] == found["function"]), None)
                if not found or not statements.guards(found, rf"goto {label};"):
                    break
                text, first, last = statements.whole(statements.lines_of(found["path"]), found["line"])
            conditions_around.append((at, dict(found, line=first, first=first, last=last, condition=text, inlined=[])))
            step = step if branch is None else branch
        return conditions_around

    def branches(self, frame, before):
        """The steps of a frame, before a given one, that end with a branch; the last one first."""
        return (step for step in range(before - 1, -1, -1) if self.path.frames[step] == frame
                and self.path.stops[step] is None and self.path.blocks[step].last.flow == "jcc")

    def branch_on(self, frame, before, function, first, last):
        """The last step of branches() whose branch is on these lines of a function, or None."""
        return next((step for step in self.branches(frame, before) if any(
            one["function"] == function and first <= one["line"] <= last
            for one in statements.levels(self.path.blocks[step].last.address))), None)

    def last_of(self, step):
        """The place of the last instruction of a step."""
        return step, len(self.path.instructions(step)) - 1

    def address(self, place):
        return self.path.instructions(place[0])[place[1]].address

    def conditions(self, place, born, name):
        """The conditions that an instruction of the path may belong to, the likeliest first."""
        made = born.step, born.index
        return statements.answers(self.address(place), decision.computed_at(self.path, *place), self.address(made), made < place, name)

    def callees(self, place):
        """What decided in the functions that the condition calls, the outermost first; the last one
        with the conditions around it in its function."""
        found = []
        for step, index, born in decision.deeper(self.path, *place):
            one = self.conditions((step, index), born, None)[0]
            found.append(dict(self.public_with((step, index), one), inlined=public(one)["inlined"], within=[]))
        if found and statements.enclosing(one):
            found[-1]["within"] = [self.public_with(*around) for around in self.surrounding((step, index), one)]
        return found

    def values_at(self, place, found):
        """The values of a condition, and why others cannot be read. fill_in_values() puts them in: the
        guest passes all places once."""
        self.asked.append(Asked(statements.group(self.path, place, found), found, self.given(place, found), self.shown(place, found)))
        return {"values": self.asked[-1].values, "unread": self.asked[-1].unread}

    def shown(self, place, found):
        """What the branch at a place shows of the only variable of its condition."""
        name, at = statements.only_variable(found["condition"]), statements.levels(self.address(place))[0]
        zero = decision.was_zero(self.path, place)
        if not name or zero is None or at["function"] != found["function"] or not found["first"] <= at["line"] <= found["last"]:
            return {}
        symbol = gdb.lookup_symbol(name, gdb.block_for_pc(self.address(place)))[0]
        is_pointer = symbol and symbol.type.strip_typedefs().code == gdb.TYPE_CODE_PTR
        return {name: f"{'' if zero else 'not '}{'NULL' if is_pointer else '0'}, by the branch taken"}

    def given(self, place, found):
        """Compilers keep no argument longer than they need it, but its value is known at the entry of the
        function: {place of the entry: arguments}."""
        step = self.path.frames.index(self.path.frames[place[0]])
        names = statements.unchanged(found) & decision.arguments(found["function"], self.path.blocks[step].start)
        return {(step, 0): names} if self.live and (step, 0) < place else {}

    def fill_in_values(self):
        wanted = {}
        for one in self.asked:
            for place, names in one.at.items():
                wanted.setdefault(place, set()).update(names)
        wanted = {place: names for place, names in wanted.items() if names}
        read = self.values(wanted)
        macros = expressions.macros({name for one in self.asked for name in one.fill_in(read)}, {one.file for one in self.asked})
        for one in self.asked:
            one.values.update({name: macros[name] for name in sorted(one.names - one.values.keys()) if name in macros})

    def chain(self, place):
        """The functions that led to an instruction, at every level of inlining, the outermost first."""
        callers = [address - 1 for address in reversed(self.path.stack(self.path.frames[place[0]]))]
        # The line of a call may be that of an argument that an inlined function computes.
        led = [level for address in callers for level in reversed(statements.levels(address)) if "is_guessed" not in level]
        return [statements.shown(level) for level in [*led, *reversed(statements.levels(self.address(place)))]]
