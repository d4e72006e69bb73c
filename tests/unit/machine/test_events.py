"""Runs of events: packed for the store, single for everybody else; found from any revision, however they were packed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire.commands import Compact, DeleteRange, Put
from quorate_node.machine.events import (
    EVENT_BYTES,
    RUN_BYTES_MAX,
    RUN_EVENTS_MAX,
    checked_event,
    decode_event,
    encode_event,
    events,
    pack_runs,
    unpack_run,
)
from quorate_node.machine.interface import WatchRequest
from quorate_node.machine.records import DELETE, PUT, REVISION_KEY
from quorate_node.store.interface import StateStore
from tests.unit.machine.builders import ALL, Member, drain


def parts(encoded: list[bytes], cut: int = 20) -> list[bytes]:
    """Each event in two, wherever it is cut."""
    return [part for event in encoded for part in (event[:cut], event[cut:])]


def packed(encoded: list[bytes], cut: int = 20) -> list[tuple[bytes, bytes]]:
    records: list[tuple[bytes, bytes]] = []
    pack_runs(parts(encoded, cut), lambda key, value: records.append((key, value)))
    return records


def run_of(count: int, key_bytes: int = 8) -> list[bytes]:
    return [encode_event(revision, 0, revision - 1, PUT, b"%0*d" % (key_bytes, revision), 40) for revision in range(2, 2 + count)]


@given(
    keys=st.lists(st.one_of(st.binary(max_size=40), st.integers(1, 70_000).map(lambda size: b"k" * size)), max_size=20),
    cut=st.integers(0, 100),
)
def test_what_is_packed_comes_out_again(keys: list[bytes], cut: int) -> None:
    encoded = [encode_event(7 + at, at % 3, at, DELETE if at % 2 else PUT, key, at, key[:at]) for at, key in enumerate(keys)]
    records = packed(encoded, cut)
    assert [event for key, value in records for event in unpack_run(key, value)] == encoded
    for key, value in records:
        assert key == value[: REVISION_KEY.size]
        assert len(value) <= RUN_BYTES_MAX or len(unpack_run(key, value)) == 1
    assert [decode_event(event) for event in encoded] == [
        (7 + at, at % 3, at, DELETE if at % 2 else PUT, key, at, key[:at]) for at, key in enumerate(keys)
    ]


def test_a_record_holds_a_bounded_number_of_events() -> None:
    assert [len(unpack_run(key, value)) for key, value in packed(run_of(300))] == [RUN_EVENTS_MAX, RUN_EVENTS_MAX, 300 - 2 * RUN_EVENTS_MAX]
    assert len(packed(run_of(128, key_bytes=1000))) == 4


def test_an_apply_call_is_one_record(memory_member: Member) -> None:
    memory_member.do(*[Put(b"k%d" % at) for at in range(100)], DeleteRange(*ALL))
    assert len(list(memory_member.store.items("revisions", b""))) == 2, "two hundred events"


def test_events_are_found_from_any_revision(store: StateStore) -> None:
    batch = store.batch()
    encoded = run_of(40)
    for low, high in ((0, 1), (1, 20), (20, 21), (21, 40)):
        pack_runs(parts(encoded[low:high]), batch.writes["revisions"].__setitem__)
    store.write(batch)
    for reader in (store, store.snapshot()):
        for start in range(50):
            for end in (None, 2, 21, 22, 30, 60):
                bounds = REVISION_KEY.pack(start, 0), None if end is None else REVISION_KEY.pack(end, 0)
                expected = [event for event in encoded if bounds[0] <= event and (bounds[1] is None or event < bounds[1])]
                assert list(events(reader, *bounds)) == expected, (start, end)
    reader.close()  # type: ignore[union-attr]


def test_a_watch_starts_in_the_middle_of_a_run(member: Member) -> None:
    member.do(*[Put(b"k", b"%d" % at) for at in range(20)])
    for start in (2, 3, 12, 21):
        found, _ = drain(member.machine.watch(WatchRequest(b"k", start_revision=start)))
        assert [event.kv.mod_revision for event in found] == list(range(start, 22))


def test_the_purge_shortens_a_run_that_reaches_over_the_compacted_revision(member: Member) -> None:
    member.do(*[Put(b"k", b"%d" % at) for at in range(20)])
    member.one(Compact(12))
    member.purge()
    assert [decode_event(event).revision for event in events(member.store, b"")] == list(range(12, 22))
    assert member.machine.purge.removed == 20
    member.one(Compact(15))
    member.purge()
    assert [decode_event(event).revision for event in events(member.store, b"")] == list(range(15, 22))
    assert len(list(member.store.items("history", b""))) == 1, "of what is left of twenty versions the sixteenth alone is indexed"
    member.one(Compact(18))
    member.purge()
    assert not list(member.store.items("history", b""))


def test_a_damaged_run_is_named() -> None:
    ((key, value),) = packed(run_of(3))
    with pytest.raises(ValueError, match="from revision 2 on are damaged"):
        unpack_run(key, value[:-1])


@pytest.mark.parametrize("cut", [1, EVENT_BYTES, 30])
def test_what_is_no_event_is_not_packed(cut: int) -> None:
    event = run_of(1)[0]
    assert checked_event(event[: REVISION_KEY.size], event[REVISION_KEY.size :]) == event
    with pytest.raises(ValueError, match="is no event"):
        checked_event(event[: REVISION_KEY.size], event[REVISION_KEY.size : -cut] if cut < 30 else event[REVISION_KEY.size :] + b"x")
    with pytest.raises(ValueError, match="is no event"):
        checked_event(event[:8], event[8:])
