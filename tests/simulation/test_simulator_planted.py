"""Bugs put in on purpose must be found within a few seeds: a simulator that finds nothing wrong with these would prove nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from quorate_node.machine import sessions
from quorate_node.protocol.raft import lease
from quorate_node.protocol.ready import Role
from quorate_node.replica.service import ReadDone
from quorate_node.replica.service_face import ServiceFace
from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_log import MemoryHardState
from tests.simulation.planted_bug import found_in

pytestmark = pytest.mark.usefixtures("silent_logs")

SEEDS = 60


def found_by(properties: set[str], world: Callable[[Options], Options] = lambda options: options) -> bool:
    return found_in(lambda seed: world(draw(seed)), properties, range(SEEDS))


def often_dark(options: Options) -> Options:
    """Power goes everywhere, again and again."""
    faults = msgspec.structs.replace(quiet(options).faults, power_loss=2.0, power_loss_all=0.5, down_ms_max=300)
    return msgspec.structs.replace(quiet(options), members=3, spares=0, witness=False, faults=faults, clients=4, commands=200)


@pytest.mark.timeout(300)
def test_a_vote_that_is_not_synced_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Term and vote stay in the page cache: power loss forgets them, and a member votes twice."""

    def save(self: MemoryHardState, slot: Any) -> None:
        self._disk.current["hard_state"] = slot

    monkeypatch.setattr(MemoryHardState, "save", save)
    assert found_by({"term and vote are durable", "one vote a term", "election safety", "one-vote-a-term", "terms-never-fall"}, often_dark)


@pytest.mark.timeout(300)
def test_an_acknowledgement_before_the_sync_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was acknowledged is dropped with the page cache."""
    monkeypatch.setattr(MemoryDisk, "settle", lambda self: None)
    broken = {"leader completeness", "committed is durable", "state machine safety", "one vote a term", "term and vote are durable"}
    assert found_by(broken | {"members do not fail"}, often_dark)


@pytest.mark.timeout(300)
def test_reads_without_a_round_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked answers from what it has."""

    def read(self: ServiceFace, consistency: int, done: ReadDone, **_: Any) -> None:
        asyncio.get_running_loop().call_soon(done, None)

    monkeypatch.setattr(ServiceFace, "read", read)
    assert found_by({"linearizable", "lease-reads", "stale-reads"})


def often_cut_off(options: Options) -> Options:
    """Leaders that go on without their followers, for long, and clients that stay with them."""
    faults = msgspec.structs.replace(quiet(options).faults, partition=1.0, partition_ms_max=2_000)
    return msgspec.structs.replace(
        quiet(options), members=3, spares=0, witness=False, faults=faults, clients=6, keys=1, commands=400, think_ms_max=50,
        check_quorum=False, election_timeout_ms=200,
    )


@pytest.mark.timeout(300)
def test_a_lease_that_is_always_believed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leader that was cut off goes on to serve lease reads."""
    monkeypatch.setattr(lease, "is_valid", lambda core, now_ms: core.role == Role.LEADER)
    assert found_by({"lease-reads"}, often_cut_off)


def answers_get_lost(options: Options) -> Options:
    """Clients with sessions that have to ask again."""
    network = msgspec.structs.replace(quiet(options).network, loss=0.2)
    return msgspec.structs.replace(
        quiet(options), members=3, spares=0, witness=False, network=network, clients=5, sessions=1.0, commands=300, think_ms_max=20
    )


@pytest.mark.timeout(300)
def test_a_session_that_remembers_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retried command is carried out twice."""
    monkeypatch.setattr(sessions, "keep", lambda *_: None)
    assert found_by({"sessions-exactly-once", "linearizable", "members do not fail"}, answers_get_lost)
