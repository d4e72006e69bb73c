"""A member finds out where a stranger is that speaks to it, from those that it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

import msgspec

from quorate_node.replica.addresses import PeerAddresses
from quorate_node.replica.joining import ProbeAnswer
from quorate_node.transport.interface import PeerFailure, RequestKind, Transport


class Neighbours:
    """A transport, and durable records. `knowing`: whom each peer knows; a peer without an entry does not answer."""

    def __init__(self, knowing: dict[int, dict[int, str]]) -> None:
        self.knowing = knowing
        self.spoken_to: dict[int, str] = {}
        self.records: dict[str, bytes] = {}
        self.asked: list[int] = []

    def load(self, name: str) -> bytes | None:
        return self.records.get(name)

    def save(self, name: str, data: bytes) -> None:
        self.records[name] = data

    def set_peers(self, peers: Mapping[int, str]) -> None:
        self.spoken_to = dict(peers)

    async def request(self, member_id: int, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        self.asked.append(member_id)
        if member_id not in self.knowing:
            raise PeerFailure("it is away", sent=False)
        return msgspec.msgpack.encode(ProbeAnswer(7, member_id, (), self.knowing[member_id]))


def addresses(neighbours: Neighbours) -> PeerAddresses:
    return PeerAddresses(neighbours, cast(Transport, neighbours), timeout_ms=1_000)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_leader_that_came_later_is_found_through_a_member_that_knows_it() -> None:
    neighbours = Neighbours({2: {}, 3: {1: "http://one", 9: "http://nine"}})
    known = addresses(neighbours)
    known.use({2: "http://two", 3: "http://three"})
    known.heard(9)
    await turns()
    assert neighbours.spoken_to == {2: "http://two", 3: "http://three", 9: "http://nine"}
    assert addresses(neighbours).known == neighbours.spoken_to, "it is known after a restart too"


async def test_a_stranger_that_nobody_knows_is_not_asked_for_all_the_time() -> None:
    neighbours = Neighbours({2: {}})
    known = addresses(neighbours)
    known.use({2: "http://two", 3: "http://three"})
    for _ in range(5):
        known.heard(9)
        await turns()
    assert neighbours.asked == [2, 3]
    assert 9 not in known.known


async def test_whoever_is_known_is_not_asked_for() -> None:
    neighbours = Neighbours({2: {}})
    known = addresses(neighbours)
    known.use({2: "http://two"})
    known.heard(2)
    await turns()
    assert neighbours.asked == []
