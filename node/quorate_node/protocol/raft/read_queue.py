"""Reads that wait for a quorum to confirm the leader (ReadIndex, Ongaro's thesis 6.4).

A round of heartbeats carries the number of the newest read; a member's answer confirms every read up to that number, so
any number of reads share a round.
"""

from __future__ import annotations

from typing import NamedTuple


class PendingRead(NamedTuple):
    requester: int
    """Member that asked: this one, or a follower that passed its reads on."""
    context: bytes
    read_index: int
    """Commit index when the read arrived."""


class ReadQueue:
    __slots__ = ("_confirmed", "acknowledged", "ahead", "forwarded", "unconfirmed", "waiting")

    def __init__(self) -> None:
        self._confirmed = 0
        self.acknowledged: dict[int, int] = {}
        self.ahead = 0
        """How many have acknowledged more than what is confirmed."""
        self.unconfirmed: list[PendingRead] = []
        self.waiting: list[tuple[int, bytes]] = []
        """(requester, context) of reads that a new leader holds back until it has committed in its term."""
        self.forwarded = 0
        """Reads of this member that the leader has not answered yet, or whose answer was lost."""

    def reset(self) -> bool:
        """Forget everything; whether reads were lost by that."""
        lost = bool(self.unconfirmed or self.waiting or self.forwarded)
        self._confirmed = 0
        self.acknowledged = {}
        self.ahead = 0
        self.unconfirmed = []
        self.waiting = []
        self.forwarded = 0
        return lost

    def size(self) -> int:
        """Reads held here. Not those passed on: an answer that was lost would count for ever."""
        return len(self.unconfirmed) + len(self.waiting)

    def add(self, read: PendingRead) -> int:
        """Queue a read; returns the number that its round has to confirm."""
        self.unconfirmed.append(read)
        return self.newest()

    def newest(self) -> int:
        """Number of the newest unconfirmed read, 0 for none."""
        return self._confirmed + len(self.unconfirmed) if self.unconfirmed else 0

    def acknowledge(self, member_id: int, number: int) -> None:
        before = self.acknowledged.get(member_id, 0)
        if number > before:
            if before <= self._confirmed < number:
                self.ahead += 1
            self.acknowledged[member_id] = number

    def confirm(self, number: int) -> list[PendingRead]:
        """A quorum has confirmed up to `number`: the reads that this releases, oldest first."""
        count = number - self._confirmed
        if count <= 0:
            return []
        released = self.unconfirmed[:count]
        del self.unconfirmed[:count]
        self._confirmed += len(released)
        self.ahead = sum(acknowledged > self._confirmed for acknowledged in self.acknowledged.values())
        return released
