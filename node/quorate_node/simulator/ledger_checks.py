"""What must hold of the application: one list on all members, every command in it once, and answers that are the list's.

Apart from the code that is judged: it sees what machines carry out, what clients asked, and what they were told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from quorate_node.simulator.ledger import REJECTED_END, result_of
from quorate_node.simulator.trace import Trace

Violated = Callable[[str, str], None]


class LedgerChecks:
    """Implements `ledger.Observer`."""

    def __init__(self, violated: Violated, trace: Trace, counters: Counter[str]) -> None:
        self._violated = violated
        self._trace = trace
        self._counters = counters
        self._lines: list[tuple[int, bytes, bytes]] = []
        """(index, payload, hash) by place in the list, as the first member to come so far had it."""
        self._places: dict[bytes, int] = {}
        self._refused: set[bytes] = set()
        self.acknowledged = 0
        """The highest place that a client was told of."""

    @property
    def length(self) -> int:
        return len(self._lines)

    # -- machines -------------------------------------------------------------------------------------------------------

    def carried_out(self, member: str, count: int, index: int, payload: bytes, chain: bytes) -> None:
        line = index, payload, chain
        if count <= len(self._lines):
            known = self._lines[count - 1]
            if known != line:
                text = f"{member} has {payload!r} of entry {index} in place {count}, another member {known[1]!r} of entry {known[0]}"
                self._violated("application equality", text)
            return
        if payload in self._places:
            self._violated("application exactly once", f"{member} carries out {payload!r} again in place {count}")
        if payload in self._refused:
            self._violated("application refusals", f"{member} carries out {payload!r}, which was refused")
        if count != len(self._lines) + 1:
            self._violated("application equality", f"{member} comes to place {count} where {len(self._lines) + 1} is next")
        self._lines.append(line)
        self._places[payload] = count
        self._trace.event("application", member, count, payload)

    def restored(self, member: str, count: int, chain: bytes) -> None:
        self._counters["application restored"] += 1
        known = self._lines[count - 1][2] if 0 < count <= len(self._lines) else bytes(32)
        if known != chain:
            self._violated("application equality", f"{member} restores a list of {count} that nobody had")

    # -- clients --------------------------------------------------------------------------------------------------------

    def answered(self, payload: bytes, value: bytes, floor: int) -> None:
        """A client was told. `floor`: `acknowledged` when it first asked: what was told before comes before."""
        place = self._places.get(payload, 0)
        if not place or value != result_of(place, self._lines[place - 1][2]):
            self._violated("application answers", f"{payload!r} is in place {place}, and was answered with {value!r}")
        if place <= floor:
            self._violated("application order", f"{payload!r} is in place {place}, asked for when {floor} had been told")
        self.acknowledged = max(self.acknowledged, place)
        self._counters["application answered"] += 1

    def rejected(self, payload: bytes, reason: bytes) -> None:
        if not payload.endswith(REJECTED_END) or reason != b"rejected " + payload:
            self._violated("application answers", f"{payload!r} was rejected with {reason!r}")
        self._counters["application rejected"] += 1

    def refused(self, payload: bytes) -> None:
        """A definite no, to the only attempt: it was never carried out, and never is."""
        self._refused.add(payload)
        if payload in self._places:
            self._violated("application refusals", f"{payload!r} is in place {self._places[payload]}, and was refused")
