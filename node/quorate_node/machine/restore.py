"""A snapshot restored into a new cluster: the content stays, everything that binds it to the old cluster goes.

Revisions go on beyond any that the old cluster can have issued, and all older ones are marked compacted, so that a client which
saw the old cluster's later writes can neither read them as present nor resume a watch into a history that differs.
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate_node.crypto.merkle import Frontier
from quorate_node.machine.committed import encode_member
from quorate_node.machine.group.state import GROUP_KEY
from quorate_node.machine.metadata import DIGEST_START, PURGED_KEY, STATE_FORMAT, STATE_KEY, MachineState, encode_state, read_state
from quorate_node.machine.records import U64
from quorate_node.protocol.entry import CHAIN_START
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.store.interface import StateStore

REVISION_STEP = 1_000_000_000
"""More writes than a cluster makes between a snapshot and its loss: at 10,000 a second, a day."""
_CHUNK_KEYS = 10_000
_OLD_CLUSTER = ("sessions", "replies", "members")


def restore_into_new_cluster(
    store: StateStore, members: Sequence[MemberRecord], configuration: Configuration, *, revision_step: int = REVISION_STEP
) -> MachineState:
    """Rewrite a store that a snapshot filled, before the new cluster's first entry; returns the new record.

    The log starts anew at index 0 with an empty chain. Keys, leases (with their remaining time by log time) and the application's name
    and version stay. Bounded batches; done again from the start after a crash, until the caller bootstraps from it. The new
    revision, and the compacted one, is the snapshot's plus `revision_step`. Raises `FormatTooNew`, `Backpressure`, `StoreFailed`.
    """
    if revision_step <= 0:
        raise ValueError(f"revision_step is {revision_step}: give a positive number, larger than the writes since the snapshot")
    old, _ = read_state(store)
    revision = old.revision + revision_step
    for family in _OLD_CLUSTER:
        _clear(store, family)
    batch = store.batch()
    for member in members:
        batch.put(U64.pack(member.member_id), encode_member(member), store.family("members"))

    state = MachineState(
        STATE_FORMAT,
        0,
        0,
        revision,
        revision,
        old.log_time_ms,
        old.cluster_version,
        old.key_count,
        CHAIN_START,
        Frontier().encode(),
        DIGEST_START,
        configuration,
        old.application,
    )
    batch.put(STATE_KEY, encode_state(state), store.family("meta"))
    batch.delete(PURGED_KEY, store.family("meta"))
    # The old cluster's members had those keys: the new one's make a group of their own.
    batch.delete(GROUP_KEY, store.family("meta"))
    store.write(batch)
    return state


def _clear(store: StateStore, family: str) -> None:
    """Delete by key in bounded batches: a range deletion would slow every later scan of the family."""
    while True:
        batch, count = store.batch(), 0
        for key in store.keys(family, b""):
            batch.delete(key, store.family(family))
            count += 1
            if count == _CHUNK_KEYS:
                break
        if not count:
            return
        store.write(batch)
