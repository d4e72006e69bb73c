"""Committed entries on their way into a machine whose store takes nothing for a moment."""

from __future__ import annotations

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.replica.administration_call import AdministrationCall
from quorate_node.store.errors import Backpressure
from tests.unit.replica.network import EmptyPlace, LocalCluster


async def test_a_change_of_members_that_the_store_refuses_for_a_moment_is_taken_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the protocol: a joint configuration cannot be left, or entered, twice."""
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, lost = cluster.leader(), cluster.followers()[0]
        machine, record = leader.service.machine, leader.service.machine.members[lost.replica.member_id]
        await lost.crash()
        take_in, refused = machine.apply_membership, set[int]()

        def refusing(entry: Entry, configuration: Configuration, records: list[MemberRecord], removed: list[int]) -> None:
            if entry.index not in refused:
                refused.add(entry.index)
                raise Backpressure("for a moment")
            take_in(entry, configuration, records, removed)

        monkeypatch.setattr(machine, "apply_membership", refusing)
        EmptyPlace(cluster.network, record.peer_url)
        asked = AdministrationCall("join", peer_url=record.peer_url, name=record.name, client_url=record.client_url)
        assert leader.replica.member is not None
        await cluster.until(lambda: not leader.replica.member.administration._is_active(record.member_id))  # type: ignore[union-attr]
        joined = await leader.replica.member.administration.carry_out(asked)
        await cluster.until(lambda: not machine.configuration.voters_outgoing)
        assert len(refused) == 2, "the joint configuration was entered and left"
        assert machine.configuration.learners == (joined,)
        assert leader.replica.stopped_because is None
