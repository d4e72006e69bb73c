"""The family `revisions`: runs of consecutive events, packed into few records.

A record's key is the revision key of its first event. Its value is the events one after the other, each as revision u64, sub u32,
previous mod u64 (0: none), type u8, key length u32, record length u32, key. How events are packed follows from how entries came into
apply calls, so it differs between members: snapshots and comparisons see single events (`events`), which are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import NamedTuple

from quorate_node.machine.records import REVISION_KEY
from quorate_node.store.interface import StateReader

EVENT = Struct(">QIQBII")
EVENT_BYTES = EVENT.size
REVISION_KEY_BYTES = REVISION_KEY.size
RUN_EVENTS_MAX = 128
RUN_BYTES_MAX = 16 * 1024
"""A record holds at most so much, or one event: whoever reads one event reads its record."""


class Noted(NamedTuple):
    """One event, as it is stored."""

    revision: int
    sub: int
    previous_mod: int
    type: int
    key: bytes
    record_bytes: int


def encode_event(revision: int, sub: int, previous_mod: int, type_: int, key: bytes, record_bytes: int) -> bytes:
    return EVENT.pack(revision, sub, previous_mod, type_, len(key), record_bytes) + key


def pack_runs(events: list[bytes], put: Callable[[bytes, bytes], None]) -> None:
    """Give consecutive encoded events to `put` as records: (key, value)."""
    for start in range(0, len(events), RUN_EVENTS_MAX):
        _pack(events[start : start + RUN_EVENTS_MAX], put)


def _pack(events: list[bytes], put: Callable[[bytes, bytes], None]) -> None:
    value = b"".join(events)
    if len(value) > RUN_BYTES_MAX and len(events) > 1:
        half = len(events) // 2
        _pack(events[:half], put)
        _pack(events[half:], put)
    else:
        put(value[:REVISION_KEY_BYTES], value)


def unpack_run(key: bytes, value: bytes) -> list[bytes]:
    """The encoded events of a record. Raises `ValueError` for one that is damaged."""
    if value[:REVISION_KEY_BYTES] != key:
        # As the first releases wrote them: one event, whose revision is in the key alone.
        return [key + value]
    events: list[bytes] = []
    at, end = 0, len(value)
    while at < end:
        after = at + EVENT_BYTES + int.from_bytes(value[at + _KEY_LENGTH_AT : at + _KEY_LENGTH_AT + 4])
        if after > end:
            raise ValueError(f"the events from revision {REVISION_KEY.unpack(key)[0]} on are damaged: they end at {end}, not at {after}")
        events.append(value[at:after])
        at = after
    return events


_KEY_LENGTH_AT = Struct(">QIQB").size


def checked_event(key: bytes, value: bytes) -> bytes:
    """The encoded event of a snapshot's pair. Raises `ValueError` for what is none: packed with others it could not be told apart."""
    event = key + value
    if len(key) != REVISION_KEY_BYTES or len(event) < EVENT_BYTES or len(event) - EVENT_BYTES != EVENT.unpack_from(event)[4]:
        raise ValueError(f"the pair with key {key!r} is no event")
    return event


def decode_event(event: bytes) -> Noted:
    revision, sub, previous_mod, type_, key_bytes, record_bytes = EVENT.unpack_from(event)
    key = event[EVENT_BYTES:]
    assert len(key) == key_bytes, f"the event at revision {revision} is damaged: its key has {len(key)} bytes, not {key_bytes}"
    return Noted(revision, sub, previous_mod, type_, key, record_bytes)


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
