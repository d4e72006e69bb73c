"""Operations under labels (sections 5.1.2, 5.1.3, 5.2, 8 and 9): each use of a key is bound to its purpose, each text to `MLS 1.0`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls import hpke
from quorate_node.crypto.mls.codec import Reader, Writer, header
from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite

_PREFIX = "MLS 1.0 "


@dataclass(frozen=True, slots=True)
class HpkeCiphertext:
    """What one HPKE key holder can open (section 7.6)."""

    kem_output: bytes
    ciphertext: bytes

    def write(self, writer: Writer) -> None:
        writer.vector(self.kem_output)
        writer.vector(self.ciphertext)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.vector(), reader.vector())


def _labeled(label: str, content: Octets) -> bytes:
    """`label<V>, content<V>` with the protocol's prefix: SignContent, EncryptContext and KDFLabel's end are this."""
    full = (_PREFIX + label).encode()
    return b"".join((header(len(full)), full, header(len(content)), content))


def sign_with_label(suite: Suite, key: Octets | Signer, label: str, content: bytes) -> bytes:
    """SignWithLabel (section 5.1.2). `key`: a private key's bytes, or whoever signs with it. Raises `BadKey`."""
    signed = _labeled(label, content)
    return suite.sign(key, signed) if isinstance(key, bytes | bytearray) else key.sign(signed)


def verify_with_label(suite: Suite, public: bytes, label: str, content: bytes, signature: bytes) -> None:
    """VerifyWithLabel (section 5.1.2). Raises `BadSignature` and `BadKey`."""
    suite.verify(public, _labeled(label, content), signature)


def encrypt_with_label(suite: Suite, public: bytes, label: str, context: bytes, plaintext: Octets, entropy: Entropy) -> HpkeCiphertext:
    """EncryptWithLabel (section 5.1.3). Raises `BadKey`."""
    return HpkeCiphertext(*hpke.seal(suite, public, _labeled(label, context), b"", plaintext, entropy))


def decrypt_with_label(
    suite: Suite, private: Octets, label: str, context: bytes, sealed: HpkeCiphertext, public: bytes | None = None
) -> bytes:
    """DecryptWithLabel (section 5.1.3). `public`, the key of `private`, spares its computation. Raises `BadKey`, `DecryptionFailed`."""
    return hpke.open(suite, private, sealed.kem_output, _labeled(label, context), b"", sealed.ciphertext, public)


def expand_with_label(suite: Suite, secret: Octets, label: str, context: Octets, length: int) -> bytes:
    """ExpandWithLabel (section 8)."""
    return suite.expand(secret, length.to_bytes(2, "big") + _labeled(label, context), length)


def derive_secret(suite: Suite, secret: Octets, label: str) -> bytes:
    """DeriveSecret (section 8): `hash_bytes` of it."""
    return expand_with_label(suite, secret, label, b"", suite.hash_bytes)


def derive_tree_secret(suite: Suite, secret: Octets, label: str, generation: int, length: int) -> bytes:
    """DeriveTreeSecret (section 9.1)."""
    return expand_with_label(suite, secret, label, generation.to_bytes(4, "big"), length)


def ref_hash(suite: Suite, label: str, value: bytes) -> bytes:
    """RefHash (section 5.2): how key packages and proposals are named. The label is used as it is."""
    name = label.encode()
    return suite.hash(b"".join((header(len(name)), name, header(len(value)), value)))
