"""The state at one moment. rocksdict's own snapshot does not give that: its iterators read the live database (a test shows it).

What does is a RocksDB iterator: it stays at the moment when it was made, wherever it is moved to. So a snapshot is one of them for
each family, all made in one turn, and each scan moves it to where it needs it, a chunk at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from rocksdict import Rdict, RdictIter

from quorate_node.store.errors import StoreFailed

CHUNK_PAIRS = 512
"""Read before any of them is handed out: scans of one snapshot may take turns, and each moves the same iterator."""


def _chunk_sizes() -> Iterator[int]:
    """Few pairs at first: many a scan wants one."""
    size = 4
    while size < CHUNK_PAIRS:
        yield size
        size *= 4
    yield from itertools.repeat(CHUNK_PAIRS)


class _Cursor:
    """One family at one moment."""

    def __init__(self, iterator: RdictIter) -> None:
        self._iterator = iterator

    def get(self, key: bytes) -> bytes | None:
        iterator = self._iterator
        iterator.seek(key)
        if not iterator.valid():
            check_status(self._iterator)
            return None
        value: bytes | None = iterator.value() if iterator.key() == key else None
        return value

    def forwards(self, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        for pairs_max in _chunk_sizes():
            self._iterator.seek(start)
            chunk = self._chunk(self._iterator.next, lambda key: end is None or key < end, pairs_max)
            yield from chunk
            if len(chunk) < pairs_max:
                return
            start = chunk[-1][0] + b"\0"

    def backwards(self, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        for pairs_max in _chunk_sizes():
            if end is None:
                self._iterator.seek_to_last()
            else:
                self._iterator.seek_for_prev(end)
                if self._iterator.valid() and self._iterator.key() == end:
                    self._iterator.prev()
            chunk = self._chunk(self._iterator.prev, lambda key: key >= start, pairs_max)
            yield from chunk
            if len(chunk) < pairs_max:
                return
            end = chunk[-1][0]

    def _chunk(self, step: Callable[[], None], within: Callable[[bytes], bool], pairs_max: int) -> list[tuple[bytes, bytes]]:
        valid, key_of, value_of = self._iterator.valid, self._iterator.key, self._iterator.value
        pairs: list[tuple[bytes, bytes]] = []
        while len(pairs) < pairs_max and valid():
            key = key_of()
            if not within(key):
                return pairs
            pairs.append((key, value_of()))
            step()
        if not valid():
            check_status(self._iterator)
        return pairs


def check_status(iterator: RdictIter) -> None:
    """An iterator also ends where it cannot read on. Raises `StoreFailed` then."""
    try:
        iterator.status()
    except Exception as error:
        raise StoreFailed(f"the state cannot be read: {error}") from error


class RocksStateSnapshot:
    """Implements `interface.StateSnapshot`. Close it: it pins old files, and keeps the database open."""

    def __init__(self, families: dict[str, Rdict]) -> None:
        # Made on the loop's thread without a turn in between: nothing can be written between two families.
        self._cursors = {name: _Cursor(family.iter()) for name, family in families.items()}

    def family(self, name: str) -> str:
        if name not in self._cursors:
            raise KeyError(name)
        return name

    def getter(self, name: str) -> Callable[[Any], Any]:
        cursor = self._cursors[name]

        def get(key: bytes | list[bytes]) -> bytes | list[bytes | None] | None:
            return [cursor.get(one) for one in key] if isinstance(key, list) else cursor.get(key)

        return get

    def items(
        self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        cursor = self._cursors[name]
        return cursor.backwards(start, end) if backwards else cursor.forwards(start, end)

    def keys(self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False) -> Iterator[bytes]:
        return (key for key, _ in self.items(name, start, end, backwards=backwards))

    def close(self) -> None:
        self._cursors = {}
