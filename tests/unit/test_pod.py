"""A member that is told of a Kubernetes where there is none goes on without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate_node.config.load import load
from quorate_node.config.model import NodeConfig
from quorate_node.discovery.kubernetes import KubernetesDiscovery, SliceResolver
from quorate_node.kubernetes.client import ApiClient
from quorate_node.pod import api_client, discovery_of, kubernetes_discovery
from tests.unit.api_server.server import Watching, item, listing, serving, surroundings

SERVICE = ["discovery.kind=kubernetes", "discovery.kubernetes_service=q-members", "discovery.dns_name=q-members.shop.svc"]


def configured(folder: Path, *settings: str) -> NodeConfig:
    arguments = [word for setting in (f"kubernetes.service_account_dir={folder}", *settings) for word in ("--set", setting)]
    return load(arguments, {}).config


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("token", "t"), ("namespace", "shop"), ("ca.crt", "")):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return tmp_path


def test_nothing_of_kubernetes_is_touched_where_nothing_asks_for_it(account: Path) -> None:
    assert api_client(configured(account)) is None


async def test_either_of_both_uses_asks_for_it(account: Path) -> None:
    for settings in (SERVICE, ["kubernetes.leader_slice=q-leader", "kubernetes.pod_address=10.0.0.2"]):
        client = api_client(configured(account, *settings))
        assert client is not None and client.namespace == "shop"


async def test_without_a_service_account_peers_come_from_dns_and_the_log_says_why(
    account: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    config = configured(account, *SERVICE)
    client = api_client(config)
    assert client is None
    assert "this member goes on without the Kubernetes API: KUBERNETES_SERVICE_HOST is ''" in caplog.text
    found, resolver = discovery_of(config, client)
    assert not isinstance(found, KubernetesDiscovery) and resolver is None


async def test_the_slices_of_the_one_service_are_watched_and_resolve_its_members(account: Path) -> None:
    async with serving() as server:
        endpoints = [{"addresses": ["10.0.0.2"], "hostname": "q-1"}]
        server.will(listing([item("q-members-x", 3, endpoints=endpoints, ports=[{"name": "peer", "port": 7302}])], 5), Watching())
        config = configured(account, *SERVICE)
        client = ApiClient(surroundings(account, server.url))
        discovery = kubernetes_discovery(config, client)
        discovery.start()
        assert await discovery.peers() == ["http://q-1.q-members.shop.svc:7302"]
        resolved = await SliceResolver(discovery).resolve("q-1.q-members.shop.svc", 7302)
        assert [each["host"] for each in resolved] == ["10.0.0.2"]
        assert server.requests[0].query["labelSelector"] == "kubernetes.io/service-name=q-members"
        await discovery.close()
        await client.close()
