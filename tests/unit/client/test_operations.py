"""The words of a transaction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate import Key, delete, get, put, txn
from quorate.operations import key_range, prefix_end, range_of, to_bytes
from quorate.transaction import Transaction
from quorate.wire.commands import Compare, CompareResult, CompareTarget, DeleteRange, Put, SortOrder, SortTarget


@given(st.binary(max_size=6), st.binary(max_size=8))
def test_a_prefix_holds_exactly_the_keys_that_begin_with_it(prefix: bytes, key: bytes) -> None:
    end = prefix_end(prefix)
    inside = key >= prefix and (end == b"\x00" or key < end)
    assert inside == key.startswith(prefix)


def test_ranges() -> None:
    assert key_range("a") == (b"a", b"")
    assert key_range("a", "c") == (b"a", b"c")
    assert key_range("a", prefix=True) == (b"a", b"b")
    assert key_range("", prefix=True) == (b"\x00", b"\x00")
    with pytest.raises(ValueError, match="range_end"):
        key_range("a", "b", prefix=True)


def test_conditions() -> None:
    key = Key("k")
    assert (key.version == 3) == Compare(b"k", CompareResult.EQUAL, CompareTarget.VERSION, 3)
    assert (key.create_revision != 0) == Compare(b"k", CompareResult.NOT_EQUAL, CompareTarget.CREATE, 0)
    assert (key.mod_revision < 9) == Compare(b"k", CompareResult.LESS, CompareTarget.MODIFY, 9)
    assert (key.lease > 0) == Compare(b"k", CompareResult.GREATER, CompareTarget.LEASE, 0)
    assert (key.value == "v") == Compare(b"k", CompareResult.EQUAL, CompareTarget.VALUE, value=b"v")
    assert (key.value != b"v").result is CompareResult.NOT_EQUAL
    assert (key.value < "v").result is CompareResult.LESS
    assert (key.value > "v").result is CompareResult.GREATER
    assert key.missing == (key.create_revision == 0)
    assert key.exists == (key.create_revision > 0)
    assert Key("k", prefix=True).missing.range_end == b"l"


def test_mistakes_are_told_when_they_are_made() -> None:
    with pytest.raises(TypeError, match="version: compared with str"):
        _ = Key("k").version == "3"
    with pytest.raises(TypeError, match="value: int given"):
        put("k", 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="key: NoneType"):
        to_bytes(None)
    with pytest.raises(ValueError, match="sort_order: 'up'"):
        range_of("k", sort_order="up")
    with pytest.raises(ValueError, match="sort_target: 'size'"):
        range_of("k", sort_target="size")
    with pytest.raises(ValueError, match="limit: -1"):
        get("k", limit=-1)

    async def never(_: object) -> object:
        raise AssertionError

    build = Transaction(never)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="when: bool given"):
        build.when(True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="then: str given"):
        build.then("put")  # type: ignore[arg-type]


def test_operations() -> None:
    assert put("k", "v", lease=4, previous=True).put == Put(b"k", b"v", 4, True)
    assert delete("k", prefix=True).delete_range == DeleteRange(b"k", b"l")
    read = get("k", limit=2, sort_order="descend", sort_target="create").range
    assert read is not None
    assert (read.limit, read.sort_order, read.sort_target) == (2, SortOrder.DESCEND, SortTarget.CREATE)
    inner = txn([Key("k").missing], [put("k")]).txn
    assert inner is not None
    assert (len(inner.compare), len(inner.success), len(inner.failure)) == (1, 1, 0)
