"""What is sealed at once: the messages of one network batch. Plaintext: count u32, the length of each as u32, then their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct, pack, unpack_from

from quorate_node.crypto.epochs.errors import CodecError, ValidationError
from quorate_node.crypto.epochs.settings import EpochSettings

Bytes = bytes | bytearray | memoryview
"""Of single bytes, contiguous."""
_COUNT = Struct(">I")


def encode_batch(messages: Sequence[Bytes], settings: EpochSettings) -> bytes:
    """Raises `ValidationError` for no message, too many, or too many bytes."""
    count = len(messages)
    if not 0 < count <= settings.batch_messages_max:
        raise ValidationError(f"batch has {count} messages; it must have 1 to {settings.batch_messages_max} (epochs.batch_messages_max)")
    lengths = [len(message) for message in messages]
    size = 4 + 4 * count + sum(lengths)
    if size > settings.batch_bytes_max:
        raise ValidationError(f"batch has {size} bytes with its lengths; epochs.batch_bytes_max is {settings.batch_bytes_max}: divide it")
    return b"".join((pack(f">{count + 1}I", count, *lengths), *messages))


def decode_batch(plaintext: memoryview, settings: EpochSettings) -> list[memoryview]:
    """Views into `plaintext`. It was authenticated, so what is wrong here is the peer's fault. Raises `CodecError`."""
    size = len(plaintext)
    if size < 4:
        raise CodecError(f"batch has {size} bytes; its count alone has 4")
    (count,) = _COUNT.unpack_from(plaintext)
    if not 0 < count <= settings.batch_messages_max:
        raise CodecError(f"batch claims {count} messages; it must have 1 to {settings.batch_messages_max} (epochs.batch_messages_max)")
    start = 4 + 4 * count
    if size < start:
        raise CodecError(f"batch of {size} bytes claims {count} messages, whose lengths alone have {start - 4}")
    lengths = unpack_from(f">{count}I", plaintext, 4)
    if start + sum(lengths) != size:
        raise CodecError(f"batch has {size} bytes; its {count} lengths add up to {start + sum(lengths)}")
    messages = []
    for length in lengths:
        end = start + length
        messages.append(plaintext[start:end])
        start = end
    return messages
