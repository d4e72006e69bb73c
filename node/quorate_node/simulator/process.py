"""One life of a program on the virtual loop: what it has scheduled belongs to it, and stops with it at any await point."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

from quorate_node.simulator.clock import Clock
from quorate_node.simulator.handle import Handle

current_process: ContextVar[Process] = ContextVar("current_process")
"""Travels with every callback and task, as context variables do: whatever a process schedules is its own."""


class Process:
    """Killed, nothing of it runs any more, no `finally` either: power is gone. Paused or held up, what is due waits until it goes on."""

    def __init__(self, number: int, name: str, clock: Clock) -> None:
        self.number = number
        self.name = name
        self.clock = clock
        self.wall = clock
        """What the time of day is to it."""
        self.alive = True
        self.paused = False
        self.asleep: tuple[int, int] | None = None
        """Since when, in virtual time, and what its clock showed then."""
        self.held = 0
        """How many of its calls that do not return yet it waits for."""
        self.ahead_ns = 0
        """Within a callback that was held up: how far its own time is ahead of everybody's, and so of what it does from there on."""
        self.deferred: list[Handle] = []
        """What came due while it was paused, in order."""
        self.steps_left = 0
        """> 0: `interruption` comes after so many more steps of its own."""
        self.interruption: Callable[[], None] = _nothing
        self.tasks: dict[int, asyncio.Task[Any]] = {}
        """Every task not yet done. Kept after its death too, so that no destructor runs its code."""
        self.context = Context()
        self.context.run(current_process.set, self)

    def step_taken(self) -> None:
        """One less until the interruption."""
        self.steps_left -= 1
        if not self.steps_left:
            self.interruption()

    def __repr__(self) -> str:
        return f"<Process {self.name}#{self.number}{'' if self.alive else ' dead'}{' paused' if self.paused else ''}>"


def _nothing() -> None:
    """Nobody interrupts it."""
