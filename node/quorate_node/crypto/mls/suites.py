"""The seven cipher suites of section 17.1: a suite is one row of a table."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from quorate_node.crypto.mls.curves import P256, P384, P521, X448, X25519
from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.errors import DecryptionFailed, UnsupportedError
from quorate_node.crypto.mls.kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Hkdf
from quorate_node.crypto.mls.kem import DhKem, Encapsulated, KemKeyPair, Labeled
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.signatures import (
    ECDSA_P256,
    ECDSA_P384,
    ECDSA_P521,
    ED448,
    ED25519,
    KeySigner,
    SignatureScheme,
)

TAG_BYTES = 16
"""What each AEAD below adds to its plaintext."""


@dataclass(frozen=True, slots=True)
class Aead:
    """An authenticated cipher. `hpke_id`: its number in RFC 9180 section 7.3."""

    cipher: type[AESGCM | ChaCha20Poly1305]
    key_bytes: int
    hpke_id: int
    nonce_bytes: int = 12

    def seal(self, key: Octets, nonce: bytes, aad: bytes, plaintext: Octets) -> bytes:
        return self.cipher(key).encrypt(nonce, plaintext, aad)

    def open(self, key: Octets, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """Raises `DecryptionFailed`."""
        try:
            return self.cipher(key).decrypt(nonce, ciphertext, aad)
        except InvalidTag as error:
            raise DecryptionFailed(
                f"a ciphertext of {len(ciphertext)} bytes does not open: damaged, or sealed for somebody else"
            ) from error


AES_128_GCM = Aead(AESGCM, 16, 1)
AES_256_GCM = Aead(AESGCM, 32, 2)
CHACHA20_POLY1305 = Aead(ChaCha20Poly1305, 32, 3)


@dataclass(frozen=True, slots=True)
class Suite:
    """One cipher suite: its number, its parts, and their operations under the names of RFC 9420."""

    number: int
    name: str
    kem: DhKem
    aead: Aead
    kdf: Hkdf
    signature: SignatureScheme
    hpke_labeled: Labeled = field(init=False, repr=False)
    hpke_psk_id_hash: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        numbers = (self.kem.hpke_id, self.kdf.hpke_id, self.aead.hpke_id)
        suite_id = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in numbers)
        object.__setattr__(self, "hpke_labeled", Labeled(self.kdf, suite_id))
        object.__setattr__(self, "hpke_psk_id_hash", self.hpke_labeled.extract(b"", b"psk_id_hash", b""))

    @property
    def hash_bytes(self) -> int:
        return self.kdf.hash_bytes

    @property
    def key_bytes(self) -> int:
        return self.aead.key_bytes

    @property
    def nonce_bytes(self) -> int:
        return self.aead.nonce_bytes

    def hash(self, data: Octets) -> bytes:
        return self.kdf.hash(data)

    def hmac(self, key: Octets, data: Octets) -> bytes:
        return self.kdf.hmac(key, data)

    def extract(self, salt: Octets, ikm: Octets) -> bytes:
        return self.kdf.extract(salt, ikm)

    def expand(self, prk: Octets, info: Octets, length: int) -> bytes:
        return self.kdf.expand(prk, info, length)

    def seal(self, key: Octets, nonce: bytes, aad: bytes, plaintext: Octets) -> bytes:
        return self.aead.seal(key, nonce, aad, plaintext)

    def open(self, key: Octets, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """Raises `DecryptionFailed`."""
        return self.aead.open(key, nonce, aad, ciphertext)

    def derive_key_pair(self, ikm: Octets) -> KemKeyPair:
        """The encryption key pair that `ikm` stands for, always the same one."""
        return self.kem.derive_key_pair(ikm)

    def kem_public(self, private: Octets) -> bytes:
        """The public half of an encryption key. Raises `BadKey`."""
        return self.kem.public(private)

    def check_kem_public(self, public: bytes) -> None:
        """Raises `BadKey` for bytes that are no public encryption key of this suite."""
        self.kem.group.check(public)

    def encapsulate(self, public: bytes, entropy: Entropy) -> Encapsulated:
        """Raises `BadKey`."""
        return self.kem.encapsulate(public, entropy)

    def decapsulate(self, private: Octets, kem_output: bytes, public: bytes | None = None) -> bytes:
        """The shared secret; `public` spares its computation. Raises `BadKey`."""
        return self.kem.decapsulate(private, kem_output, public)

    def generate_signature_private(self, entropy: Entropy) -> bytes:
        """A fresh signature key."""
        return self.signature.generate(entropy)

    def signature_public(self, private: Octets) -> bytes:
        """The public half of a signature key. Raises `BadKey`."""
        return self.signature.public(private)

    def check_signature_public(self, public: bytes) -> None:
        """Raises `BadKey` for bytes that are no public signature key of this suite."""
        self.signature.check(public)

    def signer(self, private: bytes) -> KeySigner:
        """A signature key in memory as a `Signer`."""
        return KeySigner(self.signature, private)

    def sign(self, private: Octets, content: bytes) -> bytes:
        return self.signature.sign(private, content)

    def verify(self, public: bytes, content: bytes, signature: bytes) -> None:
        """Raises `BadSignature`, and `BadKey` for a public key that is none."""
        self.signature.verify(public, content, signature)


_KEM_P256 = DhKem(0x0010, HKDF_SHA256, P256)
_KEM_P384 = DhKem(0x0011, HKDF_SHA384, P384)
_KEM_P521 = DhKem(0x0012, HKDF_SHA512, P521)
_KEM_X25519 = DhKem(0x0020, HKDF_SHA256, X25519())
_KEM_X448 = DhKem(0x0021, HKDF_SHA512, X448())

SUITES = {
    suite.number: suite
    for suite in (
        Suite(1, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", _KEM_X25519, AES_128_GCM, HKDF_SHA256, ED25519),
        Suite(2, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256", _KEM_P256, AES_128_GCM, HKDF_SHA256, ECDSA_P256),
        Suite(3, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519", _KEM_X25519, CHACHA20_POLY1305, HKDF_SHA256, ED25519),
        Suite(4, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448", _KEM_X448, AES_256_GCM, HKDF_SHA512, ED448),
        Suite(5, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521", _KEM_P521, AES_256_GCM, HKDF_SHA512, ECDSA_P521),
        Suite(6, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448", _KEM_X448, CHACHA20_POLY1305, HKDF_SHA512, ED448),
        Suite(7, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384", _KEM_P384, AES_256_GCM, HKDF_SHA384, ECDSA_P384),
    )
}
"""Every suite of RFC 9420 by its number."""


def suite_of(number: int) -> Suite:
    """The suite of that number. Raises `UnsupportedError`."""
    suite = SUITES.get(number)
    if suite is None:
        raise UnsupportedError(f"cipher suite {number:#06x} is unknown: this side has {sorted(SUITES)}")
    return suite
