# SPDX-License-Identifier: GPL-2.0-only
"""What an x86-64 instruction does to control flow and to registers, read from gdb's disassembly
in AT&T syntax. It knows what compilers emit for a kernel; everything else is an expression."""
import re

PREFIXES = re.compile(r"^(?:(?:lock|repn?z?|repne?|notrack|bnd|data16|[cdefgs]s|rex\S*) )+")
READ_ONLY = re.compile(r"(?:cmp|test|push|nop|ud|endbr|sti$|cli$|bt[wlq]?$|prefetch|[lms]fence"
                       r"|hlt|pause|out|clac|stac|swapgs|wrmsr|inv|ltr|lgdt|lidt|leave|enter)")
CONDITIONS = {  # suffix of jcc, setcc and cmovcc: its predicate of the flags
    "o": lambda f: "OF" in f, "s": lambda f: "SF" in f, "p": lambda f: "PF" in f,
    "b": lambda f: "CF" in f, "e": lambda f: "ZF" in f,
    "be": lambda f: "CF" in f or "ZF" in f, "l": lambda f: ("SF" in f) != ("OF" in f),
    "le": lambda f: "ZF" in f or ("SF" in f) != ("OF" in f),
}
NEGATED = {"no": "o", "ns": "s", "np": "p", "ae": "b", "ne": "e", "a": "be", "ge": "l", "g": "le"}


def _registers():
    names = {}
    for letter in "abcd":
        for name in (f"r{letter}x", f"e{letter}x", f"{letter}x", f"{letter}l", f"{letter}h"):
            names[name] = f"r{letter}x"
    for base in ("si", "di", "bp", "sp"):
        for name in (f"r{base}", f"e{base}", base, f"{base}l"):
            names[name] = f"r{base}"
    for number in range(8, 16):
        for suffix in ("", "d", "w", "b"):
            names[f"r{number}{suffix}"] = f"r{number}"
    return names


REGISTERS = _registers()
# Registers that an instruction writes without naming them, by the start of its name.
IMPLICIT = {"mul": {"rax", "rdx"}, "div": {"rax", "rdx"}, "idiv": {"rax", "rdx"},
            "cltd": {"rdx"}, "cqto": {"rdx"}, "cltq": {"rax"}, "cwtl": {"rax"},
            "cmpxchg": {"rax"}, "cpuid": {"rax", "rbx", "rcx", "rdx"}, "rdtsc": {"rax", "rdx"},
            "rdmsr": {"rax", "rdx"}, "lods": {"rax", "rsi"}, "leave": {"rbp", "rsp"},
            "movs": {"rdi", "rsi", "rcx"}, "stos": {"rdi", "rcx"}, "scas": {"rdi", "rcx"},
            "cmps": {"rdi", "rsi", "rcx"}}
STRING = ("movs", "stos", "scas", "cmps", "lods")  # string instructions, if they name %ds: or %es:


def register_of(operand):
    """The full register that an operand is, or None."""
    return REGISTERS.get(operand[1:]) if operand.startswith("%") else None


def holds(condition, flags):
    """Does a condition's suffix hold, given the names of the flags that are set?"""
    if condition in NEGATED:
        return not CONDITIONS[NEGATED[condition]](flags)
    return CONDITIONS[condition](flags)


class Instruction:
    """address, end (the next one's address), text, name, operands; flow: None, or jcc, jmp, call, ret
    or iret; target: the address, if it is direct."""
    __slots__ = ("address", "end", "text", "name", "operands", "flow", "target")

    def __init__(self, address, length, text):
        self.address, self.end = address, address + length
        self.text = re.sub(r"\s+", " ", text.split("#")[0]).strip()
        name, _, rest = PREFIXES.sub("", self.text).partition(" ")
        self.name = name
        rest = re.sub(r"<[^>]*>", "", rest).strip()
        self.operands = [part.strip() for part in re.split(r",(?![^(]*\))", rest)] if rest else []
        self.flow = self.target = None
        if name.startswith("j"):
            self.flow = "jmp" if name.startswith("jmp") else "jcc"
        elif name.startswith(("call", "lcall")):
            self.flow = "call"
        elif name.startswith("iret"):
            self.flow = "iret"
        elif name.startswith(("ret", "lret")):
            self.flow = "ret"
        if self.flow in ("jcc", "jmp", "call") and self.operands:
            if re.fullmatch(r"0x[0-9a-f]+", self.operands[0]):
                self.target = int(self.operands[0], 16)

    def writes(self):
        """The registers that it writes, other than by a call."""
        written = set()
        for start, registers in IMPLICIT.items():
            if self.name.startswith(start) and (
                    start not in STRING or re.search("%[de]s:", self.text)):
                written |= registers
        if self.operands and not self.flow and not READ_ONLY.match(self.name):
            if self.name.startswith(("xchg", "xadd")):
                if self.operands[0] == self.operands[-1]:
                    return written  # a nop
                written.add(register_of(self.operands[0]))
            written.add(register_of(self.operands[-1]))
        return written - {None}

    def stores(self):
        """The operand in memory that it writes, or None."""
        if self.name.startswith("push") or self.flow == "call":
            return "(%rsp)"
        if self.flow or not self.operands or READ_ONLY.match(self.name):
            return None
        memory = [operand for operand in self.operands if is_memory(operand)]
        if self.name.startswith(("xchg", "xadd")) and memory:
            return memory[0]
        return self.operands[-1] if is_memory(self.operands[-1]) else None

    def source(self, register):
        """The source of the value that it writes to a register: a pair of a kind and its detail:
        constant (number), register, memory (operand), negated (register), pop, choice (operand,
        condition), or expression."""
        name, operands = self.name, self.operands
        if name.startswith("pop") and not name.startswith("popcnt"):
            return "pop", None
        if name.startswith("cmov"):
            suffix = name[4:]
            if suffix not in CONDITIONS and suffix not in NEGATED:
                suffix = suffix[:-1]  # the operand's size
            return "choice", (operands[0], suffix)
        if name.startswith(("cltq", "cwtl")):
            return "register", "rax"
        if name.startswith("neg"):
            return "negated", register
        if name.startswith(("xor", "sub")) and len(operands) == 2 and operands[0] == operands[1]:
            return "constant", 0
        if name.startswith("or") and operands[0] in ("$0xffffffff", "$0xffffffffffffffff"):
            return "constant", -1
        if name.startswith("xchg") and len(operands) == 2:
            other = operands[0] if register_of(operands[1]) == register else operands[1]
            return of_operand(other)
        if name.startswith("mov") and len(operands) == 2:
            return of_operand(operands[0])
        return "expression", None


def is_memory(operand):
    return not operand.startswith("$") and (not operand.startswith("%") or "(" in operand
                                            or ":" in operand)


def of_operand(operand):
    """An operand as a source, see Instruction.source()."""
    if operand.startswith("$"):
        return "constant", int(operand[1:], 16)
    if is_memory(operand):
        return "memory", operand
    return "register", register_of(operand)
