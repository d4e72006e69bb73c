"""What the state holds back in memory: the newest writes, and below them those that are on their way into the database."""

from __future__ import annotations

from collections.abc import Iterator

from quorate_node.store.families import STATE_FAMILIES
from quorate_node.store.state_batch import StateBatch, Writes, size_bytes_of


class HeldWrites:
    """Two layers. The upper one takes writes, the lower one never changes; both go on as whole dictionaries, so that a reader who took
    a family's pair of layers reads on from them whatever another thread does meanwhile."""

    def __init__(self) -> None:
        self.layers: dict[str, tuple[dict[bytes, bytes | None], dict[bytes, bytes | None]]] = {name: ({}, {}) for name in STATE_FAMILIES}
        self.upper_count = 0
        """Records of the upper layer."""
        self.upper_bytes = 0
        """Keys and values; what replaced another counts twice."""
        self.lower_bytes = 0

    def absorb(self, batch: StateBatch) -> None:
        for name, writes in batch.writes.items():
            if writes:
                upper = self.layers[name][0]
                self.upper_count -= len(upper)
                upper.update(writes)
                self.upper_count += len(upper)
                self.upper_bytes += size_bytes_of(writes)

    def push_down(self) -> dict[str, dict[bytes, bytes | None]]:
        """The upper layer becomes the lower one, which is returned; there must be none."""
        assert not any(lower for _, lower in self.layers.values()), "what is on its way comes before what is newer"
        self.layers = {name: ({}, upper) for name, (upper, _) in self.layers.items()}
        self.upper_count = 0
        self.upper_bytes, self.lower_bytes = 0, self.upper_bytes
        return {name: lower for name, (_, lower) in self.layers.items()}

    def drop_lower(self) -> None:
        """The database has it."""
        self.layers = {name: (upper, {}) for name, (upper, _) in self.layers.items()}
        self.lower_bytes = 0

    def clear(self) -> None:
        self.layers = {name: ({}, {}) for name in STATE_FAMILIES}
        self.upper_count = self.upper_bytes = self.lower_bytes = 0

    def holds(self, name: str) -> bool:
        upper, lower = self.layers[name]
        return bool(upper or lower)

    def family(self, name: str) -> Writes:
        """Both layers of one family as they are now."""
        upper, lower = self.layers[name]
        return {**lower, **upper} if lower else upper

    def families(self) -> Iterator[tuple[str, Writes]]:
        return ((name, self.family(name)) for name in self.layers)
