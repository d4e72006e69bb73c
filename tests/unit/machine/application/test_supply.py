"""The supply of the worker: the log read as the machine let it through, and the feed without a gap or a repeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire.commands import ApplicationVersion, Batch, Command, CommandKind, Put
from quorate_node.machine.application.feed import Feed
from quorate_node.machine.application.items import ApplicationCommand, ApplicationItem, ApplicationRegistration, place_of
from quorate_node.machine.application.log_reader import LogCommandReader
from quorate_node.machine.application.refused import forget_refused, mark_refused, refused_places
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.application.snapshot_files import (
    FORMAT,
    ApplicationSnapshotHeader,
    SnapshotWriter,
    keep_newest,
    list_snapshots,
    open_snapshot,
    read_pieces,
    verify,
)
from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.store.errors import Compacted, Damaged
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore


def command(kind: int, payload: Any) -> Command:
    return Command(kind, 1, 0, 0, 0, "", 0, msgspec.Raw(msgspec.msgpack.encode(payload)))


def entry(index: int, log_time_ms: int, *commands: Command) -> Entry:
    return Entry(index, 1, EntryType.NORMAL, msgspec.msgpack.encode(Batch(1, log_time_ms, list(commands))))


class ListLog:
    """The two calls of a `LogView` that the reader makes; small slices."""

    def __init__(self, entries: list[Entry], first: int = 1) -> None:
        self._entries = {one.index: one for one in entries}
        self._first = first

    def first_index(self) -> int:
        return self._first

    def entries(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        return [self._entries[index] for index in range(low, min(high, low + 2))]


async def test_the_log_gives_what_the_machine_let_through() -> None:
    application, put = CommandKind.APPLICATION, command(CommandKind.PUT, Put(b"k", b"v"))
    log = ListLog(
        [
            entry(1, 10, put),
            entry(2, 30, command(application, b"a"), put, command(application, b"duplicate"), command(application, b"b")),
            Entry(3, 1),
            Entry(4, 2, EntryType.MEMBERSHIP, b"x"),
            entry(5, 20, command(CommandKind.APPLICATION_VERSION, ApplicationVersion("n", 2)), command(application, b"c")),
            entry(6, 40, command(application, 17), command(application, b"d")),
            entry(7, 50, command(application, b"later")),
        ]
    )
    state = MemoryStateStore(MemoryDisk(), "state")
    batch = state.batch()
    mark_refused(batch, state.family("meta"), 2, 2)
    state.write(batch)
    read = LogCommandReader(lambda: log, lambda: state)  # type: ignore[arg-type,return-value]
    assert [item async for item in read(0, 6)] == [
        ApplicationCommand(2, 0, 30, b"a"),
        ApplicationCommand(2, 3, 30, b"b"),
        ApplicationRegistration(5, 0, "n", 2),
        ApplicationCommand(5, 1, 30, b"c"),
        ApplicationCommand(6, 1, 40, b"d"),
    ]
    assert [item.index async for item in read(6, 6)] == [6]
    compacted = LogCommandReader(lambda: ListLog([], first=5), lambda: state)  # type: ignore[arg-type,return-value]
    with pytest.raises(Compacted, match="the log begins at index 5, the application needs it from 4 on"):
        await anext(compacted(3, 9))


def test_marks_go_with_the_log() -> None:
    state = MemoryStateStore(MemoryDisk(), "state")
    for index in (3, 5, 8):
        batch = state.batch()
        mark_refused(batch, state.family("meta"), index, 1)
        state.write(batch)
    assert refused_places(state, 3, 5) == {(3, 1), (5, 1)}
    batch = state.batch()
    forget_refused(batch, state.family("meta"), 5)
    state.write(batch)
    assert refused_places(state, 0, 100) == {(8, 1)}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=40), st.integers(1, 6), st.integers(1, 5))
def test_the_feed_has_no_gap_and_no_repeat(steps: list[tuple[int, int]], queue_commands: int, batch: int) -> None:
    """Entries of several commands arrive faster or slower than they are taken; the queue overflows again and again."""

    async def scenario() -> None:
        log: list[ApplicationItem] = []

        async def read(low: int, high: int) -> AsyncIterator[ApplicationItem]:
            for item in [item for item in log if low <= item.index <= high]:
                await asyncio.sleep(0)
                yield item

        feed = Feed(read, ApplicationSettings("m:C", queue_commands=queue_commands))
        taken: list[ApplicationItem] = []
        for index, (count, takes) in enumerate(steps, 1):
            items = [ApplicationCommand(index, position, 0, b"x" * 10) for position in range(count)]
            log += items
            for item in items:
                assert feed.offer(item)
                assert not feed.offer(item), "a repeat is no news"
            for _ in range(takes):
                if not feed.drained:
                    taken += await feed.take(batch, 1 << 20)
        while not feed.drained:
            taken += await feed.take(batch, 1 << 20)
        assert [place_of(item) for item in taken] == [place_of(item) for item in log]

    asyncio.run(scenario())


@pytest.mark.parametrize("changes", [{"machine": "nocolon"}, {"machine": "m:not a name"}, {"batch_commands": 0}, {"memory_bytes_max": -1}])
def test_settings_name_the_bad_field(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"application.{next(iter(changes))} is"):
        ApplicationSettings(**({"machine": "m:C"} | changes))


def test_every_cut_and_every_flipped_byte_of_a_snapshot_is_found(tmp_path: Path) -> None:
    written = []
    for index in (5, 6, 7):
        writer = SnapshotWriter(tmp_path, ApplicationSnapshotHeader(FORMAT, index, "n", 1))
        writer.write(b"hello ")
        writer.write(b"world")
        written.append(writer.finish())
    snapshot = written[-1]
    SnapshotWriter(tmp_path, ApplicationSnapshotHeader(FORMAT, 8, "n", 1)).abandon()
    (tmp_path / "application-x.snapshot.part").touch()
    keep_newest(tmp_path)
    assert [kept.header.index for kept in list_snapshots(tmp_path)] == [7, 6]
    assert not list(tmp_path.glob("*.part"))
    verify(snapshot)
    assert b"".join(read_pieces(snapshot)) == b"hello world"
    whole = snapshot.path.read_bytes()
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]):
            snapshot.path.write_bytes(damaged)
            with pytest.raises(Damaged):
                verify(open_snapshot(snapshot.path))
    with pytest.raises(Damaged, match="cannot be read"):
        open_snapshot(tmp_path / "gone")
