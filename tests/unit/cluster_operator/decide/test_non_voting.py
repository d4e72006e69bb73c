"""Members in pods of others: the operator counts, promotes and scales none of them, and removes those whose pods are gone."""

from __future__ import annotations

from dataclasses import replace

from quorate_operator.act.events import Events
from quorate_operator.api.status import ConsensusClusterStatus
from quorate_operator.decide.actions import Remove
from quorate_operator.decide.order import decide
from quorate_operator.decide.outcome import Do, Wait
from quorate_operator.decide.status import UNSEEN, status
from quorate_operator.decide.steps.membership import promotion, scale_down, scale_up, surplus_pods
from quorate_operator.decide.steps.non_voting import departed, podless
from quorate_operator.decide.steps.workload import workload
from quorate_operator.decide.world import InjectedPod, Lag, Member, World
from quorate_operator.telling import tell_missing
from tests.unit.cluster_operator.act.test_events import Told
from tests.unit.cluster_operator.decide.model import IDENTITY
from tests.unit.cluster_operator.decide.worlds import settled, wanting

UID = "0f0e3c0a-1111-4222-8333-123456789012"
NAME = f"web-1.{UID}"
OBSERVER = 4711
HERE = InjectedPod("web-1", UID, has_sidecar=True)


def observed(name: str = NAME, lag: Lag = Lag.NONE, world: World | None = None) -> World:
    """A settled world and one non-voting member more."""
    world = world or settled()
    assert world.membership is not None
    members = (*world.membership.members, Member(OBSERVER, name, False, lag, non_voting=True))
    return replace(world, membership=replace(world.membership, members=members), injected=(HERE,))


def test_beside_its_pod_it_gives_nothing_to_do() -> None:
    assert decide(observed()).open == ()
    assert decide(observed(lag=Lag.UNKNOWN)).open == (), "it may lag as it likes"


def test_it_is_never_promoted_and_nobody_waits_for_it() -> None:
    for lag in Lag:
        assert promotion(observed(lag=lag)) == promotion(settled())
        more = wanting(observed(lag=lag), replicas=5)
        assert scale_up(more) == scale_up(wanting(settled(), replicas=5))


def test_a_name_like_a_pods_does_not_make_it_one_too_many() -> None:
    """Added by hand under such a name it would be taken for the member of a pod above the wanted ones."""
    world = observed(name=IDENTITY.pod(7))
    assert scale_down(world) == scale_down(settled()) and surplus_pods(world) == surplus_pods(settled())
    assert workload(world) == workload(settled()), "nor is a pod made for it"
    fewer = scale_down(wanting(observed(name=IDENTITY.pod(7), world=settled(5)), replicas=3))
    assert isinstance(fewer, Do) and not (isinstance(fewer.action, Remove) and fewer.action.member_id == OBSERVER)


def test_it_counts_for_nothing_in_the_status() -> None:
    shown = status(observed(), decide(observed()), ConsensusClusterStatus(), "2026-01-01T00:00:00Z")
    plain = status(settled(), decide(settled()), ConsensusClusterStatus(), "2026-01-01T00:00:00Z")
    assert (shown.injection.pods, shown.injection.members, shown.injection.missing) == (1, 1, ())
    assert shown.model_copy(update={"injection": plain.injection}) == plain


def test_without_its_pod_it_is_waited_for_and_then_removed() -> None:
    alone = replace(observed(), injected=())
    waits = departed(alone)
    assert isinstance(waits, Wait) and waits.reason == "PodGone" and not waits.holds and not waits.degraded
    due = departed(replace(alone, overdue=(OBSERVER,)))
    assert isinstance(due, Do) and alone.membership is not None
    assert due.action == Remove(OBSERVER, alone.membership.configuration_index)


def test_another_pod_of_the_same_name_is_not_its_own() -> None:
    again = replace(HERE, uid=UID.replace("0f", "1f", 1))
    assert [member.member_id for member in podless(replace(observed(), injected=(again,)))] == [OBSERVER]


def test_one_that_came_back_is_not_removed_however_long_it_was_away() -> None:
    assert decide(replace(observed(), overdue=(OBSERVER,))).open == ()


def test_one_that_was_added_by_hand_is_nobodys_but_its_makers() -> None:
    for name in ("warehouse", "rack-7.example.org", ""):
        assert departed(replace(observed(name=name), injected=(), overdue=(OBSERVER,))) == departed(settled())


def test_a_paused_cluster_keeps_it() -> None:
    paused = wanting(replace(observed(), injected=(), overdue=(OBSERVER,)), paused=True)
    assert decide(paused).due is None


async def test_a_pod_without_its_sidecar_is_reported_once_and_the_cluster_is_as_it_was() -> None:
    world = replace(observed(), injected=(HERE, InjectedPod("web-2", "u2", False), InjectedPod("web-3", "u3", False, "hostNetwork")))
    shown = status(world, decide(world), ConsensusClusterStatus(), "2026-01-01T00:00:00Z")
    assert [(each.pod, each.reason) for each in shown.injection.missing] == [("web-2", UNSEEN), ("web-3", "hostNetwork")]
    degraded = next(each for each in shown.conditions if each.type == "Degraded")
    assert degraded.reason in ("AsExpected", "QuorumInOnePlace") and decide(world).open == ()
    told = Told()
    events: Events = told.events
    await tell_missing(events, world.identity, ConsensusClusterStatus(), shown)
    await tell_missing(events, world.identity, shown, shown)
    about = [(item["involvedObject"]["kind"], item["involvedObject"]["name"]) for item in told.items]
    assert about == [("Pod", "web-2"), ("ConsensusCluster", IDENTITY.name), ("Pod", "web-3"), ("ConsensusCluster", IDENTITY.name)]
    assert {(item["type"], item["reason"]) for item in told.items} == {("Warning", "SidecarMissing")}
    assert told.items[0]["involvedObject"]["uid"] == "u2"
