"""Buffers are used again when they are given back, and only then."""

from __future__ import annotations

from quorate_node.crypto.epochs.buffers import BufferPool


def test_a_buffer_is_used_again() -> None:
    pool = BufferPool(2, 100_000)
    first = pool.take(10_000)
    assert len(first) >= 10_000
    pool.give(first)
    assert pool.take(9_000) is first
    assert pool.take(9_000) is not first


def test_a_smaller_one_is_not_taken_for_a_larger() -> None:
    pool = BufferPool(2, 100_000)
    small = pool.take(1)
    large = pool.take(50_000)
    pool.give(small)
    pool.give(large)
    assert pool.take(20_000) is large
    assert pool.take(1) is small


def test_what_is_kept_is_bounded_by_number_and_bytes() -> None:
    pool = BufferPool(1, 10_000)
    kept, many, huge = pool.take(5_000), pool.take(5_000), pool.take(10_001)
    pool.give(huge)
    assert pool.take(10_001) is not huge
    pool.give(kept)
    pool.give(many)
    assert pool.take(1) is kept
    assert pool.take(1) is not many


def test_clearing_overwrites() -> None:
    pool = BufferPool(1, 10_000)
    buffer = pool.take(10)
    buffer[:4] = b"text"
    pool.give(buffer)
    pool.clear()
    assert not any(buffer)
    assert pool.take(10) is not buffer
