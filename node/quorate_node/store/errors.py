"""What can go wrong in a store: ours to handle above, each with its own meaning."""

from __future__ import annotations

from quorate_node.protocol.raft import log_view


class StoreError(Exception):
    """Base of all errors of a store."""


class Compacted(StoreError, log_view.Compacted):
    """The index lies below the first entry that is still there."""


class Unavailable(StoreError, log_view.Unavailable):
    """The index lies beyond the last entry."""


class Damaged(StoreError):
    """The entry's bytes do not match the chain: repair it from peers; never serve it, never vote on it."""


class ChainMismatch(StoreError):
    """An entry offered for repair does not continue the chain."""


class NoSpace(StoreError):
    """The disk is full, or its free space fell below the reserve. Nothing of the batch was acknowledged."""

    reopen_due = True
    """False: refused before anything was written, so the log need not be read again to know what it holds."""


class Backpressure(StoreError):
    """RocksDB would stall this write; nothing was written."""


class StoreFailed(StoreError):
    """The disk failed (a sync returned an error): what it holds is unknown, so the member stops and must not retry."""


class FormatTooOld(StoreError):
    """The data directory was written before the first release, in a form that no release reads."""


class StoreLocked(StoreError):
    """Another process holds the data directory."""


class FormatTooNew(StoreError):
    """The data directory was written by a newer release."""


class IdentityMismatch(StoreError):
    """The data directory belongs to another member or another cluster."""


class HardStateLost(StoreError):
    """Term and vote cannot be read: whoever forgot its vote may vote twice, so it comes back only as a new member."""


class DirectoryDamaged(StoreError):
    """A file of the data directory that nothing else can replace cannot be read."""
