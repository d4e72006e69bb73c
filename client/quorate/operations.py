"""The words of a transaction: `Key("a").version == 0`, `put("a", "1")`, `get("a")`, `delete("a/", prefix=True)`, `txn(...)`.

Keys and values are bytes, or text that is sent as UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict, Unpack

from quorate.wire.commands import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Operation,
    Put,
    Range,
    SortOrder,
    SortTarget,
    Txn,
)

Text = bytes | str
TO_THE_END = b"\x00"
"""As a `range_end`: every key from `key` on."""

SORT_ORDERS = {"none": SortOrder.NONE, "ascend": SortOrder.ASCEND, "descend": SortOrder.DESCEND}
SORT_TARGETS = {
    "key": SortTarget.KEY,
    "version": SortTarget.VERSION,
    "create": SortTarget.CREATE,
    "modify": SortTarget.MODIFY,
    "value": SortTarget.VALUE,
}


def to_bytes(value: object, name: str = "key") -> bytes:
    """Raises `TypeError` naming the argument when it is neither text nor bytes."""
    if type(value) is bytes:
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise TypeError(f"{name}: {type(value).__name__} given; must be bytes or str")


def prefix_end(prefix: bytes) -> bytes:
    """The end of the range of all keys that start with `prefix`: the prefix with its last byte that is not 0xff raised by one."""
    end = bytearray(prefix)
    while end:
        if end[-1] < 0xFF:
            end[-1] += 1
            return bytes(end)
        end.pop()
    return TO_THE_END


def key_range(key: Text, range_end: Text = b"", *, prefix: bool = False) -> tuple[bytes, bytes]:
    """(key, range_end) as the wire has them. An empty prefix is every key. Raises `ValueError` when both ways are used."""
    start = to_bytes(key)
    if not prefix:
        return start, to_bytes(range_end, "range_end")
    if range_end:
        raise ValueError("range_end: must be empty when prefix is true; give one of them")
    return (start, prefix_end(start)) if start else (b"\x00", TO_THE_END)


class RangeOptions(TypedDict, total=False):
    """What a read of a range may ask for, with the defaults of `range_of`."""

    prefix: bool
    limit: int
    revision: int
    sort_order: str
    sort_target: str
    keys_only: bool
    count_only: bool
    min_mod_revision: int
    max_mod_revision: int
    min_create_revision: int
    max_create_revision: int


def range_of(
    key: Text,
    range_end: Text = b"",
    *,
    prefix: bool = False,
    limit: int = 0,
    revision: int = 0,
    sort_order: str = "none",
    sort_target: str = "key",
    keys_only: bool = False,
    count_only: bool = False,
    min_mod_revision: int = 0,
    max_mod_revision: int = 0,
    min_create_revision: int = 0,
    max_create_revision: int = 0,
) -> Range:
    """A read, checked. Raises `ValueError` naming field, value and what is allowed."""
    if limit < 0 or revision < 0:
        raise ValueError(f"limit: {limit}, revision: {revision}; neither may be negative")
    if sort_order not in SORT_ORDERS:
        raise ValueError(f"sort_order: {sort_order!r} is not one of {', '.join(SORT_ORDERS)}")
    if sort_target not in SORT_TARGETS:
        raise ValueError(f"sort_target: {sort_target!r} is not one of {', '.join(SORT_TARGETS)}")
    start, end = key_range(key, range_end, prefix=prefix)
    return Range(
        start,
        end,
        limit,
        revision,
        SORT_ORDERS[sort_order],
        SORT_TARGETS[sort_target],
        keys_only,
        count_only,
        min_mod_revision,
        max_mod_revision,
        min_create_revision,
        max_create_revision,
    )


def put(
    key: Text, value: Text = b"", *, lease: int = 0, previous: bool = False, ignore_value: bool = False, ignore_lease: bool = False
) -> Operation:
    return Operation(put=Put(to_bytes(key), to_bytes(value, "value"), lease, previous, ignore_value, ignore_lease))


def delete(key: Text, range_end: Text = b"", *, prefix: bool = False, previous: bool = False) -> Operation:
    return Operation(delete_range=DeleteRange(*key_range(key, range_end, prefix=prefix), previous))


def get(key: Text, range_end: Text = b"", **options: Unpack[RangeOptions]) -> Operation:
    return Operation(range=range_of(key, range_end, **options))


def txn(when: Iterable[Compare] = (), then: Iterable[Operation] = (), otherwise: Iterable[Operation] = ()) -> Operation:
    """A transaction within a transaction."""
    return Operation(txn=Txn(tuple(when), tuple(then), tuple(otherwise)))


class Number:
    """A number of a key, to be compared: `==`, `!=`, `<`, `>` make a condition of a transaction."""

    __slots__ = ("_end", "_key", "_target")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, key: bytes, target: CompareTarget, end: bytes) -> None:
        self._key, self._target, self._end = key, target, end

    def _compare(self, result: CompareResult, number: object) -> Compare:
        if not isinstance(number, int) or isinstance(number, bool):
            raise TypeError(f"{self._target.name.lower()}: compared with {type(number).__name__}; must be an integer")
        return Compare(self._key, result, self._target, number=number, range_end=self._end)

    def __eq__(self, number: object) -> Compare:  # type: ignore[override]
        return self._compare(CompareResult.EQUAL, number)

    def __ne__(self, number: object) -> Compare:  # type: ignore[override]
        return self._compare(CompareResult.NOT_EQUAL, number)

    def __lt__(self, number: int) -> Compare:
        return self._compare(CompareResult.LESS, number)

    def __gt__(self, number: int) -> Compare:
        return self._compare(CompareResult.GREATER, number)


class Content:
    """A key's value, to be compared as bytes. With a key that is not there every comparison is false, `!=` included."""

    __slots__ = ("_end", "_key")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, key: bytes, end: bytes) -> None:
        self._key, self._end = key, end

    def _compare(self, result: CompareResult, value: object) -> Compare:
        return Compare(self._key, result, CompareTarget.VALUE, value=to_bytes(value, "value"), range_end=self._end)

    def __eq__(self, value: object) -> Compare:  # type: ignore[override]
        return self._compare(CompareResult.EQUAL, value)

    def __ne__(self, value: object) -> Compare:  # type: ignore[override]
        return self._compare(CompareResult.NOT_EQUAL, value)

    def __lt__(self, value: Text) -> Compare:
        return self._compare(CompareResult.LESS, value)

    def __gt__(self, value: Text) -> Compare:
        return self._compare(CompareResult.GREATER, value)


class Key:
    """A key (or a range, of which every key must satisfy the condition) in a condition: `Key("a").mod_revision == 7`."""

    __slots__ = ("_end", "_key")

    def __init__(self, key: Text, range_end: Text = b"", *, prefix: bool = False) -> None:
        self._key, self._end = key_range(key, range_end, prefix=prefix)

    @property
    def version(self) -> Number:
        return Number(self._key, CompareTarget.VERSION, self._end)

    @property
    def create_revision(self) -> Number:
        return Number(self._key, CompareTarget.CREATE, self._end)

    @property
    def mod_revision(self) -> Number:
        return Number(self._key, CompareTarget.MODIFY, self._end)

    @property
    def lease(self) -> Number:
        return Number(self._key, CompareTarget.LEASE, self._end)

    @property
    def value(self) -> Content:
        return Content(self._key, self._end)

    @property
    def missing(self) -> Compare:
        return self.create_revision == 0

    @property
    def exists(self) -> Compare:
        return self.create_revision > 0
