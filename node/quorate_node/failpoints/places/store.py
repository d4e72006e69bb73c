"""Failpoints of the store, and of the machine's snapshots where they meet it."""

from __future__ import annotations

from quorate_node.failpoints.places import Places

PLACES: Places = {
    "hard_state.save.before_write": (
        "store/hard_state.py store/memory_log.py",
        "term and vote are about to be written",
        "a vote that was decided and never kept: it must never have left either",
    ),
    "hard_state.save.before_sync": (
        "store/hard_state.py",
        "a slot is written and not synced",
        "a torn slot beside a whole one; `error(EIO)` is a failed fdatasync",
    ),
    "hard_state.save.after_sync": (
        "store/hard_state.py store/memory_log.py",
        "term and vote are durable, nobody was told",
        "a member that comes back with a vote its candidate never heard of",
    ),
    "record.write.before_sync": ("store/durable_file.py", "a small record is written aside, not synced", "a leftover that opening removes"),
    "record.write.before_rename": ("store/durable_file.py", "a small record is durable under its other name", "the old record must hold"),
    "record.write.before_directory_sync": (
        "store/durable_file.py",
        "a small record has its name, its directory is not synced",
        "either record may be there after power loss",
    ),
    "directory.create.before_format": (
        "store/directory.py",
        "all parts of a new data directory are there but the file that says so",
        "an interrupted first opening, which is done anew",
    ),
    "directory.open.after_boot_count": ("store/directory.py", "one more boot is counted", "boot counters that run ahead of any handshake"),
    "state.switch.before_pointer": (
        "store/directory.py",
        "the new state is flushed, the pointer names the old one",
        "a snapshot's installation that is begun again",
    ),
    "state.switch.after_pointer": (
        "store/opening.py",
        "the new state is the durable one, the old one is still open",
        "a state beyond its log after a restart",
    ),
    "state.write.before": (
        "store/rocksdb_state.py store/memory_state.py",
        "a run of applied entries is about to be written to the state",
        "`error(Backpressure)`: the state stalls; `sleep`: a slow state",
    ),
    "state.flush.before": (
        "store/rocksdb_state.py store/memory_state.py",
        "the state is about to be flushed",
        "a long flush; a crash that loses all since the last one",
    ),
    "log.begin.before": (
        "store/kernel_synced_log.py",
        "a batch is about to be written on the loop and synced by the kernel",
        "`skip` leaves it to the log's thread, so that `log.write.*` are reached and may wait there",
        "skip",
    ),
    "log.write.before_commit": (
        "store/chained_log.py",
        "a batch is about to be written and synced on the log's thread (of a log in files: see `log.begin.before`)",
        "`error(NoSpace)`, `error(StoreFailed)`, `sleep`, `pause`: full, failing and stalled disks",
    ),
    "log.write.after_commit": (
        "store/chained_log.py",
        "a batch that the log's thread wrote is durable, its writer does not know",
        "entries that were never acknowledged and come back",
    ),
    "log.begin.after_write": (
        "store/kernel_synced_log.py",
        "a batch is in the page cache, the kernel is about to be asked to sync it",
        "a batch that a killed process leaves unsynced",
    ),
    "log.synced.before_report": (
        "store/kernel_synced_log.py",
        "the kernel has synced a batch, nothing was acknowledged",
        "entries that were never acknowledged and come back",
    ),
    "log.compact.after_marker": (
        "store/chained_log.py",
        "the log begins later by its marker, the records below are still there",
        "a compaction cut in half",
    ),
    "log.repair.before_commit": ("store/chained_log.py", "repaired entries are verified and not written", "a repair that is begun again"),
    "log.forget_tail.before_commit": (
        "store/chained_log.py",
        "a damaged tail is about to be dropped",
        "a recovery that is begun again with the damage still there",
    ),
    "log.file.before_write": ("store/file_log.py", "a batch is about to be written to its segment", "`error(EIO)`, `error(ENOSPC)`"),
    "log.file.after_write": (
        "store/file_log.py",
        "a batch is written; synced too unless the kernel does that",
        "a batch at the end that the index does not know yet",
    ),
    "log.file.before_roll": ("store/file_log.py", "a segment is full, the next one is about to be taken", "a slow disk at the seam"),
    "segment.prepare.before_allocate": (
        "store/segment_file.py",
        "a segment's file is there, its space is not",
        "`error(ENOSPC)`: no room for the next segment while the current one has some",
    ),
    "segment.prepare.before_rename": ("store/segment_file.py", "a segment is whole under its other name", "a file that is used again"),
    "segment.prepare.before_directory_sync": (
        "store/segment_file.py",
        "a segment has its name, the directory is not synced",
        "a segment that power loss takes away again",
    ),
    "segment.recycle.before_directory_sync": (
        "store/segment_pool.py",
        "a segment was let go, the directory is not synced",
        "a segment that comes back; only ever the oldest",
    ),
    "log.rocksdb.before_write": ("store/rocksdb_log.py", "a batch is about to be given to RocksDB", "a slow or failing database"),
    "log.rocksdb.before_sync": (
        "store/rocksdb_log.py",
        "a batch is in RocksDB's write-ahead file, not synced",
        "`error(EIO)` is a failed sync; `panic` leaves an unsynced tail",
    ),
    "log.rebuild.between_renames": (
        "store/rocksdb_log_rebuild.py",
        "a log database with unreadable blocks is out of the way, the one made from it has not its name yet",
        "a start that finds no log where it should be, and one beside it",
    ),
    "snapshot.chunk.before_rename": (
        "machine/snapshot/sink.py",
        "a received chunk is durable under its other name",
        "a transfer that goes on after a restart; `error(ENOSPC)`",
    ),
    "snapshot.install.before_meta": (
        "machine/snapshot/install.py",
        "all of a snapshot is in the new state but the family that makes it one",
        "a half-filled state that must never be used",
    ),
    "snapshot.install.before_flush": ("machine/snapshot/install.py", "a snapshot is in the new state, not flushed", "as before, later"),
}
