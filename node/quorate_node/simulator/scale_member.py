"""One of many members: the protocol core with a disk in memory, driven in the order that `replica.engine` keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message
from quorate_node.protocol.raft import Raft, RaftConfig
from quorate_node.protocol.ready import Persist, Ready, Role
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.simulator.scale_disk import FOUNDED, ScaleDisk

if TYPE_CHECKING:
    from quorate_node.simulator.scale_world import ScaleWorld

SYNC_US_MIN = 300
SYNC_US_MAX = 1_500
"""A synced write of a common SSD."""

Write = tuple[Persist | None, list[Message]]


def raft_config(member_id: int, timing: ReplicaSettings) -> RaftConfig:
    """The defaults, as `config.model.NodeConfig.raft_config` hands them to the protocol."""
    return RaftConfig(
        member_id=member_id,
        tick_ms=timing.tick_ms,
        commit_eagerly=False,
        confirm_by_quorum=True,
        heartbeat_ticks=timing.heartbeat_ms // timing.tick_ms,
        election_ticks=timing.election_timeout_ms // timing.tick_ms,
        read_lease_ms=timing.read_lease_ms,
        lease_drift_ms=timing.read_lease_drift_ms,
    )


class ScaleMember:
    def __init__(self, number: int, world: ScaleWorld, configuration: Configuration) -> None:
        self.number = number
        self.alive = True
        self.on_applied: Callable[[list[Entry]], None] | None = None
        """Told what was applied here: of the member that a load is put on."""
        self.stepped_down_us = -1
        """When it last ceased to lead."""
        self._leads = False
        self.on_read: Callable[[], None] | None = None
        self._world = world
        self._disk = ScaleDisk(configuration)
        self._writes: list[Write] = []
        self._writing: list[Write] | None = None
        self._announcing = False
        self.raft = Raft(
            raft_config(number, world.settings), self._disk, random_ticks=world.random.randint, applied=FOUNDED, now_ms=self._now_ms()
        )

    def _now_ms(self) -> int:
        return self._world.now_us // 1_000

    # -- inputs ----------------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        self.raft.tick(self._now_ms())
        self.pump()

    def receive(self, message: Message) -> None:
        self.raft.step(message, self._now_ms())
        self.pump()

    def suspect_leader(self, delay_ticks: int) -> None:
        """Its connections have ended."""
        self.raft.suspect_leader(delay_ticks)
        self.pump()

    def synced(self) -> None:
        """The write under way is durable: what waited for it leaves, and what gathered meanwhile is the next one."""
        assert self._writing is not None
        written, self._writing = self._writing, None
        for persist, _ in written:
            if persist is not None:
                self._disk.write(persist)
                self.raft.persisted(persist, self._now_ms())
        for _, messages in written:
            self._deliver(messages)
        self._write_next()
        self.pump()

    # -- output ----------------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        while self.raft.has_ready():
            self._carry_out(self.raft.ready())

    def _carry_out(self, ready: Ready) -> None:
        if ready.soft_state is not None:
            self._role_changed(ready.soft_state.role)
        for message in ready.send_now:
            self._world.send(message)
        persist = ready.persist
        durable = not self._writes and self._writing is None and (persist is None or not persist.must_sync)
        if not durable and (persist is not None or ready.send_after_persist):
            self._writes.append((persist, ready.send_after_persist))
            self._write_next()
        if ready.committed:
            self._apply(ready.committed)
        if ready.reads and self.on_read is not None:
            self.on_read()
        if durable:
            if persist is not None:
                self._disk.write(persist)
                self.raft.persisted(persist, self._now_ms())
            self._deliver(ready.send_after_persist)

    def _role_changed(self, role: Role) -> None:
        if self._leads and role is not Role.LEADER:
            self.stepped_down_us = self._world.now_us
        self._leads = role is Role.LEADER
        self._world.role_changed(self, role)

    def _write_next(self) -> None:
        if self._writing is None and self._writes:
            self._writing, self._writes = self._writes, []
            self._world.after(self._world.random.randint(SYNC_US_MIN, SYNC_US_MAX), self._world.synced, self)

    def _deliver(self, messages: list[Message]) -> None:
        for message in messages:
            if message.to == self.number:
                self.raft.step(message, self._now_ms())
            else:
                self._world.send(message)

    def _apply(self, entries: list[Entry]) -> None:
        self.raft.applied(entries[-1].index)
        if self.raft.role is Role.LEADER and not self._announcing:
            self._announcing = True
            self._world.after(self._world.settings.announce_commit_ms * 1_000, ScaleMember._announce_commit, self)
        if self.on_applied is not None:
            self.on_applied(entries)

    def _announce_commit(self) -> None:
        self._announcing = False
        if self.alive:
            self.raft.announce_commit()
            self.pump()
