"""A single member without consensus: what is submitted in one turn of the loop becomes one entry and is applied at once.

The real state machine over the real memory store is behind it, so the API's tests see true results, revisions and refusals.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence

import msgspec

from quorate.wire.commands import BATCH_FORMAT, Batch, Command
from quorate.wire.results import Result
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import MemberRecord
from quorate_node.replica.parcel import Single
from quorate_node.replica.service import Asker, Consistency, Done, MemberInfo, MemberStatus, PeerProgress, ReadDone, ServiceError
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore

MEMBER_ID = 4611686018427387905
OTHER_ID = 2
_pack = msgspec.msgpack.Encoder().encode


class SingleMember:
    """Implements `ReplicaService`. Faults are switched on by attributes."""

    def __init__(self) -> None:
        self.store = MemoryStateStore(MemoryDisk(), "state")
        self.machine = KeyValueMachine.open(self.store)
        self.cluster_id = 77
        self.entries: list[Entry] = []
        self.applied = asyncio.Event()
        self.role = "leader"
        self.leader_id = MEMBER_ID
        self.refuse_writes: ServiceError | None = None
        self.refuse_reads: ServiceError | None = None
        self.hold_writes = False
        """True: what is submitted waits for `release`."""
        self.lease_valid = True
        self.barriers: list[int] = []
        self.deadlines: list[float | None] = []
        self.calls: list[tuple[object, ...]] = []
        self.restored: bytes | None = None
        self._pending: list[tuple[list[Command], Asker]] = []
        self._reads: list[ReadDone] = []

    def status(self) -> MemberStatus:
        applied = self.machine.applied_index
        return MemberStatus(
            MEMBER_ID, "n0", self.role, "http://127.0.0.1:1", "http://127.0.0.1:2", self.leader_id, 3, applied, applied, 1, applied,
            self.machine.revision, self.machine.compacted_revision, 10, 20, 1, "0.1.0", 1,
        )

    def members(self) -> tuple[int, list[MemberInfo]]:
        progress = PeerProgress(OTHER_ID, "replicate", 5, True, 0)
        return 9, [
            MemberInfo(MEMBER_ID, "n0", "voter", "http://127.0.0.1:1", "http://127.0.0.1:2", 0),
            MemberInfo(OTHER_ID, "n1", "learner", "http://127.0.0.1:3", "http://127.0.0.1:4", 1, progress),
        ]

    def leader(self) -> tuple[int, str]:
        return self.leader_id, "http://127.0.0.1:2" if self.leader_id else ""

    def is_leader(self) -> bool:
        return self.leader_id == MEMBER_ID

    # Writes and reads.

    def submit(self, command: Command, done: Done, *, forward: bool = True, deadline_s: float | None = None) -> None:
        self.submit_many([command], Single(done), forward=forward, deadline_s=deadline_s)

    def submit_many(self, commands: list[Command], asker: Asker, *, forward: bool = True, deadline_s: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.deadlines += [deadline_s] * len(commands)
        if self.refuse_writes is not None:
            loop.call_soon(asker.failed, 0, len(commands), self.refuse_writes)
        elif not forward and not self.is_leader():
            error = ServiceError("NotLeader", "this member does not lead and was asked not to forward")
            loop.call_soon(asker.failed, 0, len(commands), error)
        else:
            if not self._pending and not self.hold_writes:
                loop.call_soon(self._commit)
            self._pending.append((commands, asker))

    def release(self) -> None:
        self.hold_writes = False
        self._commit()

    def _commit(self) -> None:
        if self.hold_writes:
            return
        pending, self._pending = self._pending, []
        if not pending:
            return
        log_time_ms = max(self.machine.log_time_ms, int(time.time() * 1000))
        data = _pack(Batch(BATCH_FORMAT, log_time_ms, [command for commands, _ in pending for command in commands]))
        entry = Entry(self.machine.applied_index + 1, 3, 0, data)
        results = self.machine.apply([entry])[0]
        self.entries.append(entry)
        self.applied.set()
        self.applied = asyncio.Event()
        at = 0
        for commands, asker in pending:
            asker.answered(0, results[at : at + len(commands)])
            at += len(commands)

    async def execute(self, command: Command, *, forward: bool = True, timeout_s: float | None = None) -> Result:
        future: asyncio.Future[Result | ServiceError] = asyncio.get_running_loop().create_future()
        self.submit(command, future.set_result, forward=forward)
        result = await future
        if isinstance(result, ServiceError):
            raise result
        return result

    def read(self, consistency: int, done: ReadDone, *, staleness_ms_max: int = 0, deadline_s: float | None = None) -> None:
        self.barriers.append(consistency)
        loop = asyncio.get_running_loop()
        if consistency == Consistency.STALE and staleness_ms_max and not self.is_leader():
            loop.call_soon(done, ServiceError("TooStale", f"the last word from a leader is older than {staleness_ms_max} ms"))
            return
        loop.call_soon(done, self.refuse_reads)

    def lease_holds(self) -> bool:
        return self.lease_valid

    async def read_barrier(self, consistency: int, *, staleness_ms_max: int = 0, timeout_s: float | None = None) -> None:
        if self.refuse_reads is not None:
            raise self.refuse_reads

    # Administration: what was asked is noted.

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
        self._expect(expected_configuration_index)
        self.calls.append(("add", peer_url, name, witness, priority, *(["non-voting"] if non_voting else [])))
        return 99

    def _expect(self, index: int | None) -> None:
        if index is not None and index != 9:
            raise ServiceError("ConfigurationChanged", f"expected_configuration_index is {index}, the configuration is at 9: look again")

    def _known(self, member_id: int) -> None:
        if member_id not in (MEMBER_ID, OTHER_ID):
            raise ServiceError("MemberNotFound", f"member {member_id} is not in the configuration")

    async def promote_member(self, member_id: int, *, expected_configuration_index: int | None) -> None:
        self._known(member_id)
        self._expect(expected_configuration_index)
        self.calls.append(("promote", member_id))

    async def remove_member(self, member_id: int, *, expected_configuration_index: int | None) -> None:
        self._known(member_id)
        self._expect(expected_configuration_index)
        self.calls.append(("remove", member_id))

    async def replace_member(
        self, member_id: int, peer_url: str, name: str, *, expected_configuration_index: int | None
    ) -> int:
        self._known(member_id)
        self._expect(expected_configuration_index)
        self.calls.append(("replace", member_id, peer_url, name))
        return 100

    async def transfer_leadership(self, to: int) -> int:
        if to:
            self._known(to)
        self.calls.append(("transfer", to))
        return to or OTHER_ID

    async def step_down(self) -> None:
        self.calls.append(("step_down",))

    async def bootstrap(self, token: str, snapshot: AsyncIterator[bytes] | None = None) -> int:
        if token == "known":
            raise ServiceError("AlreadyBootstrapped", "this token was used before")
        if snapshot is not None:
            self.restored = b"".join([chunk async for chunk in snapshot])
        self.calls.append(("bootstrap", token))
        return self.cluster_id

    async def snapshot_stream(self) -> AsyncIterator[bytes]:
        source = self.machine.open_snapshot()
        try:
            manifest = await source.prepare()
            digest = hashlib.sha256(manifest)
            yield manifest
            yield digest.digest()
        finally:
            source.close()

    async def committed_entries(self, from_index: int) -> AsyncIterator[Sequence[Entry]]:
        if self.entries and from_index < self.entries[0].index:
            raise ServiceError("Compacted", f"index {from_index} was compacted")
        position = from_index
        while True:
            known = [entry for entry in self.entries if entry.index >= position]
            if known:
                position = known[-1].index + 1
                yield known
            else:
                await self.applied.wait()

    async def stop(self) -> None:
        self.calls.append(("stop",))


def record() -> MemberRecord:
    return MemberRecord(MEMBER_ID, "n0", "http://127.0.0.1:1", "http://127.0.0.1:2")
