"""A leader that finds in its log that it leaves: what its own disk is worth from there on."""

from __future__ import annotations

from quorate_node.protocol.membership import ChangeKind
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.membership_entry import decode_change, is_membership

SCAN_BYTES_MAX = 1024 * 1024
NEVER = 2**63
_ENDS_A_VOTE = frozenset((ChangeKind.REMOVE, ChangeKind.ADD_LEARNER, ChangeKind.ADD_WITNESS))


def own_share(core: Core) -> int:
    """The newest entry on this leader's disk for which it counts as a voter that keeps data: none from the one on that ends its vote."""
    if core.id not in core.tracker.members.incoming:
        return 0
    held = core.log.unstable.offset - 1
    return held if core.pending_membership_index <= core.log.applied else min(held, _leaves_at(core) - 1)


def _leaves_at(core: Core) -> int:
    """Index of the first entry that is not applied and ends this leader's vote. Looked for once a change: a leader's log only grows."""
    asked = core.term, core.pending_membership_index
    if core.leaves_at is None or core.leaves_at[0] != asked:
        core.leaves_at = asked, _search(core, core.log.applied + 1, min(core.pending_membership_index, core.log.last_index))
    return core.leaves_at[1]


def _search(core: Core, low: int, high: int) -> int:
    while low <= high:
        page = core.log.slice(low, high + 1, SCAN_BYTES_MAX)
        for entry in filter(is_membership, page):
            changes = decode_change(entry.data).changes
            if any(change.member_id == core.id and change.kind in _ENDS_A_VOTE for change in changes):
                return entry.index
        low += len(page)
    return NEVER
