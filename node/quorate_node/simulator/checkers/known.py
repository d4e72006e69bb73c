"""The replay when nobody recorded the changes: from acknowledged writes, and every pair that anybody was ever shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from quorate.wire.results import KeyValue
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.model import Effects, Refusal, evaluate
from quorate_node.simulator.checkers.replay import REVISION_EMPTY, Replay
from quorate_node.simulator.checkers.wording import lines, operation, pair
from quorate_node.simulator.history import Operation


def replay_known(claims: Mapping[int, Operation], told: Iterable[tuple[KeyValue, str]]) -> Replay:
    """A replay that is not complete: revisions that no acknowledged write claims are its gaps. Raises `Violated` when two saw different
    contents of one key at one revision.
    """
    seen: dict[int, dict[bytes, KeyValue]] = {}
    tellers: dict[tuple[int, bytes], str] = {}
    for kv, teller in told:
        first = seen.setdefault(kv.mod_revision, {}).setdefault(kv.key, kv)
        witness = tellers.setdefault((kv.mod_revision, kv.key), teller)
        if first != kv:
            raise Violated(
                lines(f"{witness} and {teller} saw different contents of one key at one revision:", f"{pair(first)}", f"{pair(kv)}")
            )
    replay = Replay(complete=False)
    gaps: list[int] = []
    last = REVISION_EMPTY
    for revision in sorted({*seen, *claims}):
        gaps.extend(range(last + 1, revision))
        last = revision
        replay.set_gaps(gaps)
        effects = _effects(claims.get(revision), replay, revision)
        understood = effects is not None
        effects = effects or {}
        vague = {key for key in [*effects, *seen.get(revision, ())] if replay.doubtful(key, revision - 1)}
        for key, kv in seen.get(revision, {}).items():
            if understood and key not in vague and effects.get(key) != kv:
                raise Violated(
                    lines(
                        f"{tellers[revision, key]} saw another pair than was written at its revision:",
                        pair(kv),
                        operation(claims[revision]),
                    )
                )
            effects[key] = kv
            vague.discard(key)
        for key, after in effects.items():
            replay.add(revision, key, after, vague=key in vague)
        if not understood:
            gaps.append(revision)  # whoever made it may have changed more than was seen
    replay.set_gaps(gaps)
    return replay


def _effects(writer: Operation | None, replay: Replay, revision: int) -> Effects | None:
    """What the write did; None when nobody claims the revision, or when it rests on what a write nobody told of may have done."""
    if writer is None:
        return None
    try:
        step = evaluate(writer.request, replay.view(revision - 1))
    except Refusal:
        return None  # its acknowledgement is judged by `revisions`; what it did is told by those who saw it
    doubtful = step.result != writer.result and replay.may_differ(writer.request, revision - 1)
    return None if doubtful else step.effects
