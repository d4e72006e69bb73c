"""Ids that were given out and that nobody has come with: whether an empty directory at such a place may be given the same one.

Whoever comes with an id has forgotten what it said under it before, if it ever did. That harms nothing where nothing that it says counts
(a learner is in no quorum), or where no quorum is without a member that remembers: in a configuration of two voters, every leader had the
vote of both and every entry that was committed is on the disk of both, whatever one of them forgets (Raft, 5.4.1).

An entry of the log's end that changes who votes may have ended such a configuration without this member's knowing. Not so where it led
last, in this life: whoever committed that entry needed its vote for a later term, or was this member, which would know.
"""

from __future__ import annotations

import msgspec

from quorate_node.protocol.membership import ChangeKind
from quorate_node.protocol.raft.membership_entry import decode_change, is_membership
from quorate_node.replica.engine import Engine
from quorate_node.replica.joining import ProbeAnswer
from quorate_node.replica.service import ServiceError
from quorate_node.store.errors import Damaged
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport

_VOTES_STAY = (ChangeKind.ADD_LEARNER, ChangeKind.UPDATE)
_PAGE_BYTES = 1 << 20


def is_only_other_voter(engine: Engine, member_id: int) -> bool:
    """Whether every quorum needs both this member and that one, and needed both ever since this configuration was applied here."""
    configuration = engine.machine.configuration
    both = tuple(sorted((engine.raft.id, member_id)))
    return configuration.voters == both and not configuration.voters_outgoing and not _may_be_outdated(engine)


def _may_be_outdated(engine: Engine) -> bool:
    """Whether the log has a change of who votes that is not applied here: it may be committed, and there may be quorums without us.

    What is committed in a configuration that needs this member is in its log, so there is nothing else to fear.
    """
    log, raft = engine.log, engine.raft
    index = engine.machine.applied_index + 1
    end = min(raft.commit_index, log.last_index()) if raft.led_last else log.last_index()
    while index <= end:
        try:
            entries = log.entries(index, end + 1, _PAGE_BYTES)
        except Damaged:
            return True
        for entry in entries:
            if is_membership(entry) and any(change.kind not in _VOTES_STAY for change in decode_change(entry.data).changes):
                return True
        index = entries[-1].index + 1
    return False


async def require_empty(transport: Transport, peer_url: str, timeout_s: float) -> None:
    """That this place has no identity now, by its own word: what it asked of a member that stood still comes later than the answer that
    another one gave it meanwhile. Raises `ServiceError`."""
    try:
        answer = msgspec.msgpack.decode(await transport.request_url(peer_url, RequestKind.PROBE, b"", timeout_s), type=ProbeAnswer)
    except (PeerFailure, PeerRefused, msgspec.MsgspecError) as failure:
        raise ServiceError("MemberNotReady", f"{peer_url} asked to be let in and does not say whether it is empty: {failure}") from failure
    if answer.member_id:
        raise ServiceError("MemberExists", f"{peer_url} is member {answer.member_id} by now: what it asked before came late")
