"""Who leads is in the leader's EndpointSlice, and a deposed leader never is again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from quorate_node.kubernetes.client import ApiClient
from quorate_node.kubernetes.leader_slice import CLUSTER_ANNOTATION, TERM_ANNOTATION, LeaderSlice, Place, Reign
from tests.unit.api_server.server import Server, status

PLACE = Place("q-leader", "q-1", "10.0.0.2", "api", 7301)


class Slice:
    """The one object, with the API server's optimistic lock. `trouble` is answered before anything is done."""

    def __init__(self) -> None:
        self.item: dict[str, Any] = {"metadata": {"name": "q-leader", "resourceVersion": "1"}, "addressType": "IPv4", "endpoints": None}
        self.trouble: list[web.Response] = []
        self.patches = 0
        self.before_patch: Callable[[], None] | None = None
        """What happens once between somebody's read and the write that follows it."""
        self._changed = asyncio.Event()

    def write(self, patch: dict[str, Any]) -> None:
        metadata = {**self.item["metadata"], "resourceVersion": str(int(self.item["metadata"]["resourceVersion"]) + 1)}
        annotations = {**metadata.get("annotations", {}), **patch.get("metadata", {}).get("annotations", {})}
        self.item = {**self.item, **patch, "metadata": {**metadata, "annotations": annotations}}
        self._changed.set()
        self._changed = asyncio.Event()

    def by(self, cluster_id: int, term: int, address: str) -> None:
        annotations = {CLUSTER_ANNOTATION: str(cluster_id), TERM_ANNOTATION: str(term)}
        self.write({"metadata": {"annotations": annotations}, "endpoints": [{"addresses": [address]}]})

    @property
    def address(self) -> str:
        return self.item["endpoints"][0]["addresses"][0] if self.item["endpoints"] else ""

    @property
    def term(self) -> str:
        return str(self.item["metadata"].get("annotations", {}).get(TERM_ANNOTATION, ""))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.trouble:
            return self.trouble.pop(0)
        if request.method == "PATCH":
            patch = json.loads(await request.read())
            self.patches += 1
            if self.before_patch is not None:
                happens, self.before_patch = self.before_patch, None
                happens()
            if patch["metadata"]["resourceVersion"] != self.item["metadata"]["resourceVersion"]:
                return status(409, "Conflict", "the object has been modified")
            self.write(patch)
        elif "watch" in request.query:
            return await self._watched(request)
        elif request.path.endswith("/endpointslices"):
            assert request.query["fieldSelector"] == "metadata.name=q-leader"
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": [self.item]})
        return web.json_response(self.item)

    async def _watched(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            changed = self._changed
            await response.write(json.dumps({"type": "MODIFIED", "object": self.item}).encode() + b"\n")
            await changed.wait()


class Member:
    def __init__(self, client: ApiClient) -> None:
        self.reign: Reign | None = None
        self.slice = LeaderSlice(client, PLACE, lambda: self.reign)

    def leads(self, term: int | None, cluster_id: int = 5) -> None:
        self.reign = Reign(cluster_id, term) if term is not None else None
        self.slice.wake()


@pytest.fixture
def held(server: Server) -> Slice:
    found = Slice()
    server.answers.append(found.answer)
    return found


@pytest.fixture
async def member(client: ApiClient, held: Slice) -> AsyncIterator[Member]:
    found = Member(client)
    found.slice.start()
    yield found
    await found.slice.close()


async def until(condition: Any, within_s: float = 3.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


async def test_who_leads_writes_its_own_address_with_its_term(member: Member, held: Slice) -> None:
    await asyncio.sleep(0.05)
    assert held.patches == 0, "a follower writes nothing"
    member.leads(3)
    await until(lambda: held.address == "10.0.0.2")
    assert held.term == "3"
    assert held.item["ports"] == [{"name": "api", "port": 7301, "protocol": "TCP"}]
    assert held.item["endpoints"][0]["targetRef"]["name"] == "q-1"
    await asyncio.sleep(0.1)
    assert held.patches == 1, "what is as it should be is not written again"


async def test_a_newer_term_is_never_overwritten(member: Member, held: Slice) -> None:
    held.by(5, 9, "10.0.0.7")
    member.leads(8)
    await asyncio.sleep(0.15)
    assert (held.address, held.patches) == ("10.0.0.7", 0)
    member.leads(10)
    await until(lambda: held.address == "10.0.0.2")


async def test_a_write_that_was_overtaken_gives_way_to_the_newer_term(member: Member, held: Slice) -> None:
    """It read an old slice, and before its write came another member's of a later term did."""

    held.before_patch = lambda: held.by(5, 9, "10.0.0.7")
    member.leads(8)
    await until(lambda: held.patches == 1)
    await asyncio.sleep(0.15)
    assert (held.address, held.term, held.patches) == ("10.0.0.7", "9", 1)


async def test_terms_of_a_cluster_that_was_there_before_say_nothing(member: Member, held: Slice) -> None:
    held.by(4, 900, "10.0.0.7")
    member.leads(2)
    await until(lambda: (held.address, held.term) == ("10.0.0.2", "2"))


async def test_a_slice_that_somebody_edits_is_put_right(member: Member, held: Slice) -> None:
    member.leads(3)
    await until(lambda: held.address == "10.0.0.2")
    held.write({"endpoints": []})
    await until(lambda: held.address == "10.0.0.2")


async def test_a_deposed_leader_writes_no_more(member: Member, held: Slice) -> None:
    member.leads(3)
    await until(lambda: held.address == "10.0.0.2")
    member.leads(None)
    await asyncio.sleep(0.05)
    held.write({"endpoints": []})
    await asyncio.sleep(0.1)
    assert held.address == ""


async def test_an_api_server_in_trouble_is_asked_again(member: Member, held: Slice, caplog: pytest.LogCaptureFixture) -> None:
    held.trouble = [
        status(403, "Forbidden", "may not"),
        web.Response(status=503),
        web.json_response({"metadata": {"resourceVersion": "1"}, "items": [held.item]}),
        status(500, "InternalError", "etcd"),
    ]
    member.leads(3)
    await until(lambda: held.address == "10.0.0.2")


async def test_a_slice_of_the_other_family_is_left_alone_and_named(member: Member, held: Slice, caplog: pytest.LogCaptureFixture) -> None:
    held.item["addressType"] = "IPv6"
    member.leads(3)
    await asyncio.sleep(0.15)
    assert held.patches == 0
    assert "for IPv6 addresses and this pod has 10.0.0.2: delete it" in caplog.text
