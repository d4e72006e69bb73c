"""A client's session: numbers for its commands, several under way at a time, and honest word of what needs no answer any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from quorate_node.simulator.history import Request

KEPT_MAX = 8


class Session:
    """One session of one client, shared by all that it does at a time."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._last = 0
        self._asking: dict[int, int] = {}
        """Sequence number -> how many are asking for it now."""
        self._kept: dict[int, Request] = {}
        """Nobody asks for these now, and yet somebody may ask again: their answers must not be forgotten."""

    def take(self) -> int:
        self._last += 1
        return self._last

    @property
    def acked_below(self) -> int:
        """The lowest that may be asked for again."""
        return min((*self._asking, *self._kept), default=self._last + 1)

    @contextmanager
    def asking(self, seq: int) -> Iterator[None]:
        self._asking[seq] = self._asking.get(seq, 0) + 1
        try:
            yield
        finally:
            self._asking[seq] -= 1
            if not self._asking[seq]:
                del self._asking[seq]

    def keep(self, seq: int, request: Request) -> None:
        """It may be sent again later. The oldest of too many is given up for good."""
        self._kept[seq] = request
        if len(self._kept) > KEPT_MAX:
            del self._kept[min(self._kept)]

    def again(self, random: Random) -> tuple[int, Request] | None:
        """One that was sent before; often for the last time."""
        if not self._kept:
            return None
        seq = random.choice(list(self._kept))
        request = self._kept[seq]
        if random.random() < 0.5:
            del self._kept[seq]
        return seq, request


class Sessions:
    """The one that a client has now, if any; all of its lanes go on with the same."""

    def __init__(self) -> None:
        self.current: Session | None = None
        self.opening = False

    def lost(self, session: Session) -> None:
        if self.current is session:
            self.current = None
