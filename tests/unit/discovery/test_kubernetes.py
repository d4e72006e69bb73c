"""Peers from the members' EndpointSlices, from DNS while nobody tells, and from memory when DNS is gone too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from quorate_node.discovery.dns import DnsDiscovery
from quorate_node.discovery.interface import DiscoveryFailure
from quorate_node.discovery.kubernetes import KubernetesDiscovery, SliceResolver
from quorate_node.discovery.slices import Endpoint, endpoints_of
from quorate_node.kubernetes.errors import ApiUnreachable
from quorate_node.kubernetes.following import View

DOMAIN = "q-members.shop.svc"
GONE = ApiUnreachable("connection refused")


def endpoint(name: str, *addresses: str, **fields: Any) -> dict[str, Any]:
    return {"addresses": list(addresses), "hostname": name, "targetRef": {"kind": "Pod", "name": name}, **fields}


def piece(*endpoints: dict[str, Any]) -> dict[str, Any]:
    return {"addressType": "IPv4", "endpoints": list(endpoints), "ports": [{"name": "api", "port": 7301}, {"name": "peer", "port": 7302}]}


class Source:
    """The test says what the API server says, and what DNS does."""

    def __init__(self) -> None:
        self.views: asyncio.Queue[View] = asyncio.Queue()
        self.dns: list[str] | Exception = socket.gaierror(socket.EAI_NONAME, "unknown")
        self.asked: list[str] = []

    async def follow(self) -> AsyncGenerator[View, None]:
        while True:
            yield await self.views.get()

    async def resolve(self, host: str, port: int) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        if isinstance(self.dns, Exception):
            raise self.dns
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.dns]

    def tell(self, *endpoints: dict[str, Any], failure: ApiUnreachable | None = None) -> None:
        self.views.put_nowait(View({"q-members-x": piece(*endpoints)}, failure))


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
async def discovery(source: Source) -> AsyncIterator[KubernetesDiscovery]:
    dns = DnsDiscovery(DOMAIN, 7302, scheme="https", resolve=source.resolve)
    found = KubernetesDiscovery(source.follow, dns, DOMAIN, 7302, scheme="https", first_view_s=0.05, interval_s=0.02)
    found.start()
    yield found
    await found.close()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_members_are_named_as_their_certificates_are(source: Source, discovery: KubernetesDiscovery) -> None:
    source.tell(endpoint("q-1", "10.0.0.2"), endpoint("q-0", "10.0.0.1"))
    assert await discovery.peers() == [f"https://q-0.{DOMAIN}:7302", f"https://q-1.{DOMAIN}:7302"]
    assert source.asked == []


async def test_a_change_is_told_at_once_and_nothing_is_polled(source: Source, discovery: KubernetesDiscovery) -> None:
    source.tell(endpoint("q-0", "10.0.0.1"))
    watch = discovery.watch()
    assert len(await asyncio.wait_for(anext(watch), 1)) == 1
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0.1)
    source.tell(endpoint("q-0", "10.0.0.1"), endpoint("q-1", "10.0.0.2"))
    assert len(await asyncio.wait_for(waiting, 1)) == 2
    assert source.asked == []


async def test_dns_is_asked_while_the_api_server_is_away_and_not_after_it_is_back(source: Source, discovery: KubernetesDiscovery) -> None:
    source.dns = ["10.0.0.7"]
    source.tell(endpoint("q-0", "10.0.0.1"), failure=GONE)
    assert await discovery.peers() == ["https://10.0.0.7:7302"]
    source.tell(endpoint("q-0", "10.0.0.1"))
    await settle()
    assert await discovery.peers() == [f"https://q-0.{DOMAIN}:7302"]


async def test_an_api_server_that_never_answers_costs_a_moment_once(source: Source, discovery: KubernetesDiscovery) -> None:
    source.dns = ["10.0.0.7"]
    assert await asyncio.wait_for(discovery.peers(), 1) == ["https://10.0.0.7:7302"]


async def test_without_api_server_and_dns_what_was_known_stays(source: Source, discovery: KubernetesDiscovery) -> None:
    with pytest.raises(DiscoveryFailure, match="the API server does not tell, and DNS could not resolve"):
        await discovery.peers()
    source.tell(endpoint("q-0", "10.0.0.1"))
    source.tell(endpoint("q-0", "10.0.0.1"), failure=GONE)
    await settle()
    assert not discovery.live
    assert await discovery.peers() == [f"https://q-0.{DOMAIN}:7302"]


async def test_a_member_that_moved_is_dialled_where_it_is_now(source: Source, discovery: KubernetesDiscovery) -> None:
    resolver = SliceResolver(discovery, source.resolve)
    for address in ("10.0.0.1", "10.0.0.9"):
        source.tell(endpoint("q-0", address))
        await settle()
        found = await resolver.resolve(f"Q-0.{DOMAIN}", 7302)
        assert [(each["host"], each["port"]) for each in found] == [(address, 7302)]
    assert source.asked == []


async def test_names_are_resolved_by_dns_when_the_slices_are_old_and_from_memory_when_that_fails(
    source: Source, discovery: KubernetesDiscovery
) -> None:
    resolver = SliceResolver(discovery, source.resolve)
    source.tell(endpoint("q-0", "10.0.0.1"), failure=GONE)
    await settle()
    assert [each["host"] for each in await resolver.resolve(f"q-0.{DOMAIN}")] == ["10.0.0.1"]
    source.dns = ["10.0.0.2", "10.0.0.2"]
    assert [each["host"] for each in await resolver.resolve(f"q-0.{DOMAIN}")] == ["10.0.0.2"]


@pytest.mark.parametrize("host", ["elsewhere.example", f"q-5.{DOMAIN}", "q-0", f"q-0.{DOMAIN}.evil.example"])
async def test_a_host_that_is_no_member_is_asked_of_dns(source: Source, discovery: KubernetesDiscovery, host: str) -> None:
    source.tell(endpoint("q-0", "10.0.0.1"))
    await settle()
    with pytest.raises(socket.gaierror):
        await SliceResolver(discovery, source.resolve).resolve(host)
    assert source.asked == [host]


class TestWhatSlicesSay:
    def test_a_pod_that_ends_is_dialled_after_the_one_that_takes_its_place(self) -> None:
        ending = endpoint("q-0", "10.0.0.1", conditions={"ready": False, "terminating": True})
        found = endpoints_of({"a": piece(ending), "b": piece(endpoint("q-0", "10.0.0.9", conditions={"ready": False}))})
        assert found == [Endpoint("q-0", ("10.0.0.9", "10.0.0.1"), 7302)]

    def test_both_families_of_a_member_are_one_member(self) -> None:
        found = endpoints_of({"v4": piece(endpoint("q-0", "10.0.0.1")), "v6": piece(endpoint("q-0", "fd00:0::1"))})
        assert found == [Endpoint("q-0", ("10.0.0.1", "fd00::1"), 7302)]

    def test_a_pod_without_a_hostname_has_its_name_and_a_bare_address_none(self) -> None:
        pod = endpoint("", "10.0.0.1", targetRef={"kind": "Pod", "name": "q-3"})
        bare = {"addresses": ["10.0.0.2"]}
        assert [each.name for each in endpoints_of({"a": piece(pod, bare)})] == ["q-3", ""]

    @pytest.mark.parametrize(
        "nonsense",
        [
            {},
            {"endpoints": None, "ports": None},
            {"endpoints": ["x", {"addresses": "10.0.0.1"}, {"addresses": ["no address", 7]}], "ports": [{"name": "peer", "port": "x"}]},
            {"endpoints": [{"hostname": "q-0", "conditions": [], "targetRef": []}]},
        ],
    )
    def test_what_is_not_understood_is_passed_over(self, nonsense: dict[str, Any]) -> None:
        assert endpoints_of({"a": nonsense, "b": piece(endpoint("q-0", "10.0.0.1"))}) == [Endpoint("q-0", ("10.0.0.1",), 7302)]
