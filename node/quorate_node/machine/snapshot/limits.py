"""Every bound of a snapshot, by name."""

from __future__ import annotations

from typing import NamedTuple

CHUNK_BYTES_DEFAULT = 1 << 20
CHUNK_BYTES_MAX = 64 << 20
"""What a receiver accepts: a chunk is cut at a pair's end, so it is longer than `chunk_bytes` by at most one pair."""

MANIFEST_BYTES_MAX = 64 << 20
CHUNKS_MAX = 1_500_000
"""About 1.5 TB at the default chunk size; a manifest then has 60 MB."""


class SnapshotLimits(NamedTuple):
    """Settings of a source. All members of a cluster use the same `chunk_bytes`, so that chunks come from any of them."""

    chunk_bytes: int = CHUNK_BYTES_DEFAULT
    slice_pairs: int = 256
    """Pairs read between two turns of the event loop: about a millisecond."""
    idle_s: float = 60.0
    """A source that nobody asks for so long is closed: a pinned snapshot keeps deleted data on the disk."""
    lifetime_s: float = 3600.0
    """A source is closed after so long in any case."""
