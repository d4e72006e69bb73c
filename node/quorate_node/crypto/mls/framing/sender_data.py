"""Who sent a private message, and with which of its keys (section 6.3.2): sealed under a key that a sample of the ciphertext picks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer, decode, encode
from quorate_node.crypto.mls.labels import expand_with_label
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.suites import Suite

REUSE_GUARD_BYTES = 4


@dataclass(frozen=True, slots=True)
class SenderData:
    """`reuse_guard`: random bytes that are mixed into the nonce, should a sender ever count a generation twice."""

    leaf: int
    generation: int
    reuse_guard: bytes

    def write(self, writer: Writer) -> None:
        writer.uint32(self.leaf)
        writer.uint32(self.generation)
        writer.opaque(self.reuse_guard)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.uint32(), reader.uint32(), reader.opaque(REUSE_GUARD_BYTES))

    def guarded(self, nonce: Octets) -> bytes:
        """The message's nonce: that of its generation, its first bytes mixed with the guard."""
        first = bytes(a ^ b for a, b in zip(nonce[:REUSE_GUARD_BYTES], self.reuse_guard, strict=True))
        return first + bytes(nonce[REUSE_GUARD_BYTES:])

    def seal(self, suite: Suite, sender_data_secret: Octets, aad: bytes, ciphertext: bytes) -> bytes:
        """`ciphertext`: that of the message itself."""
        key, nonce = sender_data_key(suite, sender_data_secret, ciphertext)
        return suite.seal(key, nonce, aad, encode(self))

    @classmethod
    def open(cls, suite: Suite, sender_data_secret: Octets, aad: bytes, ciphertext: bytes, sealed: bytes) -> Self:
        """Raises `DecryptionFailed` and `CodecError`."""
        key, nonce = sender_data_key(suite, sender_data_secret, ciphertext)
        return decode(cls, suite.open(key, nonce, aad, sealed))


def sender_data_key(suite: Suite, sender_data_secret: Octets, ciphertext: bytes) -> tuple[bytes, bytes]:
    """(key, nonce) for the sender data of a message: a sample of its ciphertext, `hash_bytes` long, makes them its own."""
    sample = ciphertext[: suite.hash_bytes]
    return (
        expand_with_label(suite, sender_data_secret, "key", sample, suite.key_bytes),
        expand_with_label(suite, sender_data_secret, "nonce", sample, suite.nonce_bytes),
    )
