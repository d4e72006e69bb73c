"""Randomness as an argument: the shell passes the system's generator, a test a seeded one."""

from __future__ import annotations

from collections.abc import Callable

from quorate_node.crypto.mls.errors import LifecycleError

Entropy = Callable[[int], bytes]
"""Returns exactly as many fresh, unpredictable bytes as it is asked for (`os.urandom` in production)."""


def draw(entropy: Entropy, length: int) -> bytes:
    """`length` fresh bytes. Raises `LifecycleError` when the source returns another number: nonces and keys are never padded."""
    data = entropy(length)
    if len(data) != length:
        raise LifecycleError(f"the source of randomness returned {len(data)} bytes where {length} were asked for")
    return data
