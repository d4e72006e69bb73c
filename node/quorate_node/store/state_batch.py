"""One atomic write of the state: for each family a dictionary, so that whoever writes much writes into dictionaries and nothing else."""

from __future__ import annotations

from quorate_node.store.families import STATE_FAMILIES


class StateBatch:
    """Later operations replace earlier ones on the same key. A store's `write` leaves it as it is, so it can be written again.

    `writes`: family -> key -> value, None for a deleted key. `ranges`: (family, begin, end), deleted before `writes` are made;
    what the batch itself put there earlier was dropped when the range came.
    """

    __slots__ = ("ranges", "writes")

    def __init__(self) -> None:
        self.writes: dict[str, dict[bytes, bytes | None]] = {name: {} for name in STATE_FAMILIES}
        self.ranges: list[tuple[str, bytes, bytes]] = []

    def put(self, key: bytes, value: bytes, family: str) -> None:
        self.writes[family][key] = value

    def delete(self, key: bytes, family: str) -> None:
        self.writes[family][key] = None

    def delete_range(self, begin: bytes, end: bytes, family: str) -> None:
        """Keys with begin <= key < end."""
        if begin >= end:
            return
        writes = self.writes[family]
        for key in [key for key in writes if begin <= key < end]:
            del writes[key]
        self.ranges.append((family, begin, end))

    def __len__(self) -> int:
        """Records that the write puts or deletes, ranges aside."""
        return sum(map(len, self.writes.values()))
