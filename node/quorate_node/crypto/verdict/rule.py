"""The rule (DESIGN decision 6): cofactored equation, canonical A and R, S < L, A and R of small order refused. Exact, and slow. Pure.

8 (S B - R - k A) = O with k = SHA-512(R, A, message) mod L. RFC 8032 leaves it open whether an equation has the factor 8; only with it can
votes checked one by one and in batches agree (eprint 2020/1244), and without the refusal of small orders the all-zero key would sign
everything (ZIP-215). Every implementation in this house gives the same `Verdict` for the same bytes, reasons included: the order of the
checks below is a part of the rule. About 2 ms a signature: what is fast is in `fast` and in the room `gpu`.
"""

from __future__ import annotations

from enum import IntEnum, unique
from hashlib import sha512

from quorate_node.crypto.verdict import curve

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


@unique
class Verdict(IntEnum):
    """What became of a signature. The numbers are those of `gpu/kernels/verdict.h`, in the order in which the checks are made."""

    ACCEPTED = 0
    MALFORMED = 1
    """A key that is not 32 bytes, or a signature that is not 64."""
    UNKNOWN_VALIDATOR = 2
    """A validator number that the set does not have. Only where keys are named by number."""
    S_NOT_REDUCED = 3
    KEY_NOT_CANONICAL = 4
    KEY_SMALL_ORDER = 5
    KEY_NOT_ON_CURVE = 6
    R_NOT_CANONICAL = 7
    R_SMALL_ORDER = 8
    R_NOT_ON_CURVE = 9
    EQUATION = 10


SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        curve.P - 1,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    }
)
"""The y of the eight points whose order divides 8; both signs of x where x is not 0. (A test derives them.)"""


def prechecks(public_key: bytes, signature: bytes) -> Verdict:
    """What is decided without arithmetic on the curve: `ACCEPTED` says only that nothing is wrong so far."""
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return Verdict.MALFORMED
    if int.from_bytes(signature[32:], "little") >= curve.L:
        return Verdict.S_NOT_REDUCED
    y, _ = curve.split(public_key)
    if y >= curve.P:
        return Verdict.KEY_NOT_CANONICAL
    if y in SMALL_ORDER_Y:
        return Verdict.KEY_SMALL_ORDER
    return Verdict.ACCEPTED


def _r_prechecks(signature: bytes) -> Verdict:
    y, _ = curve.split(signature[:32])
    if y >= curve.P:
        return Verdict.R_NOT_CANONICAL
    if y in SMALL_ORDER_Y:
        return Verdict.R_SMALL_ORDER
    return Verdict.ACCEPTED


def challenge(public_key: bytes, message: bytes, signature: bytes) -> int:
    """k = SHA-512(R, A, message) mod L (RFC 8032 5.1.7), *reduced* before it meets A: an A of mixed order sees the difference."""
    return int.from_bytes(sha512(signature[:32] + public_key + message).digest(), "little") % curve.L


def verify(public_key: bytes, message: bytes, signature: bytes) -> Verdict:
    """The verdict about one signature, by integers alone. Never raises for any bytes."""
    verdict = prechecks(public_key, signature)
    if verdict is not Verdict.ACCEPTED:
        return verdict
    key = curve.decode(public_key)
    if key is None:
        return Verdict.KEY_NOT_ON_CURVE
    verdict = _r_prechecks(signature)
    if verdict is not Verdict.ACCEPTED:
        return verdict
    commitment = curve.decode(signature[:32])
    if commitment is None:
        return Verdict.R_NOT_ON_CURVE
    s = int.from_bytes(signature[32:], "little")
    k = challenge(public_key, message, signature)
    difference = curve.add(curve.multiply_two(s, curve.BASE, k, curve.negate(key)), curve.negate(commitment))
    return Verdict.ACCEPTED if curve.is_small_order(difference) else Verdict.EQUATION
