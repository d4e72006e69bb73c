"""One exception a cause: the table of errors and the classes are the same list."""

from __future__ import annotations

import pytest

from quorate import exceptions
from quorate.exceptions import BY_NAME, ApiError, Leader, OutcomeUnknown, QuorateError, SessionExpired, UnknownError, from_answer
from quorate.wire.errors import ERRORS


def test_every_row_of_the_table_has_its_class_and_no_class_lacks_a_row() -> None:
    assert set(BY_NAME) == set(ERRORS)
    families = {"InvalidRequest", "Missing", "Conflict", "Denied", "Exhausted", "Unavailable", "ServerFault"}
    helpers = {"ApiError", "UnknownError", "WatchCompacted"}
    classes = {name for name, each in vars(exceptions).items() if isinstance(each, type) and issubclass(each, ApiError)}
    assert classes - families - helpers == set(ERRORS)


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_a_class_says_what_its_row_says(name: str) -> None:
    kind, error = ERRORS[name], BY_NAME[name]
    assert (error.error, error.code, error.status, error.retryable, error.outcome_unknown) == (name, *kind)
    assert issubclass(error, OutcomeUnknown) == kind.outcome_unknown
    assert error.__doc__


def test_an_answer_becomes_its_exception_with_all_it_told() -> None:
    error = from_answer("NotLeader", "go there", leader=Leader(7, "http://b:1"), request_id="r")
    assert type(error).__name__ == "NotLeader"
    assert (str(error), error.leader, error.request_id) == ("go there", (7, "http://b:1"), "r")


def test_a_name_of_a_newer_release_is_kept() -> None:
    error = from_answer("BrandNew", "what?")
    assert isinstance(error, UnknownError)
    assert (error.name, error.outcome_unknown) == ("BrandNew", True)
    assert "BrandNew" in str(error)


def test_one_instance_may_know_more_than_its_class() -> None:
    assert not SessionExpired("x").outcome_unknown
    assert SessionExpired("x", outcome_unknown=True).outcome_unknown
    assert not SessionExpired.outcome_unknown


def test_everything_raised_on_purpose_has_one_base() -> None:
    own = [each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert all(issubclass(each, QuorateError) for each in own)
