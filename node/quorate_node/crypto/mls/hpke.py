"""Hybrid public key encryption, base mode (RFC 9180 section 5.1.1): single-shot seal and open, and the exporter."""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.suites import Suite

_MODE_BASE = b"\x00"


@dataclass(frozen=True, slots=True)
class Context:
    """One encryption context, of which MLS uses the first message alone: the sequence number stays 0."""

    suite: Suite
    key: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    key_schedule_context: bytes = field(repr=False)

    @property
    def exporter_secret(self) -> bytes:
        """Derived when asked for: only external commits export."""
        return self.suite.hpke_labeled.expand(self.secret, b"exp", self.key_schedule_context, self.suite.hash_bytes)

    def seal(self, aad: bytes, plaintext: Octets) -> bytes:
        return self.suite.seal(self.key, self.nonce, aad, plaintext)

    def open(self, aad: bytes, ciphertext: bytes) -> bytes:
        """Raises `DecryptionFailed`."""
        return self.suite.open(self.key, self.nonce, aad, ciphertext)

    def export(self, exporter_context: bytes, length: int) -> bytes:
        """Context.Export (RFC 9180 section 5.3)."""
        return self.suite.hpke_labeled.expand(self.exporter_secret, b"sec", exporter_context, length)


def _schedule(suite: Suite, shared_secret: bytes, info: bytes) -> Context:
    """KeySchedule with an empty PSK (RFC 9180 section 5.1)."""
    labeled = suite.hpke_labeled
    context = _MODE_BASE + suite.hpke_psk_id_hash + labeled.extract(b"", b"info_hash", info)
    secret = labeled.extract(shared_secret, b"secret", b"")
    return Context(
        suite,
        labeled.expand(secret, b"key", context, suite.key_bytes),
        labeled.expand(secret, b"base_nonce", context, suite.nonce_bytes),
        secret,
        context,
    )


def setup_sender(suite: Suite, public: bytes, info: bytes, entropy: Entropy) -> tuple[bytes, Context]:
    """SetupBaseS: (kem_output, context). Raises `BadKey`."""
    encapsulated = suite.encapsulate(public, entropy)
    return encapsulated.kem_output, _schedule(suite, encapsulated.shared_secret, info)


def setup_receiver(suite: Suite, private: Octets, kem_output: bytes, info: bytes, public: bytes | None = None) -> Context:
    """SetupBaseR. `public`, the key of `private`, spares its computation. Raises `BadKey`."""
    return _schedule(suite, suite.decapsulate(private, kem_output, public), info)


def seal(suite: Suite, public: bytes, info: bytes, aad: bytes, plaintext: Octets, entropy: Entropy) -> tuple[bytes, bytes]:
    """(kem_output, ciphertext). Raises `BadKey`."""
    kem_output, context = setup_sender(suite, public, info, entropy)
    return kem_output, context.seal(aad, plaintext)


def open(  # noqa: A001 - the field's term
    suite: Suite, private: Octets, kem_output: bytes, info: bytes, aad: bytes, ciphertext: bytes, public: bytes | None = None
) -> bytes:
    """The plaintext. Raises `BadKey` and `DecryptionFailed`."""
    return setup_receiver(suite, private, kem_output, info, public).open(aad, ciphertext)
