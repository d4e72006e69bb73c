"""Watch properties of what an event says about the state before it: the previous pair, and whether it created the key."""

from __future__ import annotations

from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.watched import Given, Stretch, is_delete, stretches


def previous_right(evidence: Evidence) -> int:
    """An event's previous pair is the key's just before its revision: there when it was asked for and not compacted, else never."""
    judged = 0
    for stretch in stretches(evidence):
        asked = stretch.watched.record.previous
        for given in stretch.given:
            told = given.event.previous
            if not asked:
                if told is not None:
                    raise stretch.accuse("a previous pair that was not asked for:", wording.event(given.event))
                continue
            if not _is_known(evidence, given):
                continue
            judged += 1
            before = evidence.replay.get(given.key, given.revision - 1)
            if told != before and not (told is None and _may_be_compacted(evidence, given)):
                raise _wrong(stretch, "the previous pair is wrong:", given, f"before it was: {wording.pair(before)}")
    return judged


def _may_be_compacted(evidence: Evidence, given: Given) -> bool:
    """Whether somebody had asked for a compaction that takes what was before the event."""
    return bool(evidence.history.prefix) or any(
        operation.invoked_ns <= given.delivery.at_ns and revision >= given.revision for operation, revision in evidence.compactions
    )


def is_create_right(evidence: Evidence) -> int:
    """A put says that it created the key (create revision = its own, version 1) exactly when the key was not there just before."""
    judged = 0
    for stretch in stretches(evidence):
        for given in stretch.given:
            if is_delete(given.event) or not _is_known(evidence, given):
                continue
            judged += 1
            before = evidence.replay.get(given.key, given.revision - 1)
            kv = given.event.kv
            expected = (given.revision, 1) if before is None else (before.create_revision, before.version + 1)
            if (kv.create_revision, kv.version) != expected:
                shown = f"create revision {expected[0]} and version {expected[1]} follow on {wording.pair(before)}"
                raise _wrong(stretch, "it tells wrongly whether and when the key was created:", given, shown)
    return judged


def _is_known(evidence: Evidence, given: Given) -> bool:
    replay = evidence.replay
    if not given.key.startswith(evidence.history.prefix):
        return False
    return not replay.doubtful(given.key, given.revision - 1)


def _wrong(stretch: Stretch, why: str, given: Given, shown: str) -> Exception:
    return stretch.accuse(why, wording.event(given.event), shown)
