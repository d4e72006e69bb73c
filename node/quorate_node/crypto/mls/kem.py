"""Key encapsulation on Diffie-Hellman groups (RFC 9180 section 4.1): X25519, X448 and the curves P-256, P-384 and P-521.

Ours, because the library's draws its own randomness, has no DeriveKeyPair (TreeKEM is made of it) and no X448.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate_node.crypto.mls.curves import Group
from quorate_node.crypto.mls.entropy import Entropy, draw
from quorate_node.crypto.mls.kdf import Hkdf
from quorate_node.crypto.mls.secret import Octets

_VERSION = b"HPKE-v1"


@dataclass(frozen=True, slots=True)
class KemKeyPair:
    """`private` and `public` in their wire form (RFC 9180 section 7.1.1)."""

    private: bytes = field(repr=False)
    public: bytes


@dataclass(frozen=True, slots=True)
class Encapsulated:
    """A shared secret, and what the receiver needs to find it."""

    shared_secret: bytes = field(repr=False)
    kem_output: bytes


@dataclass(frozen=True, slots=True)
class Labeled:
    """LabeledExtract and LabeledExpand under one suite id (RFC 9180 section 4)."""

    kdf: Hkdf
    suite_id: bytes

    def extract(self, salt: Octets, label: bytes, ikm: Octets) -> bytes:
        return self.kdf.extract(salt, b"".join((_VERSION, self.suite_id, label, ikm)))

    def expand(self, prk: Octets, label: bytes, info: Octets, length: int) -> bytes:
        return self.kdf.expand(prk, b"".join((length.to_bytes(2, "big"), _VERSION, self.suite_id, label, info)), length)


@dataclass(frozen=True, slots=True)
class DhKem:
    """One row of RFC 9180 section 7.1. `group` does the arithmetic and refuses public keys that are none."""

    hpke_id: int
    kdf: Hkdf
    group: Group
    labeled: Labeled = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labeled", Labeled(self.kdf, b"KEM" + self.hpke_id.to_bytes(2, "big")))

    def derive_key_pair(self, ikm: Octets) -> KemKeyPair:
        """DeriveKeyPair (RFC 9180 section 7.1.3): the same key pair for the same `ikm`, `hash_bytes` of entropy at least."""
        prk = self.labeled.extract(b"", b"dkp_prk", ikm)
        private = self.group.scalar(lambda label, info: self.labeled.expand(prk, label, info, self.group.private_bytes))
        return KemKeyPair(private, self.group.public(private))

    def public(self, private: Octets) -> bytes:
        """The public key of a private one. Raises `BadKey`."""
        return self.group.public(private)

    def encapsulate(self, public: bytes, entropy: Entropy) -> Encapsulated:
        """A fresh shared secret for the holder of `public`. Raises `BadKey`."""
        ephemeral = self.derive_key_pair(draw(entropy, self.group.private_bytes))
        shared = self._shared(self.group.exchange(ephemeral.private, public), ephemeral.public + public)
        return Encapsulated(shared, ephemeral.public)

    def decapsulate(self, private: Octets, kem_output: bytes, public: bytes | None = None) -> bytes:
        """The shared secret. `public` spares its computation where it is known. Raises `BadKey` for a `kem_output` that is no key."""
        shared = self.group.exchange(private, kem_output)
        return self._shared(shared, kem_output + (self.group.public(private) if public is None else public))

    def _shared(self, exchanged: bytes, context: bytes) -> bytes:
        prk = self.labeled.extract(b"", b"eae_prk", exchanged)
        return self.labeled.expand(prk, b"shared_secret", context, self.kdf.hash_bytes)
