"""Virtual time: timers in order, processes that die or stand still at any await, and nothing that depends on where objects lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest

from quorate_node.simulator.clock import Clock
from quorate_node.simulator.loop import NothingLeft, TooManySteps, VirtualLoop
from quorate_node.simulator.trace import Trace

Main = Callable[[VirtualLoop], Coroutine[Any, Any, Any]]


def run(main: Main, steps_max: int = 100_000) -> tuple[Any, VirtualLoop]:
    loop = VirtualLoop(Random(1), Trace())  # type: ignore[abstract]
    return loop.run(main(loop), steps_max), loop


def test_an_hour_passes_at_once() -> None:
    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(3_600)
        return loop.time()

    seconds, loop = run(main)
    assert seconds == 3_600
    assert loop.steps < 10


def test_timers_come_in_the_order_of_their_times() -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        seen: list[int] = []

        async def sleeper(number: int, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append(number)

        await asyncio.gather(sleeper(1, 0.3), sleeper(2, 0.1), sleeper(3, 0.2))
        return seen

    assert run(main)[0] == [2, 3, 1]


def test_a_killed_process_never_goes_on_not_even_to_its_finally() -> None:
    async def main(loop: VirtualLoop) -> list[str]:
        seen: list[str] = []

        async def life() -> None:
            try:
                seen.append("began")
                await asyncio.sleep(1)
                seen.append("went on")
            finally:
                seen.append("cleaned up")

        process = loop.process("p", Clock())
        loop.spawn(process, life())
        await asyncio.sleep(0.5)
        loop.kill(process)
        await asyncio.sleep(5)
        return list(seen)

    assert run(main)[0] == ["began"]


def test_a_paused_process_does_what_was_due_when_it_is_resumed() -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        seen: list[int] = []

        async def life() -> None:
            for _ in range(3):
                await asyncio.sleep(1)
                seen.append(loop.now_ns // 10**9)

        process = loop.process("p", Clock())
        loop.spawn(process, life())
        await asyncio.sleep(1.5)
        loop.pause(process)
        await asyncio.sleep(5)
        loop.resume(process)
        await asyncio.sleep(5)
        return seen

    assert run(main)[0] == [1, 6, 7]


def test_a_process_sees_its_own_clock() -> None:
    async def main(loop: VirtualLoop) -> tuple[float, int]:
        async def life() -> float:
            began_s = loop.time()
            await asyncio.sleep(2)
            return loop.time() - began_s

        elapsed_s = await loop.spawn(loop.process("fast", Clock(5 * 10**9, 1_000_000)), life())
        return elapsed_s, loop.now_ns

    assert run(main)[0] == (2.0, 10**9)


def test_work_in_another_thread_takes_a_moment_of_virtual_time_and_its_error_comes_back() -> None:
    async def main(loop: VirtualLoop) -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 7)

    result, loop = run(main)
    assert result == 7
    assert loop.now_ns > 0


def test_sets_of_tasks_have_the_same_order_in_every_run() -> None:
    async def main(loop: VirtualLoop) -> list[str]:
        tasks = {asyncio.create_task(asyncio.sleep(1), name=f"t{number}") for number in range(50)}
        done, _ = await asyncio.wait(tasks)
        return [task.get_name() for task in done]

    assert run(main)[0] == run(main)[0] == [f"t{number}" for number in range(50)]


def test_what_spins_without_time_passing_is_found() -> None:
    async def main(loop: VirtualLoop) -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(TooManySteps, match="without letting time pass"):
        run(main, steps_max=10**9)


def test_waiting_for_what_never_comes_is_found() -> None:
    async def main(loop: VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeft):
        run(main)


def test_an_error_of_a_callback_is_kept() -> None:
    async def main(loop: VirtualLoop) -> None:
        loop.call_soon(lambda: 1 // 0)
        await asyncio.sleep(1)

    _, loop = run(main)
    assert isinstance(loop.failures[0]["exception"], ZeroDivisionError)


def test_a_process_that_is_held_up_does_the_rest_so_much_later() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []
        process = loop.process("p", Clock())

        def note(what: str) -> None:
            seen.append((what, loop.now_ns / 1e9))

        async def life() -> None:
            asyncio.get_running_loop().call_later(0.5, note, "due meanwhile")
            loop.hold_up(process, 2_000_000_000)
            assert asyncio.get_running_loop().time() == 2.0, "its own clock has gone on"
            loop.after(1_000_000, loop.world, note, "sent after it")
            await asyncio.sleep(1)
            note("slept on")

        await asyncio.wait([loop.spawn(process, life())])
        return seen

    assert run(main)[0] == [("due meanwhile", 2.0), ("sent after it", 2.001), ("slept on", 3.0)]


def test_a_process_is_interrupted_between_two_steps_of_one_moment() -> None:
    async def main(loop: VirtualLoop) -> tuple[list[int], list[int]]:
        seen: list[int] = []

        async def life() -> None:
            for number in range(5):
                seen.append(number)
                await asyncio.sleep(0)

        process = loop.process("p", Clock())
        loop.interrupt(process, 3, lambda: loop.pause(process))
        loop.spawn(process, life())
        await asyncio.sleep(1)
        before = list(seen)
        loop.resume(process)
        await asyncio.sleep(1)
        return before, seen

    (before, after), _ = run(main)
    assert (before, after) == ([0, 1, 2], [0, 1, 2, 3, 4])


def test_what_arrived_during_a_pause_comes_before_the_timers_that_fell_due() -> None:
    async def main(loop: VirtualLoop) -> list[str]:
        seen: list[str] = []
        process = loop.process("p", Clock())

        async def life() -> None:
            await asyncio.sleep(1)
            seen.append("timer")

        loop.spawn(process, life())
        loop.after(2_000_000_000, process, seen.append, "message")
        await asyncio.sleep(0.5)
        loop.pause(process)
        await asyncio.sleep(3)
        assert seen == []
        loop.resume(process)
        await asyncio.sleep(0.1)
        return seen

    assert run(main)[0] == ["message", "timer"]


def test_a_machine_that_slept_finds_its_timers_as_late_as_it_slept() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float, float]]:
        seen: list[tuple[str, float, float]] = []
        process = loop.process("p", Clock(5_000_000_000))

        def note(what: str) -> None:
            seen.append((what, loop.now_ns / 1e9, loop.shown_ns(process) / 1e9))

        async def life() -> None:
            asyncio.get_running_loop().call_later(2, note, "due while it slept")
            asyncio.get_running_loop().call_later(9, note, "due later")
            await asyncio.sleep(20)

        loop.spawn(process, life())
        await asyncio.sleep(1)
        began_ns = loop.now_ns
        loop.suspend(process)
        loop.after(500_000_000, process, note, "arrived while it slept")
        await asyncio.sleep(4)
        loop.wake(process, began_ns)
        await asyncio.sleep(10)
        return seen

    assert run(main)[0] == [("arrived while it slept", 5.0, 6.0), ("due while it slept", 6.0, 7.0), ("due later", 13.0, 14.0)]


def test_a_machine_that_goes_on_by_other_means_is_not_woken_again() -> None:
    async def main(loop: VirtualLoop) -> float:
        process = loop.process("p", Clock())
        loop.suspend(process)
        loop.resume(process)
        await asyncio.sleep(3)
        loop.wake(process, 0)
        return loop.shown_ns(process) / 1e9

    assert run(main)[0] == 3.0
