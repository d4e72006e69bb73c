"""Requests of nobody's account: denied, unless a resource or a pod that came a moment ago says otherwise."""

from __future__ import annotations

from typing import Any, cast

import pytest

from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.issuing.issuer import Issuer
from tests.unit.cluster_operator.issuing.requests import item, pem

USER = "system:serviceaccount:shop:payments"


class Api:
    """A namespace with one cluster, as it is now."""

    def __init__(self, pods: list[dict[str, Any]], mode: str) -> None:
        self.pods = pods
        self.mode = mode
        self.request = item(pem(), username=USER)
        self.denied: list[str] = []

    async def list(self, kind: str, namespace: str = "", *, label: str = "", field: str = "", **_: Any) -> list[dict[str, Any]]:
        assert namespace == "shop"
        if kind == "ConsensusCluster":
            return [{"metadata": {"name": "orders", "namespace": "shop"}, "spec": {"tls": {"mode": self.mode}}}]
        assert (kind, label, field) == ("Pod", "quorate.io/inject", "metadata.name=orders-0")
        return self.pods

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        return self.request

    async def replace(self, changed: dict[str, Any], subresource: str = "") -> dict[str, Any]:
        self.denied += [condition["reason"] for condition in changed["status"]["conditions"]]
        return changed


def pod(cluster: str, uid: str = "p0") -> dict[str, Any]:
    return {"metadata": {"name": "orders-0", "uid": uid, "labels": {"quorate.io/inject": cluster}}}


@pytest.mark.parametrize(
    ("pods", "mode", "expected"),
    [
        ([pod("orders")], "Operator", []),
        ([], "Operator", ["ForeignAccount"]),
        ([pod("another")], "Operator", ["ForeignAccount"]),
        ([pod("orders", uid="a later one of its name")], "Operator", ["ForeignAccount"]),
        ([pod("orders")], "Disabled", ["ForeignAccount"]),
    ],
)
async def test_who_wants_a_member_beside_it_is_judged_by_that_cluster(pods: list[dict[str, Any]], mode: str, expected: list[str]) -> None:
    api = Api(pods, mode)
    await Issuer(cast(KubernetesApi, api), "quorate-system").deny_stranger(api.request)
    assert api.denied == expected
