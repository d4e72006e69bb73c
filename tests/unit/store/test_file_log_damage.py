"""What a log in files makes of torn and damaged bytes: at every byte, what was acknowledged is there or known to be damaged."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate_node.protocol.ready import HardState
from quorate_node.store import DataDirectory
from quorate_node.store.chained_log import ChainedLog
from quorate_node.store.errors import ChainMismatch, Damaged, Unavailable
from quorate_node.store.file_log import FileLogBackend
from quorate_node.store.hard_state import HardStateFile
from quorate_node.store.segment_format import DATA_START, HEADER_BYTES, TRAILER
from tests.unit.store.support import (
    Member,
    append,
    change_bytes,
    entries,
    entry,
    file_backend,
    persist,
    put,
    quick_parent,
    read_all,
    record_place,
)

BATCHES = 8
PER_BATCH = 3
COMPLETE = BATCHES * PER_BATCH
ALL = entries(1, COMPLETE + 1)


class CrashedFile:
    """A log of `BATCHES` batches in one segment, as a killed process leaves it, to be damaged in place and put back."""

    def __init__(self, path: Path) -> None:
        self.data = path / "data"
        member = Member("file", path)
        backend = file_backend(member.log)
        self.ends = [DATA_START]
        """Where each batch ends."""
        for low in range(1, COMPLETE + 1, PER_BATCH):
            # As a running member does: what the batches before hold is committed by now.
            put(member.log, persist(entries(low, low + PER_BATCH), hard_state=HardState(0, 0, low - 1)))
            assert backend._current is not None
            self.ends.append(backend._current.end)
        self.chain = member.log.chain(COMPLETE)
        backend.pool.wait()
        image = path / "image"
        shutil.copytree(self.data, image)
        member.stores.close()
        shutil.rmtree(self.data)
        image.rename(self.data)
        self.segment = self.data / "segments" / "segment-0000000001"
        self.content = self.segment.read_bytes()
        self.prepared = self.segment.with_name("segment-0000000002").read_bytes()
        """The next segment, which holds nothing yet."""
        self.hard_state = (self.data / "hard-state").read_bytes()

    def put_back(self, content: bytes) -> None:
        """The segment holds `content`; all else is as it was found."""
        assert len(content) == len(self.content)
        for other in self.segment.parent.iterdir():
            other.unlink()
        self.segment.with_name("segment-0000000002").write_bytes(self.prepared)
        (self.data / "hard-state").write_bytes(self.hard_state)
        self.segment.write_bytes(content)

    def open(self) -> ChainedLog:
        """Without the state and the directory's lock: some thousand of them are opened here."""
        member_settings = Member.settings_of("file")
        space = DataDirectory(self.data, -1, member_settings).space
        backend = FileLogBackend(self.segment.parent, member_settings, space)
        return ChainedLog(backend, HardStateFile(self.data / "hard-state", create=False), member_settings)

    def batch(self, number: int) -> range:
        """Bytes of batch `number`, from 1."""
        return range(self.ends[number - 1], self.ends[number])


@pytest.fixture(scope="module")
def crashed() -> Iterator[CrashedFile]:
    with tempfile.TemporaryDirectory(prefix="quorate-file-log-", dir=quick_parent()) as path:
        yield CrashedFile(Path(path))


def flipped(content: bytes, offset: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :]


def zeroed(content: bytes, low: int, high: int) -> bytes:
    return content[:low] + bytes(high - low) + content[high:]


def test_a_write_torn_at_any_byte_leaves_all_of_the_batch_or_nothing_of_it(crashed: CrashedFile) -> None:
    last = crashed.batch(BATCHES)
    for size in range(last.start, last.stop + 1):
        crashed.put_back(zeroed(crashed.content, size, len(crashed.content)))
        log = crashed.open()
        whole = size >= last.stop - len(TRAILER)
        assert log.damaged() == [], f"torn at byte {size}"
        assert read_all(log) == (ALL if whole else ALL[:-PER_BATCH]), f"torn at byte {size}"
        if size % 16 == 0:
            # What is written over the torn batch is shorter: nothing of it may show behind.
            append(log, log.last_index() + 1, log.last_index() + 2)
            expected = read_all(log)
            log._backend.close()
            log = crashed.open()
            assert (log.damaged(), read_all(log)) == ([], expected)
        log._backend.close()


def test_a_flip_of_any_byte_of_the_last_batch_is_never_taken_for_a_torn_write(crashed: CrashedFile) -> None:
    last = crashed.batch(BATCHES)
    for offset in last:
        crashed.put_back(flipped(crashed.content, offset))
        for opening in ("first", "second"):
            log = crashed.open()
            if offset >= last.stop - len(TRAILER):
                assert (log.damaged(), read_all(log)) == ([], ALL), "the trailer holds nothing"
            else:
                assert log.damaged(), f"byte {offset}, {opening} opening"
                low = log.damaged()[0][0]
                assert low > COMPLETE - 2 * PER_BATCH, "what was committed before it is still there"
                with pytest.raises((Damaged, Unavailable)):
                    log.term(max(low, min(log.damaged()[-1][1] - 1, COMPLETE)))
            log._backend.close()


def test_after_damage_of_the_last_batch_the_log_is_written_anew_and_whole(crashed: CrashedFile) -> None:
    last = crashed.batch(BATCHES)
    for offset in range(last.start, last.stop - len(TRAILER), 7):
        crashed.put_back(flipped(crashed.content, offset))
        log = crashed.open()
        low = log.damaged()[0][0]
        put(log, persist(entries(low, COMPLETE + 1)))
        assert log.damaged() == []
        log._backend.close()
        log = crashed.open()
        assert (log.damaged(), read_all(log), log.chain(COMPLETE)) == ([], ALL, crashed.chain), f"byte {offset}"
        log._backend.close()


def test_a_flip_of_any_byte_of_a_middle_batch_damages_it_and_hides_nothing_after_it(crashed: CrashedFile) -> None:
    number = 5
    middle = crashed.batch(number)
    first, end = (number - 1) * PER_BATCH + 1, number * PER_BATCH + 1
    for offset in middle:
        crashed.put_back(flipped(crashed.content, offset))
        log = crashed.open()
        assert log.last_index() == COMPLETE
        assert log.entries(end, COMPLETE + 1, 1 << 20) == ALL[end - 1 :], f"byte {offset}"
        for low, high in log.damaged():
            # Without the batch's header all that it may have replaced is damaged with it: what was not committed then.
            assert (low, high) == (first - PER_BATCH, end) if offset < middle.start + HEADER_BYTES else first <= low < high <= end
            log.repair(entries(low, high))
        assert (log.damaged(), read_all(log), log.chain(COMPLETE)) == ([], ALL, crashed.chain), f"byte {offset}"
        log._backend.close()
        log = crashed.open()
        assert (log.damaged(), read_all(log)) == ([], ALL), f"byte {offset}: the repair is found again"
        log._backend.close()


def test_one_damaged_record_costs_no_other(crashed: CrashedFile) -> None:
    offset = crashed.content.index(b"entry 14 in 1")
    crashed.put_back(flipped(crashed.content, offset))
    log = crashed.open()
    assert log.damaged() == [(14, 15)]
    log._backend.close()


@pytest.mark.parametrize("number", [1, 4, 7])
def test_a_middle_batch_of_zeros_is_lost_and_not_the_end(crashed: CrashedFile, number: int) -> None:
    lost = crashed.batch(number)
    crashed.put_back(zeroed(crashed.content, lost.start, lost.stop))
    low, high = max(1, (number - 2) * PER_BATCH + 1), number * PER_BATCH + 1
    for _ in range(2):
        log = crashed.open()
        assert log.last_index() == COMPLETE
        assert log.damaged() == [(low, high)]
        log._backend.close()
    log = crashed.open()
    log.repair(entries(low, high))
    assert read_all(log) == ALL
    log._backend.close()


def test_a_last_batch_whose_marker_is_damaged_leaves_an_unknown_end(crashed: CrashedFile) -> None:
    last = crashed.batch(BATCHES)
    crashed.put_back(flipped(crashed.content, last.stop - 20))
    log = crashed.open()
    end = COMPLETE - PER_BATCH
    assert log.last_index() == end
    assert log.damaged() == [(end - PER_BATCH + 1, end + 2)], "one beyond the last: more is missing than can be told"
    with pytest.raises(ChainMismatch, match="confirmed leader"):
        log.repair(entries(end - PER_BATCH + 1, end + 2))
    log._backend.close()


def test_the_header_of_a_segment_has_a_second_copy_and_without_both_all_in_it_is_damaged(crashed: CrashedFile) -> None:
    crashed.put_back(zeroed(crashed.content, 0, DATA_START // 2))
    log = crashed.open()
    assert (log.damaged(), read_all(log)) == ([], ALL)
    log._backend.close()
    crashed.put_back(zeroed(crashed.content, 0, DATA_START))
    log = crashed.open()
    assert log.damaged(), "nothing of it can be believed, and nothing says that it was empty"
    assert log.damaged()[0][0] == 1
    log._backend.close()


def test_bytes_of_an_earlier_use_of_the_file_are_never_taken_for_new_ones(crashed: CrashedFile, tmp_path: Path) -> None:
    """As a crash in the middle of clearing it, or a disk that lost the zeros, would leave them: damage at worst."""
    other = CrashedFile(tmp_path)
    foreign = other.content[other.ends[0] : other.ends[-1]]
    end = crashed.ends[4]
    content = crashed.content[:end] + foreign
    crashed.put_back(content + bytes(len(crashed.content) - len(content)))
    log = crashed.open()
    assert log.last_index() <= COMPLETE
    assert log.damaged() and log.damaged()[0][0] == 3 * PER_BATCH + 1
    assert log.entries(1, 3 * PER_BATCH + 1, 1 << 20) == ALL[: 3 * PER_BATCH]
    log._backend.close()


def test_values_that_look_like_batches_are_values(tmp_path: Path) -> None:
    """Read from another member's file, say, and written by a client: the nonce is not the same."""
    source = CrashedFile(tmp_path / "source")
    member = Member("file", tmp_path)
    put(member.log, persist([entry(1, data=source.content[DATA_START : source.ends[-1]])]))
    append(member.log, 2, 4)
    expected = read_all(member.log)
    path, offset, length = Path(), 0, 0
    backend = file_backend(member.log)
    ((_, offset, length),) = backend._index.locate(2, 3)
    assert backend._current is not None
    path = backend._current.path
    member.stores.close()
    change_bytes(path, offset + length - 3, b"!")
    log = member.open().log
    assert log.damaged() == [(2, 3)]
    assert log.entries(1, 2, 1 << 20) == expected[:1]
    member.stores.close()


def test_a_sector_of_the_last_batch_that_cannot_be_read_is_damage_and_no_end_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Member("file", tmp_path)
    append(member.log, 1, 4)
    put(member.log, persist([entry(index, data=bytes([index]) * 6000) for index in range(4, 8)]))
    path, offset, _ = record_place(member.log, 5)
    bad = range(offset + 1000, offset + 1512)
    member.stores.close()
    real = os.pread

    def pread(descriptor: int, size: int, begin: int) -> bytes:
        if os.fstat(descriptor).st_ino == path.stat().st_ino and begin < bad.stop and bad.start < begin + size:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, size, begin)

    monkeypatch.setattr(os, "pread", pread)
    log = member.open().log
    assert 5 in [index for low, high in log.damaged() for index in range(low, high)]
    assert log.entries(1, 4, 1 << 20) == entries(1, 4)
    assert log.entries(7, 8, 1 << 20) == [entry(7, data=bytes([7]) * 6000)]
    for low, high in log.damaged():
        log.repair([entry(index, data=bytes([index]) * 6000) for index in range(low, high)])
    assert (log.damaged(), len(read_all(log))) == ([], 7)
    member.stores.close()


def test_an_empty_log_whose_first_segment_cannot_be_told_begins_anew(tmp_path: Path) -> None:
    member = Member("file", tmp_path)
    file_backend(member.log).pool.wait()
    member.stores.close()
    for path in (tmp_path / "data" / "segments").iterdir():
        change_bytes(path, 0, bytes(DATA_START))
    append(member.open().log, 1, 4)
    assert read_all(member.restart().log) == entries(1, 4)
    member.stores.close()
