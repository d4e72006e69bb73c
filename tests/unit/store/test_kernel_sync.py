"""The kernel syncs, the loop is told, and where that cannot be there is none of it."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.store import StoreSettings, open_store
from quorate_node.store.errors import NoSpace, StoreFailed
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


def test_an_error_that_another_sync_was_told_of_is_not_forgotten_by_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel reports a failed sync once. A repair between a batch's write and its sync syncs too, and takes the error away."""
    stores = open_store(tmp_path / "data", SETTINGS)
    first = [_persist(1)]
    stores.log.write(first)
    stores.log.written(first)
    assert stores.log.begin([_persist(2)]) is not None

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("quorate_node.store.kernel_synced_log.sync_data", fail)
    with pytest.raises(StoreFailed, match="could not be synced"):
        stores.log.compact(1, Configuration(voters=(1,)))
    with pytest.raises(StoreFailed, match="could not be synced"):
        stores.log.synced(0)
    assert stores.log.last_index() == 1, "nothing of it was acknowledged"
    with pytest.raises(StoreFailed):
        stores.log.write([_persist(2)])
    stores.close()


def test_a_disk_that_is_full_only_at_the_sync_is_no_failed_one(tmp_path: Path) -> None:
    """A copy-on-write file system takes the space then: the batch is written again once the log was opened anew."""
    stores = open_store(tmp_path / "data", SETTINGS)
    first, second = [_persist(1)], [_persist(2)]
    stores.log.write(first)
    stores.log.written(first)
    assert stores.log.begin(second) is not None
    with pytest.raises(NoSpace, match="nothing of the batch is acknowledged"):
        stores.log.synced(errno.ENOSPC)
    assert stores.log.begin(second) is None, "the log must be opened anew first"
    stores.log.write(second)
    stores.log.written(second)
    stores.close()
    again = open_store(tmp_path / "data", SETTINGS)
    assert (again.log.last_index(), again.log.damaged()) == (2, [])
    again.close()


@pytest.mark.parametrize(("events", "result", "expected"), [(0, 0, errno.EIO), (1, 7, errno.EIO), (1, -errno.ENOSPC, errno.ENOSPC)])
async def test_what_is_not_plainly_a_success_is_none(
    kernel: KernelSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: int, result: int, expected: int
) -> None:
    real = kernel._call

    def call(number: int, *arguments: Any) -> int:
        if number != kernel._get_events:
            return int(real(number, *arguments))
        kernel._completions[0].result = result
        return events

    monkeypatch.setattr(kernel, "_call", call)
    with (tmp_path / "file").open("wb") as file:
        assert await _sync(kernel, file.fileno()) == expected
    kernel.close()


async def test_without_a_way_to_report_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "eventfd", refuse)
    assert open_kernel_sync(asyncio.get_running_loop()) is None
