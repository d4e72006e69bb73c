"""The first frame each way, and who may talk to whom. Its header never changes: "QRTE", then the frame format as u16, big-endian.

The side that dials speaks first; the side that accepts judges, and answers with its own; the dialler judges that. A refusal is a close
frame with code 4001 whose reason says why.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

import msgspec

from quorate_node.transport.errors import HandshakeRefused, PeerFault
from quorate_node.transport.frames import FRAME_FORMAT, INTEGER_MAX
from quorate_node.transport.interface import Identity

MAGIC = b"QRTE"
HELLO_BYTES_MAX = 4096
"""Nothing larger is read of a peer before it is admitted."""
URL_BYTES_MAX = 1024
CLOSE_NORMAL = 1000
CLOSE_REFUSED = 4001
CLOSE_FAULT = 4002
CLOSE_REMOVED = 4003
"""As a refusal, for good: who dialled was removed from the cluster, and need not come again."""
CLOSE_TRY_AGAIN = 1013
"""Not yet: the side that closes belongs to no cluster (registered for RFC 6455 as "Try Again Later")."""
CLOSE_REASON_BYTES_MAX = 123
"""RFC 6455 section 5.5: a control frame's payload has at most 125 bytes, two of which are the code."""
_HEADER = Struct(">4sH")


class ConnectionClass(IntEnum):
    HEARTBEAT = 1
    """Heartbeats, votes, reads: small and urgent, never behind bulk data (DESIGN decision 14)."""
    BULK = 2
    """Entries, requests, snapshots."""
    CALL = 3
    """One question to an address whose member is not known: PROBE and JOIN only."""


class SealingOffer(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One end's half of what sealed frames need (docs/keys.md). Sent by who holds a keyring, in answer to nobody who sent none."""

    format_low: int
    format_high: int
    random: bytes
    """32 fresh random bytes."""
    announcement: bytes
    """As `crypto.epochs.announcement` encodes it."""


class Hello(msgspec.Struct, array_like=True, gc=False, frozen=True):
    connection_class: ConnectionClass
    url: str
    """The sender's advertised peer URL."""
    cluster_id: int
    member_id: int
    boot_counter: int
    term: int
    last_index: int
    version_low: int
    version_high: int
    instance: int = 0
    sealing: SealingOffer | None = None
    """None of a release that knows no sealing, which does not read so far either."""

    @property
    def identity(self) -> Identity:
        return Identity(
            self.cluster_id,
            self.member_id,
            self.boot_counter,
            self.term,
            self.last_index,
            self.version_low,
            self.version_high,
            self.instance,
        )


_decoder = msgspec.msgpack.Decoder(Hello)


def encode_hello(connection_class: ConnectionClass, url: str, identity: Identity, sealing: SealingOffer | None = None) -> bytes:
    # The fields of `Hello` in their order. What is not offered is left out, as by releases that cannot offer it.
    hello = (connection_class, url, *identity) if sealing is None else (connection_class, url, *identity, sealing)
    return _HEADER.pack(MAGIC, FRAME_FORMAT) + msgspec.msgpack.encode(hello)


def decode_hello(frame: bytes | memoryview) -> Hello:
    """Raises `PeerFault` for what is no handshake, `HandshakeRefused` for one of another frame format."""
    if len(frame) < _HEADER.size or frame[:4] != MAGIC:
        raise PeerFault("the first frame is no handshake: it must begin with QRTE", frame)
    _, frame_format = _HEADER.unpack_from(frame)
    if frame_format != FRAME_FORMAT:
        raise HandshakeRefused(f"frame format {frame_format} is not spoken here, only {FRAME_FORMAT}: run compatible releases")
    try:
        hello = _decoder.decode(memoryview(frame)[_HEADER.size :])
    except msgspec.MsgspecError as error:
        raise PeerFault(f"a malformed handshake: {error}", frame) from error
    for name, value in hello.identity._asdict().items():
        if not 0 <= value <= INTEGER_MAX:
            raise PeerFault(f"handshake field {name} is {value}, outside 0 to 2^63-1", frame)
    if hello.version_low > hello.version_high:
        raise PeerFault(f"handshake versions {hello.version_low} to {hello.version_high} are no range", frame)
    if len(hello.url.encode()) > URL_BYTES_MAX:
        raise PeerFault(f"handshake url is over {URL_BYTES_MAX} bytes", frame)
    return hello


def judge_versions(ours: Identity, theirs: Identity) -> None:
    """Raises `HandshakeRefused` when the two version ranges do not meet."""
    if theirs.version_high < ours.version_low or theirs.version_low > ours.version_high:
        raise HandshakeRefused(
            f"versions {theirs.version_low} to {theirs.version_high} do not meet {ours.version_low} to {ours.version_high}"
            " of this member: upgrade the older one"
        )


def close_reason(text: str) -> bytes:
    """`text` as a close frame's reason, cut at a character when it is too long."""
    data = text.encode()
    if len(data) <= CLOSE_REASON_BYTES_MAX:
        return data
    return data[: CLOSE_REASON_BYTES_MAX - 3].decode(errors="ignore").encode() + b"..."
