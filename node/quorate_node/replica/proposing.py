"""How pending commands leave: as an entry where this member leads, to the leader where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from quorate_node.protocol.raft import ProposalDropped, Raft
from quorate_node.protocol.ready import Role, SoftState
from quorate_node.replica.forward import Forwarder
from quorate_node.replica.linger import Linger
from quorate_node.replica.log_clock import LogClock
from quorate_node.replica.proposals import InFlight, Pending, commands_of, encode_batch
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.telemetry.telemetry import Telemetry


class Proposing:
    def __init__(
        self,
        settings: ReplicaSettings,
        raft: Raft,
        clock: LogClock,
        forwarder: Forwarder,
        telemetry: Telemetry,
        wake_after: Callable[[float], None],
    ) -> None:
        self._settings = settings
        self._raft = raft
        self._clock = clock
        self._forwarder = forwarder
        self._telemetry = telemetry
        self._wake_after = wake_after
        self._loop = asyncio.get_running_loop()
        self._linger = Linger(settings.batch_linger_ms / 1000)
        self.pending = Pending(settings)
        self.in_flight = InFlight()
        self.refusal: ServiceError | None = None
        """Why a leader takes no commands at the moment (a full disk)."""
        self.lead_from = 0
        """The first entry of this member's leadership."""

    def run(self, soft: SoftState, applied_index: int) -> None:
        if soft.role == Role.LEADER:
            self._propose(applied_index)
        elif soft.leader:
            self._forward(soft.leader)

    def _forward(self, leader_id: int) -> None:
        now_s = self._loop.time()
        while self.pending and self._forwarder.has_room():
            parcels = self.pending.take()
            timeout_s = max(max(parcel.deadline_s for parcel in parcels) - now_s, 0.001)
            self._telemetry.forwards.add(sum(parcel.count for parcel in parcels))
            self._forwarder.send(leader_id, parcels, timeout_s)

    def _propose(self, applied_index: int) -> None:
        if self.refusal is not None:
            self._refuse_all(self.refusal)
            return
        if applied_index < self.lead_from:
            return  # Older leaders' entries are still to be applied: what is stamped now could lie before their log time.
        while self.pending and len(self.in_flight) < self._settings.pipeline_entries_max:
            wait_s = self._linger.remaining_s(len(self.pending), self._loop.time())
            if wait_s > 0:
                self._wake_after(wait_s)
                return
            if not self._propose_one():
                return

    def _propose_one(self) -> bool:
        raft = self._raft
        parcels = self.pending.take()
        commands = commands_of(parcels)
        try:
            # failpoint: propose.before
            index = raft.propose(encode_batch(self._clock.read(), commands))
        except ProposalDropped:
            # A transfer is under way, or too much is uncommitted: they wait for the next turn or their deadline.
            self.pending.put_back(parcels)
            return False
        self.in_flight.truncated(index, raft.term)
        self.in_flight.add(index, raft.term, parcels, self._loop.time())
        self._telemetry.proposals.add(len(commands))
        self._telemetry.proposal_batch.observe(len(commands))
        return True

    def _refuse_all(self, refusal: ServiceError) -> None:
        while self.pending:
            for parcel in self.pending.take():
                parcel.fail(refusal)

    def completed(self, commands: int) -> None:
        """An entry of so many commands, proposed here, was applied and answered."""
        self._linger.completed(commands, len(self.pending))
