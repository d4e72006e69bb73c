"""Leases: never early by the client's own clock, and over at last."""

from __future__ import annotations

import pytest

from quorate.wire.commands import LeaseGrant, LeaseKeepAlive, LeaseRevoke, Put
from quorate.wire.results import Failure, LeaseListResult, LeaseResult
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.leases import end_at_last, never_early
from quorate_node.simulator.checkers.revisions import linearizable
from quorate_node.simulator.history import LeaseLookup, Operation, Outcome, Rules
from tests.unit.simulator.checkers.records import K, change, delete, history, kv, ns, operation, put, read

TTL_MS = 5_000


def grant(begin_s: float, end_s: float, lease: int = 7) -> Operation:
    return operation(LeaseGrant(TTL_MS), begin_s, end_s, LeaseResult(1, lease, TTL_MS, TTL_MS), 1)


def keep_alive(begin_s: float, end_s: float | None, revision: int = 2, left_ms: int = TTL_MS) -> Operation:
    result = None if end_s is None else LeaseListResult(revision, ((7, left_ms),))
    return operation(LeaseKeepAlive((7,)), begin_s, end_s, result, 0 if end_s is None else revision)


def look_up(begin_s: float, end_s: float, left_ms: int, revision: int = 2) -> Operation:
    return operation(LeaseLookup(7), begin_s, end_s, LeaseResult(revision, 7, left_ms), revision)


def revoke(begin_s: float, end_s: float | None) -> Operation:
    return operation(LeaseRevoke(7), begin_s, end_s, None if end_s is None else LeaseResult(3, 7, -1), 0 if end_s is None else 3)


WRITTEN = (grant(0, 0.5), put(b"a", 1, 2, 2, lease=7))
ENDED = [change(2, b"a", lease=7), change(3, None)]


def test_a_lease_that_lives_its_time() -> None:
    """Granted at 0 s, renewed at 3 s: there at 7.9 s, gone at 8.1 s."""
    there = read(kv(b"a", 2, lease=7), 7.5, 7.9, 2)
    judged = Evidence(history(*WRITTEN, keep_alive(3, 4), there, read(None, 8.1, 8.2, 3), changes=ENDED))
    assert never_early(judged) == 1
    linearizable(judged)


@pytest.mark.parametrize(
    "sighting",
    [
        read(None, 7, 7.9, 3),
        look_up(7, 7.9, -1),
        keep_alive(7, 7.9, left_ms=-1),
        operation(Put(K, b"b", 7), 7, 7.9, Failure("LeaseNotFound", "", 3), 3, outcome=Outcome.FAILED, error="LeaseNotFound"),
    ],
    ids=["its key is gone", "it is gone", "it cannot be renewed", "nothing can be put under it"],
)
def test_the_smallest_lease_that_ends_early(sighting: Operation) -> None:
    gone = ENDED if sighting.revision == 3 else ENDED[:1]
    with pytest.raises(Violated, match=r"lease 7 ended early: it was alive until 8.000000s(.|\n)*keep alive 7"):
        never_early(Evidence(history(*WRITTEN, keep_alive(3, 4), sighting, changes=gone)))


def test_only_what_was_acknowledged_prolongs_it() -> None:
    assert never_early(Evidence(history(*WRITTEN, keep_alive(3, None), read(None, 6, 6.5, 3), changes=ENDED))) == 1


def test_clocks_may_drift_by_their_bound() -> None:
    """A member's clock that is 10 % fast counts 5 s in 4.55 s."""
    fast = Rules(clock_drift_ppm_max=100_000)
    assert never_early(Evidence(history(*WRITTEN, read(None, 4.5, 4.6, 3), changes=ENDED, rules=fast))) == 1
    with pytest.raises(Violated, match=r"until 4\.545455s"):
        never_early(Evidence(history(*WRITTEN, read(None, 4.4, 4.5, 3), changes=ENDED, rules=fast)))
    jumped = Rules(clocks_jump=True)
    assert never_early(Evidence(history(*WRITTEN, read(None, 2.1, 2.2, 3), changes=ENDED, rules=jumped))) == 0


def test_a_revocation_or_a_delete_is_no_early_end() -> None:
    assert never_early(Evidence(history(*WRITTEN, revoke(2.5, 3), read(None, 4, 4.1, 3), changes=ENDED))) == 1
    assert never_early(Evidence(history(*WRITTEN, revoke(2.5, None), look_up(4, 4.1, -1)))) == 1


@pytest.mark.parametrize(("attempts", "may_have"), [(1, False), (2, True)])
def test_a_revocation_that_an_expired_session_refused_in_the_end_may_have_happened_before(attempts: int, may_have: bool) -> None:
    refused = operation(
        LeaseRevoke(7), 2.5, 6, Failure("SessionExpired", "", 9), 9, outcome=Outcome.FAILED, error="SessionExpired", attempts=attempts
    )
    judged = Evidence(history(*WRITTEN, refused, look_up(4, 4.1, -1)))
    if may_have:
        assert never_early(judged) == 1
    else:
        with pytest.raises(Violated, match="lease 7 ended early"):
            never_early(judged)
    assert never_early(Evidence(history(*WRITTEN, delete(2.5, 3, 3), read(None, 4, 4.1, 3), changes=ENDED))) == 0
    assert never_early(Evidence(history(*WRITTEN, delete(2.5, None, 0), read(None, 4, 4.1, 3), changes=ENDED))) == 0


def test_a_look_before_the_grant_was_answered_shows_nothing() -> None:
    assert never_early(Evidence(history(grant(0, 1), look_up(0.2, 0.4, -1, revision=1)))) == 1


QUIET = Rules(quiet_from_ns=ns(6), expiry_slack_ms=1_000)


def test_a_lease_that_is_over_in_time() -> None:
    """Acknowledged at 0.5 s, so over by 5.5 s; quiet from 6 s on, with a slack of 1 s: gone from 7 s on."""
    assert end_at_last(Evidence(history(*WRITTEN, look_up(6.9, 7.5, 0), changes=ENDED[:1], rules=QUIET))) == 1
    assert end_at_last(Evidence(history(*WRITTEN, keep_alive(1, None), look_up(9, 10, 3), rules=QUIET))) == 1


@pytest.mark.parametrize("alive", [look_up(7.1, 7.5, 0), read(kv(b"a", 2, lease=7), 7.1, 7.5, 2)], ids=["it", "its key"])
def test_the_smallest_lease_that_never_ends(alive: Operation) -> None:
    with pytest.raises(Violated, match=r"outlives its time: it had to be gone by 7.000000s"):
        end_at_last(Evidence(history(*WRITTEN, alive, changes=ENDED[:1], rules=QUIET)))
    loud = history(*WRITTEN, alive, changes=ENDED[:1])
    assert end_at_last(Evidence(loud)) == 0, "while faults go on nothing must happen in time"
