"""A registry: terms are due in order, chances are drawn from the given generator, and what is paused is let go."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import threading
from random import Random

import pytest

from quorate_node.failpoints import SITES, FailpointError, FailpointMisuse, Failpoints, Panic, use, use_here, within
from quorate_node.failpoints.errors import NAMES
from quorate_node.failpoints.registry import State, reached, reached_awaited
from quorate_node.store.errors import NoSpace, StoreFailed
from quorate_node.transport.interface import PeerFailure, PeerRefused

from .conftest import Recorded

PLACE = "log.write.before_commit"
SKIPPABLE = "messages.send"


def test_a_place_that_is_not_set_is_counted_and_nothing_else(failpoints: Failpoints, effects: Recorded) -> None:
    assert [failpoints.hit(PLACE) for _ in range(3)] == [False] * 3
    assert failpoints.state(PLACE) == State("off", 3, 0, 0) and effects.done == []


def test_counts_are_used_up_one_term_after_the_other(failpoints: Failpoints, effects: Recorded) -> None:
    failpoints.configure(PLACE, "2*off->1*print(third)->2*sleep(40)")
    for _ in range(7):
        failpoints.hit(PLACE)
    assert effects.done == [("show", f"failpoint {PLACE}: third"), ("sleep", 0.04), ("sleep", 0.04)]
    assert failpoints.state(PLACE) == State("2*off->1*print(third)->2*sleep(40)", 7, 3, 0)


def test_the_same_seed_draws_the_same_chances(effects: Recorded) -> None:
    def run(seed: int) -> list[bool]:
        failpoints = Failpoints(effects, Random(seed))
        failpoints.configure(SKIPPABLE, "30%skip")
        return [failpoints.hit(SKIPPABLE) for _ in range(200)]

    assert run(7) == run(7) != run(8)
    assert 30 < sum(run(7)) < 90


def test_a_term_that_chance_passes_over_leaves_its_count_and_the_place_to_the_next(failpoints: Failpoints, effects: Recorded) -> None:
    failpoints.configure(SKIPPABLE, "5*50%skip->print")
    hits = [failpoints.hit(SKIPPABLE) for _ in range(100)]
    assert sum(hits) == 5 and len(effects.done) == 95


@pytest.mark.parametrize("name", NAMES)
def test_every_named_error_can_be_raised_and_names_its_place(name: str, failpoints: Failpoints) -> None:
    failpoints.configure(PLACE, f"error({name})")
    with pytest.raises(Exception, match=PLACE):
        failpoints.hit(PLACE)


@pytest.mark.parametrize(
    "terms, kind",
    [
        ("error", FailpointError),
        ("error(NoSpace)", NoSpace),
        ("error(StoreFailed)", StoreFailed),
        ("error(PeerRefused)", PeerRefused),
        ("error(TimeoutError)", TimeoutError),
        ("error(ConnectionResetError)", ConnectionResetError),
    ],
)
def test_errors_are_of_the_programs_own_kinds(terms: str, kind: type[Exception], failpoints: Failpoints) -> None:
    failpoints.configure(PLACE, terms)
    with pytest.raises(kind) as raised:
        failpoints.hit(PLACE)
    assert type(raised.value) is kind


def test_an_errno_is_an_operating_systems_error(failpoints: Failpoints) -> None:
    failpoints.configure(PLACE, "error(ENOSPC)")
    with pytest.raises(OSError, match="No space left") as raised:
        failpoints.hit(PLACE)
    assert raised.value.errno == errno.ENOSPC


@pytest.mark.parametrize("name, sent", [("PeerFailure", True), ("PeerFailureUnsent", False)])
def test_a_peers_failure_says_whether_the_request_had_left(name: str, sent: bool, failpoints: Failpoints) -> None:
    failpoints.configure(PLACE, f"error({name})")
    with pytest.raises(PeerFailure) as raised:
        failpoints.hit(PLACE)
    assert raised.value.sent is sent


def test_a_panic_is_the_effects_and_no_exception_of_the_program(failpoints: Failpoints, effects: Recorded) -> None:
    failpoints.configure(PLACE, "panic(7)")
    with pytest.raises(Panic) as raised:
        failpoints.hit(PLACE)
    assert not isinstance(raised.value, Exception) and effects.done == [("panic", 7)]


async def test_an_awaited_place_sleeps_and_acts_without_its_thread(failpoints: Failpoints, effects: Recorded) -> None:
    failpoints.configure(SKIPPABLE, "1*sleep(5)->skip")
    assert [await failpoints.hit_awaited(SKIPPABLE) for _ in range(3)] == [False, True, True]
    assert effects.done == [("sleep awaited", 0.005)]


@pytest.mark.parametrize("let_go", ["remove", "configure"])
async def test_a_pause_ends_when_the_place_is_set_anew_or_removed(let_go: str, failpoints: Failpoints) -> None:
    failpoints.configure(PLACE, "pause")
    thread = threading.Thread(target=failpoints.hit, args=(PLACE,))
    thread.start()
    task = asyncio.create_task(failpoints.hit_awaited(PLACE))
    while failpoints.state(PLACE).held < 2:
        await asyncio.sleep(0.001)
    assert thread.is_alive() and not task.done()
    if let_go == "remove":
        failpoints.remove(PLACE)
    else:
        failpoints.configure(PLACE, "off")
    await asyncio.wait_for(task, 5)
    thread.join(5)
    assert not thread.is_alive() and failpoints.state(PLACE).held == 0


async def test_a_cancelled_task_waits_no_more(failpoints: Failpoints) -> None:
    failpoints.configure(PLACE, "pause")
    task = asyncio.create_task(failpoints.hit_awaited(PLACE))
    while not failpoints.state(PLACE).held:
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert failpoints.state(PLACE).held == 0
    failpoints.remove(PLACE)


def test_what_cannot_be_is_refused(failpoints: Failpoints) -> None:
    with pytest.raises(FailpointMisuse, match=r"there is no failpoint 'log.write.before_comit'; did you mean 'log.write.before_commit'\?"):
        failpoints.configure("log.write.before_comit", "panic")
    with pytest.raises(FailpointMisuse, match="--list-failpoints"):
        failpoints.remove("zzz")
    with pytest.raises(FailpointMisuse, match="nothing can be skipped there"):
        failpoints.configure(PLACE, "1*off->skip")
    assert SITES[SKIPPABLE].skip and not SITES[PLACE].skip


def test_assignments_are_taken_all_or_none(failpoints: Failpoints) -> None:
    with pytest.raises(FailpointMisuse):
        failpoints.configure_all(f"{PLACE}=panic;nowhere=panic")
    assert failpoints.state(PLACE).terms == "off"
    failpoints.configure_all(f"{PLACE}=1*off;{SKIPPABLE}=skip")
    assert failpoints.state(PLACE).terms == "1*off" and failpoints.hit(SKIPPABLE)


async def test_a_context_has_its_own_registry_and_its_tasks_inherit_it(failpoints: Failpoints, effects: Recorded) -> None:
    mine = Failpoints(effects, Random(0))

    async def work() -> None:
        await asyncio.sleep(0)
        reached(PLACE)
        await reached_awaited(PLACE)

    with within(mine):
        task = asyncio.create_task(work())
    await task
    reached(PLACE)
    assert mine.hits == {PLACE: 2} and failpoints.hits == {PLACE: 1}


async def test_a_simulated_member_has_its_own_for_all_that_runs_in_its_context(failpoints: Failpoints, effects: Recorded) -> None:
    members = [(Failpoints(effects, Random(number)), contextvars.Context()) for number in range(2)]
    loop = asyncio.get_running_loop()
    for registry, context in members:
        context.run(use_here, registry)
        loop.call_soon(reached, PLACE, context=context)
    loop.call_soon(reached, PLACE, context=members[1][1])
    await asyncio.sleep(0)
    assert [registry.hits for registry, _ in members] == [{PLACE: 1}, {PLACE: 2}] and failpoints.hits == {}


async def test_without_a_registry_a_place_does_nothing() -> None:
    previous = use(None)
    try:
        assert reached(PLACE) is False and await reached_awaited(PLACE) is False
    finally:
        use(previous)
