"""The language of actions: what it says, and what it refuses with which words."""

from __future__ import annotations

import pytest

from quorate_node.failpoints import FailpointMisuse
from quorate_node.failpoints.terms import PANIC_STATUS, Action, Term, parse_assignments, parse_terms


def test_terms_follow_one_another_with_counts_percentages_and_arguments() -> None:
    assert parse_terms("5*off->2*sleep(100)->12.5%error(EIO)->panic") == (
        Term(Action.OFF, 5, None, "", 0),
        Term(Action.SLEEP, 2, None, "100", 100),
        Term(Action.ERROR, None, 12.5, "EIO", 0),
        Term(Action.PANIC, None, None, "", PANIC_STATUS),
    )
    assert parse_terms("3*50%print(two words)") == (Term(Action.PRINT, 3, 50.0, "two words", 0),)
    assert parse_terms("panic(9)")[0].number == 9


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is no term"),
        ("sleep(100", "is no term"),
        ("->panic", "is no term"),
        ("explode", "there is no action 'explode'; use one of off, error, sleep, pause, panic, print, skip"),
        ("0*panic", "the count is 0; it must be from 1"),
        ("0%panic", "the percentage is 0; it must be above 0 and at most 100"),
        ("101%panic", "the percentage is 101"),
        ("sleep", "the argument is ''; it must be the milliseconds, from 0 to 3600000"),
        ("sleep(-1)", "the argument is '-1'"),
        ("sleep(3600001)", "from 0 to 3600000"),
        ("panic(256)", "it must be the exit status, from 1 to 255"),
        ("pause(5)", "pause takes no argument"),
        ("error(ENOTHING)", "there is no such error; use one of StoreFailed"),
        ("error(E)", "there is no such error"),
        ("off" * 2000, "the limit is 4096"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(FailpointMisuse) as refused:
        parse_terms(text)
    assert said in str(refused.value)


def test_assignments_are_parted_by_semicolons() -> None:
    assert parse_assignments(" a.b=1*panic->off ; ; c.d=print(x=y);") == [("a.b", "1*panic->off"), ("c.d", "print(x=y)")]
    assert parse_assignments("") == []
    with pytest.raises(FailpointMisuse, match="write NAME=ACTION"):
        parse_assignments("a.b")
