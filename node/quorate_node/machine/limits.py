"""What one member may set for itself: sizes it lets in, and how much it reads or buffers at once. Never seen by apply."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MachineLimits:
    """Defaults of the `limits.*` settings that the machine enforces; all are positive."""

    key_bytes_max: int = 64 * 1024
    request_bytes_max: int = 1536 * 1024
    """One command's payload (etcd's --max-request-bytes)."""
    value_bytes_max: int = 1536 * 1024
    keepalive_leases_max: int = 10_000
    """Leases in one LEASE_KEEPALIVE."""
    range_chunk_keys: int = 1_000
    """Keys scanned before a read gives the loop a turn; `range` refuses (TooLarge) beyond it."""
    range_bytes_max: int = 32 * 1024 * 1024
    """Keys and values of one answer; beyond it `more` is set (a sorted range is refused)."""
    record_cache_bytes_max: int = 32 * 1024 * 1024
    """Recently written records kept in memory, so that hot keys are overwritten and read without RocksDB."""
    watches_max: int = 20_000
    watch_buffer_events_max: int = 4_096
    watch_buffer_bytes_max: int = 1024 * 1024
    """A watch over one of these two reads on from history once its reader has caught up."""
    watch_message_events_max: int = 1_024
    """Events after which a message takes no further revision (a revision is never cut)."""
    catch_up_chunk_events: int = 1_000
    """Events of history read in one turn for all watches that are behind."""
    purge_chunk_events: int = 1_000
    """Events of compacted history removed in one background turn, and at most one record of them (`events`) more."""
    expire_batch_max: int = 1_000
    """Leases or sessions in one expiry command."""
    expire_retry_ms: int = 1_000
    """Log time after which `due` names an expiry again that was proposed and not yet applied."""
    digests_kept: int = 64
    """Recent state hashes kept for comparison between members."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"machine limit {name} is {value}: give a positive number")
