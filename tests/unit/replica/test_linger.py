"""Waiting for company pays when clients come back together, and stops where they do not."""

from __future__ import annotations

from quorate_node.replica.linger import SKIP_MAX, Linger


def test_a_lone_client_never_waits() -> None:
    linger = Linger(0.001)
    for second in range(10):
        assert linger.remaining_s(1, float(second)) == 0
        linger.completed(1, 0)


def test_clients_answered_together_are_waited_for_until_they_are_all_back() -> None:
    linger = Linger(0.001)
    linger.completed(56, 8)
    assert linger.remaining_s(8, 1.0) > 0
    assert 0 < linger.remaining_s(40, 1.0005) <= 0.0005
    assert linger.remaining_s(64, 1.0006) == 0


def test_nobody_is_waited_for_longer_than_the_setting() -> None:
    linger = Linger(0.001)
    linger.completed(64, 0)
    assert linger.remaining_s(1, 1.0) > 0
    assert linger.remaining_s(2, 1.0011) == 0


def test_waiting_in_vain_becomes_rare() -> None:
    linger, now, waits = Linger(0.001), 0.0, 0
    for _ in range(2000):
        linger.completed(4, 4)
        now += 1.0
        if linger.remaining_s(1, now) > 0:
            waits += 1
            assert linger.remaining_s(1, now + 0.002) == 0
    assert waits < 12 + 2000 // SKIP_MAX


def test_it_can_be_switched_off() -> None:
    linger = Linger(0.0)
    linger.completed(100, 100)
    assert linger.remaining_s(1, 1.0) == 0
