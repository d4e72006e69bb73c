"""Torn or damaged: every way to lose sectors of a batch is a tear, and no bit that turns over is one."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.store.log_backend import LogBatch
from quorate_node.store.log_record import Marker, encode_anchor, encode_marker, encode_record
from quorate_node.store.segment_end import SECTOR_BYTES, torn_end
from quorate_node.store.segment_format import TRAILER, encode_batch
from tests.unit.store.support import entry

NONCE = 0x1122334455667788
SIZE = 16 * SECTOR_BYTES
CHAIN = bytes(range(1, 33))


def written(begin: int, values: list[bytes], *, anchor: bool = False) -> tuple[bytes, int]:
    """(content of a file with one batch at `begin`, where the batch ends)."""
    records = [(index, encode_record(entry(index, data=value), CHAIN)) for index, value in enumerate(values, 7)]
    made = encode_anchor(SnapshotMetadata(6, 1, Configuration(), CHAIN)) if anchor else None
    batch = LogBatch(encode_marker(Marker(5, 6 + len(values), CHAIN)), records, None, made)
    _, header, body, _ = encode_batch(batch, NONCE, 0)
    end = begin + len(header) + len(body)
    return (bytes(begin) + header + body).ljust(SIZE, b"\0"), end


def lost(content: bytes, begin: int, end: int, kept: tuple[bool, ...]) -> bytes:
    """Of the sectors under [begin, end) only those `kept` reached the disk."""
    found = bytearray(content)
    for number, keep in enumerate(kept, begin // SECTOR_BYTES):
        low, high = max(number * SECTOR_BYTES, begin), min((number + 1) * SECTOR_BYTES, end)
        if not keep:
            found[low:high] = bytes(high - low)
    return bytes(found)


@pytest.mark.parametrize("begin", [SECTOR_BYTES, 700, 2 * SECTOR_BYTES - 1, 2 * SECTOR_BYTES - 30])
@pytest.mark.parametrize("anchor", [False, True])
def test_a_batch_that_lost_any_of_its_sectors_is_torn(begin: int, anchor: bool) -> None:
    values = [Random(begin).randbytes(size) for size in (900, 20, 600, 0, 700)]
    content, end = written(begin, values, anchor=anchor)
    sectors = -(-end // SECTOR_BYTES) - begin // SECTOR_BYTES
    assert 5 <= sectors <= 8
    for kept in product((False, True), repeat=sectors):
        found = lost(content, begin, end, kept)
        if any(kept) and found[begin : end - len(TRAILER)] != content[begin : end - len(TRAILER)]:
            reached = torn_end(found, begin, NONCE)
            assert reached is not None, kept
            assert not found[reached:].strip(b"\0"), "what is to be cleared reaches to the end"


@pytest.mark.parametrize("zeros", [False, True])
def test_a_bit_that_turned_over_is_no_torn_write(zeros: bool) -> None:
    """Not even beside a value of many zeros, which looks like lost sectors."""
    filler = bytes(1500) if zeros else Random(3).randbytes(1500)
    content, end = written(SECTOR_BYTES, [b"a first value", filler, b"a last value"])
    zeros_begin = content.index(filler) - 64
    for offset in range(SECTOR_BYTES, end - len(TRAILER)):
        if zeros and zeros_begin <= offset < zeros_begin + 64 + len(filler) + 4:
            continue  # Within that value's own record nothing tells them apart.
        flipped = content[:offset] + bytes([content[offset] ^ 4]) + content[offset + 1 :]
        assert torn_end(flipped, SECTOR_BYTES, NONCE) is None, offset


def test_what_lies_beyond_the_batch_is_damage() -> None:
    content, end = written(SECTOR_BYTES, [b"value"])
    assert torn_end(content[: end + 5] + b"?" + content[end + 6 :], SECTOR_BYTES, NONCE) is None


def test_remains_of_another_use_of_the_file_are_damage() -> None:
    content, _ = written(SECTOR_BYTES, [b"value" * 300])
    assert torn_end(content, SECTOR_BYTES, NONCE + 1) is None
