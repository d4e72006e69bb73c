"""The highest committed index that any peer was ever told."""

from __future__ import annotations

import msgspec

from quorate_node.replica.storage import Storage


class AnnouncedIndex:
    """Durable before it is told: a rolled-back volume shows a lower one (DESIGN decision 2), an honest one with a damaged log does not."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._index: int | None = None

    def at_least(self, commit: int) -> int:
        """What to announce of a member whose log says `commit`."""
        if self._index is None:
            stored = self._storage.load("announced")
            self._index = msgspec.msgpack.decode(stored, type=int) if stored else 0
        if commit > self._index:
            # failpoint: handshake.before_announced
            self._storage.save("announced", msgspec.msgpack.encode(commit))
            self._index = commit
        return self._index
