# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel says about an error, even if nobody asked for it: the BPF verifier's messages about a
program that it rejected, and the text for an extended acknowledgement."""
import re

import gdb

from guest import register

# void verbose(void *private_data, const char *fmt, ...), kernel/bpf/verifier.c, and similar ones
SPEAKERS = ("verbose", "bpf_log", "btf_verifier_log")
REST = "bpf_check"  # what it prints itself is general, like the number of instructions
REGISTERS = ("rdx", "rcx", "r8", "r9")
WIDTHS = {"hh": 1, "h": 2, "": 4, "l": 8, "ll": 8, "z": 8}
CONVERSION = r"%([-+ #0]*)(\d*)(?:\.(\d+))?(hh|h|ll|l|z|)([diuxXcsp%])"


def said(path, step, live):
    """The messages after a step, until the program has been checked; None if there are none."""
    rest, text = entry_of(REST), ""
    checks = {path.frames[at] for at, block in enumerate(path.blocks) if block.start == rest}
    if not checks:
        return None
    speakers = {entry_of(name) for name in SPEAKERS} - {None}
    for at in range(step + 1, len(path.blocks)):
        if path.frames[at] in checks:
            break
        if path.blocks[at].start in speakers and path.callers[path.frames[at]] == at - 1:
            live.at(at, 0)
            text += formatted()
    return re.sub(r"\s+", " ", text).strip() or None


def acknowledged(step, live):
    """The text for an extended acknowledgement, at the step that begins netlink_ack(); None if there is none.
    void netlink_ack(struct sk_buff *in_skb, struct nlmsghdr *nlh, int err, const struct netlink_ext_ack *extack)"""
    live.at(step, 0)
    extack = register("rcx")
    text = extack and int(gdb.parse_and_eval(f"(unsigned long)((struct netlink_ext_ack *){extack:#x})->_msg"))
    return text_at(text) if text else None


def entry_of(name):
    try:
        return int(gdb.parse_and_eval(f"(unsigned long){name}"))
    except gdb.error:
        return None


def formatted():
    """Format the arguments of the function that was just called, as printf() would; the format is
    the second argument."""
    stack = register("rsp") + 8
    words = [register(name) for name in REGISTERS]

    def argument(number):
        return words[number] if number < len(words) else int(
            gdb.parse_and_eval(f"*(unsigned long *){stack + 8 * (number - len(words)):#x}"))

    def convert(match):
        nonlocal number
        flags, width, precision, size, kind = match.groups()
        if kind == "%":
            return "%"
        value, number = argument(number), number + 1
        if kind == "s":
            shown = text_at(value)
            return f"{shown[:int(precision)] if precision else shown:{'<' if '-' in flags else '>'}{width}}"
        if kind == "c":
            return chr(value & 255)
        if kind == "p":
            return hex(value)
        bits = 8 * WIDTHS[size]
        value %= 2**bits
        value -= 2**bits if kind in "di" and value >> bits - 1 else 0
        return f"%{flags}{width}{kind}" % value
    number = 0
    return re.sub(CONVERSION, convert, text_at(register("rsi")))


def text_at(address):
    return gdb.parse_and_eval(f"(char *){address:#x}").string("latin-1")
