"""When a leader whose disk stalls hands over: to a member whose disk keeps up, and not again and again."""

from __future__ import annotations

from quorate_node.replica.stalls import REST_STALLS, Stalls

STALL_S = 1.0
A, B, C = 1, 2, 3


def watched(lag_of_b_s: float, seconds: float = 5.0) -> Stalls:
    """A leads; its log grows by ten entries a second; B acknowledges each so much later, C at once."""
    stalls = Stalls(STALL_S)
    stalls.leads(0.0, A)
    for tick in range(int(seconds * 10)):
        stalls.observe(tick / 10, tick, {B: max(0, tick - round(lag_of_b_s * 10)), C: tick})
    return stalls


def test_a_member_that_keeps_up_is_sound() -> None:
    stalls = watched(lag_of_b_s=0.2)
    assert stalls.is_sound(5.0, B) and stalls.is_sound(5.0, C)


def test_a_member_that_was_behind_for_half_a_stall_is_not_until_a_rest_has_passed() -> None:
    stalls = watched(lag_of_b_s=0.8)
    assert not stalls.is_sound(5.0, B) and stalls.is_sound(5.0, C)
    for tick in range(50, 160):
        stalls.observe(tick / 10, tick, {B: tick, C: tick})
        assert stalls.is_sound(tick / 10, B) == (tick / 10 > 4.9 + REST_STALLS * STALL_S)


def test_a_log_that_does_not_grow_leaves_nobody_behind() -> None:
    stalls = Stalls(STALL_S)
    stalls.leads(0.0, A)
    for tick in range(300):
        stalls.observe(tick / 10, 7, {B: 7})
    assert stalls.is_sound(30.0, B)


def test_one_that_acknowledges_nothing_is_behind_however_long_ago_the_log_grew() -> None:
    stalls = Stalls(STALL_S)
    stalls.leads(0.0, A)
    for tick in range(600):
        stalls.observe(tick / 10, 8 if tick else 7, {B: 7})
    assert not stalls.is_sound(60.0, B)


def test_the_first_leader_may_hand_over_at_once_and_the_next_one_rests() -> None:
    stalls = Stalls(STALL_S)
    stalls.leads(0.0, A)
    assert not stalls.is_resting(0.0)
    stalls.leads(3.0, 0)
    stalls.leads(4.0, A)
    assert not stalls.is_resting(4.0), "it leads on"
    stalls.leads(5.0, B)
    assert stalls.is_resting(5.0) and stalls.is_resting(14.9) and not stalls.is_resting(15.0)


def test_after_an_attempt_it_rests() -> None:
    stalls = Stalls(STALL_S)
    stalls.leads(0.0, A)
    stalls.tried(2.0)
    assert stalls.is_resting(11.9) and not stalls.is_resting(12.0)


def test_what_was_seen_of_the_others_is_forgotten_with_the_leadership() -> None:
    stalls = watched(lag_of_b_s=0.8)
    stalls.leads(5.0, C)
    stalls.leads(6.0, A)
    assert stalls.is_sound(6.0, B)
