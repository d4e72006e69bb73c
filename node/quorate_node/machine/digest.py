"""Hashes that bind the state to the log: the checksum chain, the Merkle frontier, and the running hash of every effect.

The digest after an entry is SHA-256(digest before, index, log time, revision, the entry's effects). Members that applied the
same entries to the same state have the same digest, however the entries were grouped into apply calls.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct

from quorate_node.crypto.merkle import Frontier
from quorate_node.protocol.entry import Entry, EntryType, chain_hash, leaf_hash

_ENTRY = Struct(">QQQ")


class Seal:
    """The three hashes, moved on entry by entry; a copy is staged so that a refused write changes nothing."""

    def __init__(self, chain: bytes, frontier: Frontier, digest: bytes, digest_interval: int) -> None:
        self.chain = chain
        self.frontier = frontier.copy()
        self.digest = digest
        self._digest_interval = digest_interval
        self.checkpoints: list[tuple[int, bytes]] = []

    def add(self, entry: Entry, log_time_ms: int, revision: int, effects: list[bytes]) -> None:
        leaf = leaf_hash(entry)
        # The stripped form carries the leaf, so the entry's data is hashed once for both.
        self.chain = chain_hash(self.chain, Entry(entry.index, entry.term, EntryType.STRIPPED, leaf))
        self.frontier.append(leaf)
        # Joined once: values are the bulk, and each copy of them costs.
        self.digest = sha256(b"".join((self.digest, _ENTRY.pack(entry.index, log_time_ms, revision), *effects))).digest()
        effects.clear()
        if entry.index % self._digest_interval == 0:
            self.checkpoints.append((entry.index, self.digest))


class DigestRing:
    """The newest digests at multiples of the interval, for comparison between members."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._digests: dict[int, bytes] = {}

    def add(self, index: int, digest: bytes) -> None:
        self._digests[index] = digest
        while len(self._digests) > self._kept:
            del self._digests[next(iter(self._digests))]

    def get(self, index: int) -> bytes | None:
        return self._digests.get(index)

    def all(self) -> list[tuple[int, bytes]]:
        return list(self._digests.items())

    def clear(self) -> None:
        self._digests.clear()
