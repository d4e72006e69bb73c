"""The node's failpoints as faults of a simulated machine: at any of them it dies, meets an error, is held up, or leaves something out.

Off, a member has no registry and a place is a call that finds none; and where the modules were not instrumented, not even that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import NoReturn

from quorate_node.failpoints import SITES, Failpoints, Panic
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import FaultOptions
from quorate_node.simulator.process import current_process
from quorate_node.simulator.trace import Trace

PASSES_MEAN = 5.0
"""A place is passed so often, on the average, before anything happens there: else only the first time would ever be tried."""
TIMES_MAX = 5

_ELSEWHERE = ("api.", "restore.", "log.rocksdb.", "state.switch.before_pointer", "directory.create.", "directory.open.")
"""Of what the simulator has no part of: real sockets' handlers, snapshot files, RocksDB, and the real data directory."""
_STARTING = ("bootstrap.", "join.", "identity.", "member.start.", "hard_state.", "log.reset.", "log.write.", "membership.", "promotion.")
_OF_DISK = ("EIO", "ENOSPC", "StoreFailed", "NoSpace")
_NO_ERROR = ("transport.death.", "transport.handshake.", "transport.receive", "transport.request.before", "transport.send")
"""The simulator's own wires, of which errors would tell nothing."""
_ERRORS: dict[str, tuple[str, ...]] = {
    "forward.after_answer": ("PeerFailure",),
    "forward.before_send": ("PeerFailure", "PeerFailureUnsent"),
    "forward.serve": ("PeerRefused", ""),
    "hard_state.save.before_sync": ("EIO",),
    "hard_state.save.before_write": ("EIO", "StoreFailed"),
    "log.compact.after_marker": ("StoreFailed",),
    "log.file.after_write": ("EIO", "ENOSPC"),
    "log.file.before_write": ("EIO", "ENOSPC"),
    "log.repair.before_commit": _OF_DISK[2:],
    "log.write.before_commit": _OF_DISK[2:],
    "segment.prepare.before_allocate": _OF_DISK[:2],
    "state.flush.before": ("StoreFailed",),
    "state.write.before": ("Backpressure",),
    "transport.call.before_send": ("ConnectionResetError",),
    "transport.dial": ("ConnectionResetError", "TimeoutError"),
    "transport.request.after_send": ("PeerFailure",),
}
"""What can come from outside at such a place. The others raise what nobody expects, as a bug would."""


def places() -> tuple[str, ...]:
    """All that a simulated member may reach, in one order."""
    return tuple(name for name in sorted(SITES) if not name.startswith(_ELSEWHERE))


def starting_places() -> tuple[str, ...]:
    return tuple(name for name in places() if name.startswith(_STARTING))


def draw_terms(name: str, random: Random, options: FaultOptions) -> str:
    """What happens at the place `name`, after how many times that nothing does: terms of `failpoints.terms`."""
    passes = int(random.expovariate(1 / PASSES_MEAN))
    times = random.randint(1, TIMES_MAX)
    choice = random.randrange(100)
    if choice < options.failpoint_panic_percent:
        action, times = "panic", 1
    elif choice < options.failpoint_panic_percent + options.failpoint_error_percent and not name.startswith(_NO_ERROR):
        action = f"error({random.choice(_ERRORS.get(name, ('',)))})"
    elif SITES[name].skip and random.random() < 0.5:
        action = "skip"
    else:
        action = f"sleep({random.randint(1, options.failpoint_sleep_ms_max)})"
    return f"{passes}*off->{times}*{action}" if passes else f"{times}*{action}"


class SimulatedEffects:
    """What sleeping and dying mean on a simulated machine. `die` ends the process that runs there now."""

    def __init__(self, loop: VirtualLoop, trace: Trace, name: str, die: Callable[[str], None]) -> None:
        self._loop = loop
        self._trace = trace
        self._name = name
        self._die = die

    def sleep(self, seconds: float) -> None:
        self._trace.event("held up", self._name, f"{seconds:.3f}")
        self._loop.hold_up(current_process.get(), int(seconds * 1e9))

    async def sleep_awaited(self, seconds: float) -> None:
        self._trace.event("delayed", self._name, f"{seconds:.3f}")
        await asyncio.sleep(seconds)

    def panic(self, name: str, status: int) -> NoReturn:
        """What is left of the callback unwinds, and can do no harm: its process, its disk and its wires are gone already."""
        if current_process.get().alive:
            self._die(name)
        raise Panic(name)

    def show(self, text: str) -> None:
        self._trace.event(text)


def arm(failpoints: Failpoints, name: str, random: Random, options: FaultOptions) -> str:
    """Set one place; returns the terms."""
    terms = draw_terms(name, random, options)
    failpoints.configure(name, terms)
    return terms


def on_purpose(error: BaseException | None) -> bool:
    """A failpoint raised it, or what it was raised from."""
    return any(isinstance(link, Panic) or "failpoint " in str(link) for link in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 20:
        yield error
        error = error.__cause__ or error.__context__
        seen += 1
