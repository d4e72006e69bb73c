"""Versions of the past. A superseded record lies in the event that superseded it, so a version is found from a later change of its key:
step by step along the key's events, each of which names the one before (`previous_mod`), until one is reached that superseded it.

Where to begin: the index (`records.is_indexed`) has every 8th version and the last before each deletion, so that no way is longer than
that; without a later index record it is `current`. All events on the way are later than the revision that is read, which is not
compacted: so none of them is. With the intervals [mod, superseded_at) of versions the same search would need a record for each, which
costs a put as much as all the rest of it does.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Protocol

from quorate_node.machine.events import Noted
from quorate_node.machine.records import U64, escape, mod_revision, split_history_key

Pairs = Iterator[tuple[bytes, bytes]]
TICK = b""
"""In place of a record: something was looked at and does not belong; lets a consumer count work that yields nothing."""


class Versions(Protocol):
    """The present, the index, and the events."""

    def get(self, key: bytes) -> bytes | None: ...

    def items(self, start: bytes, end: bytes | None) -> Pairs:
        """Pairs of `current`."""
        ...

    def index(self, start: bytes, end: bytes | None, *, backwards: bool = False) -> Pairs:
        """Raw pairs of the family `history` between two history keys."""
        ...

    def event(self, key: bytes, revision: int) -> Noted:
        """The change of `key` at `revision`, which is known to be there. Raises `ValueError` where it is not: the state is damaged."""
        ...


def get_at(versions: Versions, key: bytes, revision: int) -> bytes | None:
    """One key's record at a revision that is neither compacted nor in the future."""
    record = versions.get(key)
    if record is not None and mod_revision(record) <= revision:
        return record
    prefix = escape(key)
    after = prefix + U64.pack(revision + 1)
    for _, value in versions.index(prefix + U64.pack(0), after, backwards=True):
        superseded_at: int = U64.unpack(value)[0]
        if superseded_at > revision:
            return versions.event(key, superseded_at).superseded
        break
    later = next(versions.index(after, prefix + U64.pack((1 << 64) - 1)), None)
    if later is not None:
        return _last(_walk(versions, key, U64.unpack(later[1])[0], revision))
    return None if record is None else _last(_walk(versions, key, mod_revision(record), revision))


def items_at(versions: Versions, start: bytes, end: bytes | None, revision: int) -> Pairs:
    """Pairs at a revision of the past in key order, with TICK for each step that led to none."""
    known = ((key, True, record) for key, record in versions.items(start, end))
    index = (
        (split_history_key(history_key)[0], False, value)
        for history_key, value in versions.index(escape(start), None if end is None else escape(end))
    )
    # Of a key the index comes first, in order of revision, and `current` after it: in the order of the changes that they lead to.
    for key, entries in groupby(heapq.merge(index, known, key=lambda entry: entry[:2]), key=lambda entry: entry[0]):
        yield from _resolve(versions, key, entries, revision)


def _resolve(versions: Versions, key: bytes, entries: Iterable[tuple[bytes, bool, bytes]], revision: int) -> Pairs:
    change = 0
    for _, is_current, value in entries:
        later: int = mod_revision(value) if is_current else U64.unpack(value)[0]
        if later > revision:
            change = change or later
            yield key, TICK
        else:
            yield key, value if is_current else TICK
    if change:
        for record in _walk(versions, key, change, revision):
            yield key, record or TICK


def _walk(versions: Versions, key: bytes, change: int, revision: int) -> Iterator[bytes | None]:
    """From the change at `change`, after `revision`, back to the first one after it: the record that it superseded, None where there was
    none; before that a TICK for each step."""
    while True:
        assert change > revision, f"the change of {key!r} at {change} is not after {revision}"
        noted = versions.event(key, change)
        if noted.previous_mod <= revision:
            yield noted.superseded or None
            return
        yield TICK
        change = noted.previous_mod


def _last(steps: Iterable[bytes | None]) -> bytes | None:
    return deque(steps, maxlen=1).pop()
