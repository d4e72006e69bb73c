"""Delta debugging finds what is to blame, whatever it is, and asks little."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quorate_node.simulator.ddmin import ddmin, earliest

ITEMS = st.integers(1, 60).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1))))


@given(ITEMS)
def test_exactly_those_to_blame_are_left(drawn: tuple[int, set[int]]) -> None:
    count, guilty = drawn
    assert ddmin(range(count), lambda kept: guilty <= set(kept)) == sorted(guilty)


@given(st.lists(st.sets(st.integers(0, 19), min_size=1), min_size=1, max_size=6))
def test_one_of_several_causes_is_left_and_none_of_it_can_be_spared(causes: list[set[int]]) -> None:
    def fails(kept: list[int]) -> bool:
        return any(cause <= set(kept) for cause in causes)

    left = ddmin(range(20), fails)
    assert fails(left)
    assert not any(fails([item for item in left if item != spared]) for spared in left)


@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_also_where_less_is_not_always_less_bad(count: int, random: object) -> None:
    """Flips at random, but alike for the same question: what is left fails, and no single thing of it can be spared."""
    answers: dict[tuple[int, ...], bool] = {tuple(range(count)): True}

    def fails(kept: list[int]) -> bool:
        return answers.setdefault(tuple(kept), random.random() < 0.3)  # type: ignore[attr-defined]

    left = ddmin(range(count), fails)
    assert fails(left)
    assert len(left) <= 1 or not any(fails([item for item in left if item != spared]) for spared in left)


@settings(deadline=None)
@given(st.integers(2, 500), st.integers(0, 499))
def test_a_single_cause_is_found_in_few_questions(count: int, guilty: int) -> None:
    asked = 0

    def fails(kept: list[int]) -> bool:
        nonlocal asked
        asked += 1
        return guilty % count in kept

    assert ddmin(range(count), fails) == [guilty % count]
    assert asked <= 2 * count.bit_length() + 2


@given(st.integers(1, 10_000), st.integers(1, 50), st.data())
def test_the_earliest_moment_is_found_within_the_precision(high: int, precision: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, high))
    assert first <= earliest(0, high, precision, lambda moment: moment >= first) < first + precision
