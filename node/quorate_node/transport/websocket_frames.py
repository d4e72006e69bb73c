"""WebSocket frames as bytes (RFC 6455 section 5), without I/O: what peers exchange once the upgrade is done.

Only what peers use: binary messages, whole or in fragments, and the three control frames. No extensions are ever negotiated.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from quorate_node.transport.errors import PeerFault

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL = 0x80
_WHOLE_BINARY = FINAL | BINARY
_MASKED = 0x80
_NO_MASK = bytes(4)
CONTROL_BYTES_MAX = 125
PROTOCOL_ERROR, INVALID_DATA, MESSAGE_TOO_BIG = 1002, 1007, 1009
NO_STATUS = 1005
"""What a close frame without a code is read as (RFC 6455 section 7.1.5)."""
_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})

_SMALL_BYTES_MAX = 125
_MEDIUM_BYTES_MAX = 0xFFFF
_medium, _medium_masked = Struct(">BBH"), Struct(">BBHI")
_large, _large_masked = Struct(">BBQ"), Struct(">BBQI")
_SMALL = tuple(bytes((_WHOLE_BINARY, size)) for size in range(_SMALL_BYTES_MAX + 1))
_SMALL_MASKED = tuple(bytes((_WHOLE_BINARY, _MASKED | size)) + _NO_MASK for size in range(_SMALL_BYTES_MAX + 1))


def binary_header(size: int, masked: bool) -> bytes:
    """The header of a whole binary message of `size` bytes.

    `masked`, as the side that dialled must: with a mask of zeros, under which the payload stays as it is. Masks keep scripts in
    browsers from writing what a proxy takes for HTTP (section 10.3); members run no strangers' scripts.
    """
    if size <= _SMALL_BYTES_MAX:
        return _SMALL_MASKED[size] if masked else _SMALL[size]
    if size <= _MEDIUM_BYTES_MAX:
        return _medium_masked.pack(_WHOLE_BINARY, _MASKED | 126, size, 0) if masked else _medium.pack(_WHOLE_BINARY, 126, size)
    return _large_masked.pack(_WHOLE_BINARY, _MASKED | 127, size, 0) if masked else _large.pack(_WHOLE_BINARY, 127, size)


def control_frame(opcode: int, payload: bytes, masked: bool) -> bytes:
    assert opcode in (CLOSE, PING, PONG) and len(payload) <= CONTROL_BYTES_MAX
    if masked:
        return bytes((FINAL | opcode, _MASKED | len(payload))) + _NO_MASK + payload
    return bytes((FINAL | opcode, len(payload))) + payload


def close_frame(code: int, reason: bytes, masked: bool) -> bytes:
    return control_frame(CLOSE, code.to_bytes(2) + reason, masked)


class Control(NamedTuple):
    opcode: int
    payload: bytes


class FrameReader:
    """Bytes in, whole binary messages out; the rest is put aside in `controls`, and what breaks the protocol in `fault`.

    `masked`: whether the peer's frames must be (it dialled) or must not be. After a fault or a close frame nothing more is read.
    """

    def __init__(self, *, masked: bool, message_bytes_max: int) -> None:
        self._masked = masked
        self._held = bytearray()
        self._wanted_bytes = 0
        """How many bytes the frame that begins in `_held` has, as far as that is known."""
        self._fragments: bytearray | None = None
        self._over = False
        self._between = True
        """Whether the next byte begins a message: nothing is held, in fragments or over."""
        self._small_bytes_max = _SMALL_BYTES_MAX + len(binary_header(0, masked))
        self._small_header_bytes, self._medium_header_bytes = len(binary_header(0, masked)), len(binary_header(_MEDIUM_BYTES_MAX, masked))
        self.message_bytes_max = message_bytes_max
        self.controls: list[Control] = []
        self.fault: PeerFault | None = None
        self.close_code = PROTOCOL_ERROR
        """What a close frame that answers `fault` says (RFC 6455 section 7.4.1)."""

    def feed(self, data: bytes | bytearray) -> list[memoryview]:
        """The messages that these bytes complete, in order. The views hold on to the bytes that were read."""
        if self._between:
            # Nearly every read is one message as `binary_header` would announce it: compare, and read nothing field by field.
            octets = len(data)
            size = octets - (self._small_header_bytes if octets <= self._small_bytes_max else self._medium_header_bytes)
            if 0 <= size <= _MEDIUM_BYTES_MAX and size <= self.message_bytes_max:
                header = binary_header(size, self._masked)
                if data.startswith(header) and len(header) + size == octets:
                    return [memoryview(data)[octets - size :]]
        return self._feed(data)

    def _feed(self, data: bytes | bytearray) -> list[memoryview]:
        if self._over:
            return []
        if self._held:
            self._held += data
            if len(self._held) < self._wanted_bytes:
                return []
            data, self._held = self._held, bytearray()
        messages: list[memoryview] = []
        try:
            position = self._read(data, messages)
        except PeerFault as fault:
            self.fault = fault
            self._over = True
            self._between = False
            return messages
        if position < len(data) and not self._over:
            self._held += memoryview(data)[position:]
        self._between = len(self._held) == 0 and self._fragments is None and not self._over
        return messages

    def _read(self, data: bytes | bytearray, messages: list[memoryview]) -> int:
        """Takes whole frames; returns where the first begins that is not. Raises `PeerFault`."""
        view = memoryview(data)
        position, end = 0, len(data)
        self._wanted_bytes = 2
        while end - position >= 2 and not self._over:
            first, second = data[position], data[position + 1]
            size = second & 0x7F
            body = position + (2 if size < 126 else 4 if size == 126 else 10)
            if self._masked:
                body += 4
            if (second >= _MASKED) is not self._masked:
                raise PeerFault(f"malformed WebSocket data: a frame that is {'not ' if self._masked else ''}masked", view[position:])
            if end < body:
                self._wanted_bytes = body - position
                break
            if size >= 126:
                size = int.from_bytes(data[position + 2 : position + (4 if size == 126 else 10)])
            if first != _WHOLE_BINARY or self._fragments is not None:
                self._judge(first, size)
            if size > self.message_bytes_max:
                self.close_code = MESSAGE_TOO_BIG
                raise PeerFault(f"a message of {size} bytes is over the {self.message_bytes_max} that are taken", view[position:])
            if end - body < size:
                self._wanted_bytes = body - position + size
                break
            payload = view[body : body + size]
            if self._masked and (mask := data[body - 4 : body]) != _NO_MASK:
                payload = memoryview(unmask(payload, mask))
            position = body + size
            if first == _WHOLE_BINARY:
                messages.append(payload)
            else:
                self._take_odd(first, payload, messages)
        return position

    def _judge(self, first: int, size: int) -> None:
        """Of any frame but a whole binary message between others. Raises `PeerFault`."""
        final, opcode = first & FINAL, first & 0x0F
        problem = ""
        if first & 0x70:
            problem = "reserved bits are set"
        elif opcode in (CLOSE, PING, PONG):
            if not final or size > CONTROL_BYTES_MAX:
                problem = "a control frame in fragments, or over 125 bytes"
        elif opcode == CONTINUATION:
            if self._fragments is None:
                problem = "a continuation of nothing"
            elif len(self._fragments) + size > self.message_bytes_max:
                self.close_code = MESSAGE_TOO_BIG
                problem = f"a message in fragments over the {self.message_bytes_max} bytes that are taken"
        elif opcode not in (TEXT, BINARY):
            problem = f"opcode {opcode} is not defined"
        elif self._fragments is not None:
            problem = "a new message in the middle of one in fragments"
        if problem:
            raise PeerFault(f"malformed WebSocket data: {problem}", bytes((first,)))

    def _take_odd(self, first: int, payload: memoryview, messages: list[memoryview]) -> None:
        opcode = first & 0x0F
        if opcode == TEXT:
            self.close_code = INVALID_DATA
            raise PeerFault("a text message: frames are binary", payload)
        if opcode in (CLOSE, PING, PONG):
            self.controls.append(Control(opcode, bytes(payload)))
            self._over = opcode == CLOSE
            return
        if self._fragments is None:
            self._fragments = bytearray()
        self._fragments += payload
        if first & FINAL:
            messages.append(memoryview(bytes(self._fragments)))
            self._fragments = None


def unmask(payload: memoryview, mask: bytes | bytearray) -> bytes:
    """`payload` xor `mask`, over and over (section 5.3): as two long integers, in linear time."""
    size = len(payload)
    pattern = mask * (size // 4) + mask[: size % 4]
    return (int.from_bytes(payload) ^ int.from_bytes(pattern)).to_bytes(size)


def read_close(payload: bytes) -> tuple[int, str]:
    """(code, reason) of a close frame. Raises `PeerFault` for what RFC 6455 sections 5.5.1 and 7.4 rule out."""
    if not payload:
        return NO_STATUS, ""
    code = int.from_bytes(payload[:2])
    if len(payload) < 2 or not (code in _CLOSE_CODES or 3000 <= code <= 4999):
        raise PeerFault("malformed WebSocket data: a close frame without a valid code", payload)
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError as error:
        raise PeerFault("malformed WebSocket data: a close frame's reason is not UTF-8", payload) from error
