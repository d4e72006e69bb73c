"""A `CommandReader` over the log: the application's commands and registrations of applied entries, as the machine let them through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec

from quorate.wire.commands import ApplicationVersion, Batch, CommandKind
from quorate_node.machine.application.items import ApplicationCommand, ApplicationItem, ApplicationRegistration, Place
from quorate_node.machine.application.refused import refused_places
from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.store.errors import Compacted
from quorate_node.store.interface import LogView, StateReader

SLICE_BYTES = 1 << 20
SLICE_ENTRIES = 1024

_decode_batch = msgspec.msgpack.Decoder(Batch).decode
_decode_payload = msgspec.msgpack.Decoder(bytes).decode
_decode_version = msgspec.msgpack.Decoder(ApplicationVersion).decode


class LogCommandReader:
    """Called as `items.CommandReader`. `log` and `state` are asked anew for each slice: the member may replace its store meanwhile."""

    def __init__(self, log: Callable[[], LogView], state: Callable[[], StateReader]) -> None:
        self._log = log
        self._state = state

    async def __call__(self, from_index: int, to_index: int) -> AsyncIterator[ApplicationItem]:
        """Raises `Compacted` when the log begins after `from_index` + 1 (entry `from_index` itself need not be there), `Damaged`."""
        log = self._log()
        if log.first_index() > from_index + 1:
            raise Compacted(f"the log begins at index {log.first_index()}, the application needs it from {from_index + 1} on")
        low = max(from_index, log.first_index())
        log_time_ms = 0
        while low <= to_index:
            high = min(to_index + 1, low + SLICE_ENTRIES)
            entries = self._log().entries(low, high, SLICE_BYTES)
            refused = refused_places(self._state(), low, entries[-1].index)
            for entry in entries:
                if entry.type == EntryType.NORMAL and entry.data:
                    batch = _decode_batch(entry.data)
                    log_time_ms = max(log_time_ms, batch.log_time_ms)
                    for item in _items(entry, batch, log_time_ms, refused):
                        yield item
            low = entries[-1].index + 1
            await asyncio.sleep(0)


def _items(entry: Entry, batch: Batch, log_time_ms: int, refused: set[Place]) -> Iterator[ApplicationItem]:
    for position, command in enumerate(batch.commands):
        if (entry.index, position) in refused:
            continue
        try:
            if command.kind == CommandKind.APPLICATION:
                yield ApplicationCommand(entry.index, position, log_time_ms, _decode_payload(command.payload))
            elif command.kind == CommandKind.APPLICATION_VERSION:
                version = _decode_version(command.payload)
                yield ApplicationRegistration(entry.index, position, version.name, version.version)
        except msgspec.MsgspecError:
            continue  # The machine refused it as malformed, equally on every member.
