"""The judge of the application: what it accepts, and that each property is broken by the smallest thing that breaks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from quorate_node.simulator.ledger import Ledger, result_of
from quorate_node.simulator.ledger_checks import LedgerChecks
from quorate_node.simulator.trace import Trace


class Judge(LedgerChecks):
    def __init__(self) -> None:
        self.broken: list[str] = []
        super().__init__(lambda name, _: self.broken.append(name), Trace(), Counter())


def two_members(judge: Judge) -> tuple[Ledger, Ledger]:
    """Both have carried out the same two commands."""
    ledgers = Ledger("m1", judge), Ledger("m2", judge)
    for ledger in ledgers:
        ledger.apply(7, b"a")
        ledger.apply(7, b"b")
    return ledgers


def test_one_list_and_its_answers_are_accepted() -> None:
    judge = Judge()
    first, _ = two_members(judge)
    restored = Ledger("m3", judge)
    restored.restore(first.snapshot())
    assert restored.apply(9, b"c") == result_of(3, restored.chain)
    judge.answered(b"c", result_of(3, restored.chain), 2)
    judge.rejected(b"d!", b"rejected d!")
    judge.refused(b"e")
    assert judge.broken == []
    assert (judge.length, judge.acknowledged) == (3, 3)


@pytest.mark.parametrize(
    ("damage", "property_"),
    [
        (lambda judge, ledger: Ledger("m3", judge).apply(7, b"b"), "application equality"),
        (lambda judge, ledger: Ledger("m3", judge).apply(8, b"a"), "application equality"),
        (lambda judge, ledger: ledger.apply(8, b"a"), "application exactly once"),
        (lambda judge, ledger: judge.refused(b"a"), "application refusals"),
        (lambda judge, ledger: (judge.refused(b"c"), ledger.apply(8, b"c")), "application refusals"),
        (lambda judge, ledger: judge.answered(b"b", result_of(1, ledger.chain), 0), "application answers"),
        (lambda judge, ledger: judge.answered(b"never", b"1 00", 0), "application answers"),
        (lambda judge, ledger: judge.answered(b"b", result_of(2, ledger.chain), 2), "application order"),
        (lambda judge, ledger: judge.rejected(b"a", b"rejected a"), "application answers"),
        (lambda judge, ledger: judge.restored("m3", 1, ledger.chain), "application equality"),
    ],
)
def test_each_property_is_broken_by_what_breaks_it(damage: Callable[[Judge, Ledger], object], property_: str) -> None:
    judge = Judge()
    _, ledger = two_members(judge)
    damage(judge, ledger)
    assert judge.broken[:1] == [property_]
