"""Linearizability where every write has a unique revision: the revisions are the order, and no search is needed. O(n log n).

With the order of all writes known a history is linearizable exactly when every answer is the one that the model gives at its place, and
nothing that ended before an operation began lies behind it (Gibbons and Korach, "Testing Shared Memories", SIAM J. Comput. 26, 1997,
section on known write orders). Revisions are the whole store's, so it is judged as one object: stricter than key by key.
"""

from __future__ import annotations

from quorate.wire.commands import LeaseRevoke
from quorate.wire.results import Failure
from quorate_node.simulator.checkers import attribution, wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.model import Effects, Refusal, evaluate, looked_at
from quorate_node.simulator.checkers.outcomes import is_linearizable, wrote
from quorate_node.simulator.checkers.replay import Replay
from quorate_node.simulator.history import Consistency, Operation, Outcome


def linearizable(evidence: Evidence) -> int:
    """Every operation but lease and stale reads took effect at one moment between its beginning and its end, on one copy of the data;
    those of unknown outcome once at most, refused ones never."""
    judged = 0
    for operation in evidence.operations:
        if operation.consistency is Consistency.LINEARIZABLE and operation.revision and operation.outcome is not Outcome.UNKNOWN:
            answers_as_the_model(evidence, operation)
            in_real_time(evidence, operation)
            judged += 1
    return judged + attribution.every_revision_has_its_writer(evidence)


def answers_as_the_model(evidence: Evidence, operation: Operation) -> None:
    """Raises `Violated` unless the model, at the revision that the answer names, does and answers the same."""
    replay = evidence.replay
    if operation.outcome is Outcome.FAILED:
        _refused_rightly(replay, operation)
        return
    writes = wrote(operation)
    revision = operation.revision - 1 if writes else operation.revision
    if writes and replay.complete and operation.revision not in replay.groups:
        raise Violated(wording.lines("an acknowledged write was lost: no change was made at its revision", wording.operation(operation)))
    try:
        step = evaluate(operation.request, replay.view(revision))
    except Refusal as refusal:
        _accuse(replay, operation, revision, f"it was acknowledged, but had to be refused with {refusal}")
        return
    if isinstance(operation.request, LeaseRevoke):
        if step.effects:
            _accuse(replay, operation, revision, f"a revoked lease still has keys: {_effects(step.effects)}")
        return
    if step.result is not None and operation.result is not None and step.result != operation.result:
        expected = wording.result(step.result)
        _accuse(replay, operation, revision, f"the answer had to be {expected or step.result} at revision {operation.revision}")
        return
    wanted = f"it had to change {_effects(step.effects)}"
    if bool(step.effects) != writes:
        _accuse(replay, operation, revision, f"{wanted}, and says that it made {'a' if writes else 'no'} change")
    elif writes and replay.complete and step.effects != _done(replay, operation.revision):
        done = wording.changes(replay.groups[operation.revision])
        _accuse(replay, operation, revision, f"{wanted}; what was changed: {done}")


def _done(replay: Replay, revision: int) -> Effects:
    return {one.key: replay.get(one.key, revision) for one in replay.groups[revision]}


def _effects(effects: Effects) -> str:
    return ", ".join(f"{wording.text(key)} to {wording.pair(kv)}" for key, kv in effects.items()) or "nothing"


def _accuse(replay: Replay, operation: Operation, revision: int, why: str) -> None:
    """Unless a write that nobody told of may be behind it."""
    if replay.may_differ(operation.request, revision):
        return
    newest = [
        f"the newest {wording.text(key)} there: {wording.pair(replay.get(key, revision))}"
        for key, range_end in looked_at(operation.request)
        if not range_end
    ]
    raise Violated(wording.lines(why, wording.operation(operation), *newest[: wording.SHOWN_MAX]))


def _refused_rightly(replay: Replay, operation: Operation) -> None:
    """A refusal is an observation too, where the keys alone decide it."""
    if not isinstance(operation.result, Failure) or operation.result.error != "KeyNotFound":
        return
    try:
        evaluate(operation.request, replay.view(operation.revision))
    except Refusal:
        return
    _accuse(replay, operation, operation.revision, "it was refused as if a key were not there, which was")


def in_real_time(evidence: Evidence, operation: Operation) -> None:
    """What ended before an operation began is in the store that the operation saw; a write is newer than all of that."""
    earlier = evidence.frontier.before(operation.invoked_ns)
    if earlier is None:
        return
    if operation.revision < earlier.revision or (operation.revision == earlier.revision and wrote(operation)):
        raise Violated(
            wording.lines(
                "went back in time: the second began after the first had ended, and does not come after it",
                earlier.tell(),
                wording.operation(operation),
            )
        )


def lease_reads(evidence: Evidence) -> int:
    """A lease read is linearizable while clocks keep to their bound; without that, a state that existed."""
    judged = 0
    for operation in evidence.operations:
        if operation.consistency is Consistency.LEASE and operation.outcome is Outcome.OK and operation.revision:
            answers_as_the_model(evidence, operation)
            if is_linearizable(operation, clocks_bounded=evidence.history.rules.clocks_bounded):
                in_real_time(evidence, operation)
            judged += 1
    return judged
