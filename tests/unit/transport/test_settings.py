"""Limits that make no sense are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.transport.listener import ListenerSettings
from quorate_node.transport.settings import TransportSettings


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"dial_timeout_s": 0}, "transport.dial_timeout_s is 0; it must be greater than 0"),
        ({"queue_messages_max": -1}, "transport.queue_messages_max is -1"),
        ({"idle_timeout_s": 0.1}, "transport.idle_timeout_s is 0.1, below twice transport.keepalive_interval_s (0.5)"),
        ({"backoff_max_s": 0.001}, "transport.backoff_base_s is 0.02, above transport.backoff_max_s 0.001"),
        ({"frame_bytes_max": 1000}, "transport.batch_bytes_max is 4194304, above transport.frame_bytes_max 1000"),
        ({"accepted_max": 1}, "transport.unauthenticated_max is 32, above transport.accepted_max 1"),
        ({"compression_level": 30}, "transport.compression_level is 30"),
        ({"advertised_url": "localhost:1"}, "transport.advertised_url is 'localhost:1'; it must be http://host:port"),
    ],
)
def test_a_bad_limit_is_named_with_its_value_and_bound(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        TransportSettings(**{"advertised_url": "http://127.0.0.1:1", **changes})
    assert text in str(caught.value)


def test_the_defaults_are_sound() -> None:
    assert TransportSettings(advertised_url="https://127.0.0.1:1").compression is False
    assert ListenerSettings().head_timeout_s > 0


def test_a_listeners_limit_is_named_too() -> None:
    with pytest.raises(ValueError, match=r"listener.head_timeout_s is 0; it must be greater than 0"):
        ListenerSettings(head_timeout_s=0)
