"""The server, really served over TLS: what it answers while everything is well, and while nothing is."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from quorate_operator.clients.errors import ApiFailure, ApiUnreachable
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.injection import webhook as module
from quorate_operator.injection.material import material_of
from quorate_operator.injection.serving import CONFIGURATION, Serving
from quorate_operator.injection.webhook import BODY_BYTES_MAX, PATH, Webhook
from quorate_operator.objects.injection import INJECT_LABEL
from quorate_operator.observe.world import Defaults

NAME = "quorate-injection"
POD = {"metadata": {"labels": {INJECT_LABEL: "orders"}}, "spec": {"containers": [{"name": "app"}]}}


class Kubernetes:
    """Objects by kind and name; versions rise with every write."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {
            ("ConsensusCluster", "orders"): {"metadata": {"name": "orders", "namespace": "shop", "uid": "u1"}, "spec": {}},
            (CONFIGURATION, NAME): {"metadata": {"name": NAME}, "webhooks": [{"name": "inject.quorate.io", "clientConfig": {}}]},
        }
        self.failure: Exception | None = None
        self.delay_s = 0.0
        self.writes: list[str] = []

    async def get(self, kind: str, _namespace: str, name: str) -> dict[str, Any] | None:
        await asyncio.sleep(self.delay_s)
        if self.failure is not None:
            raise self.failure
        return self.items.get((kind, name))

    async def create(self, item: dict[str, Any]) -> dict[str, Any]:
        return self._write("create", item, "1")

    async def replace(self, item: dict[str, Any]) -> dict[str, Any]:
        there = self.items[item["kind"], item["metadata"]["name"]]
        if there["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
            raise ApiFailure(409, "Conflict", "changed", 0.0)
        return self._write("replace", item, str(int(there["metadata"]["resourceVersion"]) + 1))

    def _write(self, verb: str, item: dict[str, Any], version: str) -> dict[str, Any]:
        self.writes.append(verb)
        live = {**item, "metadata": {**item["metadata"], "uid": "s1", "resourceVersion": version}}
        self.items[item["kind"], item["metadata"]["name"]] = live
        return live

    async def patch(self, kind: str, _namespace: str, name: str, body: dict[str, Any], *, media: str) -> None:
        assert media == "application/strategic-merge-patch+json"
        self.writes.append("patch")
        self.items[kind, name] = {**self.items[kind, name], "webhooks": body["webhooks"]}

    @property
    def bundle(self) -> str:
        return base64.b64decode(self.items[CONFIGURATION, NAME]["webhooks"][0]["clientConfig"]["caBundle"]).decode()


class World:
    def __init__(self, folder: Path | None = None) -> None:
        self.kubernetes = Kubernetes()
        self.counted: list[str] = []
        self.seen: list[tuple[str, str]] = []
        self.leads = True
        api = cast(KubernetesApi, self.kubernetes)
        self.webhook = Webhook(api, Defaults("quorate-system", "quorate", "0.1.0"), (), self.counted.append, self.seen.append)
        self.serving = Serving(api, self.webhook, lambda: self.leads, "quorate-system", NAME, "localhost", 0, folder)

    @property
    def port(self) -> int:
        assert self.serving._runner is not None
        # Of port 0 each address family has its own.
        return next(int(address[1]) for address in self.serving._runner.addresses if address[0] == "0.0.0.0")

    async def ask(self, body: Any, *, pem: str = "") -> tuple[int, Any]:
        context = ssl.create_default_context(cadata=pem or self.kubernetes.bundle)
        async with aiohttp.ClientSession() as session:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            async with session.post(f"https://localhost:{self.port}{PATH}", data=data, ssl=context) as answer:
                return answer.status, await answer.json() if answer.status == 200 else await answer.text()


def review(pod: Any = None, namespace: str = "shop") -> dict[str, Any]:
    request = {"uid": "r1", "namespace": namespace, "kind": {"kind": "Pod"}, "operation": "CREATE", "object": pod or POD}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    if made.serving._runner is not None:
        await made.serving._runner.cleanup()


async def test_the_api_server_is_told_whom_to_trust_and_gets_its_answer(world: World) -> None:
    await world.serving.turn()
    assert world.kubernetes.writes == ["create", "patch"]
    status, said = await world.ask(review())
    assert status == 200 and said["response"]["allowed"] and said["response"]["patchType"] == "JSONPatch"
    assert world.counted == ["injected"] and world.seen == [("shop", "orders")]


async def test_what_is_settled_costs_no_write(world: World) -> None:
    for _ in range(5):
        await world.serving.turn()
    assert world.kubernetes.writes == ["create", "patch"]


async def test_a_standby_serves_what_the_other_has_made_and_writes_nothing(world: World) -> None:
    world.leads = False
    await world.serving.turn()
    assert world.serving._runner is None and world.kubernetes.writes == []
    other = World()
    other.serving.kubernetes = cast(KubernetesApi, world.kubernetes)
    await other.serving.turn()
    await world.serving.turn()
    assert (await world.ask(review()))[0] == 200 and len(world.kubernetes.writes) == 2
    assert other.serving._runner is not None
    await other.serving._runner.cleanup()


async def test_who_edits_the_bundle_or_damages_the_secret_is_put_right_without_a_restart(world: World) -> None:
    await world.serving.turn()
    world.kubernetes.items[CONFIGURATION, NAME]["webhooks"][0]["clientConfig"]["caBundle"] = base64.b64encode(b"x").decode()
    await world.serving.turn()
    assert (await world.ask(review()))[0] == 200
    world.kubernetes.items["Secret", NAME]["data"]["tls.crt"] = "AAAA"
    await world.serving.turn()
    assert material_of(world.kubernetes.items["Secret", NAME]).bundle == world.kubernetes.bundle
    assert (await world.ask(review()))[0] == 200


async def test_somebody_elses_certificate_is_served_from_its_folder(tmp_path: Path) -> None:
    source = World()
    await source.serving.turn()
    assert source.serving._runner is not None
    await source.serving._runner.cleanup()
    material = material_of(source.kubernetes.items["Secret", NAME])
    (tmp_path / "tls.crt").write_text(material.certificate)
    (tmp_path / "tls.key").write_text(material.key)
    world = World(tmp_path)
    await world.serving.turn()
    assert world.kubernetes.writes == [], "it is told by whoever keeps the folder"
    assert (await world.ask(review(), pem=material.bundle))[0] == 200
    assert world.serving._runner is not None
    await world.serving._runner.cleanup()


@pytest.mark.parametrize("failure", [ApiUnreachable("gone"), ApiFailure(403, "Forbidden", "no", 0.0)])
async def test_an_api_server_that_does_not_answer_costs_the_pod_its_sidecar_and_nothing_else(world: World, failure: Exception) -> None:
    await world.serving.turn()
    world.kubernetes.failure = failure
    _, said = await world.ask(review())
    assert said["response"]["allowed"] and "could not be looked up" in said["response"]["warnings"][0]
    assert world.counted == ["refused"] and world.seen == []


async def test_nor_does_one_that_is_slow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.serving.turn()
    monkeypatch.setattr(module, "LOOKUP_S", 0.05)
    world.kubernetes.delay_s = 5.0
    async with asyncio.timeout(2):
        _, said = await world.ask(review())
    assert said["response"]["allowed"] and "could not be looked up" in said["response"]["warnings"][0]


async def test_a_label_that_names_no_cluster_wakes_nobody(world: World) -> None:
    await world.serving.turn()
    for namespace in ("shop", "other"):
        world.kubernetes.items.pop(("ConsensusCluster", "orders"), None)
        _, said = await world.ask(review(namespace=namespace))
        assert said["response"]["allowed"] and "there is no ConsensusCluster 'orders'" in said["response"]["warnings"][0]
    assert world.seen == []


async def test_of_other_namespaces_nothing_is_looked_up(world: World) -> None:
    await world.serving.turn()
    world.webhook.namespaces = ("shop",)
    _, said = await world.ask(review(namespace="elsewhere"))
    assert "does not look after its namespace" in said["response"]["warnings"][0]


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"{", 400), (b"[]", 400), (b"x" * (BODY_BYTES_MAX + 1), 413)], ids=["empty", "half", "list", "large"]
)
async def test_what_is_no_review_is_refused_in_one_line(world: World, body: bytes, status: int) -> None:
    await world.serving.turn()
    found, text = await world.ask(body)
    assert found == status and len(text) < 200
