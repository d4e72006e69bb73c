"""The first moment of a cluster: a log whose first entry makes this member its only voter. The identity is written last, as commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import msgspec

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import ChangeKind, Configuration, MemberRecord, MembershipChange, SingleChange
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.replica.administration import new_member_id
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.storage import Storage

FIRST_TERM = 1
CLUSTER_ID_BITS = 63


def _own_record(settings: ReplicaSettings, member_id: int) -> MemberRecord:
    return MemberRecord(member_id, settings.name, settings.peer_url, settings.client_url, False, settings.priority)


def first_entry(settings: ReplicaSettings, member_id: int) -> Entry:
    """Entry 1: a membership change, so that whoever joins learns of everything from the log itself."""
    record = _own_record(settings, member_id)
    change = MembershipChange((SingleChange(ChangeKind.ADD_VOTER, member_id),), context=msgspec.msgpack.encode([record]))
    return Entry(1, FIRST_TERM, EntryType.MEMBERSHIP, msgspec.msgpack.encode(change))


async def found_cluster(storage: Storage, settings: ReplicaSettings, random: Random, token: bytes) -> None:
    """Make this empty directory a cluster of one. A crash before the end leaves an empty directory, and it is done anew."""
    if settings.witness:
        raise ValueError("member.witness is true: a witness keeps no data and cannot found a cluster; bootstrap another member")
    cluster_id = random.getrandbits(CLUSTER_ID_BITS) or 1
    member_id = new_member_id(random, set())
    await storage.reset_log(SnapshotMetadata(0, 0, Configuration()))
    persist = Persist(HardState(FIRST_TERM, 0, 1), [first_entry(settings, member_id)], None, True)
    await storage.write_log(persist)
    storage.save("tokens", msgspec.msgpack.encode([token] if token else []))
    await storage.adopt(cluster_id, member_id)


async def restore_cluster(
    storage: Storage, settings: ReplicaSettings, random: Random, token: bytes, snapshot: AsyncIterator[bytes]
) -> None:
    """A new cluster with a snapshot's content: new ids, and revisions beyond any that were issued, so that no watcher is fooled."""
    if settings.witness:
        raise ValueError("member.witness is true: a witness keeps no data and cannot restore a cluster; restore another member")
    cluster_id = random.getrandbits(CLUSTER_ID_BITS) or 1
    member_id = new_member_id(random, set())
    metadata = await storage.restore_state(snapshot, _own_record(settings, member_id))
    await storage.reset_log(metadata)
    await storage.write_log(Persist(HardState(metadata.term, 0, metadata.index), [], None, True))
    storage.save("tokens", msgspec.msgpack.encode([token] if token else []))
    await storage.adopt(cluster_id, member_id)
