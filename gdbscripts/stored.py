# SPDX-License-Identifier: GPL-2.0-only
"""Errors that a call did not return itself: an interrupt, another task or a completion of
io_uring stored them, and the program saw them later."""
import gdb

import origin
from expressions import known
from guest import Call, Stop, address_of, is_called_by, proceed, register, restore, save
from path import Path
from symbols import LabError

COPIES_MAX = 4  # of the error in memory, each made from the one before
EAGAIN = 11
CQE32 = 1 << 11  # IORING_SETUP_CQE32, include/uapi/linux/io_uring.h


def file_of(descriptor):
    return f"$lx_current().files->fdt->fd[{descriptor}]"


def begin(call, tasks):
    """Save the guest at the last call that sent or connected; return its socket as a gdb expression."""
    before = call["last"] or call["since"]
    if not before:
        raise LabError("strace did not see the program make this socket, or send on it")
    Call(before, tasks).reach()
    save()
    return socket_of_call()


def socket_of_call():
    """The struct sock of the call that the guest enters, as a gdb expression."""
    of = f"((struct socket *){file_of('((struct pt_regs *)$rdi)->di')}->private_data)->sk"
    return f"((struct sock *){int(gdb.parse_and_eval(f'(unsigned long){of}')):#x})"


def address(of):
    return int(gdb.parse_and_eval(f"(unsigned long)&{of}"))


def socket_error(call, tasks):
    """The address of sk_err, which softirqs set and SO_ERROR returns, and the error."""
    return address(f"{begin(call, tasks)}->sk_err"), call["errno"]


def queued_error(call, tasks):
    """The address of the error in the message that the kernel put into the socket's error queue, and
    the error."""
    sock, found = begin(call, tasks), []

    def queued():
        error = f"((struct sock_exterr_skb *)((struct sk_buff *){register('rsi'):#x})->cb)->ee.ee_errno"
        if f"((struct sock *){register('rdi'):#x})" == sock and int(gdb.parse_and_eval(error)) == call["errno"]:
            found.append(address(error))
        return found
    proceed("its error queue got the error", Stop("*sock_queue_err_skb", queued))
    return found[0], call["errno"]


def dump_error(call):
    """The address of the error at the end of a dump, which the call that the guest enters requests,
    and the error."""
    return address(f"((struct netlink_sock *){socket_of_call()})->dump_done_errno"), -call["errno"]


def completion(call, tasks):
    """Save the guest after the program has set up its ring. The address of the result in the first
    completion with the error (any but EAGAIN, if it is not known), and the error."""
    setup = Call(call["since"], tasks)
    setup.reach()
    descriptor = setup.returned()
    if descriptor < 0:
        raise LabError(f"io_uring_setup() returned {descriptor} this time")
    ring = int(gdb.parse_and_eval(f"(unsigned long){file_of(descriptor)}->private_data"))
    context = f"((struct io_ring_ctx *){ring:#x})"
    rings = f"((struct io_rings *){int(gdb.parse_and_eval(f'(unsigned long){context}->rings')):#x})"
    shift = bool(int(gdb.parse_and_eval(f"{context}->flags")) & CQE32)
    seen, found = 0, []

    def grew():
        nonlocal seen
        tail, mask = (int(gdb.parse_and_eval(f"{rings}->{word}")) for word in ("cq.tail", "cq_ring_mask"))
        while seen < tail and not found:
            result = f"{rings}->cqes[{(seen & mask) << shift}].res"
            error, seen = -int(gdb.parse_and_eval(result)), seen + 1
            if error > 0 and (error == call["errno"] if call["errno"] else error != EAGAIN):
                found.append((address(result), -error))
        return found
    save()
    try:
        proceed("a completion had the error",
                Stop(f"*(unsigned int *){address(f'{rings}->cq.tail'):#x}", grew, type=gdb.BP_WATCHPOINT, wp_class=gdb.WP_WRITE))
    except LabError as error:
        raise LabError("no completion in the program's first ring had the error: it is of another ring, the"
                       " program's own or a library's") from error
    return found[0]


def trace(place, value, recorder):
    """Find what stored a value at an address since the guest was saved, and what stored the value
    that this one copied, and so on: (Elsewhere, Path, Birth)."""
    elsewhere, copies = Elsewhere(place, value), 0
    while True:
        path = elsewhere.record(recorder)
        born, copies = origin.stored_birth(path, value), copies + 1
        if born.kind != "memory" or copies == COPIES_MAX:
            return elsewhere, path, born
        place = elsewhere.read_from(path, born.step, born.index)
        times = elsewhere.stores_before(place)
        if not times:
            if not elsewhere.was_there(place):
                raise LabError("nothing stored the error this time")
            return elsewhere, path, born
        elsewhere = Elsewhere(place, value, times)


class Elsewhere:
    """A value that another task or an interrupt stored, before the call or while it slept. The guest
    runs from where it was saved to that store, the nth of the value at its address."""

    def __init__(self, address, value, nth=1):
        self.address, self.value, self.nth = address, value, nth

    def was_there(self, place):
        """Was the value at an address when the guest was saved?"""
        restore()
        return not (int(gdb.parse_and_eval(f"*(int *){place:#x}")) - self.value) % 2**32

    def stored(self):
        """A Stop at the store of the value."""
        left = self.nth

        def is_it():
            nonlocal left
            left -= 1
            return not left
        return self.store_at(self.address, is_it)

    def store_at(self, place, is_it):
        """A Stop where a store leaves the value at an address, if is_it()."""
        return Stop(f"*(int *){place:#x}", lambda: not (
            int(gdb.parse_and_eval(f"*(int *){place:#x}")) - self.value) % 2**32 and is_it(),
                    type=gdb.BP_WATCHPOINT, wp_class=gdb.WP_WRITE)

    def stores_before(self, place):
        """How often the value is stored at another address before the store."""
        count = 0

        def counted():
            nonlocal count
            count += 1
            return False
        restore()
        proceed("its error was stored again", self.store_at(place, counted), self.stored())
        return count

    def record(self, recorder):
        """The Path of what stored the value, up to the store."""
        restore()
        recorder.start()
        proceed("its error was stored", self.stored())
        recorder.stop()
        return Path(*recorder.last(), end=register("rip"))

    def values(self, path, wanted):
        """Of expressions by place, those that gdb can read there, and their values, at the last time
        that the guest passes it before the store."""
        found = {}

        def look(place):
            found[place] = known(wanted[place])
        self.passing(path, wanted, look)
        return found

    def read_from(self, path, step, index):
        """The address from which an instruction read the value, before the store."""
        one, found = path.instructions(step)[index], []
        self.passing(path, [(step, index)], lambda place: found.append(address_of(one, one.operands[0])))
        return found[-1]

    def passing(self, path, places, look):
        """Run to the store again, and call look(place) at each of the places on the way. A place may be
        in code that runs all the time, so gdb stops there only during calls of the function that
        all places and the store have in common."""
        def passed(place, callers):
            if is_called_by(callers):
                look(place)
            return False
        gate = entry_of(path, common_frame(path, [step for step, _ in places]))
        restore()
        while True:
            if gate:
                proceed("its error was stored again", Stop(f"*{gate:#x}", lambda: True), self.stored())
                if register("rip") != gate:  # at the store
                    return
                sp, back = register("rsp"), int(gdb.parse_and_eval("*(unsigned long *)$rsp"))
            stops = [Stop(f"*{path.instructions(place[0])[place[1]].address:#x}",
                          lambda place=place, callers=path.stack(path.frames[place[0]]): passed(place, callers)) for place in places]
            if gate:
                stops.append(Stop(f"*{back:#x}", lambda: register("rsp") == sp + 8))
            proceed("its error was stored again", *stops, self.stored())
            if not gate or register("rip") != back:
                return


def common_frame(path, steps):
    """The innermost frame in which all of some steps and the last one of a path are."""
    chains = []
    for step in [*steps, len(path.frames) - 1]:
        chain, frame = [], path.frames[step]
        while frame is not None:
            chain.append(frame)
            frame = None if path.callers[frame] is None else path.frames[path.callers[frame]]
        chains.append(chain)
    return next((frame for frame in chains[0] if all(frame in chain for chain in chains)), None)


def entry_of(path, frame):
    """The address of the function that a frame runs, or None if the path begins in it."""
    caller = None if frame is None else path.callers[frame]
    return None if caller is None else path.blocks[caller + 1].start
