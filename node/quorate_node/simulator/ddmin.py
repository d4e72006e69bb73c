"""Delta debugging: from many things that fail together to few, none of which can be spared (Zeller and Hildebrandt 2002, `ddmin`).

Nothing is assumed of `fails` but that it answers alike when asked alike; where it is monotone the answer is a smallest one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

Item = TypeVar("Item")


def ddmin(items: Sequence[Item], fails: Callable[[list[Item]], bool]) -> list[Item]:
    """A part of `items`, in their order, that fails, and does not when any one of it is left out. `fails(items)` is taken for granted.

    Asks `fails` O(n log n) times when few are to blame, n^2 at worst.
    """
    kept = list(items)
    if not kept or fails([]):
        return []
    parts = 2
    while len(kept) > 1:
        chunks = _split(kept, parts)
        part = next((chunk for chunk in chunks if fails(chunk)), None)
        if part is not None:
            kept, parts = part, 2
            continue
        # With two parts the rest of one is the other, which was just asked for.
        rests = (_without(chunks, number) for number in range(len(chunks))) if parts > 2 else iter(())
        rest = next((rest for rest in rests if fails(rest)), None)
        if rest is not None:
            kept, parts = rest, parts - 1
        elif parts == len(kept):
            break
        else:
            parts = min(2 * parts, len(kept))
    return kept


def _split(items: list[Item], parts: int) -> list[list[Item]]:
    """Into `parts` parts of nearly one size, none of them empty."""
    edges = [len(items) * number // parts for number in range(parts + 1)]
    return [items[begin:end] for begin, end in pairwise(edges)]


def _without(chunks: list[list[Item]], left_out: int) -> list[Item]:
    return [item for number, chunk in enumerate(chunks) if number != left_out for item in chunk]


def earliest(low: int, high: int, precision: int, fails: Callable[[int], bool]) -> int:
    """A number in (low, high] that fails, the smallest but for `precision` where all above it fail too. `fails(high)` is taken for
    granted, and that `low` does not."""
    while high - low > precision:
        middle = (low + high) // 2
        if fails(middle):
            high = middle
        else:
            low = middle
    return high
