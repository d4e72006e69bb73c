"""Who may speak as whom: what this member durably remembers of every peer, and how a handshake is judged by it (DESIGN decision 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from quorate_node.transport.interface import Identity


class PeerMemory(msgspec.Struct, array_like=True, frozen=True):
    """The newest that a member said of itself. `index` is its durable commit index, which never falls on an honest disk."""

    boot_counter: int
    term: int
    index: int
    instance: int


_codec = msgspec.msgpack.Decoder(dict[int, PeerMemory])
REMOVED_MAX = 1_000
"""Removed members that are remembered, the latest: one that comes back after so many others is a stranger like any."""


class Records(Protocol):
    """Small records, durable when `save` returns (`replica.storage.Storage`)."""

    def load(self, name: str) -> bytes | None: ...
    def save(self, name: str, data: bytes) -> None: ...


def removal_of(member_id: int) -> str:
    return f"member {member_id} was removed from this cluster; start it with an empty data directory to join again"


class Admission:
    """Judges handshakes. A lower boot counter, term or index is a rolled-back volume, a second live process a cloned one."""

    def __init__(self, records: Records, own_member_id: Callable[[], int]) -> None:
        """`records` are durable at once: an accepted handshake that is forgotten could be rolled back."""
        stored, removed = records.load("admission"), records.load("removed")
        self._memory = _codec.decode(stored) if stored else {}
        self._records = records
        self._own_member_id = own_member_id
        self.cluster_id = 0
        self.removed: dict[int, None] = dict.fromkeys(msgspec.msgpack.decode(removed, type=list[int]) if removed else ())
        """Who was a member and is none any more, the latest last: ids are never used again."""

    def judge(self, peer: Identity) -> str | None:
        """None admits; a text refuses and is told to the peer."""
        if peer.member_id == 0:
            return None  # An empty directory: it may ask who we are and to join, and nothing else.
        if self.cluster_id and peer.cluster_id != self.cluster_id:
            return f"member {peer.member_id} belongs to cluster {peer.cluster_id}, this is cluster {self.cluster_id}"
        if peer.member_id == self._own_member_id():
            return f"member {peer.member_id} is this member itself: its data directory was cloned, or an address points back here"
        if peer.member_id in self.removed:
            return removal_of(peer.member_id)
        known = self._memory.get(peer.member_id)
        if known is not None:
            refusal = self._compare(peer, known)
            if refusal is not None:
                return refusal
        self._remember(peer, known)
        return None

    def _compare(self, peer: Identity, known: PeerMemory) -> str | None:
        who = f"member {peer.member_id}"
        remedy = "its volume was rolled back or cloned: give it an empty data directory, and it joins again as a new member"
        for name, now, before in (
            ("boot counter", peer.boot_counter, known.boot_counter),
            ("term", peer.term, known.term),
            ("committed index", peer.last_index, known.index),
        ):
            if now < before:
                return f"{who} has {name} {now}, this member has already met it with {before}; {remedy}"
        if peer.boot_counter == known.boot_counter and peer.instance != known.instance:
            return f"{who} runs twice with boot counter {peer.boot_counter}; {remedy}"
        return None

    def _remember(self, peer: Identity, known: PeerMemory | None) -> None:
        memory = PeerMemory(peer.boot_counter, peer.term, peer.last_index, peer.instance)
        if known != memory:
            self._memory[peer.member_id] = memory
            self._records.save("admission", msgspec.msgpack.encode(self._memory))

    def forget_absent(self, present: set[int]) -> None:
        """Keep the memory as small as the cluster; removed members are refused by `removed`."""
        gone = [member_id for member_id in self._memory if member_id not in present]
        if gone:
            for member_id in gone:
                del self._memory[member_id]
            self._records.save("admission", msgspec.msgpack.encode(self._memory))

    def note_removed(self, member_ids: Iterable[int]) -> None:
        """Refuse these from now on, after a restart too. They missed their removal when they come, and are told of it so."""
        new = [member_id for member_id in sorted(member_ids) if member_id not in self.removed]
        if new:
            self.removed.update(dict.fromkeys(new))
            for member_id in list(self.removed)[:-REMOVED_MAX]:
                del self.removed[member_id]
            self._records.save("removed", msgspec.msgpack.encode(list(self.removed)))

    def has_met(self, member_id: int) -> bool:
        """Whether a handshake with this id was ever accepted here: then the id belongs to a data directory for good."""
        return member_id in self._memory
