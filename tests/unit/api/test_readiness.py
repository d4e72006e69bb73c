"""Ready is a voter that has caught up, and stays so through an election."""

from __future__ import annotations

import asyncio

import pytest

from quorate_node.api.http import readiness as room
from quorate_node.api.http.readiness import Readiness
from quorate_node.replica.service import Consistency, ReadDone, ServiceError
from tests.unit.api.service import SingleMember

GRACE_MS = 100


class Voter(SingleMember):
    """Its quorum answers a barrier when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.role = "follower"
        self.quorum = True
        self.asked = 0

    async def read_barrier(self, consistency: int, *, staleness_ms_max: int = 0, timeout_s: float | None = None) -> None:
        assert consistency == Consistency.LINEARIZABLE
        self.asked += 1
        if not self.quorum:
            await asyncio.sleep(0.02)
            raise ServiceError("Timeout", "no quorum answered")

    def read(self, consistency: int, done: ReadDone, *, staleness_ms_max: int = 0, deadline_s: float | None = None) -> None:
        raise AssertionError("readiness asks by the barrier")


@pytest.fixture
def voter(monkeypatch: pytest.MonkeyPatch) -> Voter:
    monkeypatch.setattr(room, "PATIENCE_S", 0.05)
    return Voter()


@pytest.fixture
async def ready(voter: Voter) -> Readiness:
    return Readiness(voter, GRACE_MS, asyncio.get_running_loop())


async def test_a_voter_is_ready_at_the_first_probe_after_a_quorum_has_confirmed_it(voter: Voter, ready: Readiness) -> None:
    assert await ready.reason() == ""
    assert voter.asked == 1


async def test_through_an_election_it_stays_ready_and_after_the_grace_it_does_not(voter: Voter, ready: Readiness) -> None:
    assert await ready.reason() == ""
    voter.quorum, voter.leader_id, voter.role = False, 0, "candidate"
    assert await ready.reason() == "", "an election has begun"
    await asyncio.sleep(GRACE_MS / 1000 + 0.05)
    assert await ready.reason() == "no leader is known"
    voter.quorum, voter.leader_id, voter.role = True, 2, "follower"
    await asyncio.sleep(0.03)
    assert await ready.reason() == "", "its leader is back"


async def test_a_voter_that_was_never_confirmed_has_no_grace(voter: Voter, ready: Readiness) -> None:
    voter.quorum = False
    assert await ready.reason() == "no quorum has confirmed that it has caught up: no quorum answered"


async def test_a_quorum_that_takes_long_is_not_asked_twice_at_a_time(voter: Voter, ready: Readiness) -> None:
    async def silent(consistency: int, *, staleness_ms_max: int = 0, timeout_s: float | None = None) -> None:
        voter.asked += 1
        await asyncio.sleep(30)

    voter.read_barrier = silent  # type: ignore[method-assign]
    assert len({await ready.reason() for _ in range(3)}) == 1
    assert voter.asked == 1
    ready.close()


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ("learner", "the member is a learner: it serves, and is no voter yet"),
        ("joining", "the member is joining"),
        ("repairing", "the member is repairing"),
        ("stopped", "the member is stopped"),
    ],
)
async def test_who_is_no_voter_is_not_ready_at_once_however_well_it_was(voter: Voter, ready: Readiness, role: str, reason: str) -> None:
    assert await ready.reason() == ""
    voter.role = role
    assert await ready.reason() == reason
    voter.role, voter.quorum = "follower", False
    assert await ready.reason() != "", "it must be confirmed anew"


async def test_a_witness_is_ready_while_it_knows_a_leader(voter: Voter, ready: Readiness) -> None:
    voter.role = "witness"
    assert await ready.reason() == ""
    voter.leader_id = 0
    assert await ready.reason() == ""
    await asyncio.sleep(GRACE_MS / 1000 + 0.02)
    assert await ready.reason() == "no leader is known"
    assert voter.asked == 0
