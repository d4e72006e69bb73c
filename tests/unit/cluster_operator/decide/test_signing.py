"""Who may have which certificate. Everything in a request is the asker's word; what Kubernetes vouches for is who asked, by which pod."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quorate_operator.decide.actions import Grant
from quorate_operator.decide.signing import Denial, Later, judge
from quorate_operator.decide.world import Content, SigningRequest, World
from quorate_operator.objects.certificate import host_names
from tests.unit.cluster_operator.decide.signing_requests import USAGES, owned, request_of
from tests.unit.cluster_operator.decide.worlds import member_of, pod_at, settled, with_pod, with_volume
from tests.unit.cluster_operator.resources import spec_of

Change = Callable[[Content], Content]


def world_of() -> World:
    return owned(settled())


def own_uri(world: World, ordinal: int) -> str:
    return f"quorate://{world.recorded_cluster_id}/{member_of(world, ordinal).member_id}"


def changed(request: SigningRequest, **fields: Any) -> SigningRequest:
    assert request.content is not None
    return replace(request, content=replace(request.content, **fields))


def reason(world: World, request: SigningRequest) -> str:
    verdict = judge(world, request)
    return verdict.reason if isinstance(verdict, Denial) else type(verdict).__name__


def test_a_live_pod_gets_the_names_of_its_member_and_of_the_clusters_services() -> None:
    world = world_of()
    assert judge(world, request_of(world, 1)) == Grant("orders-1", tuple(host_names(world.identity, "orders-1")), (), b"key")


def test_a_member_gets_its_own_id_into_it() -> None:
    world = world_of()
    verdict = judge(world, request_of(world, 1, (own_uri(world, 1),)))
    assert isinstance(verdict, Grant) and verdict.uris == (own_uri(world, 1),)


def test_names_are_the_same_in_any_order_and_granted_in_ours() -> None:
    world = world_of()
    request = request_of(world, 0)
    assert request.content is not None
    verdict = judge(world, changed(request, dns_names=request.content.dns_names[::-1]))
    assert isinstance(verdict, Grant) and verdict.dns_names == tuple(host_names(world.identity, "orders-0"))


def test_of_the_request_only_the_key_is_taken_over() -> None:
    world = world_of()
    one, two = judge(world, request_of(world, 0)), judge(world, changed(request_of(world, 0), public_key=b"another"))
    assert isinstance(one, Grant) and isinstance(two, Grant)
    assert replace(two, public_key=one.public_key) == one


ACCOUNTS = ["system:serviceaccount:shop:payments", "system:serviceaccount:other:orders", "orders", "", "system:serviceaccount:shop:orders "]


@pytest.mark.parametrize("username", ACCOUNTS)
def test_another_account_gets_nothing(username: str) -> None:
    world = world_of()
    assert reason(world, replace(request_of(world, 0), username=username)) == "ForeignAccount"


@pytest.mark.parametrize(("uids", "expected"), [((), "NoPod"), (("a", "b"), "NoPod"), (("gone",), "ForeignPod"), (("",), "ForeignPod")])
def test_the_token_must_be_of_a_live_pod(uids: tuple[str, ...], expected: str) -> None:
    world = world_of()
    assert reason(world, replace(request_of(world, 0), pod_uids=uids)) == expected


@pytest.mark.parametrize("owners", [[], [{"uid": "another", "controller": True}], [{"controller": True}]])
def test_a_pod_that_only_looks_like_a_members_gets_nothing(owners: list[dict[str, Any]]) -> None:
    """Name and labels are as they should be: anybody who may make pods can give them."""
    world = world_of()
    pod = pod_at(world, 0)
    live = {**pod.live, "metadata": {**pod.live["metadata"], "ownerReferences": owners}}
    assert reason(with_pod(world, 0, live=live), request_of(world, 0)) == "ForeignPod"


def test_a_pod_beyond_the_last_gets_nothing() -> None:
    """The StatefulSet's controller adopts any pod that looks like one of its own, and then deletes it as one too many."""
    world = world_of()
    assert world.workload is not None
    assert reason(replace(world, workload=replace(world.workload, replicas=2)), request_of(world, 2)) == "ForeignPod"


def test_an_owner_that_does_not_control_is_none() -> None:
    world = world_of()
    pod = pod_at(world, 0)
    owners = [{**pod.live["metadata"]["ownerReferences"][0], "controller": False}]
    live = {**pod.live, "metadata": {**pod.live["metadata"], "ownerReferences": owners}}
    assert reason(with_pod(world, 0, live=live), request_of(world, 0)) == "ForeignPod"


def test_a_pod_asks_for_itself_alone() -> None:
    """Everything as pod 1 would ask it, with the token of pod 0."""
    world = world_of()
    assert reason(world, replace(request_of(world, 1), pod_uids=(pod_at(world, 0).uid,))) == "Subject"
    assert reason(world, request_of(world, 0, (own_uri(world, 1),))) == "ForeignMember"


@pytest.mark.parametrize("uri", ["quorate://1/5", "quorate://operator", "https://example.com", "quorate:///", ""])
def test_a_uri_that_names_no_member_of_this_cluster_is_denied(uri: str) -> None:
    world = world_of()
    assert reason(world, request_of(world, 0, (uri,))) == "Names"


def test_two_members_in_one_certificate_are_denied() -> None:
    world = world_of()
    assert reason(world, request_of(world, 0, (own_uri(world, 0), own_uri(world, 0)))) == "Names"


def test_an_id_that_is_not_known_yet_waits() -> None:
    """It may have joined a moment ago. Before the cluster's own id is recorded, nothing can be said either."""
    world = world_of()
    unknown = request_of(world, 0, (f"quorate://{world.recorded_cluster_id}/5",))
    assert isinstance(judge(world, unknown), Later)
    assert isinstance(judge(replace(world, recorded_cluster_id=""), unknown), Later)


def test_without_a_leader_the_volumes_still_say_whose_id_it_is() -> None:
    world = replace(world_of(), membership=None)
    ids = {volume.ordinal: volume.member_id for volume in world.volumes}
    assert reason(world, request_of(world, 0, (f"quorate://{world.recorded_cluster_id}/{ids[0]}",))) == "Grant"
    assert reason(world, request_of(world, 0, (f"quorate://{world.recorded_cluster_id}/{ids[1]}",))) == "ForeignMember"
    assert reason(with_volume(world, 0, member_id=0), request_of(world, 0, (f"quorate://{world.recorded_cluster_id}/{ids[0]}",))) == "Later"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"expiration_s": 3600}, "Expiration"),
        ({"usages": (*USAGES, "cert sign")}, "Usages"),
        ({"usages": USAGES[:2]}, "Usages"),
        ({"usages": (*USAGES, USAGES[0])}, "Usages"),
        ({"content": None, "fault": "no PEM"}, "Unreadable"),
    ],
)
def test_what_surrounds_the_request_is_exactly_as_members_ask(fields: dict[str, Any], expected: str) -> None:
    world = world_of()
    assert reason(world, replace(request_of(world, 0), **fields)) == expected


@pytest.mark.parametrize("key", ["ECDSA secp384r1", "RSAPublicKey", "ECDSA secp256k1", ""])
def test_keys_of_other_kinds_are_denied(key: str) -> None:
    world = world_of()
    assert reason(world, changed(request_of(world, 0), key=key)) == "KeyKind"


def test_a_key_that_the_asker_does_not_have_is_denied() -> None:
    world = world_of()
    assert reason(world, changed(request_of(world, 0), signed_by_its_key=False)) == "NotItsKey"


words = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=30)
EXTRAS: st.SearchStrategy[Change] = st.one_of(
    st.builds(lambda name: lambda content: replace(content, dns_names=(*content.dns_names, name)), words),
    st.builds(
        lambda at: lambda content: replace(content, dns_names=(*content.dns_names[:at], *content.dns_names[at + 1 :])), st.integers(0, 5)
    ),
    st.builds(
        lambda at, name: lambda content: replace(content, dns_names=(*content.dns_names[:at], name, *content.dns_names[at + 1 :])),
        st.integers(0, 5),
        words,
    ),
    st.builds(lambda uri: lambda content: replace(content, uris=(*content.uris, uri)), words),
    st.builds(lambda other: lambda content: replace(content, others=(*content.others, other)), words),
    st.builds(lambda oid, value: lambda content: replace(content, subject=(*content.subject, (oid, value))), words, words),
    st.builds(lambda oid, value: lambda content: replace(content, subject=((oid, value), *content.subject)), words, words),
    st.just(lambda content: replace(content, subject=())),
)


@given(st.integers(0, 2), st.booleans(), st.lists(EXTRAS, min_size=1, max_size=4))
def test_a_request_with_anything_more_less_or_else_is_denied(ordinal: int, bound: bool, extras: list[Change]) -> None:
    world = world_of()
    request = request_of(world, ordinal, (own_uri(world, ordinal),) if bound else ())
    honest = request.content
    assert honest is not None
    content = honest
    for extra in extras:
        content = extra(content)
    same = replace(content, dns_names=tuple(sorted(content.dns_names))) == replace(honest, dns_names=tuple(sorted(honest.dns_names)))
    assume(not same)
    verdict = judge(world, replace(request, content=content))
    assert isinstance(verdict, Denial) and verdict.message


def running_as(world: World, account: str, *, wanted: str = "") -> World:
    """Its pods run as that ServiceAccount; the resource names it too, or the `wanted` one."""
    pods = tuple(replace(pod, live={**pod.live, "spec": {**pod.live.get("spec", {}), "serviceAccountName": account}}) for pod in world.pods)
    return replace(world, pods=pods, spec=spec_of(replicas=3, podTemplate={"spec": {"serviceAccountName": wanted or account}}))


def test_a_cluster_whose_pods_run_as_an_account_of_the_users_own_gets_its_certificates() -> None:
    world = running_as(world_of(), "shop")
    assert isinstance(judge(world, request_of(world, 1)), Grant)
    assert request_of(world, 1).username == "system:serviceaccount:shop:shop"


def test_and_the_account_that_is_called_like_the_cluster_is_then_a_foreign_one() -> None:
    world = running_as(world_of(), "shop")
    assert reason(world, replace(request_of(world, 1), username="system:serviceaccount:shop:orders")) == "ForeignAccount"


def test_of_two_clusters_that_share_an_account_each_gets_its_own_pods_certificates_alone() -> None:
    ours, theirs = running_as(world_of(), "shop"), running_as(world_of(), "shop")
    theirs = replace(theirs, pods=tuple(replace(pod, uid=f"their-{pod.uid}") for pod in theirs.pods))
    lie = replace(request_of(ours, 1), pod_uids=(theirs.pods[1].uid,))
    assert reason(ours, lie) == "ForeignPod", "a token of the neighbour's pod, with our pod's names"


def test_a_pod_of_the_former_account_waits_until_it_is_replaced() -> None:
    world = running_as(world_of(), "orders", wanted="shop")
    request = replace(request_of(world, 1), username="system:serviceaccount:shop:orders")
    assert isinstance(judge(world, request), Later)
    assert reason(world, replace(request, pod_uids=("gone",))) == "ForeignAccount"
    assert reason(world, replace(request, username="system:serviceaccount:shop:payments")) == "ForeignAccount"
