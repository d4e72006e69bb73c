"""Messages between members, as the replica sees them. `transport.websocket` is the default; the simulator has its own.

Nothing here blocks: a full queue drops the message and counts it, as the network might; the protocol repeats what matters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from quorate_node.protocol.message import Message


class RequestKind(IntEnum):
    """Questions that want one answer, multiplexed over the peers' bulk connection."""

    FORWARD = 1
    """Commands of a follower for the leader to propose; the answer has their results."""
    SNAPSHOT_MANIFEST = 2
    SNAPSHOT_CHUNK = 3
    LOG_RANGE = 4
    """Entries by index and chain hash, for the repair below the protocol."""
    DIGESTS = 5
    JOIN = 6
    """An empty member asks to be added as a learner."""
    PROBE = 7
    """Who are you: cluster id, member id, whether initialised, tokens known. Answered also by a member without a cluster."""
    STATUS = 8
    APPLICATION_SNAPSHOT = 10
    """A piece of the application's own snapshot, which travels beside the cluster's."""
    MEMBERSHIP = 9
    """A membership or leadership call that only the leader can carry out."""
    SNAPSHOT_PIN = 11
    """A damaged member asks for a state at or beyond an index; the answer names the one that is held for it."""


class PeerFailure(Exception):
    """No answer: `sent` False means that the peer cannot have seen the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class PeerRefused(Exception):
    """The peer answered with an error of its own: `error` is a name of `quorate.wire.errors.ERRORS`."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


class Identity(NamedTuple):
    """What a member says of itself in every handshake. Zeros before it belongs to a cluster."""

    cluster_id: int
    member_id: int
    boot_counter: int
    term: int
    last_index: int
    """The durable commit index: unlike the log's end it never falls."""
    version_low: int
    version_high: int
    instance: int = 0
    """Random for each process start: two that run under one boot counter are clones."""


class LostReason(IntEnum):
    CLOSED = 1
    """An orderly goodbye."""
    DIED = 2
    """End of stream without a close frame and a reconnect that was refused: the process is gone (DESIGN decision 14)."""
    TIMEOUT = 3
    REFUSED = 4
    """The handshake was refused (identity, version, cluster)."""


class Receiver(Protocol):
    """What the replica gives the transport. All on the loop's thread."""

    def identity(self) -> Identity: ...
    def admit(self, peer: Identity) -> str | None:
        """Judge a peer's handshake: None admits, a text refuses and is sent to it (rolled back, cloned, foreign, removed)."""
        ...

    def has_removed(self, member_id: int) -> bool:
        """Whether that member, which `admit` has refused, is none any more: it is told so, and does not come again."""
        ...

    def may_vote(self, member_id: int) -> bool:
        """Whether this is a member that votes, or could be made one: none of those that were let in as non-voting."""
        ...

    def on_removed(self, text: str) -> None:
        """A peer says that this member was removed from the cluster."""
        ...

    def on_messages(self, messages: Sequence[Message]) -> None:
        """Decoded messages of one frame; each `sender` was checked against the connection's handshake."""
        ...

    def on_lost(self, member_id: int, reason: LostReason) -> None: ...
    def on_connected(self, member_id: int) -> None: ...
    def on_unreachable(self, member_id: int) -> None:
        """A message to it was dropped."""
        ...

    async def on_request(self, member_id: int, kind: int, payload: bytes, *, non_voting: bool = False) -> bytes:
        """Answer a request. `non_voting`: who asks has a certificate for members that never vote, and what such a one may not ask at
        all was refused already (`transport.restricted`). Raise `PeerRefused` to answer with an error."""
        ...


class Transport(Protocol):
    def set_peers(self, peers: Mapping[int, str]) -> None:
        """member id -> peer URL; connections to others are closed."""
        ...

    def send(self, messages: Sequence[Message]) -> None:
        """Queue for their peers. Heartbeats and votes go by their own connection, never behind bulk data."""
        ...

    async def request(self, member_id: int, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        """Raises `PeerFailure`, `PeerRefused`."""
        ...

    async def request_url(self, url: str, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        """The same to an address whose member id is not known yet (PROBE, JOIN)."""
        ...

    async def start(self, receiver: Receiver) -> None: ...
    async def close(self) -> None:
        """Say goodbye with a close frame, so that nobody suspects a crash."""
        ...


Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]
