"""Reading, editing and waiting, against an API server that is changed by others meanwhile."""

from __future__ import annotations

import pytest

from quorate_operator.api.model import KIND
from quorate_operator.clients.errors import ApiFailure
from quorate_operator.plugin import clusters as module
from quorate_operator.plugin.clusters import EDITS_MAX, Seen, seen
from quorate_operator.plugin.failures import NotFound, WaitedTooLong
from tests.unit.cluster_operator.plugin.server import Server, cluster


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.001)


async def test_an_edit_that_somebody_overtook_is_decided_anew() -> None:
    server = Server(cluster())
    overtaken = iter([True, True, False])
    server.before_patch = lambda: server.touch(KIND, "orders") if next(overtaken) else None
    looked: list[str] = []

    def change(found: Seen) -> dict[str, object]:
        looked.append(found.item["metadata"]["resourceVersion"])
        return {"paused": True}

    found, changed = await server.clusters().edit("orders", change)
    assert changed and found.spec["paused"] and looked == ["10", "11", "12"]
    assert server.patches == [{"paused": True}]


async def test_an_edit_that_is_always_overtaken_ends() -> None:
    server = Server(cluster())
    server.before_patch = lambda: server.touch(KIND, "orders")
    with pytest.raises(ApiFailure) as refused:
        await server.clusters().edit("orders", lambda _: {"paused": True})
    assert refused.value.status == 409 and server.patches == []
    assert int(server.items[KIND, "orders"]["metadata"]["resourceVersion"]) == 10 + EDITS_MAX


async def test_an_edit_that_wants_nothing_writes_nothing() -> None:
    server = Server(cluster())
    _, changed = await server.clusters().edit("orders", lambda _: None)
    assert not changed and server.patches == []


async def test_a_name_that_is_not_there_is_told_with_the_nearest_one() -> None:
    with pytest.raises(NotFound) as missing:
        await Server(cluster(), cluster("invoices")).clusters().get("ordes")
    assert "invoices, orders" in str(missing.value) and missing.value.remedy == "did you mean orders?"


async def test_a_kubernetes_without_the_resource_is_told_so() -> None:
    server = Server()
    server.missing.add(KIND)
    with pytest.raises(NotFound, match="knows no ConsensusCluster") as missing:
        await server.clusters().get("orders")
    assert "install" in missing.value.remedy


async def test_waiting_ends_with_what_the_operator_waits_for() -> None:
    plan = [{"step": "restart", "action": "Wait", "why": "MemberAway", "waitsFor": "orders-1 is away"}]
    with pytest.raises(WaitedTooLong, match="orders-1 is away"):
        await Server(cluster(status={"plan": plan})).clusters().wait("orders", "the restart", lambda _: False, 0.01)


async def test_waiting_for_an_operator_that_does_not_look_says_so() -> None:
    with pytest.raises(WaitedTooLong, match="has not looked at the change yet"):
        await Server(cluster(status={"observedGeneration": 3})).clusters().wait("orders", "the restart", lambda _: False, 0.01)


def test_a_status_of_a_newer_operator_is_read_as_far_as_it_is_known() -> None:
    item = cluster()
    item["status"]["weather"] = "fine"
    item["status"]["members"][1]["mood"] = "good"
    found = seen(item)
    assert found.status.leader == "orders-0" and len(found.status.members) == 3
    assert item["status"]["weather"] == "fine", "what was read is not changed"


def test_a_resource_that_no_operator_has_seen_has_an_empty_status() -> None:
    item = cluster()
    del item["status"]
    assert not seen(item).up_to_date and seen(item).status.members == ()
