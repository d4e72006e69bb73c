"""Who made each revision: an acknowledged write, one of unknown outcome, or the end of a lease. Nothing else may have, and nobody twice."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from quorate.wire.commands import LeaseGrant, LeaseRevoke
from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.model import Effects, Refusal, evaluate
from quorate_node.simulator.checkers.outcomes import may_have_happened, wrote
from quorate_node.simulator.checkers.possible_writes import WithoutValue, may_do_without_value, may_have_made, may_write, puts_of, values_of
from quorate_node.simulator.history import Change, Operation, Outcome

if TYPE_CHECKING:
    from quorate_node.simulator.checkers.evidence import Evidence


def every_revision_has_its_writer(evidence: Evidence) -> int:
    """Returns how many revisions nobody was acknowledged for.

    Raises `Violated`: a write applied twice, one that was refused, one that nobody asked for, one in effect before it was asked for.
    """
    if not evidence.replay.complete:
        return _no_more_gaps_than_unknowns(evidence)
    return len(evidence.attribution.unclaimed)


class Attribution:
    """Writers of the revisions that no acknowledged write claims, found by what they did to the state before them."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._writers: dict[bytes, list[Operation]] = defaultdict(list)
        self._without_value = WithoutValue()
        self.unclaimed = [revision for revision in evidence.replay.groups if revision not in evidence.claims]
        groups = evidence.replay.groups
        unclaimed_values = {one.value for revision in self.unclaimed for one in groups[revision] if one.value is not None}
        for operation in evidence.operations:
            if may_have_happened(operation) is Outcome.UNKNOWN and may_do_without_value(operation.request):
                self._without_value.add(operation)
            for value in values_of(operation.request):
                if value in unclaimed_values:
                    self._writers[value].append(operation)
        self.ends_of_leases: dict[int, int] = {}
        """Revision -> the lease that ended there, by expiry or by a revocation."""
        self._candidates = {revision: found for revision in self.unclaimed if (found := self._candidates_of(revision)) is not None}
        self._assign()

    def _candidates_of(self, revision: int) -> list[Operation] | None:
        """Operations that may have made it; None when a lease's end did."""
        replay = self._evidence.replay
        group = replay.groups[revision]
        lease = self._lease_that_ended(revision, group)
        if lease:
            self.ends_of_leases[revision] = lease
            return None
        done: Effects = {one.key: replay.get(one.key, revision) for one in group}
        values = [one.value for one in group if one.value is not None]
        named = [operation for value in values[:1] for operation in self._writers.get(value, ())]
        without_value = self._without_value.that_look_at(group[0].key)
        known = {each.number for each in without_value}
        possible = [*(each for each in named if each.number not in known), *without_value]
        found = [each for each in possible if self._may_have_made(each, revision, done)]
        if not found:
            raise Violated(self._why_nobody(revision, group, named))
        return found

    def may_be_asked_for(self, revision: int) -> bool:
        """Whether a client's delete of unknown outcome may have made it."""
        replay = self._evidence.replay
        done: Effects = {one.key: replay.get(one.key, revision) for one in replay.groups[revision]}
        possible = self._without_value.that_look_at(next(iter(done)))
        return any(self._may_have_made(each, revision, done) for each in possible)

    def _may_have_made(self, operation: Operation, revision: int, done: Effects) -> bool:
        if not may_have_made(operation):
            return False
        earlier = self._evidence.frontier.before(operation.invoked_ns)
        if earlier is not None and earlier.revision >= revision:
            return False
        try:
            return evaluate(operation.request, self._evidence.replay.view(revision - 1)).effects == done
        except Refusal:
            return False

    def _lease_that_ended(self, revision: int, group: list[Change]) -> int:
        """The lease all of whose keys this revision deletes, and nothing else; 0: no lease's end."""
        replay = self._evidence.replay
        before = replay.get(group[0].key, revision - 1)
        if before is None or not before.lease:
            return 0
        held = {kv.key for kv in replay.leased(before.lease, revision - 1)}
        deleted = {one.key for one in group if one.value is None}
        return before.lease if len(deleted) == len(group) and deleted == held else 0

    def _why_nobody(self, revision: int, group: list[Change], named: list[Operation]) -> str:
        shown = wording.changes(group)
        for operation in named:
            if wrote(operation) and operation.revision:
                return wording.lines("a write was applied twice:", wording.operation(operation), f"and again as {shown}")
            if may_have_happened(operation) is Outcome.FAILED:
                return wording.lines("a write that was refused took effect:", wording.operation(operation), shown)
        if not named and any(one.value is not None for one in group):
            return wording.lines("nobody wrote this:", shown)
        for operation in named:
            earlier = self._evidence.frontier.before(operation.invoked_ns)
            if earlier is not None and earlier.revision >= revision:
                return wording.lines("a write took effect before it was asked for:", earlier.tell(), wording.operation(operation), shown)
        if named:
            return wording.lines("a write did not take effect as a whole:", *map(wording.operation, named[: wording.SHOWN_MAX]), shown)
        before = [wording.pair(self._evidence.replay.get(one.key, revision - 1)) for one in group[: wording.SHOWN_MAX]]
        return wording.lines("nobody deleted this, and no lease of it ended:", shown, *(f"before: {each}" for each in before))

    def _assign(self) -> None:
        """Each operation makes one revision at most: a matching of revisions and operations (Kuhn's augmenting paths)."""
        self.made: dict[int, int] = {}
        """Number of an operation of unknown outcome -> the revision it made."""
        for revision in self._candidates:
            if not self._place(revision, set()):
                candidates = self._candidates[revision]
                shown = [wording.operation(each) for each in candidates[: wording.SHOWN_MAX]]
                others = [wording.changes(self._evidence.replay.groups[self.made[each.number]]) for each in candidates[: wording.SHOWN_MAX]]
                group = wording.changes(self._evidence.replay.groups[revision])
                raise Violated(wording.lines("a write was applied twice:", *shown, *others, f"and {group}"))

    def _place(self, revision: int, tried: set[int]) -> bool:
        """Iterative: chains of look-alike deletes may be longer than the interpreter's stack."""
        stack = [(revision, iter(self._candidates[revision]))]
        path: list[tuple[int, int]] = []
        while stack:
            at, candidates = stack[-1]
            for operation in candidates:
                if operation.number in tried:
                    continue
                tried.add(operation.number)
                path.append((at, operation.number))
                holder = self.made.get(operation.number)
                if holder is None:
                    for placed, number in path:
                        self.made[number] = placed
                    return True
                stack.append((holder, iter(self._candidates[holder])))
                break
            else:
                stack.pop()
                if path:
                    path.pop()
        return False


def _no_more_gaps_than_unknowns(evidence: Evidence) -> int:
    """Without the changes: revisions between acknowledged ones that nobody claims need as many writes of unknown outcome."""
    _seen_was_written(evidence)
    claims = sorted(evidence.claims)
    operations = evidence.operations
    leases = any(isinstance(operation.request, LeaseGrant | LeaseRevoke) for operation in operations)
    if len(claims) < 2 or evidence.history.prefix or leases:
        return 0
    highest = evidence.frontier.highest
    gaps = highest - claims[0] + 1 - len(claims)
    unknown = [each for each in operations if may_have_happened(each) is Outcome.UNKNOWN and may_write(each.request)]
    if gaps > len(unknown):
        missing = sorted(set(range(claims[0], highest + 1)) - set(claims))[: wording.SHOWN_MAX]
        raise Violated(
            f"{gaps} revisions between {claims[0]} and {highest} were made by nobody (the first: {missing}); "
            f"only {len(unknown)} writes are of unknown outcome: a write was applied twice, or took effect although it was refused"
        )
    return gaps


def _seen_was_written(evidence: Evidence) -> None:
    """Pairs that somebody saw at a revision that nobody claims: a write of unknown outcome must have made them."""
    writers: dict[tuple[bytes, bytes], list[Operation]] = {}
    for operation in evidence.operations:
        for put in puts_of(operation.request):
            if put.ignore_value:
                return  # such a put may write any value that was there
            writers.setdefault((put.key, put.value), []).append(operation)
    for revision, group in evidence.replay.groups.items():
        for one in group if revision not in evidence.claims else ():
            found = writers.get((one.key, one.value or b""), [])
            if one.value is None or any(may_have_made(each) for each in found):
                continue
            what = "nobody wrote this:" if not found else "a write that was refused took effect, or one was applied twice:"
            raise Violated(wording.lines(what, *map(wording.operation, found), wording.change(one)))
