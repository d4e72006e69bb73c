"""Which keys become validators: on the curve, of prime order, and held by whoever brings them. Pure.

A key with a torsion component would make the equation with and without the factor 8 differ in A as well; a key without a proof of
possession could be made from others' keys (rogue keys) should signatures ever be aggregated.
"""

from __future__ import annotations

from quorate_node.crypto.verdict import curve
from quorate_node.crypto.verdict.fast import verify_fast
from quorate_node.crypto.verdict.rule import PUBLIC_KEY_BYTES, SMALL_ORDER_Y, Verdict

_POSSESSION = b"quorate validator key, possession, 1\x00"
CONTEXT_BYTES = 32


class KeyRefused(Exception):
    """A public key, or the proof that comes with it, that no validator may have."""


def check_key(public_key: bytes) -> None:
    """Raises `KeyRefused` unless the bytes are a canonical point of the base point's order L."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise KeyRefused(f"public_key: {len(public_key)} bytes, an Ed25519 key is {PUBLIC_KEY_BYTES}")
    y, _ = curve.split(public_key)
    if y >= curve.P:
        raise KeyRefused("public_key: its encoding is not canonical (y is not below 2^255 - 19): encode the point as RFC 8032 says")
    if y in SMALL_ORDER_Y:
        raise KeyRefused("public_key: the point is of small order, everybody could sign for it: generate another key")
    point = curve.decode(public_key)
    if point is None:
        raise KeyRefused("public_key: no point of the curve has this encoding: generate another key")
    if not curve.is_identity(curve.multiply(curve.L, point)):
        raise KeyRefused("public_key: the point is not of prime order ([L]A is not the neutral element): generate another key")


def possession_statement(context: bytes, public_key: bytes) -> bytes:
    """What the owner of a key signs once to register it. `context` is 32 bytes that name cluster and member: one place, one proof."""
    assert len(context) == CONTEXT_BYTES, f"a context is {CONTEXT_BYTES} bytes, not {len(context)}"
    return _POSSESSION + context + public_key


def check_possession(context: bytes, public_key: bytes, proof: bytes) -> None:
    """Raises `KeyRefused` unless the key may be a validator's and `proof` is its signature of `possession_statement`."""
    check_key(public_key)
    verdict = verify_fast(public_key, possession_statement(context, public_key), proof)
    if verdict is not Verdict.ACCEPTED:
        raise KeyRefused(f"proof of possession: {verdict.name}: sign possession_statement with the key that is registered")
