"""The groups below the key encapsulation: X25519 on libsodium, X448 and the NIST curves on OpenSSL. Constant-time work is theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base
from nacl.exceptions import CryptoError

from quorate_node.crypto.mls.errors import BadKey
from quorate_node.crypto.mls.secret import Octets

Expand = Callable[[bytes, bytes], bytes]
"""(label, info) -> as many pseudorandom bytes as a private key has."""

_CANDIDATES_MAX = 256

_P25519 = 2**255 - 19
_P448 = 2**448 - 2**224 - 1
_SMALL_ORDER_25519 = (
    0,
    1,
    _P25519 - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
"""u-coordinates of all points whose multiple by any private key is zero: orders 1, 2, 4 and 8, on the curve and on its twist."""
_SMALL_ORDER_448 = (0, 1, _P448 - 1)


class Group(Protocol):
    """A Diffie-Hellman group with its wire forms. Every method raises `BadKey` for keys that are none."""

    @property
    def private_bytes(self) -> int: ...

    @property
    def public_bytes(self) -> int: ...

    def scalar(self, expand: Expand) -> bytes: ...

    def public(self, private: Octets) -> bytes: ...

    def check(self, public: bytes) -> None: ...

    def exchange(self, private: Octets, public: bytes) -> bytes: ...


def sized(what: str, data: Octets, length: int) -> bytes:
    """`data` as bytes of that length, or `BadKey`: the libraries below do not all look."""
    if len(data) != length:
        raise BadKey(f"a {what} has {length} bytes, not {len(data)}")
    return bytes(data)


@dataclass(frozen=True, slots=True)
class X25519:
    """RFC 7748 on libsodium, which refuses points of small order."""

    private_bytes: int = 32
    public_bytes: int = 32

    def scalar(self, expand: Expand) -> bytes:
        return expand(b"sk", b"")

    def public(self, private: Octets) -> bytes:
        return crypto_scalarmult_base(sized("private key of X25519", private, 32))

    def check(self, public: bytes) -> None:
        # The top bit is ignored (RFC 7748 section 5). A leaf with such a key would make everybody else's path fail, so it is kept out.
        if int.from_bytes(sized("public key of X25519", public, 32), "little") % 2**255 % _P25519 in _SMALL_ORDER_25519:
            raise BadKey("a public key of X25519 has small order")

    def exchange(self, private: Octets, public: bytes) -> bytes:
        try:
            return crypto_scalarmult(sized("private key of X25519", private, 32), sized("public key of X25519", public, 32))
        except CryptoError as error:
            raise BadKey("a public key of X25519 has small order") from error


@dataclass(frozen=True, slots=True)
class X448:
    """RFC 7748 on OpenSSL, which refuses points of small order."""

    private_bytes: int = 56
    public_bytes: int = 56

    def scalar(self, expand: Expand) -> bytes:
        return expand(b"sk", b"")

    def public(self, private: Octets) -> bytes:
        return self._private(private).public_key().public_bytes_raw()

    def check(self, public: bytes) -> None:
        if int.from_bytes(sized("public key of X448", public, 56), "little") % _P448 in _SMALL_ORDER_448:
            raise BadKey("a public key of X448 has small order")

    def exchange(self, private: Octets, public: bytes) -> bytes:
        key = self._private(private)
        try:
            return key.exchange(X448PublicKey.from_public_bytes(sized("public key of X448", public, 56)))
        except ValueError as error:
            raise BadKey("a public key of X448 has small order") from error

    @staticmethod
    def _private(private: Octets) -> X448PrivateKey:
        return X448PrivateKey.from_private_bytes(sized("private key of X448", private, 56))


@dataclass(frozen=True, slots=True)
class NistCurve:
    """A curve of NIST in uncompressed points. `order`: of the group; `mask`: for the first byte of a candidate (RFC 9180 7.1.3)."""

    curve: ec.EllipticCurve
    private_bytes: int
    order: int
    mask: int

    @property
    def public_bytes(self) -> int:
        return 1 + 2 * self.private_bytes

    def scalar(self, expand: Expand) -> bytes:
        for counter in range(_CANDIDATES_MAX):
            candidate = bytearray(expand(b"candidate", bytes((counter,))))
            candidate[0] &= self.mask
            if 0 < int.from_bytes(candidate, "big") < self.order:
                return bytes(candidate)
        raise BadKey(f"none of {_CANDIDATES_MAX} candidates is a private key of {self.curve.name}")

    def public(self, private: Octets) -> bytes:
        return self.load_private(private).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def check(self, public: bytes) -> None:
        self.load_public(public)

    def exchange(self, private: Octets, public: bytes) -> bytes:
        return self.load_private(private).exchange(ec.ECDH(), self.load_public(public))

    def load_private(self, private: Octets) -> ec.EllipticCurvePrivateKey:
        """Raises `BadKey` unless it is a number from 1 to below the order. Leading zeros may be missing, as in other stacks' key files."""
        number = int.from_bytes(private, "big")
        if len(private) > self.private_bytes or not 0 < number < self.order:
            raise BadKey(f"a private key of {self.curve.name} is a number below its order, of {self.private_bytes} bytes at most")
        return ec.derive_private_key(number, self.curve)

    def load_public(self, public: bytes) -> ec.EllipticCurvePublicKey:
        """Raises `BadKey` unless it is an uncompressed point of the curve."""
        if len(public) != self.public_bytes or public[0] != 4:
            raise BadKey(f"a public key of {self.curve.name} is an uncompressed point of {self.public_bytes} bytes, not {len(public)}")
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(self.curve, public)
        except ValueError as error:
            raise BadKey(f"a public key is no point of {self.curve.name}") from error


P256 = NistCurve(ec.SECP256R1(), 32, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551, 0xFF)
P384 = NistCurve(
    ec.SECP384R1(),
    48,
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    0xFF,
)
P521 = NistCurve(
    ec.SECP521R1(),
    66,
    0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
    0x01,
)
