"""The wires between machines: who hears whom, how late, and what is lost on the way. `transport` is a member's end of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import log
from random import Random
from typing import TYPE_CHECKING, Any

from quorate_node.protocol.message import Message
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import NetworkOptions
from quorate_node.simulator.process import Process, current_process
from quorate_node.simulator.streams import stream
from quorate_node.simulator.trace import Trace

if TYPE_CHECKING:
    from quorate_node.simulator.transport import SimulatedTransport

STRAGGLE_FACTOR = 50
IDLE_NS = 3_000_000_000
"""A silent connection is given up after so long, as with `transport.idle_timeout_s`."""
DEATH_NS = 2_000_000
"""A killed process's connections end, and a reconnect is refused, within this."""

Pair = tuple[str, str]
"""(from, to): URLs of machines."""


class Network:
    def __init__(self, loop: VirtualLoop, seed: int, options: NetworkOptions, trace: Trace, counters: Counter[str]) -> None:
        self.loop = loop
        self.options = options
        self.trace = trace
        self.counters = counters
        self.queued_max = 0
        """Messages that one wire takes within a millisecond; 0: all."""
        self.faulty = False
        """False: nothing is lost, doubled or late, whatever the options say. Partitions are the world's to heal."""
        self.listening: dict[str, SimulatedTransport] = {}
        self.blocked: dict[Pair, int] = {}
        """Pairs that cannot hear each other, in that direction, and since when."""
        self.clogged: dict[Pair, int] = {}
        """What is sent arrives after this time."""
        self._late: dict[str, int] = {}
        """A machine that sleeps, or woke up just now: nothing reaches it before this time."""
        self.silenced: dict[Pair, int] = {}
        """What is sent before this time is lost while the network is faulty, and no connection ends for it; what is under way arrives."""
        self.narrow: dict[Pair, int] = {}
        """As `silenced`, for what is large: a path that lets less through than its ends believe passes heartbeats and no entries."""
        self.sent: Callable[[Message], None] = _nobody_looks
        """Told of every message that leaves a member."""
        self._seed = seed
        self._delays: dict[Pair, Random] = {}
        self._fates: dict[Pair, Random] = {}
        self._fateful = options.loss > 0 or options.duplication > 0
        """Else no number needs to be drawn for it."""
        self._delay_rate = 1 / options.delay_us_mean
        self._last_due: dict[Pair, int] = {}

    # -- how long, whether at all --------------------------------------------------------------------------------------

    def delay_ns(self, pair: Pair) -> int:
        options, random, now_ns = self.options, self._delays.get(pair), self.loop.now_ns
        if random is None:
            random = self._delays[pair] = stream(self._seed, "delay", *pair)
        delay_us = options.delay_us_min - log(1.0 - random.random()) / self._delay_rate  # As `expovariate`, without a call of it.
        if self.faulty and random.random() < options.straggling:
            self.counters["network straggler"] += 1
            delay_us *= STRAGGLE_FACTOR
        due_ns = now_ns + int(delay_us * 1_000)
        if self.clogged and self.clogged.get(pair, 0) > due_ns:
            self.counters["network clogged"] += 1
            due_ns = self.clogged[pair] + random.randrange(1_000_000)
        last_due_ns = self._last_due.get(pair, 0)
        if due_ns > last_due_ns:
            self._last_due[pair] = due_ns
        elif options.in_order:
            due_ns = self._last_due[pair] = last_due_ns + 1
        elif due_ns < last_due_ns:
            self.counters["network reordered"] += 1
        return due_ns - now_ns

    def lost(self, pair: Pair) -> bool:
        if pair in self.blocked:
            self.counters["network partitioned"] += 1
            return True
        if self.faulty and self.silenced and self.loop.now_ns < self.silenced.get(pair, 0):
            self.counters["network silenced"] += 1
            return True
        if self.faulty and self._fateful and self._fate(pair).random() < self.options.loss:
            self.counters["network lost"] += 1
            return True
        return False

    def _fate(self, pair: Pair) -> Random:
        random = self._fates.get(pair)
        if random is None:
            random = self._fates[pair] = stream(self._seed, "fate", *pair)
        return random

    def doubled(self, pair: Pair) -> bool:
        if self.faulty and self._fateful and self._fate(pair).random() < self.options.duplication:
            self.counters["network duplicated"] += 1
            return True
        return False

    def carry(self, pair: Pair, process: Process, callback: Callable[..., object], *args: Any) -> None:
        """Call back at the other end, if it gets there."""
        if (self.blocked or self.faulty) and self.lost(pair):
            return
        self.loop.after(self.delay_ns(pair), process, self._arrive, pair, callback, args)

    def _arrive(self, pair: Pair, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        if pair in self.blocked:
            self.counters["network partitioned"] += 1
            return
        if self._late and self.faulty:
            wait_ns = self._late.get(pair[1], 0) - self.loop.now_ns
            if wait_ns > 0:
                self.counters["network repeated after sleep"] += 1
                self.loop.after(wait_ns, current_process.get(), self._arrive, pair, callback, args)
                return
        callback(*args)

    # -- partitions -----------------------------------------------------------------------------------------------------

    def block(self, sources: list[str], targets: list[str]) -> None:
        for source in sources:
            for target in targets:
                if source != target:
                    self.blocked.setdefault((source, target), self.loop.now_ns)
                    self.loop.after(IDLE_NS, self.loop.world, self._give_up, (source, target), self.loop.now_ns)

    def sleeps(self, url: str, until_ns: int) -> None:
        """A machine is off the wires: what others send waits there, and comes when they next repeat it (RFC 6298: every time later than
        before). Whoever hears nothing for long lets go of the connection."""
        self._late[url] = until_ns
        if until_ns - self.loop.now_ns > IDLE_NS:
            self.loop.after(IDLE_NS, self.loop.world, self._slept_too_long, url, until_ns)

    def _slept_too_long(self, url: str, until_ns: int) -> None:
        if self._late.get(url) == until_ns:
            for other in self.listening.values():
                if other.url != url:
                    self.loop.after(0, other.process, other.fell_silent, url)

    @staticmethod
    def silence(how: dict[Pair, int], sources: list[str], targets: list[str], until_ns: int) -> None:
        """`how`: `silenced` or `narrow`, from `sources` to `targets`."""
        for source in sources:
            for target in targets:
                if source != target:
                    how[source, target] = max(until_ns, how.get((source, target), 0))

    def too_narrow(self, pair: Pair) -> bool:
        """Whether what carries entries is too large to get through."""
        narrow = self.faulty and self.loop.now_ns < self.narrow.get(pair, 0)
        self.counters["network narrow"] += narrow
        return narrow

    def heal(self) -> None:
        self.blocked.clear()
        self.clogged.clear()

    def _give_up(self, pair: Pair, since_ns: int) -> None:
        """Nothing came over a connection for so long that its ends let go of it."""
        if self.blocked.get(pair) != since_ns:
            return
        for url, other in (pair, pair[::-1]):
            transport = self.listening.get(url)
            if transport is not None:
                self.loop.after(0, transport.process, transport.fell_silent, other)

    # -- processes come and go ------------------------------------------------------------------------------------------

    def listen(self, transport: SimulatedTransport) -> None:
        self.listening[transport.url] = transport

    def leave(self, transport: SimulatedTransport, *, died: bool, seen: bool) -> None:
        """Its connections end: with a goodbye, abruptly, or unseen, as when its machine has lost power."""
        if self.listening.get(transport.url) is transport:
            del self.listening[transport.url]
        random = stream(self._seed, "leave", transport.process.name)
        for other in self.listening.values():
            delay_ns = random.randrange(DEATH_NS) if seen else IDLE_NS + random.randrange(DEATH_NS)
            self.loop.after(delay_ns, other.process, other.end_of, transport, died, seen)


def _nobody_looks(_message: Message) -> None:
    """Before the invariants are there."""
