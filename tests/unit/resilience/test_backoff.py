from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.resilience.backoff import Backoff

rolls = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=60)


@given(rolls, st.floats(0.001, 1), st.floats(1, 100))
def test_each_delay_is_within_its_doubling_ceiling_and_the_bound(draws: list[float], base_s: float, delay_max_s: float) -> None:
    source = iter(draws)
    backoff = Backoff(base_s, delay_max_s, lambda: next(source))
    for number, draw in enumerate(draws):
        ceiling_s = min(delay_max_s, base_s * 2**number)
        assert backoff.ceiling_s == pytest.approx(ceiling_s)
        assert backoff.next_delay_s() == pytest.approx(draw * ceiling_s)
    assert backoff.failures == len(draws)
    backoff.reset()
    assert (backoff.ceiling_s, backoff.failures) == (base_s, 0)


def test_a_million_failures_do_not_overflow() -> None:
    backoff = Backoff(0.02, 1.0, lambda: 0.5)
    for _ in range(1_000_000):
        delay_s = backoff.next_delay_s()
    assert delay_s == 0.5


@pytest.mark.parametrize(("base_s", "delay_max_s", "text"), [(0, 1, "base_s is 0"), (2, 1, "delay_max_s is 1, below base_s 2")])
def test_bounds_that_make_no_sense_are_named(base_s: float, delay_max_s: float, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Backoff(base_s, delay_max_s, lambda: 0.0)
