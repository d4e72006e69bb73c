"""A failing run made small: whatever can be left out while the same property stays broken is left out, coarse things first.

The order of the attempts follows from the case alone; the time that it may take decides only how far it gets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from quorate_node.simulator.case import Case
from quorate_node.simulator.ddmin import ddmin, earliest
from quorate_node.simulator.features import change, switched_on
from quorate_node.simulator.run import Result, run_case

MS = 1_000_000
PRECISION_MS = 5


class Ran(msgspec.Struct, frozen=True):
    """One attempt, and what there is in it that may be left out."""

    result: Result
    faults: tuple[str, ...]
    operations: tuple[str, ...]
    clients: tuple[int, ...]
    watchers: tuple[int, ...]
    end_ms: int
    """Of virtual time: when it ended, or was found broken."""
    chaos_end_ms: int
    """When its faults ended; 0 if it did not get there."""

    def size(self) -> str:
        members = self.result.case.options.members
        counts = {"faults": self.faults, "clients": self.clients, "watchers": self.watchers, "operations": self.operations}
        shown = ", ".join(f"{len(there)} {name}" for name, there in counts.items())
        return f"{members} members, {shown}, {self.end_ms} ms"


def attempt(case: Case) -> Ran:
    result, world = run_case(case)
    return Ran(
        result,
        (*world.faults.happened, *world.governor.happened, *world.bursts.happened),
        tuple(world.recorder.steps),
        tuple(client.number for client in world.clients),
        tuple(watcher.record.watch for watcher in world.watchers),
        -(-world.loop.now_ns // MS),
        -(-world.chaos_end_ns // MS),
    )


class _Spent(Exception):
    """The time is over."""


class Shrinker:
    def __init__(
        self,
        failing: Result,
        seconds: float,
        say: Callable[[str], None],
        run: Callable[[Case], Ran] = attempt,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`say` is told of every step ahead. `run` and `now_s`: for tests."""
        self.runs = 0
        self._property = failing.outcome.broken
        self._until_s = now_s() + seconds
        self._now_s = now_s
        self._say = say
        self._run = run
        self._known: dict[Case, bool] = {}
        self._began = self.best = run(failing.case)
        if self._property not in self.best.result.violated:
            broken = self.best.result.outcome.broken or "nothing"
            raise ValueError(f"the run does not repeat: {self._property} was broken, now it is {broken}")

    def shrink(self) -> Ran:
        """The smallest that was found in the time."""
        stages = (self._end, self._features, self._members, self._faults, self._clients, self._watchers, self._operations)
        try:
            before = None
            while self.best.result.case != before:
                before = self.best.result.case
                for stage in stages:
                    case = self.best.result.case
                    stage()
                    if self.best.result.case != case:
                        self._say(f"shrinking: {stage.__name__[1:]}: {self.best.size()}, after {self.runs} runs")
        except _Spent:
            self._say(f"shrinking: the time is over after {self.runs} runs")
        return self.best

    def summary(self) -> str:
        """What is left of what there was."""
        case = self.best.result.case
        left_out = f"\n  without {', '.join(case.left_out)}" if case.left_out else ""
        return f"shrunk in {self.runs} runs\n  from {self._began.size()}\n  to   {self.best.size()}{left_out}"

    def _fails(self, case: Case) -> bool:
        """In the same property. What fails is the best so far: every attempt is a part of the one before it."""
        known = self._known.get(case)
        if known is not None:
            return known
        if self._now_s() > self._until_s:
            raise _Spent
        self.runs += 1
        ran = self._run(case)
        failed = self._known[case] = self._property in ran.result.violated
        if failed:
            self.best = ran
        return failed

    def _reduced(self, **reductions: Any) -> Case:
        case = self.best.result.case
        return msgspec.structs.replace(case, reductions=msgspec.structs.replace(case.reductions, **reductions))

    # -- the stages -----------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Cut where it fails already; where only the quiet shows it, let that begin earlier."""
        chaos_end_ms, end_ms = self.best.chaos_end_ms, self.best.end_ms
        if chaos_end_ms and not self._fails(self._reduced(until_ms=chaos_end_ms)):
            name, high_ms = "chaos_ms", chaos_end_ms
        else:
            name, high_ms = "until_ms", min(end_ms, chaos_end_ms or end_ms)
        if self._fails(self._reduced(**{name: high_ms})):
            earliest(0, high_ms, max(PRECISION_MS, high_ms // 50), lambda ms: self._fails(self._reduced(**{name: ms})))

    def _features(self) -> None:
        case = self.best.result.case
        there = switched_on(case.world)

        def fails(kept: Sequence[str]) -> bool:
            left_out = (*case.left_out, *(name for name in there if name not in kept))
            return self._fails(msgspec.structs.replace(self.best.result.case, left_out=left_out))

        ddmin(there, fails)

    def _members(self) -> None:
        for fewer in (1, 3, 5):
            case = self.best.result.case
            if fewer < case.options.members:
                options = change(case.options, [f"members={fewer}"])
                if self._fails(msgspec.structs.replace(case, options=options)):
                    return

    def _faults(self) -> None:
        ddmin(self.best.faults, lambda kept: self._fails(self._reduced(faults=tuple(kept))))

    def _clients(self) -> None:
        ddmin(self.best.clients, lambda kept: bool(kept) and self._fails(self._reduced(clients=tuple(kept))))

    def _watchers(self) -> None:
        ddmin(self.best.watchers, lambda kept: self._fails(self._reduced(watchers=tuple(kept))))

    def _operations(self) -> None:
        ddmin(self.best.operations, lambda kept: self._fails(self._reduced(operations=tuple(kept))))
