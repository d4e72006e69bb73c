"""What a watch was given, beside what it had to be given: the material of the nine watch properties."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from quorate.wire.results import Event, EventType, KeyValue
from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.model import span
from quorate_node.simulator.history import Delivery, WatchRecord, WatchStretch

if TYPE_CHECKING:
    from quorate_node.simulator.checkers.evidence import Evidence


class Given(NamedTuple):
    """One event, and the message that it came in."""

    event: Event
    delivery: Delivery
    revision: int

    @property
    def key(self) -> bytes:
        return self.event.kv.key


class Stretch:
    """A watch at one member, from its start until it ended."""

    def __init__(self, watched: Watched, number: int, record: WatchStretch, last_before: int) -> None:
        self.watched = watched
        self.number = number
        self.record = record
        self.start = record.start_revision or record.first_revision
        """The lowest revision that it may be given; 0: not told."""
        self.last_before = last_before
        """The highest revision that the stretches before had reached."""
        self.given = [Given(event, delivery, event.kv.mod_revision) for delivery in record.deliveries for event in delivery.events]
        self.came = {each.revision for each in self.given}
        self.reached = max((each.revision for each in record.deliveries if not each.compact_revision), default=0)

    @property
    def follows(self) -> bool:
        """Whether it went on after what came before (else the client asked for the same again, or from the present on)."""
        return self.record.start_revision > self.last_before

    def expected(self, low: int, high: int) -> list[tuple[int, bytes, KeyValue | None]]:
        """Changes with low <= revision <= high that the watch asked for."""
        expected = self.watched.expected
        first = bisect_left(expected, low, key=_revision)
        last = bisect_left(expected, high + 1, first, key=_revision)
        return expected[first:last]

    def accuse(self, why: str, *records: str) -> Violated:
        record, watch = self.record, self.watched.record
        where = f"watch {watch.watch} of client {watch.client} on {wording.interval(watch.key, watch.range_end)}"
        asked = f"stretch {self.number} at {record.member} from revision {self.start}, opened at {wording.seconds(record.opened_ns)}"
        return Violated(wording.lines(why, where, asked, *records))


class Watched:
    """One client's watch over its life."""

    def __init__(self, record: WatchRecord, evidence: Evidence) -> None:
        self.record = record
        self._evidence = evidence
        self.stretches: list[Stretch] = []
        last = 0
        for number, stretch in enumerate(record.stretches, start=1):
            self.stretches.append(Stretch(self, number, stretch, last))
            last = max(last, self.stretches[-1].reached)

    @cached_property
    def expected(self) -> list[tuple[int, bytes, KeyValue | None]]:
        """Every change that passes its filters, in order of revision."""
        record = self.record
        changes = self._evidence.changes_within(*span(record.key, record.range_end))
        if not record.no_delete and not record.no_put:
            return changes
        return [each for each in changes if not (record.no_delete if each[2] is None else record.no_put)]


def stretches(evidence: Evidence) -> Iterator[Stretch]:
    for watched in evidence.watches:
        yield from watched.stretches


_revision: Callable[[tuple[int, bytes, KeyValue | None]], int] = itemgetter(0)


def is_delete(event: Event) -> bool:
    return event.type == EventType.DELETE
