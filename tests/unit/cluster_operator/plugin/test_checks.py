"""`doctor` finds what is missing of an installation, and names the remedy."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from quorate_operator.api.crd import custom_resource_definition
from quorate_operator.api.model import KIND
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.plugin.checks import Installation, missing_fields
from tests.unit.cluster_operator.plugin.server import Server

CRD = "consensusclusters.quorate.io"


def deployment(ready: int = 2, replicas: int = 2) -> dict[str, Any]:
    container = {"name": "operator", "env": [{"name": "QUORATE_OPERATOR_LEASE_NAME", "value": "the-lease"}]}
    return {
        "kind": "Deployment",
        "metadata": {"name": "quorate-operator", "labels": {"app.kubernetes.io/name": "quorate-operator"}},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}},
        "status": {"readyReplicas": ready},
    }


def lease(age_s: float = 1.0, holder: str = "operator-1") -> dict[str, Any]:
    renewed = (datetime.now(UTC) - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15}
    return {"kind": "Lease", "metadata": {"name": "the-lease"}, "spec": spec}


def role() -> dict[str, Any]:
    return {"kind": "ClusterRole", "metadata": {"name": "quorate-member"}}


def whole() -> Server:
    return Server(custom_resource_definition(), deployment(), lease(), role())


async def failed(server: Server) -> dict[str, str]:
    """Name and message with remedy of every check that failed."""
    checks = await Installation(cast("KubernetesApi", server), "shop", "quorate-system").check()
    assert all(each.remedy for each in checks if not each.ok)
    return {each.name: f"{each.message}; {each.remedy}" for each in checks if not each.ok}


async def test_a_whole_installation_passes_every_check() -> None:
    assert await failed(whole()) == {}


async def test_a_resource_that_is_not_served_is_found() -> None:
    server = whole()
    del server.items["CustomResourceDefinition", CRD]
    server.missing.add(KIND)
    assert set(await failed(server)) == {"resource", "accepts", "refuses"}


async def test_an_old_definition_is_found_with_what_it_lacks() -> None:
    server = whole()
    old = copy.deepcopy(custom_resource_definition())
    del old["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["paused"]
    server.items["CustomResourceDefinition", CRD] = old
    assert "lacks spec.paused" in (await failed(server))["resource"]


@pytest.mark.parametrize("ready, replicas, words", [(0, 2, "describe pods"), (1, 2, "1 of 2"), (0, 0, "nobody changes or heals")])
async def test_operators_that_are_not_ready_are_found(ready: int, replicas: int, words: str) -> None:
    server = whole()
    server.items["Deployment", "quorate-operator"] = deployment(ready, replicas)
    assert words in (await failed(server))["operator"]


async def test_an_operator_in_another_namespace_is_asked_for() -> None:
    server = whole()
    del server.items["Deployment", "quorate-operator"]
    assert "--operator-namespace" in (await failed(server))["operator"]


@pytest.mark.parametrize("found, words", [(lease(100), "has not renewed"), (lease(holder=""), "nobody holds")])
async def test_a_lease_that_nobody_renews_is_found(found: dict[str, Any], words: str) -> None:
    server = whole()
    server.items["Lease", "the-lease"] = found
    assert words in (await failed(server))["lease"]


async def test_a_missing_role_is_found_and_what_may_not_be_seen_is_said() -> None:
    server = whole()
    del server.items["ClusterRole", "quorate-member"]
    server.forbidden.add("Deployment")
    found = await failed(server)
    assert set(found) == {"operator", "lease", "member role"} and "ask somebody who may" in found["operator"]


def test_fields_are_missed_at_any_depth() -> None:
    wanted = {"properties": {"a": {"items": {"properties": {"b": {}, "c": {}}}}, "d": {}}}
    there = {"properties": {"a": {"items": {"properties": {"b": {}}}}}}
    assert missing_fields(wanted, there) == ["a[].c", "d"]
