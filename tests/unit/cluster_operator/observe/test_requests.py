"""Every open request has one judge at most: the cluster of the pod that asked, else of the user who did."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_operator.objects.access import members_user, members_user_of
from quorate_operator.observe.requests import by_judge
from tests.unit.cluster_operator.resources import identity_of, spec_of

Object = dict[str, Any]
Pods = dict[str, list[str]]
"""Uids by the cluster."""


def resource(name: str, **spec: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"tls": {"mode": "Operator"}, **spec}}


def sharing(account: str) -> Object:
    return {"podTemplate": {"spec": {"serviceAccountName": account}}}


def request(account: str, *pod_uids: str, **status: Any) -> Object:
    extra = {"authentication.kubernetes.io/pod-uid": list(pod_uids)}
    spec = {"signerName": "quorate.io/member", "username": f"system:serviceaccount:shop:{account}", "extra": extra}
    return {"metadata": {"name": "x"}, "spec": spec, "status": status}


def judge(item: Object, *resources: Object, pods: Pods | None = None, injected: Pods | None = None) -> object:
    """Name of the judging cluster, None for nobody, and "" for a request that needs no judgement any more."""
    found = {("shop", each["metadata"]["name"]): each for each in resources}
    kinds = [{("shop", name): uids for name, uids in (kind or {}).items()} for kind in (pods, injected)]
    judged = by_judge(found, kinds, [item])
    assert sum(map(len, judged.values())) <= 1
    return next((key[1] if key is not None else None for key in judged), "")


def test_a_clusters_own_account_says_whose_it_is_even_without_a_pod() -> None:
    assert judge(request("orders"), resource("orders"), resource("other")) == "orders"
    assert judge(request("payments"), resource("orders")) is None
    assert judge(request("shop"), resource("orders", **sharing("shop"))) == "orders"
    assert judge(request("orders"), resource("orders", **sharing("shop"))) is None


def test_of_clusters_that_share_an_account_the_one_whose_pod_asked_judges() -> None:
    both = resource("a", **sharing("shop")), resource("b", **sharing("shop"))
    pods = {"a": ["a0"], "b": ["b0"]}
    assert judge(request("shop", "b0"), *both, pods=pods) == "b"
    assert judge(request("shop", "a0"), *both, pods=pods) == "a"
    for uids in ([], ["gone"], ["a0", "b0"]):
        assert judge(request("shop", *uids), *both, pods=pods) == "a", "the first of them denies what no pod of theirs has asked"


def test_a_pod_that_still_runs_as_the_former_account_is_judged_by_its_cluster() -> None:
    changed, neighbour = resource("b", **sharing("new")), resource("a", **sharing("old"))
    assert judge(request("old", "b0"), changed, pods={"b": ["b0"]}) == "b"
    assert judge(request("old", "b0"), neighbour, changed, pods={"b": ["b0"]}) == "b"


def test_a_cluster_with_certificates_from_elsewhere_judges_nothing() -> None:
    elsewhere = resource("orders", tls={"mode": "CertManager"})
    assert judge(request("orders", "o0"), elsewhere, pods={"orders": ["o0"]}) is None


def test_a_pod_of_others_is_judged_by_the_cluster_that_it_wants_a_member_of() -> None:
    both = resource("a"), resource("b")
    assert judge(request("payments", "web"), *both, injected={"b": ["web"]}) == "b"
    assert judge(request("payments", "web"), *both) is None
    assert judge(request("payments", "web"), resource("a"), resource("b", tls={}), injected={"b": ["web"]}) is None
    assert judge(request("a", "a0"), *both, pods={"a": ["a0"]}, injected={"b": ["a0"]}) == "a", "a member of its own is no pod of others"


def test_what_is_answered_needs_no_judge() -> None:
    assert judge(request("orders", conditions=[{"type": "Denied"}]), resource("orders")) == ""


@pytest.mark.parametrize(
    "spec",
    [
        {},
        sharing("mine"),
        sharing(""),
        {"sidecar": {"template": {"spec": {"containers": [{"name": "app"}], "serviceAccountName": "shop"}}}},
        {"sidecar": {"template": {"spec": {"containers": [{"name": "app"}], "serviceAccountName": "shop"}}}, **sharing("mine")},
    ],
)
def test_a_resources_user_is_the_same_whether_all_of_it_is_validated_or_not(spec: Object) -> None:
    assert members_user_of(resource("orders", **spec)) == members_user(spec_of(**spec), identity_of())


@pytest.mark.parametrize("odd", [{"podTemplate": None}, {"podTemplate": {"spec": "?"}}, {"sidecar": {"template": 7}}, sharing(7)])  # type: ignore[arg-type]
def test_a_resource_of_another_release_is_read_as_far_as_it_can_be(odd: Object) -> None:
    assert members_user_of(resource("orders", **odd)) == "system:serviceaccount:shop:orders"
