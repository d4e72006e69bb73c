"""Lists are shared by all that ask, and are never older than the question."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, cast

import msgspec
import pytest

from quorate_operator.clients.errors import ApiFailure
from quorate_operator.clients.kinds import CHILDREN, RESOURCE
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.clients.packed import Packed, page_of
from quorate_operator.issuing.parsing import SIGNER
from quorate_operator.observe.listing import REQUESTS, Listing


class Lists:
    """Counts how often each kind is listed; an object `written` is in the lists that begin afterwards."""

    def __init__(self, refusals: dict[str, int] | None = None) -> None:
        self.counts: dict[str, int] = {}
        self.written = 0
        self._refusals = refusals or {}

    async def list(self, kind: str, namespace: str = "", **_: Any) -> list[dict[str, Any]]:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        seen = self.written
        await asyncio.sleep(0.001)
        if kind in self._refusals:
            raise ApiFailure(self._refusals[kind], "NotFound", f"no {kind}")
        if kind == "ConfigMap":
            return [
                {"metadata": {"name": f"m{number}", "namespace": "shop", "labels": {"quorate.io/cluster": "kv"}}} for number in range(seen)
            ]
        return []


    async def list_packed(self, kind: str, namespace: str = "", *, label: str = "") -> list[Packed]:
        return packed(kind, await self.list(kind, namespace, label=label))


def packed(kind: str, items: list[dict[str, Any]]) -> list[Packed]:
    return page_of(kind, msgspec.json.encode({"items": items}))[0]


async def test_all_who_ask_at_the_same_time_share_one_list_of_each_kind() -> None:
    lists = Lists()
    listing = Listing(cast(KubernetesApi, lists))
    await asyncio.gather(*(listing.look() for _ in range(50)))
    assert lists.counts["StatefulSet"] == 1


async def test_one_who_asks_while_lists_are_under_way_gets_the_next() -> None:
    lists = Lists()
    listing = Listing(cast(KubernetesApi, lists))
    first = asyncio.ensure_future(listing.look())
    while "ConfigMap" not in lists.counts:
        await asyncio.sleep(0)
    lists.written = 1
    later = await asyncio.gather(*(listing.look() for _ in range(5)))
    assert len((await first).children(("shop", "kv"), "ConfigMap")) == 0
    assert all(len(each.children(("shop", "kv"), "ConfigMap")) == 1 for each in later), "what was written before the question is seen"
    assert lists.counts["StatefulSet"] == 2


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    listing = Listing(cast(KubernetesApi, Lists()))
    gives_up, stays = asyncio.ensure_future(listing.look()), asyncio.ensure_future(listing.look())
    await asyncio.sleep(0)
    gives_up.cancel()
    assert (await stays).resources == {}


async def test_nothing_is_kept_when_everybody_has_got_it() -> None:
    listing = Listing(cast(KubernetesApi, Lists()))
    listed = weakref.ref(await listing.look())
    await asyncio.sleep(0)
    gc.collect()
    assert listed() is None


async def test_items_say_their_kind_as_a_single_object_does() -> None:
    lists = Lists()
    lists.written = 1
    item = (await Listing(cast(KubernetesApi, lists)).look()).children(("shop", "kv"), "ConfigMap")[0]
    assert (item["apiVersion"], item["kind"]) == ("v1", "ConfigMap")


async def test_kinds_that_a_kubernetes_may_lack_are_told() -> None:
    listed = await Listing(cast(KubernetesApi, Lists({"PodMonitor": 404, "Node": 403}))).look()
    assert listed.missing_kinds == {"PodMonitor", "Node"}


async def test_a_kind_that_must_be_there_fails_the_look_and_the_next_look_is_anew() -> None:
    lists = Lists({"StatefulSet": 403})
    listing = Listing(cast(KubernetesApi, lists))
    for _ in range(2):
        with pytest.raises(ApiFailure):
            await listing.look()
    assert lists.counts["StatefulSet"] == 2
    assert set(CHILDREN) <= set(lists.counts)


class Arriving:
    """A pod is made and asks for its certificate while the lists are under way: its request is in them, and it is not."""

    def __init__(self, label: str) -> None:
        self.pod = {"metadata": {"name": "new", "namespace": "shop", "uid": "p1", "labels": {label: "kv"}}}
        self.label = label
        self.pods_listed = 0

    async def list(self, kind: str, namespace: str = "", *, label: str = "", **_: Any) -> list[dict[str, Any]]:
        if kind == RESOURCE:
            return [{"metadata": {"name": "kv", "namespace": "shop"}, "spec": {"tls": {"mode": "Operator"}}}]
        if kind == REQUESTS:
            extra = {"authentication.kubernetes.io/pod-uid": ["p1"]}
            spec = {"signerName": SIGNER, "username": "system:serviceaccount:shop:any", "extra": extra}
            return [{"metadata": {"name": "r"}, "spec": spec}]
        return []

    async def list_packed(self, kind: str, namespace: str = "", *, label: str = "") -> list[Packed]:
        if kind != "Pod" or label != self.label:
            return []
        self.pods_listed += 1
        return packed(kind, [self.pod] if self.pods_listed > 1 else [])


@pytest.mark.parametrize("label", ["quorate.io/cluster", "quorate.io/inject"])
async def test_a_request_is_never_seen_without_the_pod_that_made_it(label: str) -> None:
    """Else a pod that has done nothing wrong would be denied for being new."""
    lists = Arriving(label)
    listed = await Listing(cast(KubernetesApi, lists)).look()
    assert [item["metadata"]["name"] for item in listed.requests[("shop", "kv")]] == ["r"]
    seen = listed.children(("shop", "kv"), "Pod") if label == "quorate.io/cluster" else listed.injected(("shop", "kv"))
    assert [pod["metadata"]["uid"] for pod in seen] == ["p1"] and lists.pods_listed == 2


async def test_each_namespace_is_listed_on_its_own() -> None:
    lists = Lists()
    await Listing(cast(KubernetesApi, lists), ("a", "b")).look()
    assert lists.counts["Pod"] == 2 * 2, "the clusters' own, and those of others that want a member beside them"
    assert lists.counts["Node"] == 1
