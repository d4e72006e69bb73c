"""The header of a sealed frame, in the clear and authenticated: 38 bytes, big-endian.

    format u8 | suite u8 | group tag 8 bytes | epoch u64 | sender u64 | step u32 | counter u64

Behind it the ciphertext of the batch (`batch.py`) and the tag of 16 bytes.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from quorate_node.crypto.epochs.cipher import TAG_BYTES
from quorate_node.crypto.epochs.derivation import SUITE
from quorate_node.crypto.epochs.errors import CodecError
from quorate_node.crypto.epochs.identity import EpochId

FRAME_FORMAT = 1
_HEADER = Struct(">BB8sQQIQ")
HEADER_BYTES = _HEADER.size
FRAME_BYTES_MIN = HEADER_BYTES + TAG_BYTES


class Header(NamedTuple):
    epoch: EpochId
    sender: int
    step: int
    counter: int

    def encode(self) -> bytes:
        return _HEADER.pack(FRAME_FORMAT, SUITE, self.epoch.group_tag, self.epoch.number, self.sender, self.step, self.counter)


def decode_header(frame: memoryview) -> Header:
    """Raises `CodecError`."""
    if len(frame) < FRAME_BYTES_MIN:
        raise CodecError(f"frame has {len(frame)} bytes; a sealed one has at least {FRAME_BYTES_MIN}")
    frame_format, suite, tag, epoch, sender, step, counter = _HEADER.unpack_from(frame)
    if frame_format != FRAME_FORMAT:
        raise CodecError(f"frame format is {frame_format}; only {FRAME_FORMAT} is spoken here: run compatible releases")
    if suite != SUITE:
        raise CodecError(f"suite is {suite}; only {SUITE} is spoken here: run compatible releases")
    return Header(EpochId(tag, epoch), sender, step, counter)
