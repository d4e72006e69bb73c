"""Raft's promises about logs and what is applied from them (Ongaro and Ousterhout 2014, figure 3; TLA+: etcdraft.tla's invariants)."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.history import Applied, CommittedEntry, History, Led, Stored


class MemberLog:
    """A member's log as its records tell it: terms by index, above the snapshot that it began from."""

    def __init__(self) -> None:
        self.base_index = 0
        self.base_term = 0
        self._terms: list[int] = []

    @property
    def last_index(self) -> int:
        return self.base_index + len(self._terms)

    def take(self, stored: Stored) -> None:
        """An entry replaces all from its index on; a snapshot's end replaces everything."""
        if not stored.leaf:
            self.base_index, self.base_term, self._terms = stored.index, stored.term, []
            return
        if stored.index <= self.base_index or stored.index > self.last_index + 1:
            # Records began later than the log did: what lies below is not known.
            self.base_index, self.base_term, self._terms = stored.index - 1, 0, []
        del self._terms[stored.index - self.base_index - 1 :]
        self._terms.append(stored.term)

    def term(self, index: int) -> int:
        """0: not known (below the snapshot, or above the end)."""
        if index == self.base_index:
            return self.base_term
        at = index - self.base_index - 1
        return self._terms[at] if 0 <= at < len(self._terms) else 0


def log_matching(evidence: Evidence) -> int:
    """Two logs that have an entry of the same index and term have the same entries up to it (figure 3). By induction: such an entry is one
    and the same everywhere, and so is the term of the one before it."""
    logs: dict[tuple[str, int], MemberLog] = {}
    first: dict[tuple[int, int], tuple[Stored, int]] = {}
    for stored in evidence.history.stored:
        log = logs.setdefault((stored.member, stored.member_id), MemberLog())
        log.take(stored)
        if not stored.leaf:
            continue
        before = log.term(stored.index - 1)
        known, known_before = first.setdefault((stored.index, stored.term), (stored, before))
        if known.leaf != stored.leaf:
            raise Violated(wording.lines("two entries have one index and term:", _stored_text(known), _stored_text(stored)))
        if before and known_before and before != known_before:
            raise Violated(
                wording.lines(
                    "two logs have one entry, and differ before it:",
                    f"{_stored_text(known)}, after an entry of term {known_before}",
                    f"{_stored_text(stored)}, after an entry of term {before}",
                )
            )
        if before and not known_before:
            first[stored.index, stored.term] = stored, before
    return len(evidence.history.stored)


def _stored_text(stored: Stored) -> str:
    when = f"{stored.member} (id {stored.member_id}) at {wording.seconds(stored.at_ns)}"
    return f"{when}: index {stored.index} term {stored.term} leaf {stored.leaf[:6].hex()}"


def leader_completeness(evidence: Evidence) -> int:
    """An entry committed in a term is in the log of every leader of a later term (figure 3).

    Judged when a leader's first own entry is in its log, for only then is the log written that it was elected with; and at the highest
    committed entry: what lies below it follows by log matching. A leader of an old term that learns late of its election promises nothing
    about newer terms.
    """
    history = evidence.history
    if not history.stored:
        return 0
    logs: dict[tuple[str, int], MemberLog] = {}
    waiting: dict[tuple[str, int], tuple[Led, CommittedEntry]] = {}
    committed = _Committed(history)
    judged = 0
    for record in _in_time(history):
        member = record.member, record.member_id
        if isinstance(record, Led):
            entry = committed.newest_before(record)
            waiting.pop(member, None)
            if entry is not None:
                waiting[member] = record, entry
            continue
        log = logs.setdefault(member, MemberLog())
        log.take(record)
        if member in waiting and record.term >= waiting[member][0].term:
            led, entry = waiting.pop(member)
            if record.term == led.term:
                judged += 1
                _has(log, led, entry, record)
    return judged


def _has(log: MemberLog, led: Led, entry: CommittedEntry, own: Stored) -> None:
    if own.index > entry.index and (log.base_index >= entry.index or log.term(entry.index) == entry.term):
        return
    there = f"an entry of term {log.term(entry.index)}" if own.index > entry.index else "nothing before its own"
    raise Violated(
        wording.lines(
            f"a leader lacks an entry that was committed in an earlier term; it had there {there}:",
            f"{led.member} (id {led.member_id}) led term {led.term} from {wording.seconds(led.at_ns)} on",
            f"its first own entry: {_stored_text(own)}",
            _committed_text(entry),
        )
    )


def _in_time(history: History) -> list[Stored | Led]:
    """Whoever became leader at a moment had done so when its log took its own entry in that moment."""
    records: list[Stored | Led] = [*history.led, *history.stored]
    return sorted(records, key=lambda record: record.at_ns)


class _Committed:
    """Committed entries in time, each with the newest term that anybody led by then."""

    def __init__(self, history: History) -> None:
        self._entries = history.committed
        led = sorted(history.led, key=lambda each: each.at_ns)
        times_ns = [each.at_ns for each in led]
        newest = list(accumulate((each.term for each in led), max))
        epochs = (newest[at - 1] if (at := bisect_left(times_ns, entry.at_ns + 1)) else 0 for entry in self._entries)
        self._terms = list(accumulate((max(epoch, entry.term) for epoch, entry in zip(epochs, self._entries, strict=True)), max))
        self._times_ns = list(accumulate((entry.at_ns for entry in self._entries), max))

    def newest_before(self, led: Led) -> CommittedEntry | None:
        """The last that was committed before this leader came, by leaders of earlier terms alone."""
        count = min(bisect_left(self._times_ns, led.at_ns), bisect_left(self._terms, led.term))
        return self._entries[count - 1] if count else None


def _committed_text(entry: CommittedEntry) -> str:
    return f"index {entry.index} term {entry.term}, first applied by {entry.member} at {wording.seconds(entry.at_ns)}"


def state_machine_safety(evidence: Evidence) -> int:
    """Members that have applied the same index are in the same state (figure 3), also when one applies it again in a later life."""
    first: dict[int, Applied] = {}
    for applied in evidence.history.applied:
        known = first.setdefault(applied.index, applied)
        if known.digest != applied.digest:
            raise Violated(wording.lines("two states at one index:", _applied_text(known), _applied_text(applied)))
    return len(evidence.history.applied)


def _applied_text(applied: Applied) -> str:
    when = f"{applied.member} (start {applied.boot}) at {wording.seconds(applied.at_ns)}"
    return f"{when}: index {applied.index} digest {applied.digest[:8].hex()}"


def applied_never_falls(evidence: Evidence) -> int:
    """Within one life a member's applied index never decreases (section 5.3)."""
    newest: dict[tuple[str, int], Applied] = {}
    for applied in evidence.history.applied:
        before = newest.setdefault((applied.member, applied.boot), applied)
        if applied.index < before.index:
            raise Violated(wording.lines("the applied index went back:", _applied_text(before), _applied_text(applied)))
        newest[applied.member, applied.boot] = applied
    return len(evidence.history.applied)


def committed_is_durable(evidence: Evidence) -> int:
    """What was committed stays: no other entry takes its place in the log of a member that applied it, and every write that a
    client was told of is among the committed ones (etcdraft.tla: CommittedIsDurable)."""
    history = evidence.history
    return _never_cut_below_applied(history) + _acknowledged_is_committed(evidence)


def _never_cut_below_applied(history: History) -> int:
    terms = {entry.index: entry for entry in history.committed}
    applied: dict[str, Applied] = {}
    ids: dict[str, int] = {}
    judged = 0
    records: list[Applied | Stored] = [*history.applied, *history.stored]
    for record in sorted(records, key=lambda each: (each.at_ns, isinstance(each, Stored))):
        if isinstance(record, Applied):
            if record.member not in applied or record.index > applied[record.member].index:
                applied[record.member] = record
            continue
        if ids.setdefault(record.member, record.member_id) != record.member_id:
            ids[record.member] = record.member_id
            applied.pop(record.member, None)  # it came back empty, as a new member
        before = applied.get(record.member)
        entry = terms.get(record.index)
        if before is None or entry is None or record.index > before.index or not record.leaf:
            continue
        judged += 1
        if record.at_ns > before.at_ns and record.term != entry.term:
            raise Violated(
                wording.lines(
                    "a log was cut below what its member had applied:", _applied_text(before), _stored_text(record), _committed_text(entry)
                )
            )
    return judged


def _acknowledged_is_committed(evidence: Evidence) -> int:
    """By revision: the results of the committed entries name every revision that was made."""
    made = {
        getattr(result, "revision", 0)
        for entry in evidence.history.committed
        for result in entry.results
    }  # fmt: skip
    if not made:
        return 0
    for revision, operation in evidence.claims.items():
        if revision not in made:
            raise Violated(wording.lines("an acknowledged write is in no committed entry:", wording.operation(operation)))
    return len(evidence.claims)
