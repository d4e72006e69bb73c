"""The searching checker: does any order of the operations explain what was seen? A second opinion that believes no revision.

Wing and Gong, "Testing and Verifying Concurrent Objects", 1993, with Lowe's memory of the places that were tried ("Testing for
linearizability", 2017) and partition by key (Herlihy and Wing 1990: a history is linearizable when it is so object by object). Keys that
one transaction, range or lease touches together are one object. Exponential in the worst case, hence the bound, and a third verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from quorate.wire.commands import LeaseGrant, LeaseRevoke
from quorate.wire.results import LeaseResult, Result
from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Undecided, Violated
from quorate_node.simulator.checkers.objects import objects_of
from quorate_node.simulator.checkers.outcomes import is_linearizable, may_have_happened
from quorate_node.simulator.checkers.possible_writes import may_write
from quorate_node.simulator.checkers.search_model import State, after, frozen, judgeable
from quorate_node.simulator.history import NEVER_NS, Operation, Outcome

STEPS_MAX = 200_000
"""For a whole history. A correct one needs about one step an operation, as revisions are tried first in their order."""
OPERATIONS_MAX = 20_000
"""Of one object: each step costs a look at as many bits."""


class Move(NamedTuple):
    """One operation in the search."""

    request: object
    result: Result | None
    invoked_ns: int
    completed_ns: int
    required: bool
    """It must have taken effect; else it may have."""
    hint: int
    """Tried in this order. A wrong hint costs time, never the verdict."""
    operation: Operation | None
    """None: a lease that may end by itself."""


def linearizable_by_search(evidence: Evidence, steps_max: int = STEPS_MAX) -> int:
    """Raises `Violated`, and `Undecided` when some object needs more than the steps that are left and none was found to be wrong."""
    judged, steps_left, too_hard = 0, steps_max, ""
    known = places(evidence)
    for keys, operations in objects_of(_moves(evidence, known), known.leases):
        name = wording.interval(keys[0], b"") + (f" and {len(keys) - 1} keys with it" if len(keys) > 1 else "")
        if len(operations) > OPERATIONS_MAX:
            too_hard = f"{name}: {len(operations)} operations, the limit is {OPERATIONS_MAX}"
            continue
        found, steps = explain(operations, steps_left)
        steps_left -= steps
        if found is None:
            too_hard = f"{name}: no answer within {steps_max} steps for {len(operations)} operations"
        elif not found.explained:
            raise Violated(_why(name, operations, found))
        else:
            judged += len(operations)
    if too_hard:
        raise Undecided(too_hard)
    return judged


def _moves(evidence: Evidence, known_places: Places) -> Iterator[Move]:
    """What the search judges; leases that may expire are moves of their own, at any time since a key first had them."""
    bounded = evidence.history.rules.clocks_bounded
    made = known_places.operations
    for operation in evidence.operations:
        if not judgeable(operation.request) or not is_linearizable(operation, clocks_bounded=bounded):
            continue
        outcome = may_have_happened(operation)
        known = outcome is Outcome.OK
        if outcome is Outcome.FAILED or not (known or may_write(operation.request)):
            continue
        seen = 2 * operation.revision + 1 if operation.revision and known else NEVER_NS
        place = 2 * made[operation.number] if operation.number in made else seen
        end_ns = operation.completed_ns if known else NEVER_NS
        yield Move(operation.request, operation.result if known else None, operation.invoked_ns, end_ns, known, place, operation)


class Places(NamedTuple):
    """Who made which revision, as far as the fast checker can tell. Hints only."""

    operations: dict[int, int]
    """By number."""
    leases: dict[int, list[int]]
    """For each end that a lease may have had, the revision at which it seems to have been; `NEVER_NS` where none does."""


def places(evidence: Evidence) -> Places:
    try:
        found = {operation.number: revision for revision, operation in evidence.claims.items()}
        if not evidence.replay.complete:
            return Places(found, _ends(evidence, {}))
        attribution = evidence.attribution
    except Violated:
        return Places({}, _ends(evidence, {}))
    return Places(found | attribution.made, _ends(evidence, attribution.ends_of_leases))


def _ends(evidence: Evidence, seen: dict[int, int]) -> dict[int, list[int]]:
    """A lease may end as often as it was granted: its number may be given anew."""
    found: dict[int, list[int]] = {}
    for revision, lease in seen.items():
        found.setdefault(lease, []).append(revision)
    for operation in evidence.operations:
        if isinstance(operation.request, LeaseGrant) and operation.outcome is not Outcome.FAILED:
            lease = operation.result.lease if isinstance(operation.result, LeaseResult) else operation.request.lease
            found.setdefault(lease, []).append(NEVER_NS)
    return found


class Found(NamedTuple):
    explained: bool
    furthest: int
    """The most acknowledged operations that some order explains."""
    stuck: tuple[Move, ...]
    """Those of which none could come next there."""


def explain(moves: Sequence[Move], steps_max: int) -> tuple[Found | None, int]:
    """Depth-first over the operations that may come next. Returns the answer, None when the steps ran out, and the steps taken."""
    required = sorted((move for move in moves if move.required), key=lambda move: (move.invoked_ns, move.hint))
    optional = sorted((move for move in moves if not move.required), key=lambda move: (move.hint, move.invoked_ns))
    everything = (1 << len(required)) - 1
    start: State = {}
    tried = {(0, 0, frozen(start))}
    stack = [(0, 0, start, _next_moves(required, optional, 0, 0))]
    steps, furthest, stuck = 0, -1, (0, 0)
    while stack:
        done, chosen, state, candidates = stack[-1]
        if done == everything:
            return Found(True, len(required), ()), steps
        if done.bit_count() > furthest:
            furthest, stuck = done.bit_count(), (done, chosen)
        fresh = False
        for is_required, number in candidates:
            steps += 1
            if steps > steps_max:
                return None, steps
            move = required[number] if is_required else optional[number]
            masks = (done | 1 << number, chosen) if is_required else (done, chosen | 1 << number)
            for following in after(state, move.request, move.result):
                place = (*masks, frozen(following))
                if place not in tried:
                    tried.add(place)
                    stack.append((*masks, following, _next_moves(required, optional, *masks)))
                    fresh = True
            if fresh:
                break
        if not fresh:
            stack.pop()
    there = [required[number] if needed else optional[number] for needed, number in _next_moves(required, optional, *stuck)]
    return Found(False, furthest, tuple(there)), steps


def _next_moves(required: Sequence[Move], optional: Sequence[Move], done: int, chosen: int) -> Iterator[tuple[bool, int]]:
    """(is required, number) of those that began before any required one that is not yet done had ended: one of these comes next.

    In the order of their hints, and lazily: of the optional ones there may be many, and they are seldom needed.
    """
    first_end_ns = NEVER_NS
    begun = []
    number = _lowest_clear_bit(done)
    while number < len(required) and required[number].invoked_ns <= first_end_ns:
        if not done >> number & 1:
            begun.append(number)
            first_end_ns = min(first_end_ns, required[number].completed_ns)
        number += 1
    begun = sorted((each for each in begun if required[each].invoked_ns <= first_end_ns), key=lambda each: required[each].hint)
    free = _lowest_clear_bit(chosen)
    hint = optional[free].hint if free < len(optional) else NEVER_NS
    first = [each for each in begun if required[each].hint < hint]
    yield from ((True, each) for each in first)
    if hint < NEVER_NS and optional[free].invoked_ns <= first_end_ns:
        yield False, free
    yield from ((True, each) for each in begun[len(first) :])
    for each in range(free, len(optional)):
        if not chosen >> each & 1 and optional[each].invoked_ns <= first_end_ns:
            yield False, each


def _lowest_clear_bit(mask: int) -> int:
    return (~mask & (mask + 1)).bit_length() - 1


def _why(name: str, moves: Sequence[Move], found: Found) -> str:
    headline = (
        f"no order of its {len(moves)} operations explains what was seen of {name}; after {found.furthest} none of these can be next:"
    )
    return wording.lines(headline, *map(_move_text, found.stuck[: wording.SHOWN_MAX]))


def _move_text(move: Move) -> str:
    if move.operation is not None:
        return wording.operation(move.operation)
    lease = move.request.lease if isinstance(move.request, LeaseRevoke) else 0
    return f"the end of lease {lease}"
