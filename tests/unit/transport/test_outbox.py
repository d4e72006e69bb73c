"""The queue for slow connections: bounded, in order, a frame's worth at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.outbox import Outbox, Parcel, estimated_bytes

items = st.lists(st.integers(0, 300) | st.binary(max_size=300).map(Parcel), max_size=60)


def message(index: int, size_bytes: int) -> Message:
    return Message(MessageType.APPEND, 2, 1, index=index, entries=[Entry(1, 1, 0, bytes(size_bytes))])


@given(items, st.integers(1, 40), st.integers(50, 5000), st.integers(1, 2000))
def test_what_was_taken_in_comes_out_in_order_and_within_bounds(
    given_items: list[int | Parcel], messages_max: int, bytes_max: int, batch_bytes_max: int
) -> None:
    outbox = Outbox(messages_max, bytes_max, batch_bytes_max)
    accepted: list[Message | Parcel] = []
    for number, item in enumerate(given_items):
        one = item if isinstance(item, Parcel) else message(number, item)
        if outbox.push(one):
            accepted.append(one)
        assert len(outbox) <= messages_max
        assert outbox.bytes <= bytes_max
    came: list[Message | Parcel] = []
    while outbox:
        batch = outbox.take()
        if isinstance(batch, Parcel):
            came.append(batch)
        else:
            assert len(batch) == 1 or sum(map(estimated_bytes, batch)) <= batch_bytes_max
            came.extend(batch)
    assert came == accepted
    assert outbox.bytes == 0


def test_one_message_larger_than_a_batch_travels_alone() -> None:
    outbox = Outbox(10, 10_000, 100)
    for index, size_bytes in enumerate((10, 5000, 10)):
        assert outbox.push(message(index, size_bytes))
    assert [len(outbox.take()) for _ in range(3)] == [1, 1, 1]  # type: ignore[arg-type]


def test_clearing_counts_what_is_lost() -> None:
    outbox = Outbox(10, 1000, 100)
    outbox.push(message(0, 1))
    outbox.push(Parcel(b"x"))
    assert outbox.clear() == 2
    assert (len(outbox), outbox.bytes) == (0, 0)
    with pytest.raises(AssertionError, match="empty outbox"):
        outbox.take()
