"""Signatures that no honest signer makes: shifted by torsion, not reduced, not canonical, or broken bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha512
from random import Random

from quorate_node.crypto.verdict import curve
from quorate_node.crypto.verdict.curve import BASE, L, P, Point, add, encode, multiply
from tests.conformance.ed25519.cases import Case

TORSION_GENERATOR = curve.decode(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"))
assert TORSION_GENERATOR is not None
TORSION: tuple[Point, ...] = tuple(multiply(times, TORSION_GENERATOR) for times in range(8))
"""All eight points whose order divides 8."""

SMALL_ORDER_ENCODINGS: tuple[bytes, ...] = tuple(sorted(encode(point) for point in TORSION))
NON_CANONICAL_SMALL_ORDER: tuple[bytes, ...] = tuple(
    (y | sign << 255).to_bytes(32, "little") for y, sign in ((1, 1), (P - 1, 1), (P, 0), (P, 1), (P + 1, 0), (P + 1, 1))
)
"""The six others that a lenient decoder takes for points of small order (SIMD-0376)."""


class Signer:
    """A key pair of plain integers; with `torsion` its public key has a component of small order, as a registered one never has."""

    def __init__(self, random: Random, torsion: int = 0) -> None:
        self.random = random
        self.secret = random.randrange(1, L)
        self.public_key = encode(add(multiply(self.secret, BASE), TORSION[torsion]))

    def sign(self, message: bytes, torsion: int = 0) -> bytes:
        """A signature whose R is shifted by a point of small order: right by the cofactored equation, whatever `torsion` is."""
        nonce = self.random.randrange(1, L)
        commitment = encode(add(multiply(nonce, BASE), TORSION[torsion]))
        return self.close(commitment, nonce, message)

    def close(self, commitment: bytes, nonce: int, message: bytes) -> bytes:
        """R and the S that belongs to it, for any bytes of R."""
        k = int.from_bytes(sha512(commitment + self.public_key + message).digest(), "little") % L
        return commitment + ((nonce + k * self.secret) % L).to_bytes(32, "little")


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit >> 3] ^= 1 << (bit & 7)
    return bytes(changed)


def torsion_shifted(random: Random) -> Iterator[Case]:
    for in_key in range(8):
        signer = Signer(random, in_key)
        for in_commitment in range(8):
            message = random.randbytes(41)
            signature = signer.sign(message, in_commitment)
            yield Case(f"torsion {in_key} in A, {in_commitment} in R", signer.public_key, message, signature, True)


def not_reduced(random: Random) -> Iterator[Case]:
    signer, message = Signer(random), random.randbytes(33)
    signature = signer.sign(message)
    s = int.from_bytes(signature[32:], "little")
    for times in range(16):
        if s + times * L < 2**256:
            shifted = signature[:32] + (s + times * L).to_bytes(32, "little")
            yield Case(f"S + {times} L", signer.public_key, message, shifted, times == 0)
    for s in (L - 1, L, L + 1, 2**252, 2**253 - 1, 2**255, 2**256 - 1):
        yield Case(f"S = {s:#x}", signer.public_key, message, signature[:32] + s.to_bytes(32, "little"), False)


def small_orders(random: Random) -> Iterator[Case]:
    """Small orders as A and as R, with an S that satisfies the equation (the secret of such a key is 0) and with S = 0."""
    signer = Signer(random)
    nobody = Signer(random)
    nobody.secret = 0
    for encoded in SMALL_ORDER_ENCODINGS + NON_CANONICAL_SMALL_ORDER:
        for number in range(8):
            message = b"small order %d" % number
            nobody.public_key = encoded
            yield Case(f"A {encoded.hex()}", encoded, message, nobody.sign(message, number), False)
            yield Case(f"R {encoded.hex()}", signer.public_key, message, signer.close(encoded, 0, message), False)
            yield Case(f"A and R {encoded.hex()}", encoded, message, encoded + bytes(32), False)


def not_canonical(random: Random) -> Iterator[Case]:
    """Every y of P to 2^255 - 1, as A and as R; those on the curve have signatures that a lenient verifier accepts where R is concerned."""
    signer = Signer(random)
    for y in range(P, 2**255):
        for sign in (0, 1):
            encoded, message = (y | sign << 255).to_bytes(32, "little"), b"canonical"
            yield Case(f"A {encoded.hex()}", encoded, message, signer.sign(message), False)
            yield Case(f"R {encoded.hex()}", signer.public_key, message, signer.close(encoded, 1, message), False)


def off_the_curve(random: Random) -> Iterator[Case]:
    signer, found = Signer(random), 0
    while found < 16:
        encoded = random.randbytes(32)
        if curve.decode(encoded) is None:
            found += 1
            yield Case(f"A {encoded.hex()}", encoded, b"off", signer.sign(b"off"), False)
            yield Case(f"R {encoded.hex()}", signer.public_key, b"off", signer.close(encoded, 1, b"off"), False)


def every_bit_flipped(random: Random) -> Iterator[Case]:
    signer, message = Signer(random), random.randbytes(20)
    signature = signer.sign(message)
    yield Case("as signed", signer.public_key, message, signature, True)
    for bit in range(len(signature) * 8):
        yield Case(f"signature, bit {bit}", signer.public_key, message, flipped(signature, bit), False)
    for bit in range(len(message) * 8):
        yield Case(f"message, bit {bit}", signer.public_key, flipped(message, bit), signature, False)
    for bit in range(256):
        yield Case(f"key, bit {bit}", flipped(signer.public_key, bit), message, signature, False)


def wrong_lengths(random: Random) -> Iterator[Case]:
    signer, message = Signer(random), b"length"
    signature = signer.sign(message)
    for length in (0, 1, 31, 33, 64):
        yield Case(f"key of {length}", (signer.public_key * 2)[:length], message, signature, False)
    for length in (0, 1, 32, 63, 65, 128):
        yield Case(f"signature of {length}", signer.public_key, message, (signature * 2)[:length], False)


def message_lengths(random: Random) -> Iterator[Case]:
    """Around the edges of SHA-512's blocks: R and A are 64 bytes, the padding takes 17 at least."""
    for length in (*range(50), 63, 64, 65, 111, 112, 127, 128, 175, 176, 177, 1023, 4096):
        signer = Signer(random)
        message = random.randbytes(length)
        yield Case(f"{length} bytes", signer.public_key, message, signer.sign(message), True)


FAMILIES = (
    torsion_shifted,
    not_reduced,
    small_orders,
    not_canonical,
    off_the_curve,
    every_bit_flipped,
    wrong_lengths,
    message_lengths,
)
