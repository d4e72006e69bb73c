"""Commands on their way into the log: gathered, made into entries, and answered when their entry is applied."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from quorate.wire.commands import BATCH_FORMAT, Batch, Command
from quorate.wire.results import Result
from quorate_node.machine.application_port import Pending as PendingResult
from quorate_node.replica.parcel import Parcel
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings

_encode = msgspec.msgpack.Encoder().encode


class Pending:
    """Commands that are in no entry yet, in order of arrival. Bounded by count and by bytes."""

    __slots__ = ("_bytes", "_count", "_parcels", "_settings", "refused_by_bytes", "refused_by_count")

    def __init__(self, settings: ReplicaSettings) -> None:
        self._settings = settings
        self._parcels: deque[Parcel] = deque()
        self._count = 0
        self._bytes = 0
        self.refused_by_count = 0
        self.refused_by_bytes = 0
        """Parcels that found the queue full, by the limit that they met."""

    def __len__(self) -> int:
        """Commands, not parcels."""
        return self._count

    def add(self, parcel: Parcel) -> bool:
        """False when the queue is full; then nothing of the parcel was taken."""
        settings = self._settings
        count, size_bytes = self._count + parcel.count, self._bytes + parcel.size_bytes
        if count > settings.pending_commands_max:
            self.refused_by_count += 1
            return False
        if size_bytes > settings.pending_bytes_max:
            self.refused_by_bytes += 1
            return False
        self._parcels.append(parcel)
        self._count, self._bytes = count, size_bytes
        return True

    def take(self) -> list[Parcel]:
        """As many commands as one entry may hold; at least one."""
        settings = self._settings
        if self._count <= settings.batch_commands_max and self._bytes <= settings.batch_bytes_max:
            taken = list(self._parcels)
            self._parcels.clear()
            self._count = self._bytes = 0
            return taken
        taken, count, size_bytes = [], 0, 0
        while self._parcels and count < settings.batch_commands_max:
            room_bytes = settings.batch_bytes_max - size_bytes
            fits, rest = self._parcels[0].split(settings.batch_commands_max - count, room_bytes)
            if fits is None:
                if taken:
                    break
                # Larger than an entry should be, all by itself: it goes alone.
                fits, rest = self._parcels[0].split(1, self._parcels[0].size_bytes)
                assert fits is not None, "one command fits where its own size is the limit"
            self._parcels.popleft()
            if rest is not None:
                self._parcels.appendleft(rest)
            taken.append(fits)
            count += fits.count
            size_bytes += fits.size_bytes
            if rest is not None:
                break
        self._count -= count
        self._bytes -= size_bytes
        return taken

    def put_back(self, parcels: list[Parcel]) -> None:
        """Not accepted after all: back to the front, in order."""
        self._parcels.extendleft(reversed(parcels))
        self._count += sum(parcel.count for parcel in parcels)
        self._bytes += sum(parcel.size_bytes for parcel in parcels)

    def expire(self, now_s: float) -> list[Parcel]:
        """Remove and return those whose time is over. They were never proposed."""
        late = [parcel for parcel in self._parcels if parcel.deadline_s <= now_s]
        if late:
            self._parcels = deque(parcel for parcel in self._parcels if parcel.deadline_s > now_s)
            self._count -= sum(parcel.count for parcel in late)
            self._bytes -= sum(parcel.size_bytes for parcel in late)
        return late


def commands_of(parcels: list[Parcel]) -> list[Command]:
    if len(parcels) == 1:
        return parcels[0].commands
    return [command for parcel in parcels for command in parcel.commands]


def encode_batch(log_time_ms: int, commands: list[Command]) -> bytes:
    """The data of a normal entry."""
    return _encode(Batch(BATCH_FORMAT, log_time_ms, commands))


class _Group:
    """One entry's parcels; None in place of one that was answered before its time came."""

    __slots__ = ("counts", "earliest_s", "parcels", "proposed_s", "term")

    def __init__(self, term: int, parcels: list[Parcel], proposed_s: float) -> None:
        self.term = term
        self.parcels: list[Parcel | None] = list(parcels)
        self.counts = [parcel.count for parcel in parcels]
        self.earliest_s = min([parcel.deadline_s for parcel in parcels])
        self.proposed_s = proposed_s

    def fail(self, error: ServiceError) -> None:
        for parcel in self.parcels:
            if parcel is not None:
                parcel.fail(error)


class InFlight:
    """Entries proposed here and not yet applied, by index, with those who wait for their results."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[int, _Group] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, index: int, term: int, parcels: list[Parcel], now_s: float = 0.0) -> None:
        assert index not in self._groups, "an index is proposed once a term; an older group was answered at truncation"
        self._groups[index] = _Group(term, parcels, now_s)

    def applied(self, index: int, term: int, results: Sequence[Result | PendingResult]) -> float | None:
        """Answer those who wait for this index: with their results, or that another leader's entry took its place.

        Returns when the entry was proposed, None when it was not proposed here.
        """
        group = self._groups.pop(index, None)
        if group is None:
            return None
        if group.term != term:
            group.fail(ServiceError("LeadershipLost", "another leader's entry took this one's place: it was not applied"))
            return None
        assert len(results) == sum(group.counts), "one result a command"
        at = 0
        for parcel, count in zip(group.parcels, group.counts, strict=True):
            if parcel is not None:
                parcel.asker.answered(parcel.offset, results[at : at + count])
            at += count
        return group.proposed_s

    def truncated(self, from_index: int, term: int) -> None:
        """An index is proposed again in a newer term: whatever waited there from an older one lost its place."""
        for index in [i for i, group in self._groups.items() if i >= from_index and group.term < term]:
            self._groups.pop(index).fail(
                ServiceError("LeadershipLost", "another leader's entry took this one's place: it was not applied")
            )

    def expire(self, now_s: float) -> None:
        """Answer `Timeout` to those whose time is over; their commands may still be applied."""
        for group in list(self._groups.values()):
            if group.earliest_s > now_s:
                continue
            late = [parcel for parcel in group.parcels if parcel is not None and parcel.deadline_s <= now_s]
            group.parcels = [None if parcel is None or parcel.deadline_s <= now_s else parcel for parcel in group.parcels]
            group.earliest_s = min((parcel.deadline_s for parcel in group.parcels if parcel is not None), default=float("inf"))
            for parcel in late:
                parcel.fail(ServiceError("Timeout", "not committed within the request's time; it may still take effect"))

    def fail_all(self, error: ServiceError) -> None:
        groups, self._groups = self._groups, {}
        for group in groups.values():
            group.fail(error)
