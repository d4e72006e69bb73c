"""Leases never end early, and end: judged by the client's own times of sending, less what clocks may differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from quorate.wire.commands import LeaseGrant, LeaseKeepAlive, LeaseRevoke, Range
from quorate.wire.results import Failure, LeaseListResult, LeaseResult, RangeResult
from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.objects import leases_of
from quorate_node.simulator.checkers.outcomes import may_have_happened
from quorate_node.simulator.history import NEVER_NS, Consistency, LeaseLookup, Operation, Outcome


class Renewal(NamedTuple):
    """An acknowledged grant or keep-alive: the lease lives for `ttl_ms` from some moment after it was sent."""

    lease: int
    ttl_ms: int
    operation: Operation

    def until_ns(self, drift_ppm: int) -> int:
        """It lives at least so long, if a member's clock ran fast by no more than that."""
        return self.operation.invoked_ns + self.ttl_ms * 1_000_000 * 1_000_000 // (1_000_000 + drift_ppm)

    def until_at_latest_ns(self, drift_ppm: int) -> int:
        return self.operation.completed_ns + self.ttl_ms * (1_000_000 + drift_ppm)


def renewals(operations: list[Operation]) -> dict[int, list[Renewal]]:
    """Lease -> its acknowledged renewals, the grant first."""
    found: dict[int, list[Renewal]] = {}
    for operation in operations:
        if operation.outcome is not Outcome.OK:
            continue
        granted: tuple[tuple[int, int], ...] = ()
        if isinstance(operation.request, LeaseGrant) and isinstance(operation.result, LeaseResult):
            granted = ((operation.result.lease, operation.result.ttl_ms),)
        elif isinstance(operation.request, LeaseKeepAlive) and isinstance(operation.result, LeaseListResult):
            granted = operation.result.leases
        for lease, ttl_ms in granted:
            if ttl_ms > 0:
                found.setdefault(lease, []).append(Renewal(lease, ttl_ms, operation))
    return found


class End(NamedTuple):
    """Somebody saw that a lease was gone, at the latest when the sighting was complete."""

    lease: int
    began_ns: int
    """The sighting began then: renewals that had ended before come before it."""
    seen_ns: int
    revision: int
    """> 0: the revision that deleted its keys; renewals told at an earlier one come before it."""
    shown: tuple[str, ...]


def never_early(evidence: Evidence) -> int:
    """A lease, and every key under it, is there until its ttl after the sending of the last acknowledged grant or keep-alive, less the
    clocks' drift, unless somebody revoked it. Not judged in runs whose clocks jump."""
    rules = evidence.history.rules
    known = renewals(evidence.operations)
    if rules.clocks_jump or not known:
        return 0
    revoked = _revocations(evidence.operations)
    judged = 0
    for end in [*_told_ends(evidence.operations), *_made_ends(evidence)]:
        judged += 1
        if revoked.get(end.lease, NEVER_NS) < end.seen_ns:
            continue
        for renewal in known.get(end.lease, ()):
            until_ns = renewal.until_ns(rules.clock_drift_ppm_max)
            before = renewal.operation.completed_ns < end.began_ns or renewal.operation.revision < end.revision
            if before and end.seen_ns < until_ns:
                raise Violated(
                    wording.lines(
                        f"lease {end.lease} ended early: it was alive until {wording.seconds(until_ns)} at least, "
                        f"and seen to be gone at {wording.seconds(end.seen_ns)}",
                        wording.operation(renewal.operation),
                        *end.shown,
                    )
                )
    return judged


def _revocations(operations: list[Operation]) -> dict[int, int]:
    """Lease -> when somebody first asked for its end."""
    found: dict[int, int] = {}
    for operation in operations:
        if isinstance(operation.request, LeaseRevoke) and may_have_happened(operation) is not Outcome.FAILED:
            lease = operation.request.lease
            found[lease] = min(found.get(lease, NEVER_NS), operation.invoked_ns)
    return found


def _told_ends(operations: list[Operation]) -> Iterator[End]:
    for operation in operations:
        if operation.consistency is Consistency.STALE:
            continue
        gone: list[int] = []
        if operation.outcome is Outcome.OK and isinstance(operation.request, LeaseLookup) and isinstance(operation.result, LeaseResult):
            gone = [operation.request.lease] if operation.result.ttl_ms < 0 else []
        elif operation.outcome is Outcome.OK and isinstance(operation.result, LeaseListResult):
            gone = [lease for lease, ttl_ms in operation.result.leases if ttl_ms < 0]
        elif isinstance(operation.result, Failure) and operation.result.error == "LeaseNotFound":
            asked = list(dict.fromkeys(leases_of(operation.request)))
            gone = asked if len(asked) == 1 else []
        for lease in gone:
            yield End(lease, operation.invoked_ns, operation.completed_ns, 0, (wording.operation(operation),))


def _made_ends(evidence: Evidence) -> Iterator[End]:
    """Revisions that delete all keys of a lease, and the first who saw that."""
    if not evidence.replay.complete:
        return
    attribution = evidence.attribution
    for revision, lease in attribution.ends_of_leases.items():
        seen = evidence.frontier.first_at_least(revision)
        if seen is None or attribution.may_be_asked_for(revision):
            continue
        yield End(lease, 0, seen.at_ns, revision, (wording.changes(evidence.replay.groups[revision]), f"known through {seen.tell()}"))


def end_at_last(evidence: Evidence) -> int:
    """Once nothing fails any more, a lease that nobody renews is gone within its ttl and a slack, and its keys with it."""
    rules = evidence.history.rules
    if rules.quiet_from_ns == NEVER_NS or not rules.clocks_bounded:
        return 0
    unsure = _maybe_renewed(evidence.operations)
    deadline_ns: dict[int, int] = {}
    for lease, several in renewals(evidence.operations).items():
        if lease not in unsure:
            last_ns = max(renewal.until_at_latest_ns(rules.clock_drift_ppm_max) for renewal in several)
            deadline_ns[lease] = max(last_ns, rules.quiet_from_ns) + rules.expiry_slack_ms * 1_000_000
    judged = 0
    for operation in evidence.operations:
        for lease in _shown_alive(operation):
            judged += 1
            if operation.invoked_ns > deadline_ns.get(lease, NEVER_NS):
                raise Violated(
                    wording.lines(
                        f"lease {lease} outlives its time: it had to be gone by {wording.seconds(deadline_ns[lease])}",
                        wording.operation(operation),
                    )
                )
    return judged


def _maybe_renewed(operations: list[Operation]) -> set[int]:
    """Leases that a request of unknown outcome may yet renew."""
    found: set[int] = set()
    for operation in operations:
        if may_have_happened(operation) is Outcome.UNKNOWN:
            if isinstance(operation.request, LeaseKeepAlive):
                found.update(operation.request.leases)
            elif isinstance(operation.request, LeaseGrant):
                found.add(operation.request.lease)
    return found


def _shown_alive(operation: Operation) -> Iterator[int]:
    if operation.outcome is not Outcome.OK or operation.consistency is Consistency.STALE:
        return
    if isinstance(operation.request, LeaseLookup) and isinstance(operation.result, LeaseResult) and operation.result.ttl_ms >= 0:
        yield operation.request.lease
    elif isinstance(operation.request, Range) and not operation.request.revision and isinstance(operation.result, RangeResult):
        yield from dict.fromkeys(kv.lease for kv in operation.result.kvs if kv.lease)
