"""The operator as the issuer: its CA first, requests at any time, and another CA in three steps in which nobody is shut out."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from quorate_operator.decide.actions import Deny, DropOld, MakeAuthority, Sign, SignNew, TrustNew
from quorate_operator.decide.order import decide
from quorate_operator.decide.outcome import Do
from quorate_operator.decide.world import Authority, AuthorityCertificate, Certificate, World
from quorate_operator.observe.world import without_request
from tests.unit.cluster_operator.decide.model import IDENTITY, Kubernetes
from tests.unit.cluster_operator.decide.signing_requests import request_of, with_requests
from tests.unit.cluster_operator.decide.test_convergence import changed, settle
from tests.unit.cluster_operator.decide.worlds import settled, with_pod
from tests.unit.cluster_operator.resources import spec_of

OLD, NEW = AuthorityCertificate("old", "OLD"), AuthorityCertificate("new", "NEW")


def issuing(authority: Authority | None, certificate: Certificate | None = None, **spec: object) -> World:
    """A settled cluster whose issuer is the operator; all members have the same certificate."""
    world = settled()
    for pod in world.pods:
        assert pod.answer is not None
        world = with_pod(world, pod.ordinal, answer=replace(pod.answer, certificate=certificate))
    return replace(world, spec=spec_of(tls={"mode": "Operator", **spec}), authority=authority)


def due(world: World) -> tuple[str, object]:
    decided = decide(world).due
    return (decided.step, decided.outcome.action) if decided is not None and isinstance(decided.outcome, Do) else ("", None)


def waiting(world: World) -> list[str]:
    return [each.outcome.message for each in decide(world).open if each.step in ("sign-new", "drop-old", "certificates", "authority")]


def with_bundle(world: World) -> World:
    """As it is once the ConfigMap was applied."""
    assert world.authority is not None
    bundle = {"ca.crt": "".join(f"{pem}\n" for pem in world.authority.bundle)}
    metadata = IDENTITY.metadata(IDENTITY.trust_bundle)
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": bundle}
    return replace(world, children={**world.children, ("ConfigMap", IDENTITY.trust_bundle): item})


def rotating(world: World) -> tuple[str, object]:
    """What is due once the children are as they should be: those of a cluster with TLS differ from the settled one's."""
    steps = {"trust-new", "sign-new", "drop-old"}
    found = [each for each in decide(_unchanged_children(world)).open if each.step in steps]
    return (found[0].step, getattr(found[0].outcome, "action", None)) if found else ("", None)


def _unchanged_children(world: World) -> World:
    kubernetes = Kubernetes(world.spec, Random(1))
    kubernetes.authority = world.authority
    for _ in range(60):
        decision = decide(kubernetes.observe())
        if decision.due is None or not isinstance(decision.due.outcome, Do) or decision.due.step not in ("children", "workload"):
            break
        kubernetes.carry_out(decision.due.outcome.action)
    made = kubernetes.observe()
    return replace(world, children={**world.children, **made.children}, workload=made.workload)


def test_the_ca_comes_before_everything_that_could_be_mounted() -> None:
    assert due(issuing(None)) == ("authority", MakeAuthority(""))
    step, action = due(issuing(Authority("1", OLD)))
    assert step == "children" and action is not None


def test_a_new_ca_answers_the_wish_that_was_there_when_it_was_made() -> None:
    assert due(issuing(None, rotateAuthorityAt="2026-01-01")) == ("authority", MakeAuthority("2026-01-01"))


def test_a_lost_key_brings_a_ca_that_signs_only_when_all_trust_it() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"
    world = with_bundle(issuing(Authority("1", AuthorityCertificate("old", pem), None, NEW)))
    assert due(replace(world, authority=None)) == ("authority", MakeAuthority("", pem))
    lost = Authority("2", OLD, NEW, can_sign=False)
    asked = with_requests(issuing(lost), request_of(issuing(lost), 0))
    assert waiting(asked)[0] == "the CA's key is lost; the next CA signs when all members trust it"


def test_without_the_right_to_read_requests_it_says_what_would_do() -> None:
    world = replace(issuing(None), missing_kinds=("CertificateSigningRequest",))
    assert due(world) == ("", None)
    assert "install it for all namespaces" in waiting(world)[0]


def test_requests_are_answered_also_while_paused() -> None:
    world = issuing(Authority("1", OLD))
    world = with_requests(replace(world, spec=world.spec.model_copy(update={"paused": True})), request_of(world, 0))
    step, action = due(world)
    assert step == "certificates" and isinstance(action, Sign) and action.authority == "old"


def test_a_lie_is_denied_before_anything_else_is_done() -> None:
    world = issuing(Authority("1", OLD))
    lying = replace(request_of(world, 0), username="system:serviceaccount:shop:payments")
    step, action = due(with_requests(world, lying, request_of(world, 1)))
    assert step == "certificates" and isinstance(action, Deny) and action.reason == "ForeignAccount"


def test_a_request_that_waits_does_not_hold_up_the_others() -> None:
    world = issuing(Authority("1", OLD))
    unknown = request_of(world, 0, uris=(f"quorate://{world.recorded_cluster_id}/424242",))
    _, action = due(with_requests(world, unknown, request_of(world, 1)))
    assert isinstance(action, Sign) and action.grant.common_name == IDENTITY.pod(1)


@pytest.mark.parametrize(
    ("authority", "wish", "expected"),
    [
        (Authority("1", OLD), "", None),
        (Authority("1", OLD, rotated_for="a"), "a", None),
        (Authority("1", OLD, rotated_for="a"), "b", TrustNew("1", "b")),
        (Authority("1", OLD, due=True), "", TrustNew("1", "")),
        (Authority("1", OLD, NEW, due=True, rotated_for="a"), "b", None),
    ],
)
def test_another_ca_is_made_by_wish_or_by_age_and_one_at_a_time(authority: Authority, wish: str, expected: TrustNew | None) -> None:
    trusting = Certificate("", "", "old", ("old",))
    step, action = rotating(issuing(authority, trusting, rotateAuthorityAt=wish))
    assert (action if step == "trust-new" else None) == expected


def test_it_signs_when_every_member_trusts_it_and_not_before() -> None:
    authority = Authority("5", OLD, NEW)
    assert rotating(issuing(authority, Certificate("", "", "old", ("old",)))) == ("sign-new", None)
    ready = issuing(authority, Certificate("", "", "old", ("old", "new")))
    assert rotating(ready) == ("sign-new", SignNew("5"))
    assert rotating(with_pod(ready, 1, answer=None)) == ("sign-new", None)
    assert rotating(replace(ready, membership=None)) == ("sign-new", None)


def test_the_old_one_goes_when_nobody_has_a_certificate_of_it() -> None:
    authority = Authority("6", NEW, None, OLD)
    both = ("new", "old")
    assert rotating(issuing(authority, Certificate("", "", "old", both))) == ("drop-old", None)
    ready = issuing(authority, Certificate("", "", "new", both))
    assert rotating(ready) == ("drop-old", DropOld("6"))
    assert rotating(with_pod(ready, 0, answer=None)) == ("drop-old", None)


def test_it_is_over_when_every_pod_has_forgotten_the_old_one() -> None:
    """A changed ConfigMap takes its time to a pod: until then the old CA's key still opens its door."""
    authority = Authority("7", NEW)
    late = issuing(authority, Certificate("", "", "new", ("new", "old")))
    assert rotating(late) == ("drop-old", None)
    assert rotating(issuing(authority, Certificate("", "", "new", ("new",)))) == ("", None)
    assert rotating(issuing(authority, None)) == ("", None), "one that is not heard does not hold it up for ever"


@pytest.mark.parametrize("seed", range(6))
def test_wherever_it_is_interrupted_the_ca_is_replaced_and_no_pod_restarts(seed: int) -> None:
    """The model asserts at each step that nobody is shut out."""
    random = Random(seed)
    world = Kubernetes(spec_of(replicas=3, tls={"mode": "Operator"}), random)
    settle(world, random)
    first = world.authority
    pods = {ordinal: pod.uid for ordinal, pod in world.pods.items()}
    changed(world, tls={"mode": "Operator", "rotateAuthorityAt": "now"})
    settle(world, random)
    assert first is not None and world.authority is not None
    assert world.authority.signing != first.signing and world.authority.bundle == (world.authority.signing.pem,)
    assert all(world.certificates[ordinal].authority == world.authority.signing.fingerprint for ordinal in pods)
    assert {ordinal: pod.uid for ordinal, pod in world.pods.items()} == pods


def test_a_member_that_is_away_keeps_its_way_back() -> None:
    """Its certificate is of the old CA: as long as it has not come back, that one is trusted."""
    random = Random(3)
    world = Kubernetes(spec_of(replicas=3, tls={"mode": "Operator"}), random)
    settle(world, None)
    world.pods[2].broken, world.pods[2].started = True, False
    changed(world, tls={"mode": "Operator", "rotateAuthorityAt": "now"})
    for _ in range(100):
        decision = decide(world.observe())
        if decision.due is not None and isinstance(decision.due.outcome, Do):
            world.carry_out(decision.due.outcome.action)
        world.tick()
    assert world.authority is not None and world.authority.next is not None and world.authority.previous is None


def test_after_an_answer_the_next_request_is_seen_on_the_same_look() -> None:
    world = issuing(Authority("1", OLD))
    world = with_requests(world, *(request_of(world, ordinal) for ordinal in range(3)))
    answered = []
    for _ in range(3):
        _, action = due(world)
        assert isinstance(action, Sign)
        answered.append(action.request)
        world = without_request(world, action.request)
    assert answered == ["orders-0-x", "orders-1-x", "orders-2-x"] and world.requests == ()
