"""Frames between the host and the worker process: a length (u32, big-endian), then msgpack. Both sides are of the same release."""

from __future__ import annotations

from struct import Struct

import msgspec

LENGTH = Struct(">I")
FRAME_BYTES_MAX = 128 << 20
"""More is a bug or damage: the link is given up, never the memory."""
PIECE_BYTES = 1 << 20
"""Snapshots travel in pieces of at most so much, and results in messages of about so much."""


class Status:
    DONE = 0
    REJECTED = 1
    TOO_LARGE = 2
    """Applied, but the result is over the limit; the value is its length as text."""


class Apply(msgspec.Struct, array_like=True, gc=False, tag=1):
    """(index, log_time_ms, payload) of commands in order. Answered by `Applied`, any number of results at a time."""

    commands: list[tuple[int, int, bytes]]


class TakeSnapshot(msgspec.Struct, array_like=True, gc=False, tag=2):
    """Answered by `SnapshotPiece`s and a `SnapshotEnd`."""


class RestorePiece(msgspec.Struct, array_like=True, gc=False, tag=3):
    data: bytes


class RestoreEnd(msgspec.Struct, array_like=True, gc=False, tag=4):
    """Answered by `Restored`."""


class Hello(msgspec.Struct, array_like=True, gc=False, tag=10):
    """The class is imported and made."""

    name: str
    version: int


class Applied(msgspec.Struct, array_like=True, gc=False, tag=11):
    """(status, value) in the order of the commands."""

    results: list[tuple[int, bytes]]


class SnapshotPiece(msgspec.Struct, array_like=True, gc=False, tag=12):
    data: bytes


class SnapshotEnd(msgspec.Struct, array_like=True, gc=False, tag=13):
    """All pieces were sent."""


class Restored(msgspec.Struct, array_like=True, gc=False, tag=14):
    """The state is that of the snapshot."""


class Broken(msgspec.Struct, array_like=True, gc=False, tag=15):
    """The user's code raised: the process ends after this. `index` is 0 outside of `apply`."""

    doing: str
    index: int
    line: str
    """The traceback's last line."""
    traceback: str


Request = Apply | TakeSnapshot | RestorePiece | RestoreEnd
Answer = Hello | Applied | SnapshotPiece | SnapshotEnd | Restored | Broken

_encode = msgspec.msgpack.Encoder().encode
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def encode_frame(message: Request | Answer) -> bytes:
    body = _encode(message)
    assert len(body) <= FRAME_BYTES_MAX, f"a frame of {len(body)} bytes is over {FRAME_BYTES_MAX}"
    return LENGTH.pack(len(body)) + body


def decode_request(body: bytes | bytearray) -> Request:
    return _requests.decode(body)


def decode_answer(body: bytes | bytearray) -> Answer:
    return _answers.decode(body)


def frame_length(header: bytes | bytearray) -> int:
    """Length of the body that follows. Raises `ValueError` over `FRAME_BYTES_MAX`."""
    length: int = LENGTH.unpack(header)[0]
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {length} bytes is over the limit of {FRAME_BYTES_MAX}")
    return length
