"""Which watches an event's key concerns, without looking at all of them: a dictionary for keys, an interval tree for ranges."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Ranged(Protocol):
    start: bytes
    end: bytes | None
    """None: to the end of the store."""


W = TypeVar("W", bound=Ranged)

_RECENT_MAX = 32
"""Ranges looked at one by one before the tree is built again with them."""


class WatchIndex(Generic[W]):
    """`add` and `discard` cost O(1), amortised O(log n) for ranges; `matching` O(log n + found) beside the few recent ranges.

    The tree is a sorted array read as a balanced tree: node `middle` of [low, high) carries the largest end below it. It is built
    again when many ranges came or went since, so neither is linear for each change.
    """

    def __init__(self) -> None:
        self._by_key: dict[bytes, dict[int, W]] = {}
        self._ranges: dict[int, W] = {}
        self._recent: dict[int, W] = {}
        self._tree: list[W] = []
        self._largest_end: list[bytes | None] = []
        self._gone = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, watch: W) -> None:
        self._size += 1
        if watch.end == watch.start + b"\x00":
            self._by_key.setdefault(watch.start, {})[id(watch)] = watch
            return
        self._ranges[id(watch)] = watch
        self._recent[id(watch)] = watch
        if len(self._recent) > max(_RECENT_MAX, len(self._tree).bit_length() * 8):
            self._build()

    def discard(self, watch: W) -> None:
        """Nothing happens when it is not there."""
        if watch.end == watch.start + b"\x00":
            watches = self._by_key.get(watch.start, {})
            if watches.pop(id(watch), None) is not None:
                self._size -= 1
                if not watches:
                    del self._by_key[watch.start]
            return
        if self._ranges.pop(id(watch), None) is None:
            return
        self._size -= 1
        if self._recent.pop(id(watch), None) is None:
            self._gone += 1
            if self._gone > _RECENT_MAX and self._gone * 2 > len(self._tree):
                self._build()

    def matching(self, key: bytes) -> list[W]:
        found = list(self._by_key[key].values()) if key in self._by_key else []
        for watch in self._recent.values():
            if watch.start <= key and (watch.end is None or key < watch.end):
                found.append(watch)
        if self._tree:
            self._stab(key, found)
        return found

    def watches(self) -> list[W]:
        singles = [watch for watches in self._by_key.values() for watch in watches.values()]
        return singles + list(self._ranges.values())

    def _build(self) -> None:
        self._recent.clear()
        self._gone = 0
        self._tree = sorted(self._ranges.values(), key=lambda watch: watch.start)
        self._largest_end = [watch.end for watch in self._tree]
        self._annotate(0, len(self._tree))

    def _annotate(self, low: int, high: int) -> bytes | None:
        """Set the largest end of the subtree [low, high); the depth is its logarithm."""
        middle = (low + high) // 2
        largest = self._tree[middle].end
        for left, right in ((low, middle), (middle + 1, high)):
            if left < right and largest is not None:
                below = self._annotate(left, right)
                largest = None if below is None else max(largest, below)
            elif left < right:
                self._annotate(left, right)
        self._largest_end[middle] = largest
        return largest

    def _stab(self, key: bytes, found: list[W]) -> None:
        tree, largest_end, ranges = self._tree, self._largest_end, self._ranges
        pending = [(0, len(tree))]
        while pending:
            low, high = pending.pop()
            if low >= high:
                continue
            middle = (low + high) // 2
            largest = largest_end[middle]
            if largest is not None and largest <= key:
                continue
            pending.append((low, middle))
            watch = tree[middle]
            if watch.start <= key:
                if (watch.end is None or key < watch.end) and id(watch) in ranges:
                    found.append(watch)
                pending.append((middle + 1, high))
