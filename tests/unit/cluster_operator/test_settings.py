"""The operator's settings: from the environment or flags, and one clear line for a wrong one."""

from __future__ import annotations

import pytest

from quorate_operator.settings import BadSettings, address_type, settings_from


def test_defaults_hold_without_any_environment() -> None:
    found = settings_from([], {})
    assert (found.watch_namespaces, found.port, found.tick_s) == ((), 8080, 30.0)


def test_the_environment_and_a_flag_that_wins() -> None:
    environment = {"QUORATE_OPERATOR_WATCH_NAMESPACES": "a, b", "QUORATE_OPERATOR_TICK_S": "5", "QUORATE_OPERATOR_PORT": ""}
    found = settings_from(["--tick-s", "7"], environment)
    assert (found.watch_namespaces, found.tick_s, found.port) == (("a", "b"), 7.0, 8080)


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--port", "70000"], {}, ["QUORATE_OPERATOR_PORT", "--port", "70000", "65535"]),
        ([], {"QUORATE_OPERATOR_LOG_LEVEL": "loud"}, ["QUORATE_OPERATOR_LOG_LEVEL", "loud", "debug"]),
        ([], {"QUORATE_OPERATOR_WATCH_NAMESPACES": "Not_A_Name"}, ["QUORATE_OPERATOR_WATCH_NAMESPACES", "Not_A_Name"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(
    arguments: list[str], environment: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(BadSettings) as wrong:
        settings_from(arguments, environment)
    assert all(word in str(wrong.value) for word in words), str(wrong.value)


@pytest.mark.parametrize("host, family", [("10.96.0.1", "IPv4"), ("fd00:10:96::1", "IPv6"), (None, "IPv4")])
def test_the_family_of_pods_is_that_of_the_api_servers_own_service(host: str | None, family: str) -> None:
    assert address_type({} if host is None else {"KUBERNETES_SERVICE_HOST": host}) == family
