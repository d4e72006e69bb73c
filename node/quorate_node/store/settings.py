"""Every limit of the stores, named, with its default and its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

KIB = 1 << 10
MIB = 1 << 20

LogKind = Literal["file", "rocksdb"]


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Limits of one member's data directory. Sizes in bytes; a default suits a member with a million keys of 256 bytes."""

    log_backend: LogKind = "file"
    """Where a *new* data directory keeps its log: in files that are made ready ahead of their use, or in RocksDB, which takes space only
    as it is needed but syncs half again as long on ext4. A directory keeps the kind that it was made with."""
    log_segment_bytes: int = 64 * MIB
    """Size of one file of a "file" log (256 KiB to 1 GiB). Twice as much is taken from the start: one is always ready ahead."""
    log_memtable_bytes: int = 16 * MIB
    """One memtable of the log: a restart replays at most `log_memtables_max` of them from RocksDB's write-ahead log."""
    log_memtables_max: int = 4
    """Memtables of the log, those waiting for their flush included; when all are full a write is back-pressure."""
    log_block_cache_bytes: int = 4 * MIB
    """Small: entries that replication and apply want again are in `log_cache_bytes`."""
    log_cache_bytes: int = 64 * MIB
    """Recent entries kept in memory, so that replication and apply read no RocksDB in the steady state."""
    log_cache_entries_max: int = 65_536
    """And so many at most: small entries cost more memory as objects than their data says."""
    log_verify_on_open_entries: int = 200_000
    """Newest entries whose chain is recomputed on open (about 3 us each); older ones are verified when read, and by `scrub`."""
    log_stall_wait_ms_max: int = 5_000
    """How long the store's thread waits for a stalled RocksDB before `write` raises `Backpressure`."""
    log_stall_poll_ms: int = 2
    damaged_logs_kept: int = 1
    """Log databases beyond salvage that are kept aside for a person to look at; older ones are deleted."""

    state_memtable_bytes: int = 24 * MIB
    """One memtable of one family of the state; it is turned over when a large write has made it that large."""
    state_memtables_max: int = 3
    state_memtables_total_bytes: int = 64 * MIB
    """Active memtables of all families together: beyond it all families are flushed at once. Also what a restart must apply again."""
    state_buffer_writes_max: int = 8_192
    """Puts and deletes held back in memory until they go into the state as one write, in key order. A larger one costs less a record and
    is colder in the processor's caches. It goes out by parts while up to half as many come in."""
    state_buffer_bytes_max: int = 8 * MIB
    """And so many bytes of keys and values. What is held back, a restart applies again, beside what RocksDB has not flushed."""
    state_part_writes_max: int = 16_384
    """Records that go out in one piece, which stops the event loop for about 1.7 us each. A larger write goes out by parts while more comes
    in. With 256, the p99 of pipelined writes is a third of what it is in one piece, and their throughput an eighth less."""
    state_part_bytes_max: int = 4 * MIB
    """And so many bytes of keys and values."""
    state_level0_files: int = 10
    """Flushed files before the first compaction: fewer rewrites, for a few more bloom filters a read looks at."""
    state_block_cache_bytes: int = 192 * MIB
    """Data, index and filter blocks of all families: the largest part of a member's memory that a setting bounds."""
    state_block_bytes: int = 4 * KIB
    state_bloom_bits_per_key: int = 10
    """About 1 % false positives: a point read of an absent key touches no data block."""
    state_file_bytes: int = 32 * MIB
    state_level_base_bytes: int = 128 * MIB
    state_open_files_max: int = 512
    background_jobs_max: int = 2

    reserve_bytes: int = 0
    """Free space below which log writes raise `NoSpace`, so that RocksDB can still flush and reopen. 0: twice all memtables."""
    headroom_bytes: int = 32 * MIB
    """Free space above the reserve below which `space_available` is False: proposals are refused before writes must be."""

    record_bytes_max: int = 1 * MIB
    """One durable record of the data directory (`peers`, tokens): they are rewritten whole."""

    def __post_init__(self) -> None:
        if self.log_backend not in get_args(LogKind):
            raise ValueError(f"log_backend is {self.log_backend!r}; it must be one of {', '.join(get_args(LogKind))}")
        for name in self.__slots__:
            if name == "log_backend":
                continue
            value = getattr(self, name)
            minimum = 0 if name in ("reserve_bytes", "headroom_bytes", "damaged_logs_kept") else 1
            if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least {minimum}: set it higher or leave it out")
        if not 256 * KIB <= self.log_segment_bytes <= 1024 * MIB:
            raise ValueError(f"log_segment_bytes is {self.log_segment_bytes}; it must be from {256 * KIB} to {1024 * MIB}: leave it out")
        if self.log_memtables_max < 2 or self.state_memtables_max < 2:
            raise ValueError("log_memtables_max and state_memtables_max must be at least 2: with one, each flush stops all writes")

    def memtables_bytes(self) -> int:
        """All that both databases may hold in memory and would have to write out before they can be opened again."""
        return self.log_memtable_bytes * self.log_memtables_max + self.state_memtables_total_bytes * self.state_memtables_max

    def effective_reserve_bytes(self) -> int:
        return self.reserve_bytes or 2 * self.memtables_bytes()
