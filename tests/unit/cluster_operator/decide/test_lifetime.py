"""Times are compared without a clock, and a certificate that runs out is seen by the status alone."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_operator.decide.lifetime import runs_out, seconds
from quorate_operator.decide.world import Certificate

moments = st.integers(0, 253_402_300_799).map(lambda second: dt.datetime.fromtimestamp(second, dt.UTC))


@given(moments)
def test_seconds_are_those_of_the_calendar(moment: dt.datetime) -> None:
    assert seconds(moment.strftime("%Y-%m-%dT%H:%M:%SZ")) == int(moment.timestamp())


@pytest.mark.parametrize("text", ["", "soon", "2026-01-01", "2026-01-01T00:00:00+01:00"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert seconds(text) is None
    assert not runs_out(Certificate("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"), text)


@pytest.mark.parametrize(
    ("now", "expected"), [("2026-01-01T00:00:00Z", False), ("2026-03-09T00:00:00Z", False), ("2026-03-10T00:00:00Z", True)]
)
def test_it_runs_out_with_the_last_quarter_of_its_life(now: str, expected: bool) -> None:
    assert runs_out(Certificate("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"), now) == expected
