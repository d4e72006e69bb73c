"""Random requests from a seed: as many as one likes, biased towards what meets. (Hypothesis draws far fewer, and shrinks.)"""

from __future__ import annotations

from random import Random
from typing import Any

from quorate.wire.commands import (
    Compact,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    LeaseExpire,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Operation,
    Put,
    Range,
    SortOrder,
    SortTarget,
    Txn,
)
from tests.unit.machine.strategies import KEYS, well_formed

VALUES = (b"", b"x", b"\x00" * 3, b"longer value")


class RandomRequests:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.revision = 1
        """Of the store, for revisions worth asking for."""

    def key(self) -> bytes:
        return self.random.choice(KEYS)

    def end(self) -> bytes:
        return self.random.choice((b"", b"\x00", self.key(), self.key()))

    def flag(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance

    def plain_put(self) -> Put:
        return Put(self.key(), self.random.choice(VALUES))

    def put(self) -> Put:
        if self.flag(0.3):
            return Put(self.key(), b"", 0, self.flag(), self.flag(), self.flag())
        return Put(self.key(), self.random.choice(VALUES), self.random.choice((0, 1, 2, 3)), self.flag())

    def delete(self) -> DeleteRange:
        return DeleteRange(self.key(), self.end() if self.flag(0.3) else b"", self.flag())

    def past(self) -> int:
        """A revision: now, a little ago, sometimes compacted or in the future."""
        return self.random.choice((0, 0, max(0, self.revision - self.random.randrange(8)), self.revision + self.flag(0.3)))

    def range(self) -> Range:
        bound = [self.past() if self.flag(0.15) else 0 for _ in range(4)]
        order, target = self.random.choice(tuple(SortOrder)), self.random.choice((SortTarget.KEY, *SortTarget))
        limit = self.random.choice((0, 1, 2, 3))
        return Range(self.key(), self.end(), limit, self.past(), order, target, self.flag(0.2), self.flag(0.2), *bound)

    def compare(self) -> Compare:
        result, target = self.random.choice(tuple(CompareResult)), self.random.choice(tuple(CompareTarget))
        number = self.random.choice((0, 1, 2, self.past()))
        return Compare(self.key(), result, target, number, self.random.choice(VALUES), self.end() if self.flag(0.3) else b"")

    def operation(self, depth: int) -> Operation:
        chance = self.random.random()
        if depth and chance < 0.2:
            return Operation(txn=self.any_txn(depth - 1))
        if chance < 0.5:
            return Operation(put=self.put())
        return Operation(range=self.range()) if chance < 0.75 else Operation(delete_range=self.delete())

    def any_txn(self, depth: int) -> Txn:
        compares = tuple(self.compare() for _ in range(self.random.choice((0, 1, 1, 2))))
        branches = [tuple(self.operation(depth) for _ in range(self.random.randrange(4))) for _ in range(2)]
        return Txn(compares, *branches)

    def txn(self) -> Txn:
        while not well_formed(found := self.any_txn(2)):
            continue
        return found

    def leases(self) -> tuple[int, ...]:
        return tuple(self.random.sample((1, 2, 3), self.random.randrange(4)))

    def request(self) -> Any:
        chance = self.random.random()
        if chance < 0.25:
            return self.plain_put()
        if chance < 0.40:
            return self.put()
        if chance < 0.55:
            return self.delete()
        if chance < 0.75:
            return self.txn()
        if chance < 0.80:
            return Compact(max(0, self.revision - self.random.choice((-1, 0, 0, 1, 3, 6))))
        lease = self.random.choice((1, 2, 3))
        return self.random.choice(
            (
                LeaseGrant(self.random.choice((500, 1_000, 2_000)), lease),
                LeaseGrant(2_000, self.random.choice((0, lease))),
                LeaseRevoke(lease),
                LeaseKeepAlive(self.leases()),
                LeaseExpire(self.leases()),
            )
        )
