"""Systems and file systems that lack a call get what does the same, and errors of those that have it are errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from quorate_node.store import file_calls
from quorate_node.store.file_calls import allocate, sync_data, write_at
from tests.unit.store.support import Member, append, entries, read_all

SYNCED = os.RWF_DSYNC


class Calls:
    """Stands in for functions of `os`, notes their names, and lets some fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **failing: int) -> None:
        self.made: list[str] = []
        for name in ("pwritev", "fdatasync", "fsync", "posix_fallocate"):
            monkeypatch.setattr(os, name, self._call(name, getattr(os, name), failing.get(name)))

    def _call(self, name: str, real: Callable[..., object], error: int | None) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            flagged = name == "pwritev" and arguments[3:] == (SYNCED,)
            self.made.append(name + " synced" * flagged)
            if error is not None and (flagged or name != "pwritev"):
                raise OSError(error, os.strerror(error))
            return real(*arguments)

        return call


@pytest.fixture
def descriptor(tmp_path: Path) -> int:
    return os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)


def test_a_synced_write_is_one_call(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch)
    write_at(descriptor, [b"ab", b"cd"], 2, synced=True)
    assert calls.made == ["pwritev synced"]
    assert os.pread(descriptor, 10, 0) == b"\0\0abcd"


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_where_a_write_cannot_sync_a_sync_follows_it(descriptor: int, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    calls = Calls(monkeypatch, pwritev=error)
    write_at(descriptor, [b"ab"], 0, synced=True)
    assert calls.made == ["pwritev synced", "pwritev", "fdatasync"]
    assert os.pread(descriptor, 10, 0) == b"ab"


def test_a_system_without_the_flag_or_fdatasync_syncs_the_file_whole(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(monkeypatch)
    monkeypatch.delattr(os, "RWF_DSYNC")
    monkeypatch.delattr(os, "fdatasync")
    write_at(descriptor, [b"ab"], 0, synced=True)
    assert calls.made == ["pwritev", "fsync"]
    assert os.pread(descriptor, 10, 0) == b"ab"


def test_macos_is_asked_to_empty_the_drives_cache(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(file_calls, "_SYNC_TO_PLATTER", 51)
    monkeypatch.setattr("fcntl.fcntl", lambda number, command: asked.append((number, command)))
    sync_data(descriptor)
    assert asked == [(descriptor, 51)]


@pytest.mark.parametrize("name", ["pwritev", "fdatasync"])
def test_an_error_of_the_disk_is_never_tried_again(descriptor: int, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    calls = Calls(monkeypatch, **({"pwritev": errno.EIO} if name == "pwritev" else {"pwritev": errno.EOPNOTSUPP, "fdatasync": errno.EIO}))
    with pytest.raises(OSError, match="Input/output"):
        write_at(descriptor, [b"ab"], 0, synced=True)
    assert [call.split()[0] for call in calls.made].count("fdatasync") == (name == "fdatasync")


def test_a_write_that_gets_nowhere_ends_with_an_error(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter([3, 0])

    def write(_descriptor: int, _parts: Sequence[bytes], _offset: int, _flags: int) -> int:
        return next(results)

    monkeypatch.setattr(os, "pwritev", write)
    with pytest.raises(OSError, match="nothing of 7 bytes was written at 8"):
        write_at(descriptor, [bytes(10)], 5, synced=False)


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_without_allocation_the_file_has_its_length_all_the_same(descriptor: int, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    Calls(monkeypatch, posix_fallocate=error)
    os.pwrite(descriptor, b"abc", 0)
    allocate(descriptor, 0, 1000)
    assert os.fstat(descriptor).st_size == 1000
    allocate(descriptor, 0, 10)
    assert os.fstat(descriptor).st_size == 1000, "never shorter"
    monkeypatch.delattr(os, "posix_fallocate")
    allocate(descriptor, 1000, 1000)
    assert os.fstat(descriptor).st_size == 2000


def test_a_full_disk_is_told_by_allocation(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Calls(monkeypatch, posix_fallocate=errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        allocate(descriptor, 0, 1000)


def test_a_log_works_where_nothing_but_write_and_sync_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network file system in a sandbox."""
    calls = Calls(monkeypatch, pwritev=errno.EOPNOTSUPP, posix_fallocate=errno.EOPNOTSUPP)
    member = Member("file", tmp_path)
    for low in range(1, 400, 40):
        append(member.log, low, low + 40)
    assert calls.made.count("fdatasync") >= 10
    assert read_all(member.crash().log) == entries(1, 401)
    member.stores.close()
