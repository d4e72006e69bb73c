"""The first moment of a cluster: a log whose first entry makes this member its only voter. The identity is written last, as commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import msgspec

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import ChangeKind, Configuration, MemberRecord, MembershipChange, SingleChange
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.replica.administration_call import new_member_id
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.storage import Storage
from quorate_node.store.log_record import EMPTY_ANCHOR

FIRST_TERM = 1
CLUSTER_ID_BITS = 63


class _Founder:
    """The new ids and the first entry: a membership change, so that whoever joins learns of everything from the log itself."""

    def __init__(self, settings: ReplicaSettings, random: Random) -> None:
        if settings.witness:
            raise ServiceError("InvalidArgument", "member.witness is true: a witness keeps no data; let another member found the cluster")
        if settings.non_voting:
            raise ServiceError("InvalidArgument", "member.non_voting is true: a cluster of one needs a vote; let another member found it")
        self.cluster_id = random.getrandbits(CLUSTER_ID_BITS) or 1
        self.member_id = new_member_id(random, set())
        self.record = MemberRecord(self.member_id, settings.name, settings.peer_url, settings.client_url, False, settings.priority)
        change = MembershipChange((SingleChange(ChangeKind.ADD_VOTER, self.member_id),), context=msgspec.msgpack.encode([self.record]))
        self.entry = Entry(1, FIRST_TERM, EntryType.MEMBERSHIP, msgspec.msgpack.encode(change))

    async def begin_log(self, storage: Storage) -> None:
        await storage.reset_log(EMPTY_ANCHOR)
        # failpoint: bootstrap.after_reset_before_entry, awaited
        await storage.write_log(Persist(HardState(FIRST_TERM, 0, 1), [self.entry], None, True))

    async def commit(self, storage: Storage, token: bytes) -> None:
        storage.save("tokens", msgspec.msgpack.encode([token] if token else []))
        # failpoint: bootstrap.after_entry_before_identity, awaited
        await storage.adopt(self.cluster_id, self.member_id)


async def found_cluster(storage: Storage, settings: ReplicaSettings, random: Random, token: bytes) -> None:
    """Make this empty directory a cluster of one. A crash before the end leaves an empty directory, and it is done anew."""
    founder = _Founder(settings, random)
    await storage.clear_state()
    await founder.begin_log(storage)
    await founder.commit(storage, token)


async def restore_cluster(
    storage: Storage, settings: ReplicaSettings, random: Random, token: bytes, snapshot: AsyncIterator[bytes]
) -> None:
    """A new cluster with a snapshot's content: new ids, and revisions beyond any that were issued, so that no watcher is fooled.

    The content is in no log entry: the log begins after entry 1, so that whoever joins is sent a snapshot.
    """
    founder = _Founder(settings, random)
    configuration = Configuration(voters=(founder.member_id,))
    await storage.restore_state(snapshot, founder.cluster_id, founder.entry, configuration, founder.record)
    # failpoint: restore.after_state_before_log, awaited
    await founder.begin_log(storage)
    await storage.compact_log(founder.entry.index, configuration)
    # failpoint: restore.after_log_before_identity, awaited
    await founder.commit(storage, token)
