"""The family `revisions`: runs of consecutive events, packed into few records.

A record's key is the revision key of its first event. Its value is the events one after the other, each as revision u64, sub u32,
previous mod u64 (0: none), type u8, key length u32, record length u32, superseded length u32, key, and the record that the event
superseded: what versions of the past are found by (`past`). How events are packed follows from how entries came into apply calls, so it
differs between members: snapshots and comparisons see single events (`events`), which are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import NamedTuple

from quorate_node.machine.records import REVISION_KEY
from quorate_node.store.interface import StateReader

EVENT = Struct(">QIQBIII")
EVENT_BYTES = EVENT.size
REVISION_KEY_BYTES = REVISION_KEY.size
RUN_EVENTS_MAX = 128
RUN_BYTES_MAX = 64 * 1024
"""A record holds at most so much, or one event: whoever reads one event reads its record."""


class Noted(NamedTuple):
    """One event, as it is stored."""

    revision: int
    sub: int
    previous_mod: int
    type: int
    key: bytes
    record_bytes: int
    """Of the record that the event left; 0 for a deletion."""
    superseded: bytes
    """The record from before; empty where there was none."""


def encode_event(revision: int, sub: int, previous_mod: int, type_: int, key: bytes, record_bytes: int, superseded: bytes = b"") -> bytes:
    return encode_head(revision, sub, previous_mod, type_, key, record_bytes, superseded) + superseded


def encode_head(revision: int, sub: int, previous_mod: int, type_: int, key: bytes, record_bytes: int, superseded: bytes) -> bytes:
    """The event without the superseded record itself."""
    return EVENT.pack(revision, sub, previous_mod, type_, len(key), record_bytes, len(superseded)) + key


def pack_runs(parts: list[bytes], put: Callable[[bytes, bytes], None]) -> None:
    """Give consecutive events to `put` as records: (key, value). Two parts are one event, wherever it is cut into two: the many bytes of
    superseded records are copied once, here."""
    assert len(parts) % 2 == 0, "two parts are one event"
    for start in range(0, len(parts), 2 * RUN_EVENTS_MAX):
        _pack(parts[start : start + 2 * RUN_EVENTS_MAX], put)


def _pack(parts: list[bytes], put: Callable[[bytes, bytes], None]) -> None:
    if len(parts) > 2 and sum(map(len, parts)) > RUN_BYTES_MAX:
        half = len(parts) // 4 * 2
        _pack(parts[:half], put)
        _pack(parts[half:], put)
    else:
        value = b"".join(parts)
        put(value[:REVISION_KEY_BYTES], value)


def unpack_run(key: bytes, value: bytes) -> list[bytes]:
    """The encoded events of a record. Raises `ValueError` for one that is damaged."""
    events: list[bytes] = []
    at, end = 0, len(value)
    while at < end:
        after = at + EVENT_BYTES + sum(_LENGTHS.unpack_from(value, at + _LENGTHS_AT)) if at + EVENT_BYTES <= end else at + EVENT_BYTES
        if after > end:
            raise ValueError(f"the events from revision {REVISION_KEY.unpack(key)[0]} on are damaged: they end at {end}, not at {after}")
        events.append(value[at:after])
        at = after
    return events


_LENGTHS = Struct(">I4xI")
_LENGTHS_AT = Struct(">QIQB").size
"""Of the key and of the superseded record; the record's between them says nothing of the event's own bytes."""


def checked_event(key: bytes, value: bytes) -> bytes:
    """The encoded event of a snapshot's pair. Raises `ValueError` for what is none: packed with others it could not be told apart."""
    event = key + value
    more = len(event) - EVENT_BYTES
    if len(key) != REVISION_KEY_BYTES or more < 0 or more != sum(_LENGTHS.unpack_from(event, _LENGTHS_AT)):
        raise ValueError(f"the pair with key {key!r} is no event")
    return event


def decode_event(event: bytes) -> Noted:
    revision, sub, previous_mod, type_, key_bytes, record_bytes, superseded_bytes = EVENT.unpack_from(event)
    key_end = EVENT_BYTES + key_bytes
    assert len(event) == key_end + superseded_bytes, f"the event at revision {revision} is damaged: it has {len(event)} bytes"
    return Noted(revision, sub, previous_mod, type_, event[EVENT_BYTES:key_end], record_bytes, event[key_end:])


def find_event(reader: StateReader, key: bytes, revision: int) -> Noted:
    """The change of `key` at `revision`, which is known to be there. Raises `ValueError` where it is not: the state is damaged."""
    # A revision's events may lie in several records, the first of which may begin before it.
    first = REVISION_KEY.pack(revision, 0)
    for record_key, value in reader.items("revisions", b"", REVISION_KEY.pack(revision + 1, 0), backwards=True):
        found = _find_in_run(value, key, revision)
        if found is not None:
            return found
        if record_key < first:
            break
    raise ValueError(f"the state is damaged: the change of {key!r} at revision {revision} is not there")


def _find_in_run(value: bytes, key: bytes, revision: int) -> Noted | None:
    """Nothing is taken out of the record but what is looked for: that is what most of a step into the past costs."""
    at, end, unpack = 0, len(value), EVENT.unpack_from
    while at < end:
        found, sub, previous_mod, type_, key_bytes, record_bytes, superseded_bytes = unpack(value, at)
        key_at = at + EVENT_BYTES
        key_end = key_at + key_bytes
        at = key_end + superseded_bytes
        if found == revision and value[key_at:key_end] == key:
            return Noted(revision, sub, previous_mod, type_, key, record_bytes, value[key_end:at])
        if found > revision:
            break
    return None


def runs(reader: StateReader, start: bytes, end: bytes | None = None) -> Iterator[tuple[bytes, list[bytes]]]:
    """(record's key, its events) of all records that can hold an event from the revision key `start` on, up to records from `end` on."""
    if end is not None and end <= start:
        return
    before = next(reader.keys("revisions", b"", start + b"\x00", backwards=True), start)
    for key, value in reader.items("revisions", before, end):
        yield key, unpack_run(key, value)


def events(reader: StateReader, start: bytes, end: bytes | None = None) -> Iterator[bytes]:
    """Encoded events whose revision key is from `start` on and before `end`, in order, each beginning with its revision key."""
    for _, run in runs(reader, start, end):
        for event in run:
            if event[:REVISION_KEY_BYTES] >= start and (end is None or event[:REVISION_KEY_BYTES] < end):
                yield event
