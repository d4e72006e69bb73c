"""What a client does next, drawn from its own seed: the requests of a campaign, as the wire has them.

Keys: `r/N` registers (written, swapped, deleted), `l/N` lists that grow by one element a time, `p/N` that are read together. Values name
their writer and are unique.
"""

from __future__ import annotations

import random

from quorate.wire.commands import Compare, CompareResult, CompareTarget, DeleteRange, Operation, Put, Range, Txn

REGISTERS = 24
LISTS = 6
PREFIX_KEYS = 4
ELEMENTS_MAX = 24
"""A list that is longer begins anew: values stay small."""


def register(generator: random.Random) -> bytes:
    return b"r/%d" % generator.randrange(REGISTERS)


def swap(key: bytes, expected: bytes | None, value: bytes) -> Txn:
    """Set the key if it has the value that was seen last (None: if it is not there), else read it."""
    if expected is None:
        compare = Compare(key, CompareResult.EQUAL, CompareTarget.VERSION, 0)
    else:
        compare = Compare(key, CompareResult.EQUAL, CompareTarget.VALUE, value=expected)
    return Txn((compare,), (Operation(put=Put(key, value)),), (Operation(range=Range(key)),))


def appended(value: bytes | None, element: bytes) -> bytes:
    if value is None or value.count(b" ") >= ELEMENTS_MAX - 1:
        return element
    return value + b" " + element


class Workload:
    """Requests of one client. `seen` is what it last knew of each key; it is told by whoever carries the requests out."""

    def __init__(self, client: int, seed: int) -> None:
        self.client = client
        self.generator = random.Random(f"client/{seed}/{client}")
        self.seen: dict[bytes, bytes | None] = {}
        self._written = 0

    def value(self) -> bytes:
        self._written += 1
        return b"c%d-%d" % (self.client, self._written)

    def write(self) -> Put | DeleteRange | Txn:
        dice = self.generator.random()
        key = register(self.generator)
        if dice < 0.45:
            return Put(key, self.value())
        if dice < 0.55:
            return Put(b"p/%d" % self.generator.randrange(PREFIX_KEYS), self.value())
        if dice < 0.63:
            return DeleteRange(key)
        if dice < 0.82:
            return swap(key, self.seen.get(key), self.value())
        key = b"l/%d" % self.generator.randrange(LISTS)
        known = self.seen.get(key)
        return swap(key, known, appended(known, self.value()))

    def read(self) -> Range:
        if self.generator.random() < 0.1:
            return Range(b"p/", b"p0")
        return Range(register(self.generator) if self.generator.random() < 0.8 else b"l/%d" % self.generator.randrange(LISTS))
