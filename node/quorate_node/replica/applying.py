"""Committed entries on their way into the machine: in slices, after what is more urgent, and answered when they are in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from quorate.wire.results import DoneResult, Result
from quorate_node.machine.application_port import Pending as PendingResult
from quorate_node.machine.interface import ApplicationFailed, Machine, UnknownCommand
from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import Configuration, MemberRecord, MembershipChange
from quorate_node.protocol.raft import Raft, decode_change
from quorate_node.replica.log_clock import LogClock
from quorate_node.replica.proposing import Proposing
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.store.errors import Backpressure, StoreError
from quorate_node.telemetry.telemetry import Telemetry

BACKPRESSURE_RETRY_S = 0.005
DEFER_S = 0.02
"""How long a follower's apply waits at most for the write that was begun before it."""
_MEMBERSHIP = (EntryType.MEMBERSHIP, EntryType.MEMBERSHIP_SIMPLE)


class Owner(Protocol):
    """The engine, as applying sees it."""

    @property
    def halted(self) -> bool:
        """Nothing is applied now: stopped, or a snapshot is being installed."""
        ...

    def applied(self, index: int) -> None: ...
    def membership_applied(self, index: int, configuration: Configuration) -> None: ...
    def wake(self) -> None: ...
    def failed(self, error: BaseException) -> None: ...


class Applying:
    def __init__(
        self,
        settings: ReplicaSettings,
        raft: Raft,
        machine: Machine,
        clock: LogClock,
        proposing: Proposing,
        telemetry: Telemetry,
        owner: Owner,
    ) -> None:
        self._settings = settings
        self._raft = raft
        self._machine = machine
        self._clock = clock
        self._proposing = proposing
        self._in_flight = proposing.in_flight
        self._telemetry = telemetry
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._committed: deque[Entry] = deque()
        self._later = False
        self._deferred: asyncio.TimerHandle | None = None
        self._entered: tuple[int, Configuration] | None = None
        """The change that the protocol has taken in and the machine has not, as its store refused it for the moment."""

    def take(self, committed: Sequence[Entry], *, at_once: bool) -> None:
        """Apply `committed`, the next entries in order: at once, or at `run_deferred`, but soon in any case."""
        self._committed.extend(committed)
        if at_once:
            self._apply()
        elif self._deferred is None:
            self._deferred = self._loop.call_later(DEFER_S, self.run_deferred)

    def run_deferred(self) -> None:
        if self._deferred is not None:
            self._deferred.cancel()
            self._deferred = None
            self._run()

    def clear(self) -> None:
        """Forget what was not applied: a snapshot took its place."""
        self._committed.clear()
        self._entered = None

    def _run(self) -> None:
        if self._owner.halted:
            return
        try:
            self._apply()
        except Exception as error:  # noqa: BLE001 - whatever broke stops the member, with its cause
            self._owner.failed(error)

    def _run_later(self, delay_s: float) -> None:
        self._later = True
        self._loop.call_later(delay_s, self._again)

    def _again(self) -> None:
        self._later = False
        self._run()
        self._owner.wake()

    def _apply(self) -> None:
        """In slices, so that a member that catches up still answers its peers."""
        if self._later:
            return
        until_s = self._loop.time() + self._settings.apply_slice_ms / 1000
        while self._committed and not self._owner.halted:
            if self._loop.time() > until_s:
                self._run_later(0)
                return
            try:
                self._apply_some()
            except Backpressure:
                self._telemetry.store_backpressure.add()
                self._run_later(BACKPRESSURE_RETRY_S)
                return
            except (UnknownCommand, ApplicationFailed, StoreError) as error:
                self._owner.failed(error)
                return

    def _apply_some(self) -> None:
        first = self._committed[0]
        if first.type in _MEMBERSHIP:
            self._apply_membership(first)
            self._committed.popleft()
            self._owner.applied(first.index)
            return
        run = self._next_run()
        # failpoint: engine.before_apply
        began_s = self._loop.time()
        results = self._machine.apply(run)
        self._telemetry.apply_seconds.observe(self._loop.time() - began_s)
        for _ in run:
            self._committed.popleft()
        self._clock.continue_from(self._machine.log_time_ms)
        # failpoint: engine.after_apply_before_answer
        self._answer(run, results)
        self._owner.applied(run[-1].index)

    def _next_run(self) -> list[Entry]:
        """What is applied in one call: up to the next membership change, and about `apply_bytes_max`."""
        run: list[Entry] = []
        size = 0
        for entry in self._committed:
            if entry.type in _MEMBERSHIP or (run and size > self._settings.apply_bytes_max):
                break
            run.append(entry)
            size += len(entry.data)
        return run

    def _answer(self, run: list[Entry], results: Sequence[Sequence[Result | PendingResult]]) -> None:
        if not len(self._in_flight):
            return
        for entry, result in zip(run, results, strict=True):
            if not entry.data:
                # A new leader's first entry: what an older term proposed from here on can never be applied.
                self._in_flight.truncated(entry.index, entry.term)
            proposed_s = self._in_flight.applied(entry.index, entry.term, result)
            if proposed_s is not None:
                self._proposing.completed(len(result))
                self._telemetry.commit_seconds.observe(self._loop.time() - proposed_s)

    def _apply_membership(self, entry: Entry) -> None:
        change = _readable_change(entry)
        # failpoint: engine.before_membership
        if self._entered is None or self._entered[0] != entry.index:
            self._entered = entry.index, self._raft.apply_membership(change)
        configuration = self._entered[1]
        records = msgspec.msgpack.decode(change.context, type=list[MemberRecord]) if change.context else []
        present = {*configuration.voters, *configuration.learners, *configuration.voters_outgoing, *configuration.learners_next}
        removed = [member_id for member_id in self._machine.members if member_id not in present]
        kept = [record for record in records if record.member_id in present]
        self._machine.apply_membership(entry, configuration, kept, removed)
        self._in_flight.applied(entry.index, entry.term, [DoneResult(self._machine.revision)])
        self._owner.membership_applied(entry.index, configuration)


def _readable_change(entry: Entry) -> MembershipChange:
    try:
        return decode_change(entry.data)
    except msgspec.DecodeError as error:
        raise UnknownCommand(f"entry {entry.index} holds a membership change that this release cannot read: {error}") from error
