"""A checker that finds nothing in a damaged history is itself a failure; so is one that accuses a true one."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from quorate_node.simulator.checkers.verdict import PROPERTIES, judge
from quorate_node.simulator.history import History
from tests.unit.simulator.checkers.damage import KINDS
from tests.unit.simulator.checkers.worlds import world

SEEDS = 60
FOUND_MIN = 0.99
WITHOUT_CHANGES_FOUND_MIN = 0.85
"""Without the store's own changes a few things cannot be told from what a write of unknown outcome may have done."""
SEARCH = "linearizable-by-search"
FAST = [name for name in PROPERTIES if name != SEARCH]


def found_by(history: History) -> bool:
    return not judge(history, FAST).ok


def test_damage_is_found() -> None:
    tried: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for seed in range(SEEDS):
        generator = random.Random(seed)
        true = world(generator, operations=40)
        for kind in KINDS:
            damaged = kind(generator, true)
            if damaged is not None:
                tried[kind.__name__] += 1
                missed[kind.__name__] += not found_by(damaged)
    assert [kind.__name__ for kind in KINDS if tried[kind.__name__] < SEEDS / 10] == [], "a kind of damage that is hardly ever done"
    found = 1 - missed.total() / tried.total()
    assert found >= FOUND_MIN, f"{found:.2%} of {tried.total()}; missed: {missed.most_common(5)}"


def test_damage_is_found_without_the_stores_own_changes() -> None:
    tried: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for seed in range(SEEDS):
        generator = random.Random(seed)
        true = world(generator, operations=40)
        true.changes, changes = [], true.changes
        for kind in KINDS:
            true.changes = changes
            damaged = kind(generator, true)
            if damaged is not None and damaged.changes == changes:
                damaged.changes = []
                tried[kind.__name__] += 1
                missed[kind.__name__] += not found_by(damaged)
    found = 1 - missed.total() / tried.total()
    assert found >= WITHOUT_CHANGES_FOUND_MIN, f"{found:.2%} of {tried.total()}; missed: {missed.most_common(5)}"


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**9))
def test_no_true_history_is_accused(seed: int) -> None:
    true = world(random.Random(seed))
    assert judge(true, FAST).ok, judge(true, FAST).render()
    true.changes = []
    assert judge(true, FAST).ok, judge(true, FAST).render()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**9), st.sampled_from(KINDS))
def test_what_the_search_finds_the_revisions_find(seed: int, kind: object) -> None:
    """The search knows less, so it never accuses what the fast judges let pass."""
    generator = random.Random(seed)
    true = world(generator, operations=30)
    damaged = kind(generator, true)  # type: ignore[operator]
    if damaged is not None and not judge(damaged, [SEARCH]).ok:
        assert found_by(damaged)
