"""Commands on their way into the log: gathered, made into entries, and answered when their entry is applied."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from quorate.wire.commands import BATCH_FORMAT, Batch, Command
from quorate.wire.results import Result
from quorate_node.machine.application_port import Pending as PendingResult
from quorate_node.replica.service import Done, ServiceError
from quorate_node.replica.settings import ReplicaSettings

_encode = msgspec.msgpack.Encoder().encode

Waiter = tuple[Done, float]
"""Whom to answer, and until when (loop time, seconds)."""


class Pending:
    """Commands that are in no entry yet, in order of arrival. Bounded by count and by bytes."""

    __slots__ = ("_bytes", "_commands", "_settings", "_sizes", "_waiters")

    def __init__(self, settings: ReplicaSettings) -> None:
        self._settings = settings
        self._commands: deque[Command] = deque()
        self._waiters: deque[Waiter] = deque()
        self._sizes: deque[int] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._commands)

    def add(self, command: Command, waiter: Waiter) -> bool:
        """False when the queue is full."""
        size = memoryview(command.payload).nbytes + 32
        settings = self._settings
        if len(self._commands) >= settings.pending_commands_max or self._bytes + size > settings.pending_bytes_max:
            return False
        self._commands.append(command)
        self._waiters.append(waiter)
        self._sizes.append(size)
        self._bytes += size
        return True

    def take(self) -> tuple[list[Command], list[Waiter]]:
        """As many as one entry may hold; at least one."""
        settings = self._settings
        if len(self._commands) <= settings.batch_commands_max and self._bytes <= settings.batch_bytes_max:
            commands, waiters = list(self._commands), list(self._waiters)
            self._commands.clear()
            self._waiters.clear()
            self._sizes.clear()
            self._bytes = 0
            return commands, waiters
        commands, waiters, taken_bytes = [], [], 0
        while self._commands and len(commands) < settings.batch_commands_max:
            if commands and taken_bytes + self._sizes[0] > settings.batch_bytes_max:
                break
            taken_bytes += self._sizes[0]
            self._bytes -= self._sizes.popleft()
            commands.append(self._commands.popleft())
            waiters.append(self._waiters.popleft())
        return commands, waiters

    def put_back(self, commands: list[Command], waiters: list[Waiter]) -> None:
        """Not accepted after all: back to the front, in order."""
        for command, waiter in zip(reversed(commands), reversed(waiters), strict=True):
            size = memoryview(command.payload).nbytes + 32
            self._commands.appendleft(command)
            self._waiters.appendleft(waiter)
            self._sizes.appendleft(size)
            self._bytes += size

    def expire(self, now_s: float) -> list[Waiter]:
        """Remove and return those whose time is over. They were never proposed."""
        if not any(deadline_s <= now_s for _, deadline_s in self._waiters):
            return []
        commands, waiters = list(self._commands), list(self._waiters)
        self._commands.clear()
        self._waiters.clear()
        self._sizes.clear()
        self._bytes = 0
        expired: list[Waiter] = []
        for command, waiter in zip(commands, waiters, strict=True):
            if waiter[1] <= now_s:
                expired.append(waiter)
            else:
                self.add(command, waiter)
        return expired


def encode_batch(log_time_ms: int, commands: list[Command]) -> bytes:
    """The data of a normal entry."""
    return _encode(Batch(BATCH_FORMAT, log_time_ms, commands))


class InFlight:
    """Entries proposed here and not yet applied, by index, with those who wait for their results."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        # index -> term, waiters, earliest deadline, when it was proposed
        self._groups: dict[int, tuple[int, list[Waiter | None], float, float]] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, index: int, term: int, waiters: list[Waiter], now_s: float = 0.0) -> None:
        assert index not in self._groups, "an index is proposed once a term; an older group was answered at truncation"
        self._groups[index] = (term, list(waiters), min(deadline_s for _, deadline_s in waiters), now_s)

    def applied(self, index: int, term: int, results: Sequence[Result | PendingResult]) -> float | None:
        """Answer those who wait for this index: with their results, or that another leader's entry took its place.

        Returns when the entry was proposed, None when it was not proposed here.
        """
        group = self._groups.pop(index, None)
        if group is None:
            return None
        proposed_term, waiters, _, proposed_s = group
        if proposed_term != term:
            _answer(waiters, ServiceError("LeadershipLost", "another leader's entry took this one's place: it was not applied"))
            return None
        assert len(results) == len(waiters), "one result a command"
        for waiter, result in zip(waiters, results, strict=True):
            if waiter is None:
                continue
            if isinstance(result, PendingResult):
                result.set_callback(waiter[0])  # The application's machine answers later, in its own process.
            else:
                waiter[0](result)
        return proposed_s

    def truncated(self, from_index: int, term: int) -> None:
        """An index is proposed again in a newer term: whatever waited there from an older one lost its place."""
        for index in [i for i, (proposed_term, _, _, _) in self._groups.items() if i >= from_index and proposed_term < term]:
            _, waiters, _, _ = self._groups.pop(index)
            _answer(waiters, ServiceError("LeadershipLost", "another leader's entry took this one's place: it was not applied"))

    def expire(self, now_s: float) -> None:
        """Answer `Timeout` to those whose time is over; their commands may still be applied."""
        for index, (term, waiters, earliest_s, proposed_s) in list(self._groups.items()):
            if earliest_s > now_s:
                continue
            late = [waiter for waiter in waiters if waiter is not None and waiter[1] <= now_s]
            kept = [None if waiter is None or waiter[1] <= now_s else waiter for waiter in waiters]
            following_s = min((waiter[1] for waiter in kept if waiter is not None), default=float("inf"))
            self._groups[index] = (term, kept, following_s, proposed_s)
            _answer(late, ServiceError("Timeout", "not committed within the request's time; it may still take effect"))

    def fail_all(self, error: ServiceError) -> None:
        groups, self._groups = self._groups, {}
        for _, waiters, _, _ in groups.values():
            _answer(waiters, error)


def _answer(waiters: list[Waiter] | list[Waiter | None], error: ServiceError) -> None:
    for waiter in waiters:
        if waiter is not None:
            waiter[0](error)


Submit = Callable[[Command, Done], None]
