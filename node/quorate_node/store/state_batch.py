"""One atomic write of the state: for each family a dictionary, so that whoever writes much writes into dictionaries and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quorate_node.store.families import STATE_FAMILIES

Writes = Mapping[bytes, bytes | None]


class StateBatch:
    """Later operations replace earlier ones on the same key. A store's `write` leaves it as it is, so it can be written again.

    `writes`: family -> key -> value, None for a deleted key. `ranges`: (family, begin, end), deleted before `writes` are made;
    what the batch itself put there earlier was dropped when the range came.
    """

    __slots__ = ("ranges", "writes")

    def __init__(self) -> None:
        self.writes: dict[str, dict[bytes, bytes | None]] = {name: {} for name in STATE_FAMILIES}
        self.ranges: list[tuple[str, bytes, bytes]] = []

    @classmethod
    def of(cls, families: Mapping[str, dict[bytes, bytes | None]]) -> StateBatch:
        """Of those very dictionaries, which must not change any more."""
        batch = cls()
        batch.writes.update(families)
        return batch

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


def parts(families: Mapping[str, Writes], writes_max: int, bytes_max: int) -> Iterator[StateBatch]:
    """All of `families`, which must not change meanwhile, in batches of at most `writes_max` records and, taking a family's mean for
    each of its records, `bytes_max`; at least one record each. Family by family in key order, sorted when its turn comes."""
    part, size_bytes = StateBatch(), 0
    for name, writes in families.items():
        keys = sorted(writes)
        mean_bytes = size_bytes_of(writes) // max(len(keys), 1) + 1
        low = 0
        while low < len(keys):
            room = min(writes_max - len(part), (bytes_max - size_bytes) // mean_bytes)
            if room < 1 and size_bytes:
                yield part
                part, size_bytes = StateBatch(), 0
                continue
            run = keys[low : low + max(room, 1)]
            part.writes[name] = {key: writes[key] for key in run}
            low += len(run)
            size_bytes += len(run) * mean_bytes
    if size_bytes:
        yield part


def size_bytes_of(writes: Writes) -> int:
    """Of keys and values."""
    return sum(map(len, writes)) + sum(map(len, filter(None, writes.values())))
