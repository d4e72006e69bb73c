"""libsodium's yes is final, its no goes to the rule: the same verdict in 60 us for the votes of honest members. Pure.

libsodium checks without the factor 8, and what it accepts satisfies the rule's equation too; that A and R are canonical and of no small
order, and that S < L, it checks itself today but did not always, so the bytes are looked at here. What it refuses may still be right (a
torsion component in R), and only the rule knows. `cryptography` (OpenSSL) is not used for verdicts: it takes small orders.
"""

from __future__ import annotations

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from quorate_node.crypto.verdict.rule import Verdict, prechecks, verify


def verify_fast(public_key: bytes, message: bytes, signature: bytes) -> Verdict:
    """The rule's verdict about one signature: 60 us where libsodium accepts it, 2 ms where not. Whoever sends many of the latter must be
    throttled by the caller."""
    verdict = prechecks(public_key, signature)
    if verdict is not Verdict.ACCEPTED:
        return verdict
    return Verdict.ACCEPTED if _libsodium_accepts(public_key, message, signature) else verify(public_key, message, signature)


def _libsodium_accepts(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True
