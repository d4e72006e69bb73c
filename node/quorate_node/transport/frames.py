"""Frames between members: one byte of kind and flags, then a msgpack body. One frame is one binary WebSocket message.

    0x01 MESSAGES         array of Message                       either class
    0x02 REQUEST          [id, kind, payload]                    bulk and call
    0x03 RESPONSE         [id, error, message, payload]          on the connection that carried the request
    0x04 KEEPALIVE        empty                                  from the side that dialled
    0x05 KEEPALIVE_REPLY  empty                                  from the side that accepted
    0x06 SEALED           one frame, sealed (`crypto.epochs.header`): on connections whose ends agreed to seal
    0x07 ANNOUNCEMENT     which epochs the sender can open (`crypto.epochs.announcement`), on such connections
    0x08 RECOVERY         one frame that could not be sealed, on such connections: there, only keep-alives travel without an envelope
    0x80                  flag: the body is one zstd frame with its content size

Decoding is bounded and typed: whatever does not fit raises `PeerFault`, and never anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import msgspec
import zstandard

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.errors import OversizeFrame, PeerFault

FRAME_FORMAT = 1
COMPRESSED = 0x80
INTEGER_MAX = 2**63 - 1

_FIRST_TYPE, _LAST_TYPE = int(MessageType.APPEND), int(MessageType.TRANSFER_LEADER)
WIRE_TYPES: frozenset[int] = frozenset(range(_FIRST_TYPE, _LAST_TYPE + 1))
"""What may cross the wire; the others are local inputs or occur in golden traces only."""


class FrameKind(IntEnum):
    MESSAGES = 1
    REQUEST = 2
    RESPONSE = 3
    KEEPALIVE = 4
    KEEPALIVE_REPLY = 5
    SEALED = 6
    ANNOUNCEMENT = 7
    RECOVERY = 8


class Request(msgspec.Struct, array_like=True, gc=False, frozen=True):
    id: int
    kind: int
    payload: bytes


class Response(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """`error` is a name of `quorate.wire.errors.ERRORS`, or empty when `payload` is the answer."""

    id: int
    error: str
    message: str
    payload: bytes


Frame = bytes | bytearray
"""As it is sent, without its WebSocket header; nobody changes it any more."""
_MESSAGES = bytes((FrameKind.MESSAGES,))
KEEPALIVE = bytes((FrameKind.KEEPALIVE,))
KEEPALIVE_REPLY = bytes((FrameKind.KEEPALIVE_REPLY,))

_encode_into = msgspec.msgpack.Encoder().encode_into
_messages_decoder = msgspec.msgpack.Decoder(list[Message])
_request_decoder = msgspec.msgpack.Decoder(Request)
_response_decoder = msgspec.msgpack.Decoder(Response)


class FrameCodec:
    """Encodes and decodes frames of at most `frame_bytes_max` bytes.

    Bodies of at least `compression_bytes_min` bytes leave compressed; None: none do. Compressed ones are always understood.
    """

    def __init__(self, frame_bytes_max: int, *, compression_bytes_min: int | None = None, compression_level: int = 1) -> None:
        assert frame_bytes_max > 0
        self._frame_bytes_max = frame_bytes_max
        self._plain_bytes_max = frame_bytes_max if compression_bytes_min is None else min(frame_bytes_max, compression_bytes_min)
        self._compressor = zstandard.ZstdCompressor(level=compression_level, write_content_size=True)
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=max(frame_bytes_max, 1024))

    def messages(self, messages: Sequence[Message]) -> Frame:
        """Raises `OversizeFrame`."""
        frame = bytearray(_MESSAGES)
        _encode_into(messages, frame, 1)
        return frame if len(frame) <= self._plain_bytes_max else self._large(FrameKind.MESSAGES, frame)

    def request(self, request: Request) -> Frame:
        """Raises `OversizeFrame`."""
        return self._encode(FrameKind.REQUEST, request)

    def response(self, response: Response) -> Frame:
        """Raises `OversizeFrame`."""
        return self._encode(FrameKind.RESPONSE, response)

    def _encode(self, kind: FrameKind, body: object) -> Frame:
        frame = bytearray((kind,))
        _encode_into(body, frame, 1)
        return frame if len(frame) <= self._plain_bytes_max else self._large(kind, frame)

    def _large(self, kind: FrameKind, frame: bytearray) -> Frame:
        """One to be compressed, or refused."""
        if len(frame) > self._frame_bytes_max:
            raise OversizeFrame(f"a {kind.name} frame of {len(frame)} bytes is over transport.frame_bytes_max {self._frame_bytes_max}")
        packed = self._compressor.compress(memoryview(frame)[1:])
        return bytes((kind | COMPRESSED,)) + packed if len(packed) + 1 < len(frame) else frame

    def open(self, frame: Frame | memoryview) -> tuple[int, memoryview]:
        """(kind, body) of a received frame, decompressed. Raises `PeerFault`."""
        if not frame:
            raise PeerFault("an empty frame: each begins with a byte of kind")
        if len(frame) > self._frame_bytes_max:
            raise PeerFault(f"a frame of {len(frame)} bytes is over transport.frame_bytes_max {self._frame_bytes_max}", frame)
        kind, body = frame[0], memoryview(frame)[1:]
        if kind & COMPRESSED:
            return kind & ~COMPRESSED, memoryview(self._decompress(body))
        return kind, body

    def _decompress(self, body: memoryview) -> bytes:
        # The library takes a content size that the frame itself names at its word, whatever bound it is given: look first.
        try:
            size = zstandard.get_frame_parameters(body).content_size
            if size > self._frame_bytes_max:
                known = "of unknown size" if size in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR) else f"of {size} bytes"
                raise PeerFault(f"a compressed body {known}: transport.frame_bytes_max is {self._frame_bytes_max}", body)
            return self._decompressor.decompress(body)
        except zstandard.ZstdError as error:
            raise PeerFault(f"a body that is not one zstd frame: {error}", body) from error


def decode_messages(body: memoryview, sender: int, receiver: int) -> list[Message]:
    """Messages that `sender`'s connection may carry to `receiver`. Raises `PeerFault`."""
    try:
        messages = _messages_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise PeerFault(f"malformed messages: {error}", body) from error
    for message in messages:
        if message.sender != sender:
            raise PeerFault(f"a message of member {message.sender} on the connection of member {sender}", body)
        if message.to != receiver:
            raise PeerFault(f"a message to member {message.to} sent to member {receiver}", body)
        if not _FIRST_TYPE <= message.type <= _LAST_TYPE:
            raise PeerFault(f"message type {message.type} does not travel between members", body)
        # One comparison for eight fields: an OR of integers is negative, or over the bound, as soon as one of them is.
        fields = message.term | message.log_term | message.index | message.commit
        fields |= message.reject_hint | message.vote | message.sent_ms | message.lease_ms
        if not 0 <= fields <= INTEGER_MAX:
            raise PeerFault(f"a message with an integer outside 0 to 2^63-1: {message!r:.300}", body)
        if message.entries:
            _check_entries(message.entries, body)
    return messages


def _check_entries(entries: Sequence[Entry], body: memoryview) -> None:
    index = entries[0].index
    for entry in entries:
        if entry.index != index or not 0 <= entry.term <= INTEGER_MAX or not 0 < index <= INTEGER_MAX:
            raise PeerFault(f"entry (index {entry.index}, term {entry.term}) where index {index} was due", body)
        index += 1


def decode_request(body: memoryview) -> Request:
    """Raises `PeerFault`."""
    try:
        return _request_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise PeerFault(f"a malformed request: {error}", body) from error


def decode_response(body: memoryview) -> Response:
    """Raises `PeerFault`."""
    try:
        return _response_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise PeerFault(f"a malformed response: {error}", body) from error
