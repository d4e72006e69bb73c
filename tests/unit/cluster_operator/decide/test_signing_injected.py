"""Pods of others: certificates marked as those of a member that never votes, for the pod that asks, and nothing else ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from quorate_operator.decide.actions import Grant
from quorate_operator.decide.outcome import Do, Wait
from quorate_operator.decide.signing import COMMON_NAME, Denial, Later, judge
from quorate_operator.decide.steps.authority import drop_old, sign_new
from quorate_operator.decide.world import Authority, Certificate, Content, InjectedPod, Lag, Member, SigningRequest, World
from tests.unit.cluster_operator.decide.signing_requests import USAGES, owned, request_of
from tests.unit.cluster_operator.decide.test_authority import NEW, OLD, issuing
from tests.unit.cluster_operator.decide.test_non_voting import HERE, OBSERVER, UID, observed
from tests.unit.cluster_operator.decide.worlds import member_of, pod_at
from tests.unit.cluster_operator.resources import spec_of

MARK = "quorate://non-voting"
POD = replace(HERE, account="payments")
USER = "system:serviceaccount:shop:payments"


def world_of(**changes: Any) -> World:
    """With the member that came from the pod."""
    return replace(owned(observed()), **{"injected": (POD,), **changes})


def asked(uris: tuple[str, ...] = (MARK,), user: str = USER, **changes: Any) -> SigningRequest:
    """What the member in the pod asks for, but for the `changes` of its content."""
    content = Content(((COMMON_NAME, UID),), ("localhost",), uris, "ECDSA P-256", b"key", signed_by_its_key=True)
    return SigningRequest(f"{UID}-x", "csr", "1", user, (UID,), USAGES, None, approved=False, content=replace(content, **changes))


def own_uri(world: World, member_id: int = OBSERVER) -> str:
    return f"{MARK}/{world.recorded_cluster_id}/{member_id}"


def reason(world: World, request: SigningRequest) -> str:
    verdict = judge(world, request)
    return verdict.reason if isinstance(verdict, Denial) else type(verdict).__name__


def test_its_first_certificate_says_that_it_never_votes() -> None:
    assert judge(world_of(), asked()) == Grant(UID, ("localhost",), (MARK,), b"key")


def test_so_does_the_one_that_says_which_member_it_is() -> None:
    world = world_of()
    assert judge(world, asked((own_uri(world),))) == Grant(UID, ("localhost",), (own_uri(world),), b"key")


def unmarked(world: World) -> tuple[str, ...]:
    return (f"quorate://{world.recorded_cluster_id}/{OBSERVER}",)


def of_a_voter(world: World) -> tuple[str, ...]:
    return (f"quorate://{world.recorded_cluster_id}/{member_of(world, 0).member_id}",)


def two(world: World) -> tuple[str, ...]:
    return (MARK, *of_a_voter(world))


def of_another_cluster(_: World) -> tuple[str, ...]:
    return (f"{MARK}/5/{OBSERVER}",)


@pytest.mark.parametrize("uris", [lambda _: (), unmarked, of_a_voter, two, of_another_cluster, lambda _: ("quorate://operator",)])
def test_it_never_gets_any_other_name(uris: Callable[[World], tuple[str, ...]]) -> None:
    world = world_of()
    assert reason(world, asked(uris(world))) == "Names"


def test_it_does_not_get_the_id_of_a_member_that_votes_marked_or_not() -> None:
    world = world_of()
    assert reason(world, asked((own_uri(world, member_of(world, 0).member_id),))) == "ForeignMember"


def test_it_does_not_get_the_id_of_another_pods_member() -> None:
    world = world_of(injected=(replace(POD, name="web-2"),))
    assert reason(world, asked((own_uri(world),))) == "ForeignMember"


def test_a_member_of_its_name_that_may_vote_is_not_its_own() -> None:
    """Added by hand under that name: the mark in the replicated record counts, and not the name."""
    world = world_of()
    assert world.membership is not None
    members = tuple(replace(each, non_voting=False) if each.member_id == OBSERVER else each for each in world.members)
    world = replace(world, membership=replace(world.membership, members=members))
    assert reason(world, asked((own_uri(world),))) == "ForeignMember"


def test_one_that_joined_a_moment_ago_waits() -> None:
    world = world_of()
    assert isinstance(judge(world, asked((own_uri(world, 12345),))), Later)
    assert isinstance(judge(replace(world, recorded_cluster_id=""), asked((own_uri(world),))), Later)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subject": ((COMMON_NAME, "web-1"),)}, "Subject"),
        ({"subject": ((COMMON_NAME, "orders-0"),)}, "Subject"),
        ({"dns_names": ()}, "Names"),
        ({"dns_names": ("localhost", "orders.shop.svc")}, "Names"),
        ({"dns_names": ("localhost", "localhost")}, "Names"),
        ({"others": ("a name of kind IPAddress",)}, "Unexpected"),
        ({"key": "RSAPublicKey"}, "KeyKind"),
        ({"signed_by_its_key": False}, "NotItsKey"),
    ],
)
def test_it_gets_exactly_what_such_a_member_has(changes: dict[str, Any], expected: str) -> None:
    assert reason(world_of(), asked(**changes)) == expected


@pytest.mark.parametrize("user", ["system:serviceaccount:other:payments", "system:serviceaccount:shop:orders", "payments", ""])
def test_who_asks_is_the_pods_own_account(user: str) -> None:
    assert reason(world_of(), asked(user=user)) == "ForeignAccount"


def test_what_cannot_be_read_is_denied() -> None:
    assert reason(world_of(), replace(asked(), content=None, fault="noise")) == "Unreadable"


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (world_of(injected=()), "ForeignAccount"),
        (world_of(injected=(replace(POD, has_sidecar=False),)), "ForeignPod"),
        (world_of(spec=spec_of(replicas=3, injection={"enabled": False})), "ForeignPod"),
    ],
    ids=["gone", "only labelled", "not allowed"],
)
def test_without_a_member_beside_its_containers_it_is_nobody(world: World, expected: str) -> None:
    assert reason(world, asked()) == expected


def test_a_clusters_own_pod_gets_no_marked_certificate_and_is_judged_as_what_it_is() -> None:
    """Whatever labels it has besides."""
    world = world_of()
    pod = pod_at(world, 1)
    world = replace(world, injected=(POD, InjectedPod(pod.name, pod.uid, has_sidecar=True, account="orders")))
    assert isinstance(judge(world, request_of(world, 1)), Grant)
    assert reason(world, request_of(world, 1, (MARK,))) == "Names"
    assert reason(world, request_of(world, 1, (own_uri(world),))) == "Names"


@pytest.mark.parametrize(
    ("authority", "said"),
    [
        (Authority("1", OLD, NEW), "every member trusts the new CA"),
        (Authority("2", NEW, None, OLD), "every member has a certificate of the new CA"),
    ],
)
def test_another_ca_does_not_wait_for_pods_of_others(authority: Authority, said: str) -> None:
    """They are not asked what they trust: a new bundle reaches them as it reaches all pods, and with it they get a new certificate."""
    world = issuing(authority, Certificate("", "", authority.signing.fingerprint, ("old", "new")))
    steps = sign_new if authority.next is not None else drop_old

    def message(non_voting: Member) -> str:
        assert world.membership is not None
        outcome = steps(replace(world, membership=replace(world.membership, members=(*world.members, non_voting))))
        assert isinstance(outcome, Do | Wait)
        return outcome.message

    assert said in message(Member(OBSERVER, POD.member, False, Lag.NONE, non_voting=True))
    by_hand = Member(OBSERVER, "by-hand", False, Lag.NONE, non_voting=True)
    assert message(by_hand).startswith("by-hand "), "one that somebody added by hand is shut out with no kubelet to help it"
