"""Log time never falls, never jumps at a change of leader, and does not count the time that another led."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quorate_node.replica.log_clock import LogClock


class Now:
    value = 1000

    def __call__(self) -> int:
        return self.value


@given(st.lists(st.one_of(st.tuples(st.just("wait"), st.integers(0, 500)), st.tuples(st.just("apply"), st.integers(0, 5000)))))
def test_it_never_falls(steps: list[tuple[str, int]]) -> None:
    now = Now()
    clock = LogClock(now)
    before = clock.read()
    for what, amount in steps:
        if what == "wait":
            now.value += amount
        else:
            clock.continue_from(amount)
        assert clock.read() >= before
        before = clock.read()


def test_a_new_leader_goes_on_from_the_last_entry_and_not_from_its_own_past() -> None:
    now = Now()
    clock = LogClock(now)
    now.value += 10_000
    clock.restart_from(700)
    assert clock.read() == 700
    now.value += 5
    assert clock.read() == 705
