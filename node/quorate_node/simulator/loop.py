"""An asyncio event loop in virtual time: one thread, no sockets, no sleep; what happens, and in which order, follows from the seed.

Time stands still while a callback runs, but for `cpu_ns` a look at the clock, and jumps to the next timer when nothing is ready.
Object hashes cannot matter: tasks and futures, which the standard library keeps in sets, are numbered, and hash by their number.
"""

from __future__ import annotations

import asyncio
import gc
from asyncio import events
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from math import ceil
from operator import attrgetter
from random import Random
from struct import Struct
from typing import Any, TypeVar

from quorate_node.simulator.clock import Clock
from quorate_node.simulator.handle import Arrival, Handle, Timer
from quorate_node.simulator.process import Process, current_process
from quorate_node.simulator.streams import stream
from quorate_node.simulator.trace import Trace

Value = TypeVar("Value")
SECOND_NS = 1_000_000_000
NEVER_NS = 1 << 63
STEPS_AT_ONCE_MAX = 100_000
"""Within a microsecond of virtual time: in real time this would be a busy loop."""
FLUSH_STEPS = 4_096
"""So much of the trace is kept before it is hashed."""
_pack_step = Struct(">QI").pack


class TooManySteps(Exception):
    """The run did more than its limit: something spins without letting time pass."""


class NothingLeft(Exception):
    """Nothing is scheduled any more: what was waited for can never come."""


class _NumberedTask(asyncio.Task[Value]):
    def __init__(self, number: int, coroutine: Any, **options: Any) -> None:
        self.number = number  # Before the base class, which puts the task into a set.
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self.number


class _NumberedFuture(asyncio.Future[Value]):
    number: int
    """Given once it is there: a future, unlike a task, is put into no set before somebody waits for it."""

    def __hash__(self) -> int:
        return self.number


class VirtualLoop(asyncio.AbstractEventLoop):
    def __init__(self, random: Random, trace: Trace, *, cpu_ns: int = 0, executor_ns_max: int = 1_000_000) -> None:
        """`cpu_ns`: what each look at the clock costs, so that long work passes its time slices. `executor_ns_max`: how long work
        in another thread takes at most before it has its effect, and once more before it is known to be over."""
        self.now_ns = 0
        self.steps = 0
        self.failures: list[dict[str, Any]] = []
        """What callbacks raised: always a bug, of the simulator or of what runs in it."""
        self.expected: Callable[[BaseException | None], bool] = _nothing_is_expected
        """What a fault has put there on purpose: reported, as by every loop, and no failure."""
        self._executor_seed = random.getrandbits(64)
        self._executors: dict[str, Random] = {}
        self._trace = trace
        self._cpu_ns = cpu_ns
        self._executor_ns_max = executor_ns_max
        self._ready: list[Handle] = []
        self._timers: list[tuple[int, int, Handle]] = []
        """(virtual time, number, what to call): those of one moment in the order in which they were set."""
        self._numbers = 0
        self._halted = False
        self._ahead: list[Process] = []
        """Held up in the callback that runs now."""
        self._others: list[Process] = []
        """Every process there ever was: a dead one's tasks are kept, so that no destructor runs its code before the end."""
        self._over = False
        self.unheard: list[Exception] = []
        self.world = Process(0, "world", Clock())

    # -- processes ------------------------------------------------------------------------------------------------------

    def process(self, name: str, clock: Clock) -> Process:
        process = Process(len(self._others) + 1, name, clock)
        self._others.append(process)
        return process

    def spawn(self, process: Process, coroutine: Coroutine[Any, Any, Value], name: str | None = None) -> asyncio.Task[Value]:
        """A task of `process`, whoever asks for it."""
        return self.create_task(coroutine, name=name, context=process.context)

    def kill(self, process: Process) -> None:
        """At once: whatever it waits for, it never goes on."""
        process.alive = False
        process.deferred.clear()

    def pause(self, process: Process) -> None:
        process.paused = True

    def resume(self, process: Process) -> None:
        process.paused, process.asleep = False, None
        self._go_on(process)

    def suspend(self, process: Process) -> None:
        """Its machine sleeps, until it wakes it or something else has it go on."""
        self.pause(process)
        process.asleep = self.now_ns, process.clock.local(self.now_ns)

    def wake(self, process: Process, since_ns: int) -> bool:
        """If it has slept since `since_ns`: the clock under its timers stood still, so that all of them come later by that.
        Returns whether it has."""
        if process.asleep is None or process.asleep[0] != since_ns or not process.alive:
            return False
        slept_ns = self.now_ns - since_ns
        process.clock.restart(self.now_ns, process.asleep[1])
        late = [handle for handle in process.deferred if isinstance(handle, Timer)]
        process.deferred = [handle for handle in process.deferred if not isinstance(handle, Timer)]
        timers = [
            (due_ns + slept_ns, number, handle.put_off(slept_ns))
            if isinstance(handle, Timer) and handle.process is process
            else (due_ns, number, handle)
            for due_ns, number, handle in self._timers
        ]
        for handle in late:
            self._numbers += 1
            timers.append((handle.due_ns + slept_ns, self._numbers, handle.put_off(slept_ns)))
        heapify(timers)
        self._timers = timers
        self.resume(process)
        return True

    def hold_up(self, process: Process, delay_ns: int) -> None:
        """In the middle of one of its callbacks: time passes for it alone. What it does in the rest of the callback happens, for the
        others, so much later; what of it is due meanwhile waits."""
        process.ahead_ns += delay_ns
        process.held += 1
        self._ahead.append(process)
        self._call_at(self.now_ns + process.ahead_ns, Arrival, self.world, self._let_go, (process,), self.world.context)

    def _let_go(self, process: Process) -> None:
        process.held -= 1
        self._go_on(process)

    def _go_on(self, process: Process) -> None:
        if not process.paused and not process.held:
            self._ready.extend(sorted(process.deferred, key=attrgetter("order_after_a_pause")))
            process.deferred.clear()

    def interrupt(self, process: Process, steps: int, interruption: Callable[[], None]) -> None:
        """Between two steps of its own, so many from now: at places where no time passes, too. 0: now."""
        if steps:
            process.steps_left, process.interruption = steps, interruption
        else:
            interruption()

    # -- time -----------------------------------------------------------------------------------------------------------

    def time(self) -> float:
        """What the running process's own clock shows, in seconds."""
        self.now_ns = now_ns = self.now_ns + self._cpu_ns
        process = current_process.get()
        return process.clock.local(now_ns + process.ahead_ns) / SECOND_NS

    def shown_ns(self, process: Process) -> int:
        """What the clock of `process` shows now."""
        return process.clock.local(self.now_ns + process.ahead_ns)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if context is None:
            context = copy_context()
        handle = Handle(self.now_ns, context[current_process], callback, args, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if context is None:
            context = copy_context()
        process, now_ns = context[current_process], self.now_ns
        due_ns = process.clock.later(now_ns + process.ahead_ns, ceil(delay * SECOND_NS))
        handle = Timer(max(now_ns, due_ns), process, callback, args, context)
        self._numbers = number = self._numbers + 1
        heappush(self._timers, (handle._due_ns, number, handle))
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if context is None:
            context = copy_context()
        process = context[current_process]
        due_ns, now_ns = process.clock.virtual(ceil(when * SECOND_NS)), self.now_ns
        return self._call_at(max(now_ns, due_ns), Timer, process, callback, args, context)

    def after(self, delay_ns: int, process: Process, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """In virtual time, for `process`: a delivery of the network, the end of a disk's operation."""
        due_ns = self.now_ns + delay_ns
        if self._ahead:
            due_ns += current_process.get().ahead_ns
        handle = Arrival(due_ns, process, callback, args, process.context)
        self._numbers = number = self._numbers + 1
        heappush(self._timers, (due_ns, number, handle))
        return handle

    def _call_at(
        self,
        due_ns: int,
        kind: type[Handle],
        process: Process,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
    ) -> asyncio.TimerHandle:
        handle = kind(due_ns, process, callback, args, context)
        self._numbers += 1
        heappush(self._timers, (due_ns, self._numbers, handle))
        return handle

    # -- running --------------------------------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, Value], steps_max: int, until_ns: int | None = None) -> Value | None:
        """Run the world's coroutine to its end, to `until_ns`, or until `halt()`. Raises `TooManySteps`, `NothingLeft`, and what `main`
        raises."""
        events._set_running_loop(self)
        collecting = gc.isenabled()
        gc.collect(1)  # What an earlier run has left, without what it took from modules: that would cost more than a tenth of a run.
        gc.disable()  # A collection runs destructors at moments that no seed decides.
        try:
            task = self.spawn(self.world, main, "main")
            self._go_round(task, steps_max, until_ns if until_ns is not None else NEVER_NS)
            return task.result() if task.done() else None
        finally:
            self._bury()
            events._set_running_loop(None)
            if collecting:
                gc.enable()

    def halt(self) -> None:
        """Not in the middle: what is ready at this moment still runs."""
        self._halted = True

    def _go_round(self, main: asyncio.Task[Value], steps_max: int, until_ns: int) -> None:
        """Over and over: all that is ready, or, when nothing is, all that is due next. What that makes ready has its turn afterwards.

        One function, with what it looks at in local variables: a run is some ten thousand rounds of one or two steps each.
        """
        trace_step, main_done = self._trace.step, main.done
        steps, flush_at, moment_ns, spins_at = 0, FLUSH_STEPS, 0, STEPS_AT_ONCE_MAX
        while not (main_done() or self._halted or self.now_ns >= until_ns):
            batch, timers = self._ready, self._timers
            self._ready = []
            if not batch:
                if not timers:
                    raise NothingLeft("nothing is scheduled and nothing runs: the simulation hangs")
                if timers[0][0] > self.now_ns:
                    self.now_ns = timers[0][0]
            now_ns = self.now_ns
            if now_ns > moment_ns:
                moment_ns, spins_at = now_ns + 1_000, steps + STEPS_AT_ONCE_MAX
            elif steps > spins_at:
                raise TooManySteps(f"at {now_ns / SECOND_NS:.6f} s work goes round without letting time pass: {batch[:5]}")
            while timers and timers[0][0] <= now_ns:
                handle = heappop(timers)[2]
                if not handle.cancelled_:
                    batch.append(handle)
            for handle in batch:
                process = handle.process
                if handle.cancelled_ or not process.alive:
                    continue
                if process.paused or process.held:
                    process.deferred.append(handle)
                    continue
                steps += 1
                trace_step(_pack_step(self.now_ns, process.number))
                try:
                    handle.context.run(handle.callback, *handle.arguments)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - as asyncio's: the loop tells of a failed callback, and goes on
                    self.call_exception_handler({"message": f"Exception in callback {handle!r}", "exception": error, "handle": handle})
                if self._ahead:
                    self._back_in_time()
                if process.steps_left:
                    process.step_taken()
            self.steps = steps
            if steps >= flush_at:
                self._trace.flush()
                flush_at = steps + FLUSH_STEPS
                if steps > steps_max:
                    raise TooManySteps(f"{steps} steps by {self.now_ns / SECOND_NS:.3f} s of virtual time: too many for one run")

    def _back_in_time(self) -> None:
        """The callback is over that somebody was held up in."""
        for held_up in self._ahead:
            held_up.ahead_ns = 0
        self._ahead.clear()

    def _bury(self) -> None:
        """End what never ended: the `finally` of its coroutines runs here, where nothing that it schedules is ever run."""
        self._over = True
        for process in (self.world, *self._others):
            for task in process.tasks.values():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                coroutine = task.get_coro()
                try:
                    assert coroutine is not None
                    coroutine.close()
                except Exception as error:  # noqa: BLE001 - it waits in its `finally`, or misses what is gone: of no consequence now
                    self.unheard.append(error)
            process.tasks.clear()
        self._ready.clear()
        self._timers.clear()

    # -- what asyncio asks of a loop ------------------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        self._numbers += 1
        future: _NumberedFuture[Any] = _NumberedFuture(loop=self)
        future.number = self._numbers
        return future

    def create_task(
        self,
        coro: Generator[Any, None, Value] | Coroutine[Any, Any, Value],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Value]:
        process = current_process.get() if context is None else context[current_process]
        self._numbers += 1
        number = self._numbers
        task: asyncio.Task[Value] = _NumberedTask(number, coro, loop=self, name=name or f"task-{number}", context=context)
        process.tasks[number] = task
        task.add_done_callback(lambda _: process.tasks.pop(number, None), context=process.context)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Value], *args: Any
    ) -> asyncio.Future[Value]:
        """As in another thread: the work has its effect after a moment, and the caller hears of it after another."""
        assert executor is None, "the simulation has one executor"
        process = current_process.get()
        future: asyncio.Future[Value] = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it
                self.after(self._draw_ns(process), process, tell, None, error)
            else:
                self.after(self._draw_ns(process), process, tell, result, None)

        def tell(result: Value, error: Exception | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self.after(self._draw_ns(process), process, work)
        return future

    def _draw_ns(self, process: Process) -> int:
        random = self._executors.get(process.name)
        if random is None:
            random = self._executors[process.name] = stream(self._executor_seed, "executor", process.name)
        return random.randrange(self._executor_ns_max + 1)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._over and not self.expected(context.get("exception")):
            self.failures.append(context)
            self.halt()

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False


def _nothing_is_expected(_error: BaseException | None) -> bool:
    return False
