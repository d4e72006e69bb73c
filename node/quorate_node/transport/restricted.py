"""What is heard of who holds a certificate for members that never vote (`binding.is_for_non_voting`): what a copy of the data needs.

It is in a pod whose owner is not the cluster's. So whatever it says of itself, it is let in as no member that may vote, speaks for nobody
else, leads nobody, and has nothing changed but data. It may ask to join as a member that never votes; the replica judges that.
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.errors import PeerFault
from quorate_node.transport.interface import RequestKind

FOR_NON_VOTING = "the certificate is for members that never vote"
"""Part of every refusal of this kind."""
_MESSAGES = frozenset(map(int, (MessageType.APPEND_RESPONSE, MessageType.HEARTBEAT_RESPONSE, MessageType.READ_INDEX)))
_REQUESTS = frozenset(
    map(
        int,
        (
            RequestKind.PROBE,
            RequestKind.JOIN,
            RequestKind.FORWARD,
            RequestKind.SNAPSHOT_MANIFEST,
            RequestKind.SNAPSHOT_CHUNK,
            RequestKind.APPLICATION_SNAPSHOT,
            RequestKind.SNAPSHOT_PIN,
            RequestKind.LOG_RANGE,
            RequestKind.STATUS,
            RequestKind.DIGESTS,
        ),
    )
)


def heard(messages: Sequence[Message], term: int) -> list[Message]:
    """Those that count for a member in `term`. Its word raises nobody's term: it only ever learns of one from a leader, and the voters who
    elected that one know it without its help. Raises `PeerFault` for a kind that no member sends that never votes."""
    for message in messages:
        if message.type not in _MESSAGES:
            raise PeerFault(f"a message of type {message.type}, and {FOR_NON_VOTING}")
    return [message for message in messages if message.term <= term]


def refusal(kind: int, payload: bytes) -> str:
    """Why it is not answered; empty when it is. Only the leader tells others that they differ (DIGESTS with a payload)."""
    if kind in _REQUESTS and not (kind == RequestKind.DIGESTS and payload):
        return ""
    what = RequestKind(kind).name if kind in tuple(RequestKind) else f"kind {kind}"
    return f"a request {what} is not answered: {FOR_NON_VOTING}; ask a member that votes"
