"""All checkers over one history, and their report for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from quorate_node.simulator.checkers import leases, raft_elections, raft_logs, sessions, stale_reads, watch_content, watch_gaps, watch_order
from quorate_node.simulator.checkers import revisions as by_revision
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Finding, Undecided, Verdict, Violated
from quorate_node.simulator.checkers.search import linearizable_by_search
from quorate_node.simulator.history import History

Checker = Callable[[Evidence], int]

PROPERTIES: dict[str, Checker] = {
    "linearizable": by_revision.linearizable,
    "linearizable-by-search": linearizable_by_search,
    "lease-reads": by_revision.lease_reads,
    "stale-reads": stale_reads.stale_reads,
    "watch-ordered": watch_order.ordered,
    "watch-unique": watch_order.unique,
    "watch-atomic": watch_order.atomic,
    "watch-reliable": watch_gaps.reliable,
    "watch-resumable": watch_gaps.resumable,
    "watch-bookmarkable": watch_gaps.bookmarkable,
    "watch-filtered": watch_order.filtered,
    "watch-previous": watch_content.previous_right,
    "watch-is-create": watch_content.is_create_right,
    "leases-never-early": leases.never_early,
    "leases-end": leases.end_at_last,
    "sessions-exactly-once": sessions.exactly_once,
    "election-safety": raft_elections.election_safety,
    "one-vote-a-term": raft_elections.one_vote_a_term,
    "terms-never-fall": raft_elections.terms_never_fall,
    "log-matching": raft_logs.log_matching,
    "leader-completeness": raft_logs.leader_completeness,
    "state-machine-safety": raft_logs.state_machine_safety,
    "applied-never-falls": raft_logs.applied_never_falls,
    "committed-is-durable": raft_logs.committed_is_durable,
}
"""Name -> checker, in the order of the report."""


class Report(msgspec.Struct, frozen=True):
    """A finding for each property that was judged."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Nothing was violated. (What is undecided or had nothing to judge is in `findings`.)"""
        return not self.violated

    @property
    def violated(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.verdict is Verdict.VIOLATED)

    def judged(self, name: str) -> int:
        """How many observations the verdict on a property rests on."""
        return next((finding.judged for finding in self.findings if finding.property == name), 0)

    def raise_if_violated(self) -> None:
        """Raises `Violated` with all counterexamples."""
        if not self.ok:
            raise Violated("\n\n".join(f"{finding.property}: {finding.counterexample}" for finding in self.violated))

    def render(self) -> str:
        """A line for each property, its counterexample below it."""
        width = max((len(finding.property) for finding in self.findings), default=0)
        shown: list[str] = []
        first: dict[str, str] = {}
        for finding in self.findings:
            empty = finding.verdict is Verdict.OK and not finding.judged
            verdict = "nothing to judge" if empty else f"{finding.verdict.value:9}  {finding.judged} judged"
            if finding.verdict is Verdict.VIOLATED:
                verdict = "VIOLATED"
            shown.append(f"{finding.property:{width}}  {verdict}")
            text = finding.counterexample
            if text and first.setdefault(text, finding.property) != finding.property:
                text = f"the same as {first[text]}"
            shown += [f"    {line}" for line in text.splitlines()]
        return "\n".join(shown) + "\n"

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)


def judge(history: History, properties: Iterable[str] = tuple(PROPERTIES)) -> Report:
    """Every checker in its turn: one that finds a violation does not keep the others from theirs.

    A property whose evidence itself contradicts itself (two writes of one revision, say) is violated with that as its counterexample.
    """
    evidence = Evidence(history)
    return Report(tuple([_finding(name, PROPERTIES[name], evidence) for name in properties]))


def _finding(name: str, checker: Checker, evidence: Evidence) -> Finding:
    try:
        judged = checker(evidence)
    except Violated as violated:
        return Finding(name, Verdict.VIOLATED, 1, str(violated))
    except Undecided as undecided:
        return Finding(name, Verdict.UNDECIDED, 0, str(undecided))
    return Finding(name, Verdict.OK, judged)
