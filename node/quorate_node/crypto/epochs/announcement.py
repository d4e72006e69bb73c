"""What a member tells each peer: which epochs it can open. A peer seals with nothing else.

    format u8 | boot counter u64 | sequence u64 | count u8 | for each epoch, newest first: group tag 8 bytes, number u64

It travels in every handshake and again whenever `Keyring.version` has changed; mTLS says whose it is. It is no secret.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from quorate_node.crypto.epochs.errors import CodecError
from quorate_node.crypto.epochs.identity import EpochId
from quorate_node.crypto.epochs.settings import EPOCHS_ANNOUNCED_MAX

ANNOUNCEMENT_FORMAT = 1
_HEAD = Struct(">BQQB")
_EPOCH = Struct(">8sQ")


class Announcement(NamedTuple):
    """Replaces what the member has announced before: a member that was restarted can open nothing any more."""

    boot_counter: int
    """Of the member's process start: durable and growing, so that nothing of a former life comes after this one."""
    sequence: int
    epochs: tuple[EpochId, ...]

    @property
    def order(self) -> tuple[int, int]:
        return self.boot_counter, self.sequence

    def encode(self) -> bytes:
        head = _HEAD.pack(ANNOUNCEMENT_FORMAT, self.boot_counter, self.sequence, len(self.epochs))
        return head + b"".join(_EPOCH.pack(*epoch) for epoch in self.epochs)


def decode_announcement(data: bytes | memoryview) -> Announcement:
    """Raises `CodecError`."""
    size = len(data)
    if size < _HEAD.size:
        raise CodecError(f"announcement has {size} bytes; it has at least {_HEAD.size}")
    kind, boot_counter, sequence, count = _HEAD.unpack_from(data)
    if kind != ANNOUNCEMENT_FORMAT:
        raise CodecError(f"announcement format is {kind}; only {ANNOUNCEMENT_FORMAT} is spoken here: run compatible releases")
    if count > EPOCHS_ANNOUNCED_MAX:
        raise CodecError(f"announcement names {count} epochs; it may name {EPOCHS_ANNOUNCED_MAX}")
    if size != _HEAD.size + count * _EPOCH.size:
        raise CodecError(f"announcement of {count} epochs has {size} bytes; it must have {_HEAD.size + count * _EPOCH.size}")
    epochs = tuple(EpochId(*_EPOCH.unpack_from(data, _HEAD.size + position * _EPOCH.size)) for position in range(count))
    return Announcement(boot_counter, sequence, epochs)
