"""Peers from a list and from DNS."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quorate_node.discovery.dns import DnsDiscovery
from quorate_node.discovery.interface import DiscoveryFailure
from quorate_node.discovery.static import StaticDiscovery
from quorate_node.discovery.urls import PEERS_MAX, peer_url, peer_urls

Answers = list[list[str] | Exception]


async def test_a_static_list_is_sorted_without_duplicates_and_never_changes() -> None:
    static = StaticDiscovery(["http://b:2", "HTTP://A:1/", "http://b:2"])
    assert await static.peers() == ["http://a:1", "http://b:2"]
    assert [found async for found in static.watch()] == [["http://a:1", "http://b:2"]]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("localhost:2390", "needs a scheme, a host and a port"),
        ("http://localhost", "needs a scheme, a host and a port"),
        ("http://localhost:99999", "Port out of range"),
        ("http://localhost:1/path", "has more than scheme, host and port: write http://localhost:1"),
        ("http://user@localhost:1", "has more than scheme, host and port"),
        ("ftp://localhost:1", "needs a scheme"),
        ("http://[::1:1", "Invalid IPv6"),
    ],
)
def test_a_url_that_is_none_is_named_with_the_remedy(url: str, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        StaticDiscovery([url])
    assert text in str(caught.value)
    assert repr(url) in str(caught.value)


def test_more_peers_than_the_limit_are_refused() -> None:
    with pytest.raises(ValueError, match=f"{PEERS_MAX + 1} peer URLs"):
        peer_urls(f"http://h{number}:1" for number in range(PEERS_MAX + 1))


def test_addresses_of_version_6_keep_their_brackets() -> None:
    assert peer_url("http://[::1]:2390/") == "http://[::1]:2390"


def discovery(answers: Answers, slept: list[float] | None = None, **settings: Any) -> DnsDiscovery:
    """DNS that gives these answers, one after the other, and the last one for ever."""

    async def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
        assert (host, port) == ("peers.example", 2390)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]

    async def sleep(delay_s: float) -> None:
        if slept is not None:
            slept.append(delay_s)
        await asyncio.sleep(0)

    return DnsDiscovery("peers.example", 2390, resolve=resolve, sleep=sleep, random=lambda: 0.5, **settings)


async def test_each_address_is_a_peer() -> None:
    found = await discovery([["10.0.0.2", "10.0.0.1", "10.0.0.2", "fd00::1"]], scheme="https").peers()
    assert found == ["https://10.0.0.1:2390", "https://10.0.0.2:2390", "https://[fd00::1]:2390"]


async def take(watch: AsyncIterator[list[str]], count: int) -> list[list[str]]:
    found = []
    async for one in watch:
        found.append(one)
        if len(found) == count:
            break
    return found


async def test_a_watch_tells_changes_only_and_a_failure_takes_nobody_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    gone = socket.gaierror(socket.EAI_AGAIN, "try again")
    slept: list[float] = []
    answers: Answers = [["10.0.0.1"], ["10.0.0.1"], gone, gone, ["10.0.0.1"], ["10.0.0.1", "10.0.0.2"]]
    found = await take(discovery(answers, slept, interval_s=4).watch(), 2)
    assert found == [["http://10.0.0.1:2390"], ["http://10.0.0.1:2390", "http://10.0.0.2:2390"]]
    assert slept == [4.0] * 5
    assert caplog.text.count("peers stay as they were: DNS could not resolve peers.example") == 1


@pytest.mark.parametrize(("draw", "delay_s"), [(0.0, 3.0), (0.999, 4.998)])
async def test_members_do_not_ask_in_step(draw: float, delay_s: float) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"10.0.0.{len(slept)}", port))]

    await take(DnsDiscovery("x", 1, interval_s=4, resolve=resolve, sleep=sleep, random=lambda: draw).watch(), 2)
    assert slept == [pytest.approx(delay_s)]


async def test_an_answer_that_does_not_come_is_a_failure_within_the_bound() -> None:
    async def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(DiscoveryFailure, match=r"DNS gave no answer for peers within 0\.02 s"):
        await DnsDiscovery("peers", 1, timeout_s=0.02, resolve=resolve).peers()


async def test_an_answer_over_the_limit_is_a_failure() -> None:
    addresses = [f"10.0.{number // 250}.{number % 250}" for number in range(PEERS_MAX + 1)]
    with pytest.raises(DiscoveryFailure, match="over the limit"):
        await discovery([addresses]).peers()


async def test_the_systems_resolver_knows_loopback() -> None:
    found = await DnsDiscovery("localhost", 2390).peers()
    assert "http://127.0.0.1:2390" in found or "http://[::1]:2390" in found


@pytest.mark.parametrize("changes", [{"interval_s": 0}, {"timeout_s": -1}])
def test_bad_settings_are_named(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"discovery\.dns\..* must be greater than 0"):
        DnsDiscovery("peers", 1, **changes)
