"""Who asks to join with a certificate for members that never vote, and gets that place or none, whatever it says."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from quorate_node.replica.joining import JoinAnswer, JoinRequest
from quorate_node.replica.service import ServiceError
from quorate_node.transport.interface import PeerRefused, RequestKind

from .network import LocalCluster, Node
from .test_non_voting import joined

SAID = "the certificate is for members that never vote"
PLACE: dict[str, Any] = {"priority": 0, "expected_configuration_index": None}


async def ask(node: Node, **fields: Any) -> JoinAnswer:
    """By a connection on which such a certificate was shown."""
    given = {"name": "web.1", "peer_url": "https://10.0.0.9:7302", "client_url": "", "witness": False, "priority": 0, "non_voting": True}
    payload = msgspec.msgpack.encode(JoinRequest(**{**given, **fields}))
    return msgspec.msgpack.decode(await node.replica.on_request(0, RequestKind.JOIN, payload, non_voting=True), type=JoinAnswer)


async def refused(node: Node, **fields: Any) -> str:
    with pytest.raises(PeerRefused) as raised:
        await ask(node, **fields)
    assert raised.value.error == "PermissionDenied" and raised.value.message.endswith(SAID)
    return raised.value.message


async def test_it_joins_as_a_member_that_never_votes_through_whoever_it_asks() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        for number, node in enumerate((cluster.leader(), cluster.followers()[0])):
            answer = await ask(node, name=f"web.{number}", peer_url=f"https://10.0.0.{number}:7302")
            leader = cluster.leader()
            assert leader.service.machine.members[answer.member_id].non_voting and not leader.replica.may_vote(answer.member_id)
            assert answer.member_id in leader.service.machine.configuration.learners
        assert all(cluster.leader().replica.may_vote(node.replica.member_id) for node in cluster.nodes)
        assert not cluster.leader().replica.may_vote(99), "a stranger, or one whose coming is not applied here yet"


@pytest.mark.parametrize("asked_for", [{"non_voting": False}, {"witness": True}, {"witness": True, "non_voting": False}])
async def test_it_is_refused_as_a_voter_and_as_a_witness(asked_for: dict[str, bool]) -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        assert await refused(cluster.leader(), **asked_for) == f"'web.1' asks to join as a member that votes, and {SAID}"
        assert len(cluster.leader().service.machine.members) == 1


@pytest.mark.parametrize("through_the_leader", [True, False])
async def test_it_never_gets_the_place_of_one_that_may_vote(through_the_leader: bool) -> None:
    """One that was added and has not come yet, and one that is away: by its name and its address."""
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader, follower = cluster.leader(), cluster.followers()[0]
        promised = await leader.service.add_member("http://member-9", "member-9", witness=False, **PLACE)
        away = cluster.followers()[1]
        await away.crash()
        cluster.nodes.remove(away)
        await asyncio.sleep(0.5)  # Until the leader has not heard of it for an election timeout.
        asked = cluster.leader() if through_the_leader else follower
        for name, url in (("member-9", "http://member-9"), (away.service.status().name, away.url)):
            told = await refused(asked, name=name, peer_url=url)
            assert told == f"the place of {name!r} at {url!r} is of a member that may vote, and {SAID}"
        members = cluster.leader().service.machine.members
        assert promised in members and away.replica.member_id in members and len(members) == 4


async def test_it_does_not_get_the_id_that_the_only_other_voter_was_given() -> None:
    """A witness votes from its first moment: while it has not come, whoever comes in its name could vote in its place."""
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        leader = cluster.leader()
        witness = await leader.service.add_member("http://member-9", "member-9", witness=True, **PLACE)
        await cluster.until(lambda: witness in leader.service.machine.configuration.voters)
        await refused(leader, name="member-9", peer_url="http://member-9")


async def test_it_takes_its_own_place_again() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        first = await ask(cluster.leader())
        assert (await ask(cluster.leader())).member_id == first.member_id, "its first answer was lost"


async def test_what_was_let_in_as_such_is_never_promoted() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        copy = await joined(cluster)
        with pytest.raises(ServiceError, match="is non-voting and is never promoted"):
            await copy.service.promote_member(copy.replica.member_id, expected_configuration_index=None)


async def test_nobody_is_a_witness_and_never_votes() -> None:
    """The protocol knows a witness as a voter, whatever its record says: without TLS too, and by whatever way it comes."""
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        leader = cluster.leader()
        with pytest.raises(ServiceError, match="witness and non_voting are both true"):
            await leader.service.add_member("http://member-9", "member-9", witness=True, non_voting=True, **PLACE)
        both = msgspec.msgpack.encode(JoinRequest("member-9", "http://member-9", "", witness=True, priority=0, non_voting=True))
        with pytest.raises(PeerRefused, match="witness and non_voting are both true"):
            await leader.replica.on_request(0, RequestKind.JOIN, both)
