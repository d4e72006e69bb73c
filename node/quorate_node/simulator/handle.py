"""What the loop has to call, and for whom: asyncio's handle with less in it, since a run makes some twenty thousand of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quorate_node.simulator.process import Process


class Handle(asyncio.TimerHandle):
    """`asyncio.TimerHandle` to whoever holds it. The loop looks at `cancelled_` and calls by itself: no call in between."""

    __slots__ = ("_due_ns", "arguments", "callback", "cancelled_", "context", "process")
    order_after_a_pause = 0
    """What was ready comes first, then what arrived, then timers: as in a loop that wakes up."""

    def __init__(
        self, due_ns: int, process: Process, callback: Callable[..., object], arguments: tuple[Any, ...], context: Context
    ) -> None:
        # Not the base class's, which asks the loop for its debug mode, and when all it would be told is known here.
        self._due_ns = due_ns
        self.process = process
        self.callback = callback
        self.arguments = arguments
        self.context = context
        self.cancelled_ = False

    def __repr__(self) -> str:
        return f"<Handle {'cancelled' if self.cancelled_ else self.callback!r} of {self.process.name}>"

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def cancel(self) -> None:
        """It stays where it is, and holds nothing alive from now on."""
        self.cancelled_ = True
        self.callback, self.arguments = _nothing, ()

    def cancelled(self) -> bool:
        return self.cancelled_

    @property
    def due_ns(self) -> int:
        return self._due_ns

    def put_off(self, delay_ns: int) -> Handle:
        """It is due so much later. Itself."""
        self._due_ns += delay_ns
        return self

    def when(self) -> float:
        """On its process's clock, as that runs now, in seconds."""
        return self.process.clock.local(self._due_ns) / 1e9


def _nothing() -> None:
    """In place of a callback that was let go."""


class Arrival(Handle):
    """What comes from outside of the process: a message, the end of what another thread or a disk does."""

    __slots__ = ()
    order_after_a_pause = 1


class Timer(Handle):
    __slots__ = ()
    order_after_a_pause = 2
