"""Writes down what clients asked, and what they were told."""

from __future__ import annotations

from collections import Counter
from typing import Any

from quorate_node.simulator.history import NEVER_NS, History, Operation, Outcome, Request
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.trace import Trace


class Recorder:
    """Numbers operations as they begin, and keeps them as they end."""

    def __init__(self, loop: VirtualLoop, history: History, trace: Trace, counters: Counter[str]) -> None:
        self._loop = loop
        self._history = history
        self._trace = trace
        self._counters = counters
        self._open: dict[int, dict[str, Any]] = {}
        self.begun = 0
        self.skipped = 0
        """What clients would have done next, and was left out."""
        self.steps: list[str] = []
        """What they did, as `Reductions.operations` names it."""

    def begin(self, client: int, request: Request, **details: Any) -> int:
        self.begun += 1
        self._open[self.begun] = {"client": client, "request": request, "invoked_ns": self._loop.now_ns, "member": "", **details}
        return self.begun

    def end(self, number: int, outcome: Outcome, result: Any = None, **details: Any) -> None:
        fields = self._open.pop(number) | details
        completed_ns = NEVER_NS if outcome is Outcome.UNKNOWN else self._loop.now_ns
        revision = getattr(result, "revision", 0)
        operation = Operation(number=number, completed_ns=completed_ns, outcome=outcome, result=result, revision=revision, **fields)
        self._history.operations.append(operation)
        kind = type(operation.request).__name__
        self._counters[f"operation {outcome}"] += 1
        if outcome is Outcome.FAILED:
            self._counters[f"refused {operation.error}"] += 1
        self._trace.event("done", operation.client, kind, outcome, operation.error, revision, operation.member)

    def close(self) -> None:
        """The run is over: what is still open nobody will ever know."""
        for number in list(self._open):
            self.end(number, Outcome.UNKNOWN, error="Timeout")
