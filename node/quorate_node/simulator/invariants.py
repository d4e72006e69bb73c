"""What must hold at every moment, checked as it happens, with all members in sight; and the members' part of the history.

The properties are those of Raft's figure 3 (Ongaro and Ousterhout 2014), and that committed is durable.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from quorate.wire.results import Result
from quorate_node.machine.records import key_value
from quorate_node.machine.rules import Release
from quorate_node.machine.stage import Change as MachineChange
from quorate_node.protocol.entry import Entry, leaf_hash
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.ready import Persist
from quorate_node.simulator.history import Applied, Change, CommittedEntry, History, Led, Promised, Stored
from quorate_node.simulator.ledger_checks import LedgerChecks
from quorate_node.simulator.trace import Trace

ASKED_NS = 4_000_000_000
"""Within so long before it is applied an activation was asked for, and everybody's release looked at."""


class Broken(AssertionError):
    """A property does not hold: its name, and what shows it."""

    def __init__(self, name: str, evidence: str) -> None:
        super().__init__(f"{name}: {evidence}")
        self.name = name
        self.evidence = evidence


class Invariants:
    def __init__(
        self, history: History, trace: Trace, now_ns: Callable[[], int], counters: Counter[str], halt: Callable[[], None]
    ) -> None:
        """`halt`: called at the first violation, to end the run."""
        self.history = history
        self.broken: Broken | None = None
        """The first: the run stops at it. Raising alone would not do, the replica stops a member on any exception and goes on."""
        self.counters = counters
        self.committed: dict[int, Entry] = {}
        self.highest_index = 0
        self._trace = trace
        self._now_ns = now_ns
        self._halt = halt
        self._created: dict[tuple[int, int], tuple[Entry, bytes]] = {}
        """(index, term): the first entry that was stored there, and its leaf."""
        self._leaders: dict[int, int] = {}
        self._newest_led = 0
        self._committed_in: list[int] = []
        """Of each committed entry, in order: the newest term that can have committed it."""
        self._votes: dict[tuple[int, int], int] = {}
        self._promised: dict[int, tuple[int, int]] = {}
        self._digests: dict[int, tuple[bytes, str]] = {}
        self._changes: dict[int, list[Change]] = {}
        self._results: dict[int, list[object]] = {}
        self.ledger = LedgerChecks(self.violated, trace, counters)
        self._activated_ns: dict[int, int] = {}
        """Cluster version -> when the first member had applied the entry that activates it."""

    def violated(self, name: str, evidence: str) -> None:
        """Remember the first and raise it."""
        broken = Broken(name, evidence)
        if self.broken is None:
            self.broken = broken
            self._halt()
            self._trace.event("BROKEN", name, evidence)
        raise broken

    # -- log ------------------------------------------------------------------------------------------------------------

    def stored(self, member: str, member_id: int, batches: Sequence[Persist]) -> None:
        """Log matching: an index and a term name one entry, in whatever log."""
        now_ns, history = self._now_ns(), self.history
        for batch in batches:
            if batch.snapshot is not None:
                history.stored.append(Stored(now_ns, member, member_id, batch.snapshot.index, batch.snapshot.term, b""))
            for entry in batch.entries:
                leaf = self._leaf(member, entry)
                history.stored.append(Stored(now_ns, member, member_id, entry.index, entry.term, leaf))

    def _leaf(self, member: str, entry: Entry) -> bytes:
        """Its leaf hash: the first one's of this index and term, unless this is another entry."""
        known = self._created.get((entry.index, entry.term))
        if known is None:
            known = self._created[entry.index, entry.term] = (entry, leaf_hash(entry))
        first, leaf = known
        if (entry.type, entry.data) != (first.type, first.data) and leaf_hash(entry) != leaf:
            self.violated("log matching", f"{member} stores another entry {entry.index} of term {entry.term} than others have")
        return leaf

    def found(self, member: str, member_id: int, floor: int, floor_term: int, entries: Iterable[Entry]) -> None:
        """What a log holds after an end in the midst of a write, of which nobody knows what was kept: from here on that is the log."""
        self.history.stored.append(Stored(self._now_ns(), member, member_id, floor, floor_term, b""))
        for entry in entries:
            leaf = self._leaf(member, entry)
            self.history.stored.append(Stored(self._now_ns(), member, member_id, entry.index, entry.term, leaf))

    def promised(self, member: str, member_id: int, batches: Sequence[Persist]) -> None:
        """Told when they are durable: what was still under way may be forgotten."""
        for batch in batches:
            hard_state = batch.hard_state
            if hard_state is not None and self._promised.get(member_id) != (hard_state.term, hard_state.vote):
                self._promised[member_id] = (hard_state.term, hard_state.vote)
                self.history.promised.append(Promised(self._now_ns(), member, member_id, hard_state.term, hard_state.vote))

    def sent(self, message: Message) -> None:
        """One vote a term, however often a member crashes."""
        if message.type == MessageType.VOTE_RESPONSE and not message.reject:
            known = self._votes.setdefault((message.sender, message.term), message.to)
            if known != message.to:
                self.violated("one vote a term", f"member {message.sender} votes for {message.to} and {known} in term {message.term}")

    # -- leaders --------------------------------------------------------------------------------------------------------

    def led(self, member: str, member_id: int, term: int, term_at: Callable[[int], int], first: int, last: int) -> None:
        """Election safety and leader completeness. `term_at(index)`: of the new leader's own log, [first, last]."""
        self.history.led.append(Led(self._now_ns(), member, member_id, term))
        self.counters["led"] += 1
        self._newest_led = max(self._newest_led, term)
        known = self._leaders.setdefault(term, member_id)
        if known != member_id:
            self.violated("election safety", f"members {known} and {member_id} both lead term {term}")
        # Only what leaders of earlier terms committed, be it older: one that learns late of its election promises nothing about the rest.
        highest = self.highest_index - len(self._committed_in) + bisect_left(self._committed_in, term)
        if highest not in self.committed:
            return
        if last < highest:
            self.violated("leader completeness", f"{member} leads term {term} with a log up to {last}; {highest} was committed before")
        for index in {highest, (first + highest) // 2, first}:
            entry = self.committed.get(index)
            if entry is not None and first <= index and entry.term < term and term_at(index) != entry.term:
                text = f"{member} leads term {term}; its entry {index} is of term {term_at(index)}, committed was one of {entry.term}"
                self.violated("leader completeness", text)

    # -- state ----------------------------------------------------------------------------------------------------------

    def applies(self, member: str, entries: Sequence[Entry], applied_index: int) -> None:
        """State machine safety, in order and without gaps."""
        expected = applied_index + 1
        for entry in entries:
            if entry.index != expected:
                self.violated("apply order", f"{member} applies entry {entry.index} where {expected} is next")
            expected += 1
            known = self.committed.get(entry.index)
            if known is not None and (known.term, known.type, known.data) != (entry.term, entry.type, entry.data):
                text = f"{member} applies an entry of term {entry.term} at {entry.index}; one of term {known.term} was applied before"
                self.violated("state machine safety", text)

    def applied(self, member: str, entries: Sequence[Entry], results: Sequence[Sequence[object]]) -> None:
        for entry, answers in zip(entries, results, strict=True):
            if entry.index in self.committed:
                if self._results[entry.index] != list(answers):
                    known = self._results[entry.index]
                    self.violated("equal results", f"{member} answers entry {entry.index} with {answers}, another member with {known}")
                continue
            if self.committed and entry.index != self.highest_index + 1:
                self.violated("committed is durable", f"{member} applies {entry.index}, {self.highest_index + 1} was never applied")
            self.committed[entry.index] = entry
            self._committed_in.append(max(entry.term, self._newest_led, self._committed_in[-1] if self._committed_in else 0))
            self._results[entry.index] = list(answers)
            self.highest_index = entry.index
            shown: tuple[Result, ...] = tuple(answers)  # type: ignore[arg-type]
            self.history.committed.append(
                CommittedEntry(entry.index, entry.term, int(entry.type), entry.data, self._now_ns(), member, shown)
            )

    def state(self, member: str, boot: int, index: int, digest: bytes) -> None:
        """State-machine equality: one digest an index."""
        known, by = self._digests.setdefault(index, (digest, member))
        if known != digest:
            self.violated("state equality", f"{member} and {by} have different states after entry {index}")
        self.history.applied.append(Applied(self._now_ns(), member, boot, index, digest))
        self._trace.event("applied", member, index, digest.hex()[:16])

    def votes(self, member: str, configuration: Configuration, records: Mapping[int, MemberRecord]) -> None:
        """Who joined to have no vote never has one, in no configuration that anybody applies."""
        for voter in (*configuration.voters, *configuration.voters_outgoing):
            if voter in records and records[voter].non_voting:
                self.violated("no vote is given", f"{member} applies {configuration}, in which {records[voter]} votes")

    def at_version(self, cluster_version: int) -> None:
        """Of whatever member's state."""
        self._activated_ns.setdefault(cluster_version, self._now_ns())

    def too_old(self, member: str, member_since_ns: int, release: Release) -> None:
        """It stopped because it does not know the version in force. Only who came with that release after all were asked may have to."""
        activated_ns = min((at_ns for version, at_ns in self._activated_ns.items() if not release.knows(version)), default=0)
        if member_since_ns + ASKED_NS < activated_ns:
            text = f"{member} was a member with a release up to version {release.version_high} when the next one was activated"
            self.violated("activated for all", text)

    def changed(self, member: str, changes: Sequence[MachineChange]) -> None:
        """What watches are told, the same on every member."""
        by_revision: dict[int, list[Change]] = {}
        for revision, key, record, _ in changes:
            if record is None:
                made = Change(revision, key, None)
            else:
                kv = key_value(key, record)
                made = Change(revision, key, kv.value, kv.lease, kv.create_revision, kv.version)
            by_revision.setdefault(revision, []).append(made)
        for revision, made_here in by_revision.items():
            known = self._changes.setdefault(revision, made_here)
            if known is made_here:
                self.history.changes.extend(made_here)
            elif known != made_here:
                self.violated("equal changes", f"{member} changes {made_here} at revision {revision}, another member {known}")

    # -- the end --------------------------------------------------------------------------------------------------------

    def durable(self, logs: Sequence[tuple[str, int, int, Callable[[int], int]]], quorum: int) -> None:
        """Committed is durable: what was applied anywhere is in the logs, or below the start of the logs, of a quorum of `logs`:
        (member, first, last, term at an index)."""
        entry = self.committed.get(self.highest_index)
        if entry is None:
            return
        index, term = entry.index, entry.term
        holders = [name for name, first, last, term_at in logs if first > index or (last >= index and term_at(index) == term)]
        if len(holders) < quorum:
            self.violated("committed is durable", f"entry {entry.index} was applied; of {len(logs)} voters only {holders} hold it on disk")
