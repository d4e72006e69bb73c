"""How a batch becomes durable beside the loop: by the kernel where it can, and where it cannot, by a thread that does the same."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.replica import log_sync
from quorate_node.replica.log_sync import DiskLogSync
from quorate_node.store import Stores, StoreSettings, open_store
from quorate_node.store.errors import StoreFailed
from quorate_node.store.kernel_sync import KernelSync
from quorate_node.store.settings import LogKind

SETTINGS = StoreSettings(log_segment_bytes=1 << 18, reserve_bytes=1, headroom_bytes=0)
BATCHES = 40


async def write_all(stores: Stores, low: int, high: int) -> None:
    """Entries [low, high), one batch each, as the writer has them made durable. Raises what the log raised."""
    outcomes: asyncio.Queue[BaseException | None] = asyncio.Queue()
    sync = DiskLogSync(stores.log, outcomes.put_nowait)
    try:
        for index in range(low, high):
            batches = [Persist(HardState(1, 0, 0), [Entry(index, 1, 0, b"%d" % index)], None, True)]
            sync.write(batches)
            assert outcomes.empty(), "never inside the call"
            outcome = await outcomes.get()
            if outcome is not None:
                raise outcome
            stores.log.written(batches)
    finally:
        await sync.close()


def found_again(path: Path) -> list[bytes]:
    stores = open_store(path, SETTINGS)
    assert stores.log.damaged() == []
    found = [entry.data for entry in stores.log.entries(1, stores.log.last_index() + 1, 1 << 20)]
    stores.close()
    return found


EXPECTED = [b"%d" % index for index in range(1, BATCHES + 1)]


@pytest.mark.parametrize("log_backend", get_args(LogKind))
@pytest.mark.parametrize("by", ["kernel", "thread"])
async def test_a_batch_that_was_reported_is_there(by: str, log_backend: LogKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is what a system or sandbox without asynchronous I/O has, and what RocksDB's log always has."""
    if by == "thread":
        monkeypatch.setattr(log_sync, "open_kernel_sync", lambda _loop: None)
    stores = open_store(tmp_path / "data", replace(SETTINGS, log_backend=log_backend))
    await write_all(stores, 1, BATCHES + 1)
    stores.close()
    assert found_again(tmp_path / "data") == EXPECTED


async def test_a_kernel_that_takes_no_such_request_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(_self: KernelSync, descriptor: int, _done: object) -> bool:
        asked.append(descriptor)
        return False

    monkeypatch.setattr(KernelSync, "sync", refuse)
    stores = open_store(tmp_path / "data", SETTINGS)
    await write_all(stores, 1, BATCHES + 1)
    assert len(asked) <= 1
    stores.close()
    assert found_again(tmp_path / "data") == EXPECTED


async def test_a_sync_that_fails_where_the_kernel_refused_the_request_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = open_store(tmp_path / "data", SETTINGS)
    await write_all(stores, 1, 3)

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(KernelSync, "sync", lambda *_: False)
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(StoreFailed, match="could not be synced"):
        await write_all(stores, 3, 4)
    monkeypatch.undo()
    assert stores.log.last_index() == 2
    stores.close()
