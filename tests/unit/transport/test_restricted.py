"""Who holds a certificate for members that never vote: let in as such a one or not at all, and heard only as a copy of the data needs."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

import pytest
from cryptography.x509 import UniformResourceIdentifier

from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.binding import NON_VOTING, member_uri
from quorate_node.transport.errors import PeerFault
from quorate_node.transport.interface import LostReason, PeerFailure, PeerRefused, RequestKind
from quorate_node.transport.restricted import heard, refusal
from quorate_node.transport.tls import PeerTls
from tests.unit.transport.certificates import Authority, write_files
from tests.unit.transport.loopback_members import CLUSTER_ID, Member, StartMember, acquaint, eventually

VOTER, COPY = 1, 2
TERM = 3
"""Of every member's handshake in these tests."""


async def started(start_member: StartMember, folder: Path, authority: Authority, member_id: int, *uris: str) -> Member:
    names = tuple(map(UniformResourceIdentifier, uris))
    tls = PeerTls(write_files(folder / str(member_id), authority.issue(*names), authority), reload_interval_s=0)
    return await start_member(member_id, tls=tls, server_context=tls.server_context(), member_binding_required=True)


async def voter_and_copy(start_member: StartMember, folder: Path, *uris: str) -> tuple[Member, Member]:
    """`uris`: of the certificate of the member that never votes; its own mark where none are given."""
    authority = Authority()
    voter = await started(start_member, folder, authority, VOTER, member_uri(CLUSTER_ID, VOTER))
    own = uris or (member_uri(CLUSTER_ID, COPY, non_voting=True),)
    return voter, await started(start_member, folder, authority, COPY, *own)


@pytest.mark.parametrize("uris", [(), (member_uri(CLUSTER_ID, COPY), NON_VOTING)], ids=["own", "both"])
async def test_it_is_refused_as_a_member_that_may_vote(uris: tuple[str, ...], start_member: StartMember, tmp_path: Path) -> None:
    """Whether it dials or is dialled, and whatever else its certificate says."""
    voter, copy = await voter_and_copy(start_member, tmp_path, *uris)
    voter.recorder.voters = {COPY}
    copy.knows(voter)
    await copy.recorder.until(lambda: (VOTER, LostReason.REFUSED) in copy.recorder.lost)
    said = {link.last_error for link in copy.transport.links()} - {""}
    assert said == {"refused by the peer: member 2 may vote, and the certificate is for members that never vote"}
    voter.knows(copy)
    await voter.recorder.until(lambda: (COPY, LostReason.REFUSED) in voter.recorder.lost)
    assert voter.transport.counters.non_voting_handshakes >= 2 and voter.recorder.admitted == []


async def test_its_first_certificate_makes_it_no_peer_of_anybody(start_member: StartMember, tmp_path: Path) -> None:
    voter, copy = await voter_and_copy(start_member, tmp_path, NON_VOTING)
    copy.knows(voter)
    await copy.recorder.until(lambda: (VOTER, LostReason.REFUSED) in copy.recorder.lost)
    assert any("the certificate names no member" in link.last_error for link in copy.transport.links())


async def test_what_a_copy_needs_is_heard_and_answered(start_member: StartMember, tmp_path: Path) -> None:
    voter, copy = await voter_and_copy(start_member, tmp_path)
    await acquaint(voter, copy)
    kinds = (MessageType.APPEND_RESPONSE, MessageType.HEARTBEAT_RESPONSE, MessageType.READ_INDEX)
    copy.transport.send([Message(kind, VOTER, COPY, TERM) for kind in kinds])
    await voter.recorder.until(lambda: len(voter.recorder.messages) == len(kinds))

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        return b"%d %d %s" % (member_id, kind, payload)

    voter.recorder.answer = copy.recorder.answer = answer
    assert await copy.transport.request(VOTER, RequestKind.FORWARD, b"x", 5) == b"2 1 x"
    assert await voter.transport.request(COPY, RequestKind.DIGESTS, b"told", 5) == b"1 5 told", "it is told what others are told"
    assert (voter.recorder.asked_by_non_voting, copy.recorder.asked_by_non_voting) == ([True], [False])
    assert voter.transport.counters.non_voting_messages == voter.transport.counters.non_voting_requests == 0


@pytest.mark.parametrize("kind", [MessageType.VOTE, MessageType.PRE_VOTE_RESPONSE, MessageType.APPEND, MessageType.TIMEOUT_NOW])
async def test_who_speaks_as_a_voter_or_a_leader_is_cut_off(kind: MessageType, start_member: StartMember, tmp_path: Path) -> None:
    voter, copy = await voter_and_copy(start_member, tmp_path)
    await acquaint(voter, copy)
    copy.transport.send([Message(kind, VOTER, COPY, TERM)])
    counters = voter.transport.counters
    await eventually(lambda: counters.non_voting_messages == counters.faults == 1)
    assert voter.recorder.messages == []


async def test_its_word_raises_nobodys_term(start_member: StartMember, tmp_path: Path) -> None:
    voter, copy = await voter_and_copy(start_member, tmp_path)
    await acquaint(voter, copy)
    copy.transport.send([Message(MessageType.APPEND_RESPONSE, VOTER, COPY, term) for term in (2**62, TERM)])
    await voter.recorder.until(lambda: len(voter.recorder.messages) == 1)
    assert voter.recorder.messages[0].term == TERM
    assert (voter.transport.counters.non_voting_messages, voter.transport.counters.faults) == (1, 0)


async def refused(asked: Awaitable[bytes]) -> str:
    with pytest.raises(PeerRefused) as raised:
        await asked
    assert raised.value.error == "PermissionDenied"
    return raised.value.message


async def test_it_changes_no_members_and_tells_nobody_that_they_differ(start_member: StartMember, tmp_path: Path) -> None:
    voter, copy = await voter_and_copy(start_member, tmp_path)
    await acquaint(voter, copy)
    told = await refused(copy.transport.request(VOTER, RequestKind.MEMBERSHIP, b"", 5))
    assert told == "a request MEMBERSHIP is not answered: the certificate is for members that never vote; ask a member that votes"
    await refused(copy.transport.request(VOTER, RequestKind.DIGESTS, b"\x80", 5))
    assert voter.recorder.asked_by_non_voting == [] and voter.transport.counters.non_voting_requests == 2


async def test_whether_it_may_join_is_judged_with_its_certificate_in_mind_and_counted(start_member: StartMember, tmp_path: Path) -> None:
    voter, copy = await voter_and_copy(start_member, tmp_path, NON_VOTING)

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        raise PeerRefused("PermissionDenied", "as a voter")

    voter.recorder.answer = answer
    assert await refused(copy.transport.request_url(voter.url, RequestKind.JOIN, b"", 5)) == "as a voter"
    assert voter.recorder.asked_by_non_voting == [True] and voter.transport.counters.non_voting_requests == 1


async def test_nobody_joins_by_its_word(start_member: StartMember, tmp_path: Path) -> None:
    voter, copy = await voter_and_copy(start_member, tmp_path)

    async def answer(member_id: int, kind: int, payload: bytes) -> bytes:
        return b"welcome"

    copy.recorder.answer = answer
    with pytest.raises(PeerFailure, match="is not asked to let us in: the certificate is for members that never vote") as raised:
        await voter.transport.request_url(copy.url, RequestKind.JOIN, b"", 5)
    assert not raised.value.sent and copy.recorder.asked_by_non_voting == []
    assert await voter.transport.request_url(copy.url, RequestKind.PROBE, b"", 5) == b"welcome", "who it is, it may be asked"


def test_of_messages_in_one_frame_none_counts_beside_one_that_it_must_not_send() -> None:
    sound = Message(MessageType.APPEND_RESPONSE, VOTER, COPY, TERM)
    assert heard([sound], TERM) == [sound] and heard([sound], TERM - 1) == []
    with pytest.raises(PeerFault, match="a message of type 3, and the certificate is for members that never vote"):
        heard([sound, Message(MessageType.VOTE, VOTER, COPY, TERM)], TERM)


def test_a_kind_of_request_that_nobody_knows_is_not_answered() -> None:
    assert "a request kind 99 is not answered" in refusal(99, b"")
