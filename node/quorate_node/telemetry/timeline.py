"""The operation timeline: the last notable events of this member (elections, membership, repairs ...), in a bounded ring."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from quorate_node.telemetry.instruments import LabelledCounter

EVENTS_MAX = 512
TEXT_CHARACTERS_MAX = 500


class NotableEvent(NamedTuple):
    time_s: float
    """As given by whoever noted it: this room reads no clock of its own here, so that the simulator's time is kept."""
    kind: str
    text: str


class Timeline:
    """Keeps the newest `EVENTS_MAX` events."""

    def __init__(self, counter: LabelledCounter) -> None:
        self._events: deque[NotableEvent] = deque(maxlen=EVENTS_MAX)
        self._counter = counter

    def note(self, time_s: float, kind: str, text: str) -> None:
        """`kind` is one of a small fixed set of words (it labels a metric), `text` is for people."""
        self._events.append(NotableEvent(time_s, kind, text[:TEXT_CHARACTERS_MAX]))
        self._counter.add((kind,))

    def events(self) -> list[NotableEvent]:
        """Oldest first."""
        return list(self._events)
