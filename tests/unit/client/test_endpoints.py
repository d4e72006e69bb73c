"""Which member is asked next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backoff import Backoff
from quorate.endpoints import Endpoints, normalise
from quorate.options import Options, Tls


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("localhost:7301", "http://localhost:7301"),
        (" http://a:1/ ", "http://a:1"),
        ("https://a", "https://a:443"),
        ("http://a", "http://a:80"),
        ("[::1]:9", "http://[::1]:9"),
    ],
)
def test_addresses_have_one_form(given: str, normal: str) -> None:
    assert normalise(given) == normal
    assert normalise("a:1", tls=True) == "https://a:1"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("", "empty"),
        ("ftp://a:1", "scheme 'ftp'"),
        ("http://a:1/path", "path"),
        ("http://u@a:1", "user"),
        ("http://a:99999", "port"),
        ("http://", "HOST"),
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(given: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        normalise(given)


def test_none_given() -> None:
    with pytest.raises(ValueError, match="none given"):
        Endpoints([])


def test_the_leader_is_preferred_until_it_fails() -> None:
    endpoints = Endpoints(["a:1", "b:1"])
    endpoints.set_leader("http://c:1")
    assert endpoints.choose(0.0) == ("http://c:1", 0.0)
    assert endpoints.choose(0.0, prefer_leader=False)[0] in ("http://a:1", "http://b:1")
    assert endpoints.choose(0.0, avoid=["http://c:1"])[0] != "http://c:1"
    endpoints.failed("http://c:1", 0.0)
    assert endpoints.leader == ""
    assert endpoints.choose(0.0)[0] != "http://c:1"
    endpoints.set_leader("no url at all/")
    assert endpoints.leader == ""


def test_a_failing_member_rests_and_the_others_are_asked_first() -> None:
    endpoints = Endpoints(["a:1", "b:1"], backoff=Backoff(1.0, 8.0))
    endpoints.failed("http://a:1", 100.0)
    assert {endpoints.choose(100.0) for _ in range(4)} == {("http://b:1", 0.0)}
    endpoints.failed("http://b:1", 100.3)
    url, wait_s = endpoints.choose(100.3)
    assert url == "http://a:1" or wait_s <= 1.0
    assert 0 < wait_s <= 1.0
    assert endpoints.choose(110.0)[1] == 0.0


def test_equals_take_turns() -> None:
    endpoints = Endpoints(["a:1", "b:1", "c:1"])
    assert len({endpoints.choose(0.0)[0] for _ in range(3)}) == 3


def test_a_named_leader_never_grows_the_list() -> None:
    endpoints = Endpoints(["a:1"])
    for number in range(100):
        endpoints.set_leader(f"http://x{number}:1")
    assert len(endpoints._rest) == 2


@given(st.integers(0, 10_000), st.floats(0.001, 1.0), st.floats(1.0, 100.0))
def test_back_off_is_bounded_and_never_nothing(attempt: int, first_s: float, maximum_s: float) -> None:
    delay_s = Backoff(first_s, maximum_s).delay_s(attempt)
    assert first_s / 2 <= delay_s <= maximum_s


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"consistency": "eventually"}, "consistency: 'eventually'"),
        ({"timeout_s": 0.0}, "timeout_s: 0.0"),
        ({"heartbeat_s": -1.0}, "heartbeat_s: -1.0"),
        ({"inflight_max": 0}, "inflight_max: 0"),
        ({"waiting_max": -1}, "waiting_max: -1"),
        ({"session_ttl_ms": 10}, "session_ttl_ms: 10"),
    ],
)
def test_options_that_cannot_be_are_named(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Options()._replace(**change).check()  # type: ignore[arg-type]


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        Tls(certificate="c.pem").context()
