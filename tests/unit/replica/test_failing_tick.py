"""A tick that raises stops the member: without ticks it would neither lead nor follow, and look alive."""

from __future__ import annotations

import pytest

from quorate_node.store.errors import Damaged
from quorate_node.transport.interface import LostReason
from tests.unit.replica.network import LocalCluster


@pytest.mark.parametrize("name", ["tick", "announce_commit"])
async def test_a_damaged_entry_that_a_timer_meets_stops_the_member(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        replica = cluster.nodes[0].replica
        assert replica.member is not None

        def meet(*_: object) -> None:
            raise Damaged("entry 7")

        monkeypatch.setattr(type(replica.member.engine.raft), name, meet)
        if name == "announce_commit":
            replica.member.engine._announce_commit()
        await cluster.until(lambda: replica.stopped_because is not None)
        assert isinstance(replica.stopped_because, Damaged)


async def test_what_breaks_at_the_word_of_a_lost_leader_stops_the_member(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to the transport it would end the task that dials that peer: a member that looks well, and that nobody hears again."""
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader = cluster.leader()
        replica = next(node for node in cluster.nodes if node is not leader).replica
        assert replica.member is not None and leader.replica.member is not None

        def meet(*_: object) -> None:
            raise Damaged("entry 7")

        monkeypatch.setattr(type(replica.member.engine.raft), "suspect_leader", meet)
        replica.on_lost(leader.replica.member.engine.raft.id, LostReason.DIED)
        assert isinstance(replica.stopped_because, Damaged)
