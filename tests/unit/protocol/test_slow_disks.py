"""Elections where every write takes long: votes must be durable before they are given, so a vote takes two writes one after the other."""

from __future__ import annotations

from random import Random

import pytest

from quorate_node.protocol.message import Message
from quorate_node.protocol.raft import clock
from quorate_node.protocol.ready import Persist, Role
from tests.unit.protocol.group import Group

ELECTION_TICKS = 50
"""500 ms, as in production."""


class SlowDisks(Group):
    """One write at a time and member, of all that had gathered; messages arrive a tick later."""

    def __init__(self, voters: int, write_ticks: int, seed: int) -> None:
        super().__init__(voters, election_ticks=ELECTION_TICKS, heartbeat_ticks=5, silent=True)
        self._write_ticks = write_ticks
        self._waiting: dict[int, list[tuple[Persist, list[Message]]]] = {member: [] for member in self.rafts}
        self._busy: dict[int, list[tuple[Persist, list[Message]]]] = {member: [] for member in self.rafts}
        self._done_at: dict[int, int] = {}
        random = Random(seed)
        for raft in self.rafts.values():
            raft.core.random_ticks = random.randint

    def pump(self, member: int) -> None:
        raft = self.rafts[member]
        while raft.has_ready():
            ready = raft.ready()
            self._fly(ready.send_now)
            if ready.persist is not None:
                self._waiting[member].append((ready.persist, ready.send_after_persist))
            else:
                self._release(member, ready.send_after_persist)
            if ready.committed:
                raft.applied(ready.committed[-1].index)

    def _release(self, member: int, messages: list[Message]) -> None:
        for message in messages:
            if message.to == member:
                self.rafts[member].step(message, self.now_ms)
            else:
                self._fly([message])

    def pass_tick(self) -> None:
        self.now_ms += 10
        due, self.flights = self.flights, []
        for message in due:
            self.rafts[message.to].step(message, self.now_ms)
        for member, raft in self.rafts.items():
            raft.tick(self.now_ms)
            self.pump(member)
            if self._busy[member] and self.now_ms >= self._done_at[member]:
                done, self._busy[member] = self._busy[member], []
                for persist, messages in done:
                    self.logs[member].write(persist)
                    raft.persisted(persist, self.now_ms)
                    self._release(member, messages)
                self.pump(member)
            if self._waiting[member] and not self._busy[member]:
                self._busy[member], self._waiting[member] = self._waiting[member], []
                self._done_at[member] = self.now_ms + 10 * self._write_ticks

    def leader_within(self, seconds: float) -> float | None:
        """Seconds until one leads and another follows it; None: nobody did."""
        for number in range(int(seconds * 100)):
            self.pass_tick()
            led = [raft.core.leader for raft in self.rafts.values()]
            if any(raft.role is Role.LEADER for raft in self.rafts.values()) and any(led.count(each) > 1 for each in led if each):
                return number / 100
        return None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("members", [3, 5])
def test_a_leader_is_elected_though_a_write_takes_three_election_timeouts(members: int, seed: int) -> None:
    group = SlowDisks(members, write_ticks=150, seed=seed)
    took_s = group.leader_within(90.0)
    assert took_s is not None, f"nobody leads after 90 s, in term {max(raft.term for raft in group.rafts.values())}"


def test_on_sound_disks_an_election_waits_no_longer_for_that() -> None:
    waits_s = [SlowDisks(3, write_ticks=1, seed=seed).leader_within(10.0) or 10.0 for seed in range(30)]
    assert max(waits_s) <= 2.2, "the longest timeout, and one more after a split vote"


def test_candidates_wait_longer_with_every_term_that_nobody_led() -> None:
    group = Group(3)
    core = group[1].core
    waits = []
    for barren_terms in range(8):
        core.term = core.led_term + barren_terms
        core.election_elapsed, core.promise.start_until_ms = 0, 0
        ticks = 0
        while core.role is Role.FOLLOWER:
            clock.tick(core)
            ticks += 1
        waits.append(ticks // core.randomized_election_ticks)
        core.become_follower(core.term, 0)
    assert waits == [1, 1, 1, 2, 4, 8, 8, 8]


def test_a_leader_that_is_heard_of_ends_the_longer_waits() -> None:
    group = Group(3)
    group.elect(2)
    assert all(raft.core.led_term == raft.term for raft in group.rafts.values())
