"""The kernel syncs, the loop is told, and where that cannot be there is none of it."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.store import StoreSettings, open_store
from quorate_node.store.errors import StoreFailed
from quorate_node.store.kernel_sync import KernelSync, open_kernel_sync

SETTINGS = StoreSettings(log_backend="file", log_segment_bytes=1 << 18, reserve_bytes=1, headroom_bytes=0)


async def _sync(kernel: KernelSync, descriptor: int) -> int:
    over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    assert kernel.sync(descriptor, over.set_result)
    assert kernel.busy
    return await over


@pytest.fixture
async def kernel() -> KernelSync:
    opened = open_kernel_sync(asyncio.get_running_loop())
    if opened is None:
        pytest.skip("this system, or its sandbox, has no asynchronous I/O")
    return opened


async def test_a_file_is_synced_and_the_loop_is_told(kernel: KernelSync, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        for _ in range(50):
            os.pwrite(file.fileno(), b"x" * 5000, 0)
            assert await _sync(kernel, file.fileno()) == 0
            assert not kernel.busy
    kernel.close()


async def test_a_descriptor_that_cannot_be_synced_is_an_error_and_not_a_success(kernel: KernelSync) -> None:
    read_end, write_end = os.pipe()
    over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    if kernel.sync(write_end, over.set_result):
        assert await over == errno.EINVAL
    kernel.close()
    os.close(read_end)
    os.close(write_end)


async def test_elsewhere_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "z80")
    assert open_kernel_sync(asyncio.get_running_loop()) is None


def _persist(index: int, data: bytes = b"d") -> Persist:
    return Persist(HardState(1, 0, 0), [Entry(index, 1, 0, data)], None, True)


def test_what_was_begun_and_synced_is_there_after_reopening(tmp_path: Path) -> None:
    stores = open_store(tmp_path / "data", SETTINGS)
    first = [_persist(1)]
    assert stores.log.begin(first) is None, "a new term goes to its own file first: that is for the thread"
    stores.log.write(first)
    stores.log.written(first)
    for index in range(2, 40):
        batches = [_persist(index, b"%d" % index * 100)]
        descriptor = stores.log.begin(batches)
        if descriptor is None:
            stores.log.write(batches)
        else:
            assert stores.log.last_index() == index - 1, "nothing shows before it is durable"
            os.fdatasync(descriptor)
            stores.log.synced(0)
        stores.log.written(batches)
    stores.close()
    again = open_store(tmp_path / "data", SETTINGS)
    assert again.log.last_index() == 39 and again.log.damaged() == []
    again.close()


def test_a_failed_sync_ends_all_writing(tmp_path: Path) -> None:
    stores = open_store(tmp_path / "data", SETTINGS)
    first = [_persist(1)]
    stores.log.write(first)
    stores.log.written(first)
    assert stores.log.begin([_persist(2)]) is not None
    with pytest.raises(StoreFailed, match="could not be synced"):
        stores.log.synced(errno.EIO)
    with pytest.raises(StoreFailed):
        stores.log.write([_persist(2)])


def test_a_log_that_the_kernel_cannot_sync_says_so_by_none(tmp_path: Path) -> None:
    stores = open_store(tmp_path / "data", replace(SETTINGS, log_backend="rocksdb"))
    first = [_persist(1)]
    stores.log.write(first)
    stores.log.written(first)
    assert stores.log.begin([_persist(2)]) is None
    stores.close()
