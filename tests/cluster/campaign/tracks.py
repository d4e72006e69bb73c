"""Lanes in which nothing lies over anything else: what overlaps in time gets a track of its own, one below the other."""

from __future__ import annotations

from collections.abc import Sequence


def tracks(bars: Sequence[tuple[float, float]]) -> list[int]:
    """A track (0, 1, ...) for each (begin, end), ordered by their begins: the first one that is free by then.

    First fit by begins needs as many tracks as bars ever overlap, and no more (interval graphs are perfect).
    """
    free_from: list[float] = []
    chosen: list[int] = []
    for number, (begin, end) in enumerate(bars):
        assert begin <= end, f"bar {number} ends at {end}, before it begins at {begin}"
        assert number == 0 or bars[number - 1][0] <= begin, f"bar {number} begins at {begin}, before the one before it"
        track = next((each for each, until in enumerate(free_from) if until <= begin), len(free_from))
        free_from[track : track + 1] = [end]
        chosen.append(track)
    return chosen
