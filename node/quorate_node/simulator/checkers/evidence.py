"""One history made ready for the checkers: what was asked once is one operation, who claims which revision, the replay of all writes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial

from quorate.wire.commands import Compact
from quorate.wire.results import KeyValue
from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.attribution import Attribution
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.frontier import Frontier, Seen
from quorate_node.simulator.checkers.known import replay_known
from quorate_node.simulator.checkers.outcomes import as_one, may_have_happened, pairs_of, pairs_of_event, wrote
from quorate_node.simulator.checkers.replay import Replay, replay_changes
from quorate_node.simulator.checkers.watched import Watched
from quorate_node.simulator.history import Delivery, History, Operation, Outcome


class Evidence:
    """Properties are computed when they are first asked for; those that replay raise `Violated` when the records contradict each other."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._within: dict[tuple[bytes, bytes | None], list[tuple[int, bytes, KeyValue | None]]] = {}

    @cached_property
    def operations(self) -> list[Operation]:
        """One a command: a client that wrote down each attempt within its session did one thing, from the first attempt on."""
        attempts: dict[tuple[int, int], list[Operation]] = {}
        found: list[Operation] = []
        for operation in self.history.operations:
            if operation.session and operation.seq:
                attempts.setdefault((operation.session, operation.seq), []).append(operation)
            else:
                found.append(operation)
        if not attempts:
            return found
        found += [several[0] if len(several) == 1 else as_one(several) for several in attempts.values()]
        return sorted(found, key=lambda operation: operation.number)

    @cached_property
    def claims(self) -> dict[int, Operation]:
        """Revision -> the acknowledged operation that made it. Raises `Violated` when two claim one."""
        claimed: dict[int, Operation] = {}
        for operation in self.operations:
            if operation.revision and wrote(operation):
                other = claimed.setdefault(operation.revision, operation)
                if other is not operation:
                    raise Violated(
                        wording.lines("two writes were given the same revision:", wording.operation(other), wording.operation(operation))
                    )
        return claimed

    @cached_property
    def compactions(self) -> list[tuple[Operation, int]]:
        """(operation, revision) of every compaction that may have been carried out, in the order of the operations."""
        return [
            (operation, operation.request.revision)
            for operation in self.operations
            if isinstance(operation.request, Compact) and may_have_happened(operation) is not Outcome.FAILED
        ]

    @cached_property
    def watches(self) -> list[Watched]:
        """Beside what each had to be given; nine properties look at the same."""
        return [Watched(record, self) for record in self.history.watches]

    def changes_within(self, start: bytes, end: bytes | None) -> list[tuple[int, bytes, KeyValue | None]]:
        """`Replay.changes_within`, once for all watches of the same keys."""
        found = self._within.get((start, end))
        if found is None:
            found = self._within[start, end] = self.replay.changes_within(start, end)
        return found

    @cached_property
    def replay(self) -> Replay:
        history = self.history
        claims = self.claims  # two claims of one revision are found first: all that follows from them would hide them
        if history.changes:
            return replay_changes(history.changes, history.prefix)
        return replay_known(claims, self._told())

    @cached_property
    def attribution(self) -> Attribution:
        """Who made the revisions that nobody was acknowledged for. Raises `Violated`."""
        return Attribution(self)

    @cached_property
    def frontier(self) -> Frontier:
        """Everything that anybody saw, reads of any kind included: what one member shows is committed, so all must have it from then on."""
        return Frontier(self._sightings())

    def _sightings(self) -> Iterator[Seen]:
        for operation in self.operations:
            if operation.outcome is not Outcome.UNKNOWN and operation.revision:
                yield Seen(operation.completed_ns, operation.revision, partial(wording.operation, operation))
        for watch in self.history.watches:
            for stretch in watch.stretches:
                for delivery in stretch.deliveries:
                    if delivery.revision and not delivery.compact_revision:
                        yield Seen(delivery.at_ns, delivery.revision, partial(_watch_text, watch.watch, stretch.member, delivery))

    def _told(self) -> Iterator[tuple[KeyValue, str]]:
        """Every pair that anybody was shown, with who."""
        for operation in self.operations:
            for kv in pairs_of(operation.result):
                yield kv, f"#{operation.number}"
        for watch in self.history.watches:
            for stretch in watch.stretches:
                for delivery in stretch.deliveries:
                    for event in delivery.events:
                        for kv in pairs_of_event(event):
                            yield kv, f"watch {watch.watch}"


def _watch_text(watch: int, member: str, delivery: Delivery) -> str:
    return f"watch {watch} at {member}, {wording.delivery(delivery)}"
