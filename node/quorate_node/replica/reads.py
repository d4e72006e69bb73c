"""Reads on their way to a moment when the machine may be read: batched quorum rounds (ReadIndex), leases, bounded staleness.

All that arrive while `read_rounds_max` rounds are under way share the next one, so the rounds a second do not grow with the load.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from quorate_node.protocol.ready import ReadState
from quorate_node.replica.linger import Linger
from quorate_node.replica.service import ReadDone, ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.telemetry.instruments import Histogram

ReadWaiter = tuple[ReadDone, float]
"""Whom to tell, and until when (loop time, seconds)."""

_CONTEXT = Struct(">QQ")


class ReadQueue:
    def __init__(
        self,
        settings: ReplicaSettings,
        instance: int,
        ask: Callable[[bytes], bool],
        now_s: Callable[[], float],
        start_after: Callable[[float], None],
        barrier_seconds: Histogram | None = None,
    ) -> None:
        """`ask(context)` starts a quorum round; False when there is no leader to ask. `instance` tells this process's contexts
        from those of its earlier lives, whose late answers must not be taken for ours. `start_after(seconds)` has `start` called."""
        self._settings = settings
        self._instance = instance
        self._ask = ask
        self._now_s = now_s
        self._start_after = start_after
        self._linger = Linger(settings.read_linger_ms / 1000)
        self._next_round = 1
        self._gathering: list[ReadWaiter] = []
        self._rounds: dict[bytes, list[ReadWaiter]] = {}
        self._began_s: dict[bytes, float] = {}
        self._ready: list[tuple[int, list[ReadWaiter]]] = []
        """Confirmed at an index that is not applied yet."""
        self._waiting_count = 0
        self._barrier_seconds = barrier_seconds
        self.refused = 0
        """Reads that found the queue full."""

    def __len__(self) -> int:
        return self._waiting_count

    def add(self, done: ReadDone, deadline_s: float) -> bool:
        """False when the queue is full."""
        if self._waiting_count >= self._settings.pending_reads_max:
            self.refused += 1
            return False
        self._waiting_count += 1
        self._gathering.append((done, deadline_s))
        return True

    def start(self) -> None:
        """Begin a round for all that gathered, if one may begin."""
        if not self._gathering or len(self._rounds) >= self._settings.read_rounds_max:
            return
        wait_s = self._linger.remaining_s(len(self._gathering), self._now_s())
        if wait_s > 0:
            self._start_after(wait_s)
            return
        context = _CONTEXT.pack(self._instance, self._next_round)
        # failpoint: read.before_round
        if not self._ask(context):
            return
        self._next_round += 1
        self._rounds[context], self._gathering = self._gathering, []
        self._began_s[context] = self._now_s()

    def confirmed(self, states: list[ReadState], applied_index: int) -> None:
        for state in states:
            waiters = self._rounds.pop(state.context, None)
            began_s = self._began_s.pop(state.context, None)
            if waiters is None:
                continue
            if began_s is not None and self._barrier_seconds is not None:
                self._barrier_seconds.observe(self._now_s() - began_s)
            self._linger.completed(len(waiters), len(self._gathering))
            if state.index <= applied_index:
                self._serve(waiters)
            else:
                self._ready.append((state.index, waiters))
        self.start()

    def applied(self, index: int) -> None:
        if not self._ready:
            return
        due = [waiters for at, waiters in self._ready if at <= index]
        if due:
            self._ready = [(at, waiters) for at, waiters in self._ready if at > index]
            for waiters in due:
                self._serve(waiters)

    def _serve(self, waiters: list[ReadWaiter]) -> None:
        # failpoint: read.before_serve
        self._waiting_count -= len(waiters)
        for done, _ in waiters:
            done(None)

    def retry_rounds(self) -> None:
        """The rounds under way were lost (change of leader, lost messages): their readers join the next. Reads are safe to repeat."""
        rounds, self._rounds = self._rounds, {}
        self._began_s.clear()
        for waiters in rounds.values():
            self._gathering.extend(waiters)

    def retry_lost(self) -> None:
        """A question or an answer was lost on the way, which nobody else would notice: ask again."""
        late_s = self._now_s() - self._settings.read_retry_ms / 1000
        if any(began_s < late_s for began_s in self._began_s.values()):
            self.retry_rounds()
            self.start()

    def expire(self, now_s: float) -> None:
        for waiters in (self._gathering, *self._rounds.values(), *(waiters for _, waiters in self._ready)):
            late = [waiter for waiter in waiters if waiter[1] <= now_s]
            if late:
                waiters[:] = [waiter for waiter in waiters if waiter[1] > now_s]
                self._fail(late, ServiceError("Timeout", "no quorum confirmed the read within the request's time"))

    def fail_all(self, error: ServiceError) -> None:
        everything = [*self._gathering]
        for waiters in self._rounds.values():
            everything.extend(waiters)
        for _, waiters in self._ready:
            everything.extend(waiters)
        self._gathering, self._rounds, self._ready = [], {}, []
        self._began_s.clear()
        self._fail(everything, error)

    def _fail(self, waiters: list[ReadWaiter], error: ServiceError) -> None:
        self._waiting_count -= len(waiters)
        for done, _ in waiters:
            done(error)
