"""Status is written when it says something new, and not too often."""

from __future__ import annotations

from typing import Any, Literal, cast

from quorate_operator.act.status import FIRST_S, INTERVAL_S, StatusWriter, previous_of
from quorate_operator.api.status import Condition, ConditionType, ConsensusClusterStatus
from quorate_operator.clients.kubernetes_api import KubernetesApi
from tests.unit.cluster_operator.resources import identity_of

IDENTITY = identity_of()


class Written:
    """Keeps what was applied, as the API server would."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.live: dict[str, Any] = {}
        self.count = 0
        self.writer = StatusWriter(clock=lambda: self.now)

    async def apply(self, item: dict[str, Any], subresource: str) -> dict[str, Any]:
        assert subresource == "status"
        assert item["metadata"]["uid"] == IDENTITY.uid
        self.live, self.count = item["status"], self.count + 1
        return item

    async def write(self, status: ConsensusClusterStatus) -> float:
        return await self.writer.write(cast(KubernetesApi, self), IDENTITY, self.live, status)


Said = Literal["True", "False"]


def said(available: Said, leader: str = "", progressing: Said = "False", degraded: Said = "False") -> ConsensusClusterStatus:
    told: tuple[tuple[ConditionType, Said], ...] = (("Available", available), ("Progressing", progressing), ("Degraded", degraded))
    words = {"observed_generation": 1, "last_transition_time": "t", "reason": "R", "message": "m"}
    conditions = tuple(Condition.model_validate({"type": kind, "status": status, **words}) for kind, status in told)
    return ConsensusClusterStatus(leader=leader, conditions=conditions)


async def test_nothing_new_is_no_write() -> None:
    written = Written()
    assert await written.write(said("True")) == 0
    assert await written.write(said("True")) == 0
    assert written.count == 1


async def test_that_it_serves_is_told_at_once() -> None:
    written = Written()
    await written.write(said("False"))
    written.now += 0.5
    assert await written.write(said("True")) == 0
    assert previous_of(written.live).conditions[0].status == "True"


async def test_a_new_cluster_is_told_of_when_it_serves_and_again_when_it_is_as_specified() -> None:
    written = Written()
    assert await written.write(said("False", progressing="True")) == FIRST_S
    written.now += 3
    assert await written.write(said("False", progressing="True")) == FIRST_S - 3
    assert written.count == 0
    assert await written.write(said("True", progressing="True")) == 0
    written.now += 1
    assert await written.write(said("True")) == 0
    written.now += 1
    assert await written.write(said("True", progressing="True")) == 2 * INTERVAL_S - 2, "the third within two intervals waits"
    assert written.count == 2


async def test_a_new_cluster_that_takes_its_time_is_told_of_all_the_same() -> None:
    written = Written()
    await written.write(said("False", progressing="True"))
    written.now += FIRST_S
    assert await written.write(said("False", progressing="True")) == 0
    assert written.count == 1


async def test_what_is_wrong_with_a_new_cluster_is_told_at_once() -> None:
    written = Written()
    assert await written.write(said("False", progressing="True", degraded="True")) == 0
    assert written.count == 1


async def test_too_few_nodes_keep_no_cluster_from_forming_and_are_told_of_when_it_has() -> None:
    written = Written()
    few = said("False", progressing="True", degraded="True")
    degraded = few.conditions[2].model_copy(update={"reason": "QuorumInOnePlace"})
    few = few.model_copy(update={"conditions": (*few.conditions[:2], degraded)})
    assert await written.write(few) == FIRST_S
    assert written.count == 0


async def test_all_else_waits_for_the_interval() -> None:
    written = Written()
    await written.write(said("True"))
    written.now += 3
    assert await written.write(said("True", leader="kv-1")) == INTERVAL_S - 3
    written.now += INTERVAL_S - 3
    assert await written.write(said("True", leader="kv-1")) == 0
    assert written.live["leader"] == "kv-1"


async def test_a_cluster_that_comes_and_goes_is_bounded_too() -> None:
    written = Written()
    for second in range(60):
        written.now = 1000.0 + second
        await written.write(said("True" if second % 2 else "False"))
    assert written.count <= 60 / INTERVAL_S + 1


def test_a_status_of_another_release_is_none() -> None:
    assert previous_of({"phase": "Available", "somethingNew": 1}) == ConsensusClusterStatus()
