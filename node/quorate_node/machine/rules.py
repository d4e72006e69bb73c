"""Limits that apply itself enforces. They decide what a committed command does, so they are the same on every member.

They are constants of a cluster version, never settings: two members with different settings would diverge. A change of
any number here is a new cluster version (DESIGN decision 8). What a member may set for itself is in `limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from quorate.wire.commands import CommandKind

COMMAND_VERSION = 1
"""The newest `Command.version` this release applies."""
CLUSTER_VERSION_FIRST = 1
CLUSTER_VERSION_GROUP_KEYS = 2
"""Brings the entries of the members' key group."""
CLUSTER_VERSION_MAX = CLUSTER_VERSION_GROUP_KEYS
"""The newest cluster version this release applies; a committed higher one stops the member."""


class Release(NamedTuple):
    """The cluster versions that a release can apply, both ends included."""

    version_low: int
    version_high: int

    def knows(self, cluster_version: int) -> bool:
        return self.version_low <= cluster_version <= self.version_high


THIS_RELEASE = Release(CLUSTER_VERSION_FIRST, CLUSTER_VERSION_MAX)


@dataclass(frozen=True)
class Rules:
    transaction_operations_max: int = 128
    """Of compares, of `success` and of `failure` each, operations of nested transactions counted (etcd's --max-txn-ops)."""
    transaction_depth_max: int = 16
    transaction_range_bytes_max: int = 8 * 1024 * 1024
    """Keys and values that one range inside a transaction returns; beyond it `more` is set."""
    leases_max: int = 200_000
    lease_ttl_ms_min: int = 1_000
    """A shorter ttl is granted as this one (etcd grants a minimum too)."""
    lease_ttl_ms_max: int = 9_000_000_000_000
    sessions_max: int = 16_384
    session_ttl_ms_min: int = 1_000
    session_ttl_ms_max: int = 30 * 86_400_000
    session_window: int = 4_096
    """How far a session's `seq` may run ahead of its `acked_below`."""
    session_reply_bytes_max: int = 64 * 1024
    """A larger reply is not kept: its retry is told that the command took effect, but not what it answered."""
    name_bytes_max: int = 1_024
    """Names and URLs of members and of application machines."""
    group_leaves_max: int = 1_024
    """Members of the key group."""
    group_proposals_max: int = 2_048
    """Proposals that one commit names by reference."""
    group_entry_bytes_max: int = 1_400 * 1_024
    """All messages of one GROUP_CREATE or GROUP_COMMIT together, and the tree that it leads to."""
    group_id_bytes_min: int = 16
    group_id_bytes_max: int = 64
    group_ids_kept: int = 64
    """Ids of former groups that a new one must not have."""


RULES: dict[int, Rules] = {version: Rules() for version in range(CLUSTER_VERSION_FIRST, CLUSTER_VERSION_MAX + 1)}

_LATER_KINDS = {CommandKind.GROUP_CREATE: CLUSTER_VERSION_GROUP_KEYS, CommandKind.GROUP_COMMIT: CLUSTER_VERSION_GROUP_KEYS}

KIND_SINCE: dict[int, int] = {
    kind: _LATER_KINDS.get(kind, CLUSTER_VERSION_FIRST) for kind in CommandKind if kind is not CommandKind.RANGE
}
"""The cluster version from which on a kind may be committed. RANGE never is."""
