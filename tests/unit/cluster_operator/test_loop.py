"""When a cluster is looked at again though nobody has woken the operator."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from quorate_operator.clients.errors import ApiFailure, ApiUnreachable, MemberFailure
from quorate_operator.decide.order import Decided
from quorate_operator.decide.outcome import Wait
from quorate_operator.loop import AGAIN_S, FAILED_MAX_S, SETTLE_S, Loop, _Cluster
from quorate_operator.metrics import Metrics
from quorate_operator.reconcile import Reconciler, Turn

TICK_S = 30.0
PLAN = (Decided("founding", Wait("Starting", "no pod has started yet")),)


class Turns:
    """A reconciler that only counts, and finds one resource."""

    def __init__(self, turn: Turn) -> None:
        self.turn_, self.count, self.listing = turn, 0, self
        self.resources = {("shop", "kv"): {}}

    async def look(self) -> Any:
        return self

    async def sweep(self, listed: Any, may_act: Any) -> None:
        """What the tick does beside the clusters' own turns."""

    async def turn(self, key: tuple[str, str], may_act: Any) -> Turn:
        self.count += 1
        return self.turn_


def loop(turns: Turns, may_act: bool = True) -> Loop:
    return Loop(cast(Reconciler, turns), lambda: may_act, Metrics(), TICK_S, 2)


def waits(*turns: Turn) -> list[float]:
    cluster, made = _Cluster(asyncio.Event()), loop(Turns(Turn()))
    return [made._wait_s(cluster, turn) for turn in turns]


def test_a_settled_cluster_waits_for_the_tick() -> None:
    assert waits(Turn(settled=True)) == [TICK_S]


def test_a_status_that_must_wait_is_written_when_it_may_be() -> None:
    assert waits(Turn(settled=True, again_s=7.0)) == [7.0]


def test_after_an_action_all_is_looked_at_anew() -> None:
    assert waits(Turn(acted=True, plan=PLAN)) == [SETTLE_S]


def test_a_plan_that_does_not_move_is_looked_at_less_and_less() -> None:
    found = waits(*[Turn(plan=PLAN)] * 20)
    assert found[0] == AGAIN_S
    assert found == sorted(found)
    assert found[-1] == TICK_S


def test_failures_back_off_and_do_not_loop_hot() -> None:
    found = waits(*[Turn(failure=ApiUnreachable("away"))] * 12)
    assert 0.7 < found[0] < 1.3
    assert FAILED_MAX_S * 0.7 < found[-1] <= FAILED_MAX_S * 1.25
    assert waits(Turn(failure=MemberFailure("NoLeader", "")))[0] > 0.7


def test_what_was_overtaken_is_looked_at_at_once_but_not_for_ever() -> None:
    found = waits(*[Turn(failure=ApiFailure(409, "Conflict", "another one"))] * 5)
    assert found[:3] == [SETTLE_S] * 3
    assert found[3] > 1


def test_the_api_servers_own_wish_is_heard() -> None:
    asked = [waits(Turn(failure=ApiFailure(429, "TooManyRequests", "", retry_after_s=20.0)))[0] for _ in range(50)]
    assert 20.0 <= min(asked) < max(asked) <= 25.0, "all that were refused at once do not come back at once"


def test_an_api_server_that_is_busy_for_a_day_is_still_asked_every_minute() -> None:
    assert max(waits(*[Turn(failure=ApiFailure(429, "TooManyRequests", ""))] * 1500)) <= FAILED_MAX_S * 1.25


async def test_a_standby_turns_nothing() -> None:
    turns = Turns(Turn(settled=True))
    standby = loop(turns, may_act=False)
    running = asyncio.create_task(standby.run())
    standby.wake(("shop", "kv"))
    await asyncio.sleep(SETTLE_S * 4)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert turns.count == 0


async def test_the_tick_finds_clusters_that_no_event_told_of_and_forgets_those_that_are_gone() -> None:
    turns = Turns(Turn(gone=True))
    made = loop(turns)
    running = asyncio.create_task(made.run())
    async with asyncio.timeout(30):
        while not turns.count or made._clusters:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert turns.count == 1


async def test_an_event_starts_no_chain_of_looks_of_its_own() -> None:
    cluster = _Cluster(asyncio.Event())
    for _ in range(100):
        cluster.wake_after(0.01)
    first = cluster.timer
    assert first is not None
    waiting = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
    assert waiting.count(first) == 1
    assert len([handle for handle in waiting if handle._callback == cluster.wake.set]) == 1


async def test_many_wakes_are_one_look() -> None:
    turns = Turns(Turn(settled=True))
    made = loop(turns)
    for _ in range(100):
        made.wake(("shop", "kv"))
    async with asyncio.timeout(30):
        while not turns.count:
            await asyncio.sleep(0.01)
    for cluster in made._clusters.values():
        assert cluster.task is not None
        cluster.task.cancel()
    assert turns.count == 1
