"""Watch properties of what must not be missing: reliable, resumable, bookmarkable. The reference is the replay of all writes."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from quorate.wire.results import KeyValue
from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.watched import Given, Stretch, is_delete, stretches
from quorate_node.simulator.history import Delivery


def reliable(evidence: Evidence) -> int:
    """Every event tells a change that was made, and between its first event and the last revision it reached a stretch misses none."""
    judged = 0
    for stretch in stretches(evidence):
        for given in stretch.given:
            _happened(evidence, stretch, given)
        if not stretch.given:
            continue
        first = min(given.revision for given in stretch.given)
        _nothing_missing(stretch, first, stretch.reached, stretch.came, "between its first event and the revision it reached")
        judged += len(stretch.given)
    return judged


def _happened(evidence: Evidence, stretch: Stretch, given: Given) -> None:
    """The value and the lease; what else the event says is judged by `watch_content`."""
    replay = evidence.replay
    kv = replay.get(given.key, given.revision)
    if replay.changed_at(given.key, given.revision):
        told = None if is_delete(given.event) else (given.event.kv.value, given.event.kv.lease)
        if told == (None if kv is None else (kv.value, kv.lease)):
            return
    elif replay.doubtful(given.key, given.revision) or not given.key.startswith(evidence.history.prefix):
        return
    made = wording.pair(kv) if replay.changed_at(given.key, given.revision) else "no change of that key at that revision"
    raise stretch.accuse("an event tells what did not happen:", wording.event(given.event), f"the store made: {made}")


def _nothing_missing(stretch: Stretch, low: int, high: int, came: AbstractSet[int], where: str) -> None:
    """Revisions of which nothing came; those that came in part are `atomic`'s."""
    missing = [each for each in stretch.expected(low, high) if each[0] not in came]
    if missing:
        near = [each for each in stretch.given if each.revision > missing[0][0] and each.revision in came][:1]
        shown = [_expected_text(each) for each in missing[: wording.SHOWN_MAX]]
        raise stretch.accuse(
            f"{len(missing)} events are missing {where}:", *shown, *(f"what came next: {wording.delivery(each.delivery)}" for each in near)
        )


def _expected_text(expected: tuple[int, bytes, KeyValue | None]) -> str:
    revision, key, kv = expected
    return f"revision {revision}: " + (f"delete {wording.text(key)}" if kv is None else f"put {wording.text(key)}={wording.text(kv.value)}")


def resumable(evidence: Evidence) -> int:
    """A watch from revision r gives all from r on as if it had always been open: nothing earlier, nothing left out before its first event,
    and it ends as compacted only where somebody compacted."""
    judged = 0
    for stretch in stretches(evidence):
        record = stretch.record
        if not stretch.start:
            continue
        judged += 1
        if 0 < record.start_revision < record.first_revision:
            raise stretch.accuse(f"revision {record.start_revision} was asked for, {record.first_revision} is the first that it gives")
        if stretch.last_before and record.start_revision > stretch.last_before + 1 and not _compacted_before(stretch):
            raise stretch.accuse(f"the client went on at {record.start_revision}, and had all up to {stretch.last_before}")
        early = next((given for given in stretch.given if given.revision < stretch.start), None)
        if early is not None:
            raise stretch.accuse("an event from before its start:", wording.delivery(early.delivery))
        if stretch.given:
            first = min(given.revision for given in stretch.given)
            _nothing_missing(stretch, stretch.start, first - 1, stretch.came, "between its start and its first event")
        for delivery in record.deliveries:
            if delivery.compact_revision:
                _somebody_compacted(evidence, stretch, delivery)
    return judged


def _compacted_before(stretch: Stretch) -> bool:
    return any(each.record.ended == "compacted" for each in stretch.watched.stretches[: stretch.number - 1])


def _somebody_compacted(evidence: Evidence, stretch: Stretch, delivery: Delivery) -> None:
    """Compaction up to C keeps what is alive at C and the events of C itself: a watch that wants C or later goes on."""
    if delivery.revision >= delivery.compact_revision:
        raise stretch.accuse("it ended as compacted, and wanted what was not compacted:", wording.delivery(delivery))
    asked = evidence.compactions
    if not evidence.history.prefix and all(
        revision != delivery.compact_revision or operation.invoked_ns > delivery.at_ns for operation, revision in asked
    ):
        newest = [wording.operation(operation) for operation, _ in asked[-1:]]
        raise stretch.accuse(f"it ended as compacted up to {delivery.compact_revision}, which nobody had asked for:", *newest)


def bookmarkable(evidence: Evidence) -> int:
    """A progress notification at revision r says that all up to r was given: none was left out, none comes later, and r exists."""
    judged = 0
    for stretch in stretches(evidence):
        came: set[int] = set()
        bookmark: Delivery | None = None
        whole_below = stretch.start
        """Nothing is missing from the start to there: each progress is judged by what came since the one before it."""
        for delivery in stretch.record.deliveries:
            if delivery.compact_revision:
                continue
            given = [event.kv.mod_revision for event in delivery.events]
            if bookmark is not None and any(revision <= bookmark.revision for revision in given):
                raise stretch.accuse(
                    "an event came after the progress that covers it:", wording.delivery(bookmark), wording.delivery(delivery)
                )
            came.update(given)
            if not given:
                bookmark = delivery
                _exists(evidence, stretch, delivery)
                if stretch.start:
                    where = f"before the progress notification at revision {delivery.revision}"
                    _nothing_missing(stretch, whole_below, delivery.revision, came, where)
                    whole_below = max(whole_below, delivery.revision + 1)
                judged += 1
    return judged


def _exists(evidence: Evidence, stretch: Stretch, progress: Delivery) -> None:
    if progress.revision < stretch.start:
        return  # it starts in the future: nothing at or below is to come, whether it exists or not
    replay = evidence.replay
    if replay.complete and not evidence.history.prefix and progress.revision > max(replay.revision_last, 1):
        raise stretch.accuse(
            f"progress up to a revision that was never made (the last is {replay.revision_last}):", wording.delivery(progress)
        )
    writer = evidence.claims.get(progress.revision)
    if writer is not None and writer.invoked_ns > progress.at_ns:
        raise stretch.accuse("progress up to a revision that was not made yet:", wording.delivery(progress), wording.operation(writer))
