"""What the API may ask of a replica. The API imports this and nothing else of the replica's insides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from quorate.wire.commands import Command
from quorate.wire.results import Result
from quorate_node.machine.application_port import Pending as PendingResult
from quorate_node.machine.interface import Machine
from quorate_node.protocol.entry import Entry


class ServiceError(Exception):
    """`error` is a name of `quorate.wire.errors.ERRORS`; the API answers with its code, status and the leader that is known."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


class Consistency:
    LINEARIZABLE = 0
    LEASE = 1
    STALE = 2


class MemberStatus(msgspec.Struct, frozen=True):
    member_id: int
    name: str
    role: str
    """leader | follower | candidate | learner | non-voting | witness | joining | uninitialised | repairing | damaged | stopped"""
    peer_url: str
    client_url: str
    leader_id: int
    term: int
    commit_index: int
    applied_index: int
    first_index: int
    last_index: int
    revision: int
    compacted_revision: int
    log_size_bytes: int
    state_size_bytes: int
    cluster_version: int
    version: str
    boot_counter: int
    errors: tuple[str, ...] = ()
    """Alarms in words: NoSpace, Damaged ..., empty when all is well."""


class PeerProgress(msgspec.Struct, frozen=True):
    """The leader's view of a member."""

    member_id: int
    state: str
    match_index: int
    recent_active: bool
    lag_entries: int


class MemberInfo(msgspec.Struct, frozen=True):
    member_id: int
    name: str
    role: str
    """voter | learner | non-voting | witness"""
    peer_url: str
    client_url: str
    priority: int
    progress: PeerProgress | None = None


Done = Callable[[Result | ServiceError], None]


class Asker(Protocol):
    """Who waits for many commands: each is answered once, by its number, in runs. Called on the loop's thread."""

    def answered(self, offset: int, results: Sequence[Result | PendingResult]) -> None:
        """`results[i]` answers command `offset` + i. A `PendingResult` comes later, from the application's machine: set its call-back."""
        ...

    def failed(self, offset: int, count: int, error: ServiceError) -> None: ...


ReadDone = Callable[[ServiceError | None], None]


class ReplicaService(Protocol):
    @property
    def machine(self) -> Machine:
        """Raises `ServiceError` (NotReady) before this member belongs to a cluster."""
        ...

    @property
    def cluster_id(self) -> int: ...

    def status(self) -> MemberStatus: ...
    def members(self) -> tuple[int, list[MemberInfo]]:
        """(configuration index, members): the index is what membership calls may expect."""
        ...

    def leader(self) -> tuple[int, str]:
        """(member id, client URL) of the known leader; (0, "") when there is none."""
        ...

    def is_leader(self) -> bool: ...

    def submit(self, command: Command, done: Done, *, forward: bool = True, deadline_s: float | None = None) -> None:
        """The hot path: no task, no future. `done` is called once, on the loop's thread, never inside `submit`.

        All that is submitted before the loop turns becomes one entry. On a follower it is forwarded, or refused with NotLeader
        when `forward` is False. Without a session a forwarded command that may have been seen is never sent twice.
        """
        ...

    def submit_many(self, commands: list[Command], asker: Asker, *, forward: bool = True, deadline_s: float | None = None) -> None:
        """`submit` of commands that came together: they stay in order, and what can be done once for all is."""
        ...

    async def execute(self, command: Command, *, forward: bool = True, timeout_s: float | None = None) -> Result:
        """`submit` as a coroutine. Raises `ServiceError`."""
        ...

    def read(self, consistency: int, done: ReadDone, *, staleness_ms_max: int = 0, deadline_s: float | None = None) -> None:
        """Call `done(None)` when the machine may be read with that consistency; read it inside `done`. Batched. Never inside `read`."""
        ...

    def lease_holds(self) -> bool:
        """Asked again *after* a lease read has read its value: a pause in between may have outlived the lease (DESIGN decision 14)."""
        ...

    async def read_barrier(self, consistency: int, *, staleness_ms_max: int = 0, timeout_s: float | None = None) -> None: ...

    # Administration; each is carried to the leader when this member is not it. All raise `ServiceError`.
    async def add_member(
        self,
        peer_url: str,
        name: str,
        *,
        witness: bool,
        priority: int,
        expected_configuration_index: int | None,
        non_voting: bool = False,
    ) -> int:
        """Returns the new member's id: a learner (promoted when it has caught up, unless it is `non_voting`) or a witness."""
        ...

    async def promote_member(self, member_id: int, *, expected_configuration_index: int | None) -> None: ...
    async def remove_member(self, member_id: int, *, expected_configuration_index: int | None) -> None: ...
    async def replace_member(
        self, member_id: int, peer_url: str, name: str, *, expected_configuration_index: int | None
    ) -> int: ...
    async def transfer_leadership(self, to: int) -> int:
        """0: to the best follower. Returns the new leader's id."""
        ...

    async def step_down(self) -> None: ...
    async def bootstrap(self, token: str, snapshot: AsyncIterator[bytes] | None = None) -> int:
        """Make this empty member a cluster of one; returns the cluster id. With a snapshot: restore it under new ids."""
        ...

    def snapshot_stream(self) -> AsyncIterator[bytes]:
        """A whole snapshot file: manifest, chunks, SHA-256 trailer."""
        ...

    def committed_entries(self, from_index: int) -> AsyncIterator[Sequence[Entry]]:
        """Applied entries in order from an index, for ever (the ordered log). Raises `ServiceError("Compacted")`."""
        ...

    async def stop(self) -> None:
        """Hand leadership over, drain within the deadline, flush, close."""
        ...


Starter = Callable[[], Awaitable[None]]
