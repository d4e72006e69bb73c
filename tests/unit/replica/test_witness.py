"""A witness' state: all of an entry or nothing of it."""

from __future__ import annotations

import pytest

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.replica.witness import WitnessMachine
from quorate_node.store.errors import Backpressure
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore


def test_what_a_stalled_store_refuses_is_applied_again() -> None:
    store = MemoryStateStore(MemoryDisk(), "state")
    witness = WitnessMachine(store)
    entries = [Entry(1, 1, data=b"one"), Entry(2, 1, data=b"two")]
    change = Entry(3, 1, EntryType.MEMBERSHIP, b"change")
    configuration, record = Configuration(voters=(1, 2)), MemberRecord(2, "m2", "http://m2", "http://m2")
    store.stalled = True
    with pytest.raises(Backpressure):
        witness.apply(entries)
    assert witness.applied_index == 0
    store.stalled = False
    assert witness.apply(entries) == [[], []]
    chain = witness.chain
    store.stalled = True
    with pytest.raises(Backpressure):
        witness.apply_membership(change, configuration, [record], [])
    assert (witness.applied_index, witness.chain, witness.members) == (2, chain, {})
    store.stalled = False
    witness.apply_membership(change, configuration, [record], [])
    again = WitnessMachine(store)
    assert (again.applied_index, again.chain, again.configuration, again.members) == (3, witness.chain, configuration, {2: record})
