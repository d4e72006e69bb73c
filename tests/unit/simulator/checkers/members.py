"""True records of members from a seed: elections, logs that are overwritten where nothing was committed, lives, states."""

from __future__ import annotations

import random

from quorate.wire.results import PutResult
from quorate_node.simulator.history import Applied, CommittedEntry, History, Led, Operation, Promised, Stored
from tests.unit.simulator.checkers.records import history, ns, put

COUNT = 3
TERMS = 8
Log = list[int]
"""Terms by index - 1."""


class Members:
    """Raft as a game of turns: each term one leader that a majority may elect, some entries, some followers that take them."""

    def __init__(self, generator: random.Random) -> None:
        self.generator = generator
        self.at_s = 0.0
        self.logs: list[Log] = [[] for _ in range(COUNT)]
        self.applied = [0] * COUNT
        self.boots = [1] * COUNT
        self.committed = 0
        self.revision = 1
        self.writes: dict[int, int] = {}
        """Index -> the revision that its entry made."""
        self.operations: list[Operation] = []
        self.found = History()

    def play(self) -> History:
        for term in range(1, TERMS + 1):
            leader = self._elect(term)
            if leader is not None:
                for _ in range(self.generator.randrange(1, 4)):
                    self._append(leader, term, self.generator.randrange(1, 4))
                    self._replicate(leader, term)
            if self.generator.random() < 0.3:
                self._restart(self.generator.randrange(COUNT))
        found = self.found
        return history(
            *self.operations, committed=found.committed, led=found.led, applied=found.applied, promised=found.promised, stored=found.stored
        )

    def _now_ns(self) -> int:
        self.at_s += 0.01
        return ns(self.at_s)

    def _elect(self, term: int) -> int | None:
        """Votes go to whoever's log is as new as one's own (section 5.4.1); a third of the terms has no leader."""
        candidate = self.generator.randrange(COUNT)

        def standing(member: int) -> tuple[int, int]:
            return (self.logs[member] or [0])[-1], len(self.logs[member])

        voters = [member for member in range(COUNT) if member == candidate or standing(candidate) >= standing(member)]
        if self.generator.random() < 0.3:
            voters = [candidate]
        for member in range(COUNT):
            if member in voters or self.generator.random() < 0.5:
                vote = candidate + 1 if member in voters else 0
                self.found.promised.append(Promised(self._now_ns(), f"n{member + 1}", member + 1, term, vote))
        if 2 * len(voters) <= COUNT:
            return None
        self.found.led.append(Led(self._now_ns(), f"n{candidate + 1}", candidate + 1, term))
        return candidate

    def _append(self, leader: int, term: int, count: int) -> None:
        for _ in range(count):
            self.logs[leader].append(term)
            self._stored(leader, len(self.logs[leader]))

    def _stored(self, member: int, index: int) -> None:
        term = self.logs[member][index - 1]
        self.found.stored.append(Stored(self._now_ns(), f"n{member + 1}", member + 1, index, term, b"%d/%d" % (index, term)))

    def _replicate(self, leader: int, term: int) -> None:
        log = self.logs[leader]
        for member in range(COUNT):
            if member != leader and self.generator.random() < 0.6:
                same = next((at for at, pair in enumerate(zip(self.logs[member], log, strict=False)) if pair[0] != pair[1]), None)
                same = min(len(self.logs[member]), len(log)) if same is None else same
                self.logs[member] = log.copy()
                for index in range(same + 1, len(log) + 1):
                    self._stored(member, index)
        if 2 * sum(other == log for other in self.logs) > COUNT:
            while self.committed < len(log):
                self.committed += 1
                self._commit(leader, log[self.committed - 1])
        for member in range(COUNT):
            if self.logs[member][: self.committed] == log[: self.committed]:
                self._apply(member)

    def _commit(self, leader: int, term: int) -> None:
        index = self.committed
        self.revision += 1
        at_ns = self._now_ns()
        entry = CommittedEntry(index, term, 0, b"", at_ns, f"n{leader + 1}", (PutResult(self.revision),))
        self.found.committed.append(entry)
        self.operations.append(put(b"v%d" % index, self.at_s - 0.005, self.at_s + 0.002, self.revision, number=index))

    def _apply(self, member: int) -> None:
        while self.applied[member] < self.committed:
            self.applied[member] += 1
            index = self.applied[member]
            self.found.applied.append(Applied(self._now_ns(), f"n{member + 1}", self.boots[member], index, b"state %d" % index))

    def _restart(self, member: int) -> None:
        """It applies a part of its log again."""
        self.boots[member] += 1
        self.applied[member] = self.generator.randrange(self.applied[member] + 1)
