"""Reads that may be stale: a state that existed, not older than was asked for, and never going back at one member."""

from __future__ import annotations

from bisect import bisect_right

from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.revisions import answers_as_the_model
from quorate_node.simulator.history import Consistency, History, Operation, Outcome


def stale_reads(evidence: Evidence) -> int:
    """Each shows the whole state at the revision it names, one that had been made by then; with `staleness_ms_max`, one that was the
    newest at most so long before it began; and a client that asks one member again, in one life of it, never sees an older one.
    """
    judged = [
        operation
        for operation in evidence.operations
        if operation.consistency is Consistency.STALE and operation.outcome is Outcome.OK and operation.revision
    ]
    for operation in judged:
        answers_as_the_model(evidence, operation)
        _had_been_made(evidence, operation)
        _young_enough(evidence, operation)
    _never_back(evidence.history, judged)
    return len(judged)


def _had_been_made(evidence: Evidence, read: Operation) -> None:
    writer = evidence.claims.get(read.revision)
    if writer is not None and writer.invoked_ns > read.completed_ns:
        raise Violated(wording.lines("a read of the future:", wording.operation(read), wording.operation(writer)))


def _young_enough(evidence: Evidence, read: Operation) -> None:
    rules = evidence.history.rules
    if not read.staleness_ms_max or not rules.clocks_bounded:
        return
    drift = 1 + rules.clock_drift_ppm_max / 1e6
    newest = evidence.frontier.before(read.invoked_ns - int(read.staleness_ms_max * 1_000_000 * drift))
    if newest is not None and newest.revision > read.revision:
        raise Violated(
            wording.lines(
                f"a read is staler than {read.staleness_ms_max} ms: it lacks what had ended that long before it began:",
                newest.tell(),
                wording.operation(read),
            )
        )


def _never_back(history: History, reads: list[Operation]) -> None:
    """A member that starts anew may show an older state than in its last life: what it applies again was committed all along."""
    starts: dict[str, list[int]] = {}
    boots: dict[str, int] = {}
    for applied in history.applied:
        if boots.get(applied.member) != applied.boot:
            boots[applied.member] = applied.boot
            starts.setdefault(applied.member, []).append(applied.at_ns)
    newest: dict[tuple[int, str, int], Operation] = {}
    for read in sorted(reads, key=lambda each: each.completed_ns):
        if read.member not in starts:
            continue  # nobody recorded this member's lives
        lives = starts[read.member]
        life = bisect_right(lives, read.completed_ns)
        if life != bisect_right(lives, read.invoked_ns):
            continue  # it started while it was asked: which life answered is not known
        before = newest.setdefault((read.client, read.member, life), read)
        if read.revision < before.revision:
            raise Violated(wording.lines("stale reads of one client at one member went back:", *map(wording.operation, (before, read))))
        newest[read.client, read.member, life] = read
