"""Lease reads are linearizable while clocks keep to their bound; stale reads show a state that existed, young enough, never going back."""

from __future__ import annotations

import pytest

from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.revisions import lease_reads, linearizable
from quorate_node.simulator.checkers.stale_reads import stale_reads
from quorate_node.simulator.history import Applied, Consistency, Operation, Rules
from tests.unit.simulator.checkers.records import change, history, kv, ns, put, read, stale

WRITES = (put(b"a", 0, 1, 2), put(b"b", 2, 3, 3))
TOLD = [change(2, b"a"), change(3, b"b")]
OLD, NEW = kv(b"a", 2), kv(b"b", 3, 2, 2)


def lease_read(begin_s: float, *, old: bool) -> Operation:
    pair, revision = (OLD, 2) if old else (NEW, 3)
    return read(pair, begin_s, begin_s + 0.5, revision, consistency=Consistency.LEASE)


def test_a_lease_read_that_sees_the_newest_is_right() -> None:
    judged = Evidence(history(*WRITES, lease_read(1.2, old=True), lease_read(4, old=False), changes=TOLD))
    assert lease_reads(judged) == 2
    assert linearizable(judged) == 2, "lease reads are judged by themselves"


def test_a_stale_lease_read_is_found() -> None:
    with pytest.raises(Violated, match="went back in time"):
        lease_reads(Evidence(history(*WRITES, lease_read(4, old=True), changes=TOLD)))


def test_when_clocks_jump_a_lease_read_may_be_stale_and_must_have_existed() -> None:
    jumped = Rules(clocks_jump=True)
    assert lease_reads(Evidence(history(*WRITES, lease_read(4, old=True), changes=TOLD, rules=jumped))) == 1
    never = read(kv(b"z", 2), 4, 5, 2, consistency=Consistency.LEASE)
    with pytest.raises(Violated, match="the answer had to be k=a"):
        lease_reads(Evidence(history(*WRITES, never, changes=TOLD, rules=jumped)))


def test_a_stale_read_may_be_old() -> None:
    assert stale_reads(Evidence(history(*WRITES, stale(OLD, 9, 10, 2), stale(None, 11, 12, 1), changes=TOLD))) == 2


def test_a_state_that_never_existed_is_found() -> None:
    with pytest.raises(Violated, match="had to be k=b"):
        stale_reads(Evidence(history(*WRITES, stale(OLD, 9, 10, 3), changes=TOLD)))


def test_a_read_of_the_future_is_found() -> None:
    with pytest.raises(Violated, match="of the future"):
        stale_reads(Evidence(history(*WRITES, stale(NEW, 1.2, 1.5, 3), changes=TOLD)))


def test_a_read_older_than_its_bound_is_found() -> None:
    right = stale(OLD, 4, 5, 2, staleness_ms_max=1_500)
    assert stale_reads(Evidence(history(*WRITES, right, changes=TOLD))) == 1
    late = stale(OLD, 5, 6, 2, staleness_ms_max=1_500)
    with pytest.raises(Violated, match=r"staler than 1500 ms(.|\n)*put k=b(.|\n)*read k \(stale\)"):
        stale_reads(Evidence(history(*WRITES, late, changes=TOLD)))
    drifting = Rules(clock_drift_ppm_max=500_000)
    assert stale_reads(Evidence(history(*WRITES, late, changes=TOLD, rules=drifting))) == 1


def lives(*starts: tuple[str, int, float]) -> list[Applied]:
    return [Applied(ns(at_s), member, boot, 1, b"") for member, boot, at_s in starts]


def test_one_member_never_shows_one_client_an_older_state_within_one_life() -> None:
    new, old = stale(NEW, 4, 5, 3, client=7), stale(OLD, 6, 7, 2, client=7)
    with pytest.raises(Violated, match="at one member went back"):
        stale_reads(Evidence(history(*WRITES, new, old, changes=TOLD, applied=lives(("n1", 1, 0)))))
    restarted = lives(("n1", 1, 0), ("n1", 2, 5.5))
    assert stale_reads(Evidence(history(*WRITES, new, old, changes=TOLD, applied=restarted))) == 2
    elsewhere = stale(OLD, 6, 7, 2, client=7, member="n2")
    assert stale_reads(Evidence(history(*WRITES, new, elsewhere, changes=TOLD, applied=lives(("n1", 1, 0), ("n2", 1, 0))))) == 2
