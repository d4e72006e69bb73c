"""Watch properties of the events alone: ordered, unique, atomic, filtered."""

from __future__ import annotations

from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.model import span, within
from quorate_node.simulator.checkers.watched import Given, Stretch, is_delete, stretches
from quorate_node.simulator.history import Delivery


def ordered(evidence: Evidence) -> int:
    """Events come in order of revision, within a message, from message to message, and over a resumption."""
    judged = 0
    for stretch in stretches(evidence):
        floor, newest = (stretch.last_before if stretch.follows else 0), None
        for delivery in stretch.record.deliveries:
            if delivery.compact_revision:
                continue
            for event in delivery.events:
                if event.kv.mod_revision < floor or event.kv.mod_revision > delivery.revision:
                    raise stretch.accuse("events are not in order of revision:", *_told(newest), wording.delivery(delivery))
                floor, newest = event.kv.mod_revision, delivery
                judged += 1
            if delivery.revision < floor:
                raise stretch.accuse("a message says that it ends before what came already:", *_told(newest), wording.delivery(delivery))
            floor, newest = delivery.revision, delivery
    return judged


def _told(newest: Delivery | None) -> list[str]:
    return [] if newest is None else [wording.delivery(newest)]


def unique(evidence: Evidence) -> int:
    """No event is given twice, over all resumptions."""
    judged = 0
    for watched in evidence.watches:
        seen: dict[tuple[int, bytes], Given] = {}
        for stretch in watched.stretches:
            if not stretch.follows:
                seen = {}
            for given in stretch.given:
                earlier = seen.setdefault((given.revision, given.key), given)
                if earlier is not given:
                    raise stretch.accuse("an event was given twice:", wording.delivery(earlier.delivery), wording.delivery(given.delivery))
                judged += 1
    return judged


def atomic(evidence: Evidence) -> int:
    """All events of a revision that the watch asked for come in one message."""
    judged = 0
    for stretch in stretches(evidence):
        by_revision: dict[int, list[Given]] = {}
        for given in stretch.given:
            by_revision.setdefault(given.revision, []).append(given)
        for revision, several in by_revision.items():
            _in_one_message(stretch, revision, several)
            judged += 1
    return judged


def _in_one_message(stretch: Stretch, revision: int, several: list[Given]) -> None:
    messages: list[Delivery] = []
    for given in several:
        if not any(given.delivery is known for known in messages):
            messages.append(given.delivery)
    if len(messages) > 1:
        raise stretch.accuse(f"revision {revision} came in {len(messages)} messages:", *map(wording.delivery, messages))
    expected = [key for _, key, _ in stretch.expected(revision, revision)]
    missing = [wording.text(key) for key in expected if all(given.key != key for given in several)]
    if missing:
        raise stretch.accuse(
            f"revision {revision} came in part: the changes of {', '.join(missing)} are missing", wording.delivery(messages[0])
        )


def filtered(evidence: Evidence) -> int:
    """Nothing comes that was not asked for: other keys, puts, deletes."""
    judged = 0
    for stretch in stretches(evidence):
        record = stretch.watched.record
        start, end = span(record.key, record.range_end)
        for given in stretch.given:
            wanted = not (record.no_delete if is_delete(given.event) else record.no_put)
            if not wanted or not within(given.key, start, end):
                asked = ("no puts " if record.no_put else "") + ("no deletes" if record.no_delete else "")
                raise stretch.accuse(f"an event that was not asked for {asked}:".replace("  ", " "), wording.delivery(given.delivery))
            judged += 1
    return judged
