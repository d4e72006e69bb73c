"""Clients of a large simulated cluster: commands gathered into entries by the rules of `replica.proposing`, and reads in rounds."""

from __future__ import annotations

import msgspec

from quorate.wire.commands import Command, CommandKind, Put
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.raft import ProposalDropped
from quorate_node.replica.linger import Linger
from quorate_node.replica.proposals import encode_batch
from quorate_node.simulator.scale_member import ScaleMember
from quorate_node.simulator.scale_world import ScaleWorld


class ScaleLoad:
    """An open loop at the leader: commands arrive at random (Poisson) at `rate_per_s`, each with a value of `value_bytes`."""

    def __init__(self, world: ScaleWorld, leader: ScaleMember, rate_per_s: int, value_bytes: int) -> None:
        settings = world.settings
        assert settings.pipeline_entries_max == 1, "one entry at a time is what this load proposes"
        self.latencies_us: list[int] = []
        """From a command's arrival at the leader to its apply there."""
        self.entries = 0
        self._world = world
        self._leader = leader
        self._mean_gap_us = 1e6 / rate_per_s
        payload = msgspec.Raw(msgspec.msgpack.encode(Put(b"k" * 16, b"v" * value_bytes)))
        self._command = Command(CommandKind.PUT, 1, 1, 1, 1, "", 0, payload)
        self._linger = Linger(settings.batch_linger_ms / 1000)
        self._pending: list[int] = []
        """Arrival times of commands that are in no entry yet."""
        self._in_flight: list[int] = []
        self._in_flight_index = 0
        self._waking = False
        self._over = False
        leader.on_applied = self._applied
        self._next_arrival()

    def stop(self) -> None:
        """No more arrivals."""
        self._over = True

    @property
    def idle(self) -> bool:
        return not self._pending and not self._in_flight

    def _next_arrival(self) -> None:
        self._world.after(int(self._world.random.expovariate(1 / self._mean_gap_us)), ScaleLoad._arrive, self)

    def _arrive(self) -> None:
        if not self._over:
            self._pending.append(self._world.now_us)
            self._turn()
            self._next_arrival()

    def _wake(self) -> None:
        self._waking = False
        self._turn()

    def _turn(self) -> None:
        if self._pending and not self._in_flight and self._leader.alive:
            self._world.on(self._leader, self._propose)

    def _propose(self) -> None:
        world, settings = self._world, self._world.settings
        wait_s = self._linger.remaining_s(len(self._pending), world.now_us / 1e6)
        if wait_s > 0:
            if not self._waking:
                self._waking = True
                world.after(int(wait_s * 1e6) + 1, ScaleLoad._wake, self)
            return
        count = min(len(self._pending), settings.batch_commands_max)
        try:
            self._in_flight_index = self._leader.raft.propose(encode_batch(world.now_us // 1_000, [self._command] * count))
        except ProposalDropped:
            # It leads no longer: these commands go nowhere, as in production until their clients' time is over.
            self._over = True
            self._pending = []
            return
        self._in_flight, self._pending = self._pending[:count], self._pending[count:]
        self._leader.pump()

    def _applied(self, entries: list[Entry]) -> None:
        if not self._in_flight or entries[-1].index < self._in_flight_index:
            return
        self.entries += 1
        self.latencies_us.extend(self._world.now_us - arrived_us for arrived_us in self._in_flight)
        answered, self._in_flight = len(self._in_flight), []
        self._linger.completed(answered, len(self._pending))
        self._world.after(0, ScaleLoad._turn, self)


def read_round(world: ScaleWorld, leader: ScaleMember, number: int, limit_us: int) -> int:
    """One linearizable read at the leader, which may stand for any number of them; how long its quorum took, in microseconds."""
    confirmed: list[bool] = []
    leader.on_read = lambda: confirmed.append(True)

    def ask() -> None:
        leader.raft.read_index(number.to_bytes(8, "big"))
        leader.pump()

    world.on(leader, ask)
    return world.run_until(lambda: bool(confirmed), limit_us, "confirmation of a read")


def quantile(values: list[int], share: float) -> int:
    """The smallest value that at least `share` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)] if ordered else 0
