from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.resilience.limiter import ConcurrencyLimiter, TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@given(st.integers(1, 5), st.lists(st.booleans(), max_size=100))
def test_never_more_than_the_limit_are_active_and_every_refusal_is_counted(active_max: int, arrivals: list[bool]) -> None:
    limiter = ConcurrencyLimiter(active_max, Clock())
    began: list[float] = []
    refused = 0
    for arrives in arrivals:
        if arrives:
            one = limiter.try_acquire()
            assert (one is None) == (len(began) == active_max)
            if one is None:
                refused += 1
            else:
                began.append(one)
        elif began:
            limiter.release(began.pop())
        assert limiter.active == len(began)
    assert limiter.refused == refused


def test_the_refused_learn_about_how_long_the_work_takes() -> None:
    clock = Clock()
    limiter = ConcurrencyLimiter(1, clock, retry_after_max_s=3)
    for _ in range(60):
        began_s = limiter.try_acquire()
        assert began_s is not None
        clock.now_s += 2
        limiter.release(began_s)
    assert limiter.retry_after_s() == pytest.approx(2, rel=0.01)
    began_s = limiter.try_acquire()
    assert began_s is not None
    clock.now_s += 1000
    limiter.release(began_s)
    assert limiter.retry_after_s() == 3, "bounded"
    began_s = limiter.try_acquire()
    assert began_s is not None
    clock.now_s -= 5000
    limiter.release(began_s)
    assert limiter.retry_after_s() >= 0, "a clock that steps back makes no negative times"


def test_releasing_more_than_was_acquired_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="more often than acquired"):
        ConcurrencyLimiter(1, Clock()).release(0)


@given(st.floats(0.5, 50), st.integers(1, 20), st.lists(st.floats(-5, 5), max_size=80))
def test_no_more_than_burst_and_rate_allow_is_ever_taken(rate_per_s: float, burst: int, steps_s: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(rate_per_s, burst, clock)
    begin_s = latest_s = clock.now_s
    taken = 0
    for step_s in steps_s:
        clock.now_s += step_s
        latest_s = max(latest_s, clock.now_s)
        taken += bucket.take() == 0.0
        assert taken <= burst + rate_per_s * (latest_s - begin_s) + 1e-6


@given(st.floats(0.5, 50), st.integers(1, 20))
def test_who_comes_back_when_told_is_served(rate_per_s: float, burst: int) -> None:
    clock = Clock()
    bucket = TokenBucket(rate_per_s, burst, clock)
    for _ in range(burst):
        assert bucket.take() == 0.0
    wait_s = bucket.take()
    assert wait_s == pytest.approx(1 / rate_per_s)
    clock.now_s += wait_s / 2
    assert bucket.take() > 0
    clock.now_s += wait_s / 2 + 1e-9
    assert bucket.take() == 0.0
    assert bucket.refused == 2


@pytest.mark.parametrize(("rate_per_s", "burst"), [(0, 1), (1, 0.5)])
def test_a_bucket_that_makes_no_sense_is_refused(rate_per_s: float, burst: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        TokenBucket(rate_per_s, burst, Clock())


@pytest.mark.parametrize("changes", [{"active_max": 0}, {"retry_after_max_s": 0}])
def test_a_limiter_that_makes_no_sense_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        ConcurrencyLimiter(**{"active_max": 1, "clock": Clock(), **changes})  # type: ignore[arg-type]


def test_more_tokens_than_the_bucket_holds_can_never_come() -> None:
    with pytest.raises(ValueError, match="3 tokens were asked of a bucket that holds 1 to 2"):
        TokenBucket(1, 2, Clock()).take(3)
