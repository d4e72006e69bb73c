"""Pairs in key order from two sources, of which the upper one takes precedence; there, None says that a key is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from quorate_node.store.interface import StateSnapshot
from quorate_node.store.state_batch import Writes


def lay_over(
    stored: Iterator[tuple[bytes, bytes]], upper: Iterator[tuple[bytes, bytes | None]], *, backwards: bool = False
) -> Iterator[tuple[bytes, bytes]]:
    """Merge by key; where both have it, the upper pair alone counts."""
    pair = next(stored, None)
    for key, value in upper:
        while pair is not None and (pair[0] > key if backwards else pair[0] < key):
            yield pair
            pair = next(stored, None)
        if pair is not None and pair[0] == key:
            pair = next(stored, None)
        if value is not None:
            yield key, value
    while pair is not None:
        yield pair
        pair = next(stored, None)


def within(writes: Writes, start: bytes, end: bytes | None, *, backwards: bool = False) -> Iterator[tuple[bytes, bytes | None]]:
    """What `writes` holds now of a range, in order."""
    keys = sorted((key for key in writes if key >= start and (end is None or key < end)), reverse=backwards)
    return iter([(key, writes[key]) for key in keys])


class LaidOverSnapshot:
    """Implements `interface.StateSnapshot`: a snapshot of the database under writes that it has not taken yet."""

    def __init__(self, below: StateSnapshot, writes: Mapping[str, Writes]) -> None:
        self._below = below
        self._writes = {name: dict(family) for name, family in writes.items()}

    def family(self, name: str) -> str:
        return self._below.family(name)

    def getter(self, name: str) -> Callable[[Any], Any]:
        writes, get = self._writes[name], self._below.getter(name)

        def find(key: bytes | list[bytes]) -> Any:
            if isinstance(key, list):
                return [writes[one] if one in writes else get(one) for one in key]
            return writes[key] if key in writes else get(key)

        return find

    def items(
        self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        upper = within(self._writes[name], start, end, backwards=backwards)
        return lay_over(self._below.items(name, start, end, backwards=backwards), upper, backwards=backwards)

    def keys(self, name: str, start: bytes, end: bytes | None = None, *, backwards: bool = False) -> Iterator[bytes]:
        return (key for key, _ in self.items(name, start, end, backwards=backwards))

    def close(self) -> None:
        self._below.close()
        self._writes = {}
