"""Who is let in: identities, versions, clones, and the words in which the others are refused."""

from __future__ import annotations

import pytest

from quorate_node.transport.handshake import CLOSE_FAULT, CLOSE_REFUSED, CLOSE_REMOVED, CLOSE_TRY_AGAIN, ConnectionClass, encode_hello
from quorate_node.transport.interface import LostReason
from tests.unit.transport.loopback_members import Member, StartMember, acquaint, eventually, identity
from tests.unit.transport.raw_peer import RawPeer


async def refusal(member: Member, frame: bytes, path: str = "bulk") -> tuple[int, str]:
    """How a member ends a connection whose first frame is this."""
    peer = await RawPeer.dial(member, path)
    try:
        await peer.web_socket.send_bytes(frame)
        return await peer.end()
    finally:
        await peer.close()


def hello(member_id: int = 2, connection_class: ConnectionClass = ConnectionClass.BULK, **changes: int) -> bytes:
    return encode_hello(connection_class, "http://127.0.0.1:1", identity(member_id, **changes))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (hello(cluster_id=78), "the peer is of cluster 78, this member of cluster 77"),
        (hello(cluster_id=0), "the peer belongs to no cluster yet"),
        (hello(member_id=0), "the peer belongs to no cluster yet"),
        (hello(member_id=1), "member id 1 is this member's own: two members share a data directory, or a copy of it"),
        (hello(version_low=2, version_high=3), "versions 2 to 3 do not meet 1 to 1 of this member: upgrade the older one"),
        (hello(connection_class=ConnectionClass.HEARTBEAT), "a HEARTBEAT handshake on the BULK endpoint"),
        (b"QRTE\x00\x02" + hello()[6:], "frame format 2 is not spoken here, only 1: run compatible releases"),
    ],
)
async def test_a_foreign_handshake_is_refused_in_words(frame: bytes, reason: str, start_member: StartMember) -> None:
    member = await start_member(1)
    assert await refusal(member, frame) == (CLOSE_REFUSED, reason)
    assert member.recorder.admitted == []
    assert member.transport.counters.refused_by_us == 1


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "the first frame is no handshake"),
        (b"GET / HTTP/1.1", "the first frame is no handshake"),
        (b"QRTE", "the first frame is no handshake"),
        (b"QRTE\x00\x01", "a malformed handshake"),
        (b"QRTE\x00\x01\xc1", "a malformed handshake"),
        (hello() + b"\x00", "a malformed handshake"),
        (hello(term=-1), "handshake field term is -1"),
        (hello(last_index=2**63), "handshake field last_index is 9223372036854775808"),
        (hello(version_low=2, version_high=1), "handshake versions 2 to 1 are no range"),
        (hello() + bytes(5000), "a message of 5035 bytes is over the 4096 that are taken"),
        (encode_hello(ConnectionClass.BULK, "x" * 2000, identity(2)), "handshake url is over 1024 bytes"),
    ],
)
async def test_what_is_no_handshake_is_a_fault(frame: bytes, reason: str, start_member: StartMember) -> None:
    member = await start_member(1)
    code, text = await refusal(member, frame)
    assert code == CLOSE_FAULT
    assert text.startswith(reason)
    assert member.transport.counters.faults == 1


async def test_the_replicas_refusal_reaches_the_peer_and_its_status(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    two.recorder.refusal = "member 1 was rolled back"
    one.knows(two)
    await one.recorder.until(lambda: one.recorder.lost == [(2, LostReason.REFUSED)])
    # It goes on trying, with back-off.
    await eventually(lambda: one.transport.counters.refused_by_peer > 2)
    assert one.recorder.lost == [(2, LostReason.REFUSED)], "once, not at every attempt"
    reason = {"refused by the peer: member 1 was rolled back"}
    await eventually(lambda: {link.last_error for link in one.transport.links()} == reason)
    assert one.recorder.told_of_removal == []


async def test_a_removed_member_is_told_so_by_a_code_of_its_own(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    two.recorder.refusal, two.recorder.removed = "member 1 was removed from this cluster", {1}
    assert await refusal(two, hello(1)) == (CLOSE_REMOVED, "member 1 was removed from this cluster")
    one.knows(two)
    await one.recorder.until(lambda: one.recorder.told_of_removal != [])
    assert set(one.recorder.told_of_removal) == {"member 1 was removed from this cluster"}


async def test_who_finds_a_removed_member_at_an_address_is_not_removed_itself(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    one.recorder.refusal, one.recorder.removed = "member 2 was removed from this cluster", {2}
    one.knows(two)
    await one.recorder.until(lambda: one.recorder.lost == [(2, LostReason.REFUSED)])
    assert one.recorder.told_of_removal == two.recorder.told_of_removal == []


async def test_a_long_refusal_is_cut_at_a_character(start_member: StartMember) -> None:
    member = await start_member(1)
    member.recorder.refusal = "ü" * 100
    code, text = await refusal(member, hello())
    assert code == CLOSE_REFUSED
    assert text == "ü" * 60 + "..."


async def test_the_dialler_judges_too(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    one.recorder.refusal = "member 2 was rolled back to an older volume"
    one.knows(two)
    await one.recorder.until(lambda: one.recorder.lost == [(2, LostReason.REFUSED)])
    assert one.recorder.connected == []
    assert one.recorder.admitted[0] == two.recorder.current


async def test_another_member_at_the_address_is_refused(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2)
    one.transport.set_peers({3: two.url})
    await one.recorder.until(lambda: one.recorder.lost == [(3, LostReason.REFUSED)])
    assert any("member 2 answered at the address of member 3" in link.last_error for link in one.transport.links())


async def test_a_member_without_a_cluster_takes_no_peers(start_member: StartMember) -> None:
    empty = await start_member(0, identity={"cluster_id": 0})
    assert await refusal(empty, hello()) == (CLOSE_TRY_AGAIN, "this member belongs to no cluster yet")


async def test_a_member_that_is_just_joining_is_waited_for_and_not_reported_as_refused(start_member: StartMember) -> None:
    one, joining = await start_member(1), await start_member(2, identity={"cluster_id": 0})
    one.knows(joining)
    await eventually(lambda: any("belongs to no cluster yet" in link.last_error for link in one.transport.links()))
    joining.recorder.current = identity(2)
    joining.knows(one)
    await one.recorder.until(lambda: one.recorder.connected == [2])
    assert one.recorder.lost == []


async def test_a_clone_of_a_live_member_is_refused_and_a_restart_is_not(start_member: StartMember) -> None:
    one, two = await start_member(1), await start_member(2, identity={"instance": 21})
    await acquaint(one, two)
    clone = await start_member(2, identity={"instance": 22})
    clone.knows(one)
    await clone.recorder.until(lambda: clone.recorder.lost == [(1, LostReason.REFUSED)])
    assert any("member 2 is connected from another process" in link.last_error for link in clone.transport.links())
    assert all(met.instance != 22 for met in one.recorder.admitted), "the replica never heard of it"
    restarted = await start_member(2, identity={"instance": 23, "boot_counter": 2})
    restarted.knows(one)
    await restarted.recorder.until(lambda: restarted.recorder.connected == [1])


async def test_handshakes_of_one_process_that_overtake_each_other_are_no_rollback(start_member: StartMember) -> None:
    member = await start_member(1)

    async def admitted_as(connection_class: ConnectionClass, **changes: int) -> tuple[int, int]:
        peer = await RawPeer.dial(member, connection_class.name.lower())
        await peer.web_socket.send_bytes(hello(connection_class=connection_class, **changes))
        await peer.web_socket.receive(timeout=5)
        await peer.close()
        return member.recorder.admitted[-1].term, member.recorder.admitted[-1].last_index

    assert await admitted_as(ConnectionClass.BULK, instance=5, term=4, last_index=20) == (4, 20)
    assert await admitted_as(ConnectionClass.HEARTBEAT, instance=5, term=4, last_index=19) == (4, 20)
    assert await admitted_as(ConnectionClass.HEARTBEAT, instance=6, term=3, last_index=18) == (3, 18), "another process may be rolled back"
    assert await admitted_as(ConnectionClass.BULK, instance=6, boot_counter=2, term=2, last_index=17) == (2, 17)


async def test_version_ranges_that_meet_are_enough(start_member: StartMember) -> None:
    old = await start_member(1, identity={"version_low": 1, "version_high": 2})
    new = await start_member(2, identity={"version_low": 2, "version_high": 3})
    await acquaint(old, new)
