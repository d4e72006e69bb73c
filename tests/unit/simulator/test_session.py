"""A client's word on what it needs no answer for any more: the lowest number that it may ask for again, and never more than that."""

from __future__ import annotations

from random import Random

from quorate.wire.commands import Put
from quorate_node.simulator.session import KEPT_MAX, Session, Sessions

PUT = Put(b"k", b"v")


def test_numbers_count_from_one_and_nothing_is_acknowledged_while_it_is_asked_for() -> None:
    session = Session(7)
    first, second = session.take(), session.take()
    assert (first, second) == (1, 2)
    with session.asking(second), session.asking(first):
        assert session.acked_below == 1
    assert session.acked_below == 3


def test_what_several_ask_for_stays_until_the_last_has_its_answer() -> None:
    session = Session(7)
    seq = session.take()
    with session.asking(seq):
        with session.asking(seq):
            pass
        assert session.acked_below == seq


def test_what_was_kept_may_be_asked_for_again_and_is_acknowledged_when_it_is_given_up() -> None:
    session, random = Session(7), Random(1)
    session.keep(session.take(), PUT)
    asked = 0
    while again := session.again(random):
        assert again == (1, PUT)
        asked += 1
    assert asked > 0
    assert session.acked_below == 2


def test_the_oldest_of_too_many_is_given_up() -> None:
    session = Session(7)
    for _ in range(KEPT_MAX + 2):
        session.keep(session.take(), PUT)
    assert session.acked_below == 3


def test_only_the_session_that_was_lost_is_forgotten() -> None:
    sessions, old, new = Sessions(), Session(1), Session(2)
    sessions.current = new
    sessions.lost(old)
    assert sessions.current is new
    sessions.lost(new)
    assert sessions.current is None
