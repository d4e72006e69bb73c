"""What the application's machine is fed with: committed commands and registrations, in log order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec

Place = tuple[int, int]
"""(index, position): which command of which log entry. Positions count from 0."""

POSITION_MAX = 2**32 - 1
"""Behind the last command of an entry."""


class ApplicationCommand(msgspec.Struct, gc=False, frozen=True):
    """A command that the machine let through: no session's duplicate, none that was refused."""

    index: int
    position: int
    log_time_ms: int
    payload: bytes


class ApplicationRegistration(msgspec.Struct, gc=False, frozen=True):
    """From here on every member runs `name` at `version`."""

    index: int
    position: int
    name: str
    version: int


ApplicationItem = ApplicationCommand | ApplicationRegistration

CommandReader = Callable[[int, int], AsyncIterator[ApplicationItem]]
"""(from index, to index) -> exactly what the machine submitted or registered in these entries, both included, in order, then the end.

Raises `store.errors.Compacted` when the log begins after the first index. All of these entries are applied.
"""


def place_of(item: ApplicationItem) -> Place:
    return item.index, item.position


def size_of(item: ApplicationItem) -> int:
    """Bytes it counts in a bound: its payload and what carries it."""
    return 64 + (len(item.payload) if isinstance(item, ApplicationCommand) else 0)
