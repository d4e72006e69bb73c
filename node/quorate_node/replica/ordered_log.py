"""The ordered log for programs in any language: applied entries from an index on, for ever (DESIGN decision 11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from quorate_node.protocol.entry import Entry
from quorate_node.replica.service import ServiceError
from quorate_node.store.errors import Compacted

if TYPE_CHECKING:
    from quorate_node.replica.member import Member


class OrderedLog:
    def __init__(self, member: Callable[[], Member]) -> None:
        self._member = member
        self._moved = asyncio.Event()

    def wake(self, _applied_index: int) -> None:
        """Something was applied: all that wait look again."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def entries(self, from_index: int) -> AsyncIterator[Sequence[Entry]]:
        """Raises `ServiceError`: `Compacted` when the log does not go back that far, `NotReady` before there is a cluster."""
        at = from_index
        while True:
            member = self._member()
            moved = self._moved
            applied = member.machine.applied_index
            if at > applied:
                await moved.wait()
                continue
            try:
                entries = member.entries(at, applied + 1)
            except Compacted as error:
                first = member.engine.log.first_index()
                text = f"from is {at}, the log begins at {first}: read a snapshot and go on from its index"
                raise ServiceError("Compacted", text) from error
            at = entries[-1].index + 1
            yield entries
