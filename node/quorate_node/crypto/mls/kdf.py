"""HKDF (RFC 5869) on the standard library's HMAC: one call each where the library for keys needs an object and a copy."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512

from quorate_node.crypto.mls.secret import Octets

_HASHES = {"sha256": sha256, "sha384": sha384, "sha512": sha512}


@dataclass(frozen=True, slots=True)
class Hkdf:
    """One hash function and what is built on it. `hpke_id`: its number in RFC 9180 section 7.2."""

    name: str
    hash_bytes: int
    hpke_id: int

    def hash(self, data: Octets) -> bytes:
        return _HASHES[self.name](data).digest()

    def hmac(self, key: Octets, data: Octets) -> bytes:
        return hmac.digest(key, data, self.name)

    def extract(self, salt: Octets, ikm: Octets) -> bytes:
        """A pseudorandom key of `hash_bytes`."""
        return hmac.digest(salt, ikm, self.name)

    def expand(self, prk: Octets, info: Octets, length: int) -> bytes:
        """`length` bytes; a length above 255 * `hash_bytes` is a bug of the caller."""
        block = hmac.digest(prk, info + b"\x01", self.name)
        if length <= self.hash_bytes:
            return block[:length]
        assert length <= 255 * self.hash_bytes, f"HKDF expands to {255 * self.hash_bytes} bytes at most, not {length}"
        blocks = [block]
        for counter in range(2, -(-length // self.hash_bytes) + 1):
            block = hmac.digest(prk, block + info + bytes((counter,)), self.name)
            blocks.append(block)
        return b"".join(blocks)[:length]


HKDF_SHA256 = Hkdf("sha256", 32, 1)
HKDF_SHA384 = Hkdf("sha384", 48, 2)
HKDF_SHA512 = Hkdf("sha512", 64, 3)
