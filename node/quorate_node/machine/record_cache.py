"""Recently written records of `current`, so that overwriting or reading a hot key asks RocksDB nothing.

Measured with 20,000 keys of 256 bytes: the look into RocksDB was 3.3 us of the 8 us that an overwriting put cost. Two generations
stand in for an exact order of use: when the young one is full it becomes the old one, and the one before is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

Record = bytes | None
_OVERHEAD_BYTES = 200
"""Of a key and its record in a dictionary, beside their bytes."""


class RecordCache:
    """Bounded by bytes, about `bytes_max` over both generations. Never stale: every write to `current` goes through `written`."""

    def __init__(self, get: Callable[[Any], Any], bytes_max: int) -> None:
        self._get = get
        self._generation_bytes_max = bytes_max // 2
        self._young: dict[bytes, Record] = {}
        self._old: dict[bytes, Record] = {}
        self._young_bytes = 0

    def get(self, key: bytes) -> Record:
        if key in self._young:
            return self._young[key]
        if key in self._old:
            return self._old[key]
        record: Record = self._get(key)
        return record

    def find(self, keys: Collection[bytes]) -> dict[bytes, Record]:
        """Records of all keys (None: not there), the missing ones with one look into the store."""
        young, old = self._young, self._old
        found: dict[bytes, Record] = dict(zip(keys, map(young.get, keys), strict=True))
        missing = []
        for key in [key for key, record in found.items() if record is None and key not in young]:
            if key in old:
                found[key] = old[key]
            else:
                missing.append(key)
        if missing:
            found.update(zip(missing, self._get(missing), strict=True))
        return found

    def written(self, records: dict[bytes, Record], size_bytes: int) -> None:
        """After a successful write: the newest record of each key it changed. `size_bytes` bounds them from above."""
        size_bytes += _OVERHEAD_BYTES * len(records)
        if self._young_bytes + size_bytes > self._generation_bytes_max:
            self._old, self._young, self._young_bytes = self._young, {}, 0
            if size_bytes > self._generation_bytes_max:
                # Too much to keep even alone; nothing of it may stay in an older form.
                for key in records:
                    self._old.pop(key, None)
                return
        self._young.update(records)
        self._young_bytes += size_bytes
