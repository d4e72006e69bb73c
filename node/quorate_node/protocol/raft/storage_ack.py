"""What becomes known when a write is durable."""

from __future__ import annotations

from typing import NamedTuple

from quorate_node.protocol.ready import Persist


class StorageAck(NamedTuple):
    """Taken down when a `Persist` is handed out, acted upon when it is durable.

    `last_index` and `log_term` name the end of the unstable log at that time, also when this write holds no entries: an ack
    of an earlier term is ignored (its entries may have been replaced by others that are still being written, and then by
    themselves again), so a later write has to vouch for them. 0 when nothing is unstable.
    """

    persist: Persist | None
    term: int
    last_index: int
    log_term: int
    snapshot_index: int
