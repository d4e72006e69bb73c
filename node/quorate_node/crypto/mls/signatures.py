"""Signature schemes of the suites: Ed25519 on libsodium, Ed448 and ECDSA on OpenSSL. All are deterministic.

Ed25519 is libsodium's everywhere, because OpenSSL accepts points of small order that libsodium refuses: two verifiers would be two
opinions. ECDSA takes its nonce from RFC 6979, so that no source of randomness can give the key away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError

from quorate_node.crypto.mls.curves import P256, P384, P521, NistCurve, sized
from quorate_node.crypto.mls.entropy import Entropy, draw
from quorate_node.crypto.mls.errors import BadSignature
from quorate_node.crypto.mls.secret import Octets


class SignatureScheme(Protocol):
    """What a suite needs. Private and public keys are in the wire form of RFC 9420 section 5.1.2 (RFC 8032, SEC 1)."""

    @property
    def name(self) -> str: ...

    def generate(self, entropy: Entropy) -> bytes: ...

    def public(self, private: Octets) -> bytes: ...

    def check(self, public: bytes) -> None: ...

    def sign(self, private: Octets, content: bytes) -> bytes: ...

    def verify(self, public: bytes, content: bytes, signature: bytes) -> None: ...


class Signer(Protocol):
    """Whoever signs for a member: a key in memory or in a hardware module. `public`: the key that its leaf shows."""

    @property
    def public(self) -> bytes: ...

    def sign(self, content: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Ed25519:
    """RFC 8032. A private key is its seed."""

    name: str = "Ed25519"

    def generate(self, entropy: Entropy) -> bytes:
        return draw(entropy, 32)

    def public(self, private: Octets) -> bytes:
        return crypto_sign_seed_keypair(sized("private key of Ed25519", private, 32))[0]

    def check(self, public: bytes) -> None:
        sized("public key of Ed25519", public, 32)

    def sign(self, private: Octets, content: bytes) -> bytes:
        _, expanded = crypto_sign_seed_keypair(sized("private key of Ed25519", private, 32))
        return crypto_sign(content, expanded)[:64]

    def verify(self, public: bytes, content: bytes, signature: bytes) -> None:
        self.check(public)
        if len(signature) != 64:
            raise BadSignature(f"a signature of Ed25519 has 64 bytes, not {len(signature)}")
        try:
            crypto_sign_open(signature + content, public)
        except CryptoError as error:
            raise BadSignature("a signature of Ed25519 does not fit its content and key") from error


@dataclass(frozen=True, slots=True)
class Ed448:
    """RFC 8032."""

    name: str = "Ed448"

    def generate(self, entropy: Entropy) -> bytes:
        return draw(entropy, 57)

    def public(self, private: Octets) -> bytes:
        return self._private(private).public_key().public_bytes_raw()

    def check(self, public: bytes) -> None:
        self._public(public)

    def sign(self, private: Octets, content: bytes) -> bytes:
        return self._private(private).sign(content)

    def verify(self, public: bytes, content: bytes, signature: bytes) -> None:
        key = self._public(public)
        try:
            key.verify(signature, content)
        except InvalidSignature as error:
            raise BadSignature("a signature of Ed448 does not fit its content and key") from error

    @staticmethod
    def _private(private: Octets) -> Ed448PrivateKey:
        return Ed448PrivateKey.from_private_bytes(sized("private key of Ed448", private, 57))

    @staticmethod
    def _public(public: bytes) -> Ed448PublicKey:
        return Ed448PublicKey.from_public_bytes(sized("public key of Ed448", public, 57))


@dataclass(frozen=True, slots=True)
class Ecdsa:
    """ECDSA with signatures in DER (section 5.1.2), nonces from RFC 6979."""

    name: str
    curve: NistCurve
    hash: hashes.HashAlgorithm

    def generate(self, entropy: Entropy) -> bytes:
        return self.curve.scalar(lambda _label, _counter: draw(entropy, self.curve.private_bytes))

    def public(self, private: Octets) -> bytes:
        return self.curve.public(private)

    def check(self, public: bytes) -> None:
        self.curve.check(public)

    def sign(self, private: Octets, content: bytes) -> bytes:
        return self.curve.load_private(private).sign(content, ec.ECDSA(self.hash, deterministic_signing=True))

    def verify(self, public: bytes, content: bytes, signature: bytes) -> None:
        key = self.curve.load_public(public)
        try:
            key.verify(signature, content, ec.ECDSA(self.hash))
        except InvalidSignature as error:
            raise BadSignature(f"a signature of {self.name} does not fit its content and key") from error


ED25519 = Ed25519()
ED448 = Ed448()
ECDSA_P256 = Ecdsa("ECDSA-P256-SHA256", P256, hashes.SHA256())
ECDSA_P384 = Ecdsa("ECDSA-P384-SHA384", P384, hashes.SHA384())
ECDSA_P521 = Ecdsa("ECDSA-P521-SHA512", P521, hashes.SHA512())


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A signature key in memory."""

    scheme: SignatureScheme
    private: bytes = field(repr=False)
    public: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "public", self.scheme.public(self.private))

    def sign(self, content: bytes) -> bytes:
        return self.scheme.sign(self.private, content)
