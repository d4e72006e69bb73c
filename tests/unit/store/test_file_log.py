"""The life of a log in files: rolling over, preparing ahead, giving space back, full and failing disks, and who remembers the kind."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate_node.store import StoreSettings, segment_file
from quorate_node.store.durable_file import read_durable, write_durably
from quorate_node.store.errors import FormatTooNew, NoSpace, StoreFailed
from quorate_node.store.segment_format import DATA_START, SegmentHeader, decode_segment_header, encode_segment_header
from quorate_node.store.segment_index import GAP_INDEXES_MAX, SegmentIndex
from quorate_node.store.settings import KIB
from tests.unit.store.support import (
    SETTINGS,
    VOTERS,
    Member,
    append,
    change_bytes,
    entries,
    entry,
    file_backend,
    persist,
    put,
    read_all,
)
from tests.unit.store.test_full_disk import LIMITED, TINY, fill, small_disk

__all__ = ["small_disk"]

SEGMENT_BYTES = SETTINGS.log_segment_bytes
VALUE = bytes(range(256)) * 64


def big_entries(low: int, high: int) -> Sequence[object]:
    return [entry(index, data=VALUE) for index in range(low, high)]


def fill_segments(member: Member, low: int, high: int) -> None:
    """One entry of 16 KiB a batch: about fifteen fill a segment."""
    for index in range(low, high):
        put(member.log, persist([entry(index, data=VALUE)]))


def names(member: Member) -> list[str]:
    file_backend(member.log).pool.wait()
    return sorted(path.name for path in (member.path / "data" / "segments").iterdir())


@pytest.fixture
def file_member(tmp_path: Path) -> Member:
    return Member("file", tmp_path)


def test_the_log_goes_on_over_many_segments_and_is_found_again(file_member: Member) -> None:
    fill_segments(file_member, 1, 80)
    assert len(file_backend(file_member.log)._segments) > 4
    for _ in range(2):
        log = file_member.crash().log
        assert read_all(log) == big_entries(1, 80)
        assert log.damaged() == []
    file_member.stores.close()


def test_a_batch_larger_than_a_segment_has_one_of_its_own(file_member: Member) -> None:
    append(file_member.log, 1, 4)
    put(file_member.log, persist([entry(4, data=bytes(3 * SEGMENT_BYTES))]))
    append(file_member.log, 5, 9)
    expected = read_all(file_member.log)
    assert read_all(file_member.crash().log) == expected
    file_member.stores.close()


def test_a_segment_is_whole_zeros_before_it_is_written(file_member: Member) -> None:
    """Also one that held something before: no metadata changes in a sync, and what is torn is seen by the zeros after it."""
    fill_segments(file_member, 1, 60)
    file_member.log.compact(55, VOTERS)
    fill_segments(file_member, 60, 90)
    names(file_member)
    backend = file_backend(file_member.log)
    ready = backend.pool._next
    assert ready is not None
    content = ready.result().path.read_bytes()
    assert len(content) == SEGMENT_BYTES
    assert not content[DATA_START:].strip(b"\0")
    current = backend._current
    assert current is not None
    assert current.path.stat().st_blocks * 512 >= SEGMENT_BYTES, "no holes"
    file_member.stores.close()


def test_compaction_gives_files_back_and_uses_them_again(file_member: Member) -> None:
    inodes: set[int] = set()
    last = 0
    for _ in range(12):
        fill_segments(file_member, last + 1, last + 31)
        last += 30
        file_member.log.compact(last - 3, VOTERS)
        found = names(file_member)
        assert len(found) <= 5, found
        inodes |= {(file_member.path / "data" / "segments" / name).stat().st_ino for name in found}
    assert len(inodes) <= 20, "some thirty segments were written"
    assert file_member.log.size_bytes() < 4 * len(VALUE)
    log = file_member.crash().log
    assert read_all(log) == big_entries(last - 2, last + 1)
    assert (log.first_index(), log.damaged()) == (last - 2, [])
    file_member.stores.close()


def test_what_a_later_segment_overwrote_does_not_come_back(file_member: Member) -> None:
    fill_segments(file_member, 1, 40)
    append(file_member.log, 20, 22, term=2)
    fill_segments(file_member, 22, 60)
    file_member.log.compact(15, VOTERS)
    expected = read_all(file_member.log)
    log = file_member.crash().log
    assert (log.damaged(), read_all(log)) == ([], expected)
    file_member.stores.close()


def test_the_last_batch_of_a_full_segment_is_missed_even_if_nothing_of_it_is_left(file_member: Member) -> None:
    """The next segment says how far this one went."""
    fill_segments(file_member, 1, 30)
    backend = file_backend(file_member.log)
    last = max(index for index in range(1, 30) if backend._index.locate(index, index + 1)[0][0] == 1)
    ((_, offset, _),) = backend._index.locate(last, last + 1)
    path = backend._segments[1].path
    file_member.stores.close()
    change_bytes(path, offset - 100, bytes(SEGMENT_BYTES - offset + 100))
    log = file_member.open().log
    low, high = log.damaged()[0]
    assert low <= last < high
    assert log.last_index() == 29
    file_member.stores.close()


def test_a_segment_that_is_gone_is_damage_and_the_rest_is_served(file_member: Member) -> None:
    fill_segments(file_member, 1, 60)
    backend = file_backend(file_member.log)
    held = [index for index in range(1, 60) if backend._index.locate(index, index + 1)[0][0] == 2]
    path = backend._segments[2].path
    file_member.stores.close()
    path.unlink()
    log = file_member.open().log
    assert log.damaged()[-1][1] == held[-1] + 1
    assert log.entries(held[-1] + 1, 60, 1 << 30) == big_entries(held[-1] + 1, 60)
    for low, high in log.damaged():
        log.repair([entry(index, data=VALUE) for index in range(low, high)])
    assert read_all(file_member.restart().log) == big_entries(1, 60)
    file_member.stores.close()


def test_a_crash_between_preparing_a_segment_and_using_it(file_member: Member) -> None:
    append(file_member.log, 1, 10)
    assert names(file_member) == ["segment-0000000001", "segment-0000000002"]
    file_member.stores.close()
    segments = file_member.path / "data" / "segments"
    (segments / segment_file.PREPARING).write_bytes(os.urandom(10_000))
    (segments / segment_file.SPARE).write_bytes(os.urandom(SEGMENT_BYTES + 4096))
    (segments / "segment-0000000002").unlink()
    log = file_member.open().log
    assert (log.damaged(), read_all(log)) == ([], entries(1, 10))
    fill_segments(file_member, 10, 60)
    expected = read_all(file_member.log)
    assert read_all(file_member.crash().log) == expected
    file_member.stores.close()


def test_a_prepared_segment_without_a_header_is_made_anew(file_member: Member) -> None:
    append(file_member.log, 1, 10)
    names(file_member)
    file_member.stores.close()
    change_bytes(file_member.path / "data" / "segments" / "segment-0000000002", 0, bytes(DATA_START))
    log = file_member.open().log
    assert (log.damaged(), read_all(log)) == ([], entries(1, 10))
    fill_segments(file_member, 10, 40)
    assert file_member.crash().log.last_index() == 39
    file_member.stores.close()


class FailingWrites:
    """In place of `os.pwritev` for the segments: counts, and raises once it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.real = os.pwritev
        self.calls: list[tuple[int, int]] = []
        self.error: int | None = None
        monkeypatch.setattr(os, "pwritev", self)

    def __call__(self, descriptor: int, buffers: Sequence[bytes], offset: int, flags: int = 0) -> int:
        assert flags == os.RWF_DSYNC
        self.calls.append((offset, sum(map(len, buffers))))
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        return self.real(descriptor, buffers, offset, flags)


def test_a_batch_is_one_call_and_after_a_failed_sync_there_is_none(file_member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    append(file_member.log, 1, 3)
    names(file_member)
    writes = FailingWrites(monkeypatch)
    append(file_member.log, 3, 300)
    assert len(writes.calls) == 1
    writes.error = errno.EIO
    for _ in range(3):
        with pytest.raises(StoreFailed):
            file_member.log.write([persist(entries(300, 301))])
    assert len(writes.calls) == 2, "a failed sync is never tried again"
    assert read_all(file_member.log) == entries(1, 300)
    file_member.stores.close()


def test_what_may_be_in_the_page_cache_alone_is_written_again_when_the_log_is_opened(
    file_member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies between write and sync leaves such a batch, and from now on it is acknowledged."""
    append(file_member.log, 1, 3)
    current = file_backend(file_member.log)._current
    assert current is not None
    begin = current.end
    append(file_member.log, 3, 6)
    end = current.end
    names(file_member)
    file_member.stores.close()
    writes = FailingWrites(monkeypatch)
    file_member.open()
    assert (begin, end - begin) in writes.calls
    file_member.stores.close()


def test_a_short_write_goes_on_where_it_ended(file_member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwritev

    def short(descriptor: int, buffers: Sequence[bytes], offset: int, flags: int = 0) -> int:
        return real(descriptor, [b"".join(buffers)[:100]], offset, flags)

    names(file_member)
    monkeypatch.setattr(os, "pwritev", short)
    append(file_member.log, 1, 20)
    monkeypatch.undo()
    assert read_all(file_member.crash().log) == entries(1, 20)
    file_member.stores.close()


def test_a_full_disk_refuses_keeps_serving_and_recovers(small_disk: Path) -> None:
    member = Member("file", small_disk, replace(TINY, log_segment_bytes=256 * KIB))
    append(member.log, 1, 101)
    names(member)
    fill(small_disk / "ballast", leave_bytes=64 * KIB)
    last = 100
    with pytest.raises(NoSpace, match=r"disk is full|do not fit"):
        for index in range(101, 200):
            put(member.log, persist([entry(index, data=VALUE)]))
            last = index
    assert last > 101, "what was prepared ahead can be used up"
    for _ in range(2):
        with pytest.raises(NoSpace):
            member.log.write([persist([entry(last + 1, data=VALUE)])])
    assert not member.stores.space_available()
    assert member.log.last_index() == last
    assert len(read_all(member.log)) == last
    (small_disk / "ballast").unlink()
    put(member.log, persist([entry(last + 1, term=2)]))
    for again in (False, True):
        if again:
            member.restart()
        assert (member.log.last_index(), member.log.term(last + 1), member.log.damaged()) == (last + 1, 2, [])
        assert member.stores.space_available()
    member.stores.close()


def test_a_full_disk_does_not_stop_a_log_that_compacts(small_disk: Path) -> None:
    """The files that it lets go are its room, also once writes had to be refused."""
    member = Member("file", small_disk, replace(TINY, log_segment_bytes=256 * KIB))
    fill_segments(member, 1, 60)
    names(member)
    fill(small_disk / "ballast", leave_bytes=64 * KIB)
    for low in range(60, 200, 10):
        member.log.compact(low - 5, VOTERS)
        names(member)
        fill_segments(member, low, low + 10)
    last = 199
    with pytest.raises(NoSpace):
        for index in range(200, 300):
            put(member.log, persist([entry(index, data=VALUE)]))
            last = index
    assert not member.stores.space_available()
    member.log.compact(last - 5, VOTERS)
    assert member.stores.space_available()
    fill_segments(member, last + 1, last + 10)
    log = member.restart().log
    assert (log.last_index(), log.damaged()) == (last + 9, [])
    member.stores.close()


def test_without_root_a_limit_on_file_sizes_does_the_same(tmp_path: Path) -> None:
    program = LIMITED.replace("import SETTINGS,", "import Member,").replace("SETTINGS", 'Member.settings_of("file")')
    assert "Member.settings_of" in program
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path / "data")], capture_output=True, text=True)
    assert ran.stdout.split() == ["refused", "recovered"], ran.stderr
    assert (tmp_path / "data" / "segments").is_dir()


@pytest.mark.parametrize("kind", ["rocksdb", "file"])
def test_a_directory_keeps_its_kind_whatever_the_setting_says(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    member = Member("file" if kind == "file" else "rocksdb", tmp_path)
    append(member.log, 1, 10)
    member.stores.close()
    if kind == "rocksdb":
        # As releases wrote it that knew no other.
        write_durably(tmp_path / "data" / "format", b'{"version":1}')
    member.settings = replace(member.settings, log_backend="rocksdb" if kind == "file" else "file")
    with caplog.at_level(logging.WARNING):
        log = member.open().log
    assert read_all(log) == entries(1, 10)
    assert f"keeps its log in '{kind}'" in caplog.text
    assert "replace this member" in caplog.text
    content = read_durable(tmp_path / "data" / "format")
    assert content is not None
    assert (b'"version":2' in content) == (kind == "file"), "an older release refuses what it would take for a lost log"
    member.stores.close()


def test_a_new_directory_keeps_its_log_in_files() -> None:
    assert StoreSettings().log_backend == "file"


def test_a_log_that_is_lost_whole_is_not_an_empty_one(file_member: Member) -> None:
    append(file_member.log, 1, 21)
    file_member.stores.close()
    for path in (file_member.path / "data" / "segments").iterdir():
        path.unlink()
    log = file_member.open().log
    assert log.damaged() == [(1, 22)]
    put(log, persist(entries(1, 21)))
    assert (log.damaged(), read_all(file_member.restart().log)) == ([], entries(1, 21))
    file_member.stores.close()


def test_a_segment_of_a_newer_release_is_refused() -> None:
    whole = encode_segment_header(SegmentHeader(7, 9))
    assert decode_segment_header(whole) == SegmentHeader(7, 9)
    assert decode_segment_header(bytes(DATA_START // 2) + whole[DATA_START // 2 :]) == SegmentHeader(7, 9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("quorate_node.store.segment_format.SEGMENT_VERSION", 2)
        newer = encode_segment_header(SegmentHeader(7, 9))
    with pytest.raises(FormatTooNew, match="reads up to 1"):
        decode_segment_header(newer)


def test_a_format_file_that_names_another_kind_is_refused(file_member: Member) -> None:
    file_member.stores.close()
    write_durably(file_member.path / "data" / "format", b'{"version":2,"log":"tape"}')
    with pytest.raises(Exception, match="tape"):
        file_member.open()


Put = tuple[int, int, int]
Change = tuple[str, int, int]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(["put", "drop"]), st.integers(1, 40), st.integers(1, 30))))
def test_the_index_is_a_dict_in_less_memory(changes: list[Change]) -> None:
    index, model = SegmentIndex(), dict[int, Put]()
    for number, (kind, low, count) in enumerate(changes):
        segment = 1 + number // 3
        if kind == "put":
            lengths = [10 + position for position in range(count)]
            index.put(low, segment, 100 * number, lengths)
            offset = 100 * number
            for position, length in enumerate(lengths):
                model[low + position] = (segment, offset, length)
                offset += length
        else:
            index.drop(low, low + count)
            model = {key: value for key, value in model.items() if not low <= key < low + count}
        assert index.locate(0, 80) == [model.get(key, (0, 0, 0)) for key in range(80)]
        assert index.live_bytes == sum(length for _, _, length in model.values())
        for one in range(1, 2 + number // 3):
            assert index.live.get(one, 0) == sum(value[0] == one for value in model.values())


def test_a_hole_of_any_width_takes_no_memory() -> None:
    index = SegmentIndex()
    index.put(1, 1, 0, [5, 5])
    index.put(10 * GAP_INDEXES_MAX, 2, 0, [5])
    assert len(index) == 1
    assert index.live == {1: 0, 2: 1}
    assert index.locate(1, 2) == [(0, 0, 0)]
