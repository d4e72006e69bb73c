"""The searching checker: does any order of a register's operations explain what was seen? (Wing and Gong 1993; Lowe 2017.)

Knows nothing of revisions, and so finds what a wrong revision would hide from the fast checker. Exponential in the worst case, hence
key by key and with a bound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.cluster.checker.history import Kind, NotLinearizable, Operation, Outcome

STEPS_MAX = 2_000_000


class GaveUp(RuntimeError):
    """The search took more than `STEPS_MAX` steps: use fewer clients on a key, or shorter histories."""


def check_registers(operations: Sequence[Operation], initial: str | None = None) -> int:
    """Judge every key on its own; returns how many operations were judged. Raises `NotLinearizable`, `GaveUp`."""
    by_key: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        if operation.outcome is Outcome.FAILED or (operation.outcome is Outcome.UNKNOWN and operation.kind is Kind.READ):
            continue  # without effect, and nothing was seen
        by_key[operation.key].append(operation)
    for key, of_key in by_key.items():
        if not linearizable(of_key, initial):
            shown = "\n".join(str(operation) for operation in sorted(of_key, key=lambda each: each.invoked_s)[:200])
            raise NotLinearizable(f"no order of its operations explains what was seen of {key!r}:\n{shown}")
    return sum(len(of_key) for of_key in by_key.values())


def _after(state: str | None, operation: Operation) -> tuple[bool, str | None]:
    """(possible here, state after it) of one operation on the register."""
    if operation.kind is Kind.READ:
        return state == operation.value, state
    if operation.kind is Kind.WRITE:
        return True, operation.value
    if operation.kind is Kind.DELETE:
        return True, None
    if operation.outcome is Outcome.UNKNOWN:
        return True, operation.value if state == operation.expected else state
    swaps = state == operation.expected
    return swaps == operation.swapped, operation.value if swaps else state


def linearizable(operations: Sequence[Operation], initial: str | None = None) -> bool:
    """Depth-first over the operations that may come next; a set of (done, state) pairs cuts what was tried before."""
    ordered = sorted(operations, key=lambda operation: operation.invoked_s)
    required = 0
    for number, operation in enumerate(ordered):
        if operation.outcome is Outcome.OK:
            required |= 1 << number
    tried: set[tuple[int, str | None]] = {(0, initial)}
    stack = [(0, initial, _candidates(ordered, 0))]
    steps = 0
    while stack:
        done, state, candidates = stack[-1]
        if done & required == required:
            return True
        for number in candidates:
            steps += 1
            if steps > STEPS_MAX:
                raise GaveUp(f"more than {STEPS_MAX} steps for {len(ordered)} operations")
            possible, after = _after(state, ordered[number])
            step = (done | 1 << number, after)
            if possible and step not in tried:
                tried.add(step)
                stack.append((*step, _candidates(ordered, step[0])))
                break
        else:
            stack.pop()
    return False


def _candidates(ordered: Sequence[Operation], done: int) -> Iterator[int]:
    """Operations that began before any operation that is not yet done had ended: one of these comes next.

    `ordered` is by beginning, so the scan stops at the first that began after such an end.
    """
    first_end_s = float("inf")
    begun = []
    number = 0
    while done >> number & 1:
        number += 1
    while number < len(ordered) and ordered[number].invoked_s <= first_end_s:
        if not done >> number & 1:
            begun.append(number)
            first_end_s = min(first_end_s, ordered[number].completed_s)
        number += 1
    return iter(begun)
