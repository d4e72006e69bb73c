"""A secret's buffer: overwritten in place, and shown to nobody."""

from __future__ import annotations

import copy
import pickle

import pytest

from quorate_node.crypto.epochs.errors import LifecycleError
from quorate_node.crypto.epochs.secret import SECRET_BYTES, SecretBuffer


def filled() -> SecretBuffer:
    secret = SecretBuffer()
    secret.buffer[:] = b"s" * SECRET_BYTES
    return secret


def test_erasing_overwrites_the_very_buffer() -> None:
    secret = filled()
    buffer = secret.buffer
    secret.erase()
    assert buffer == bytes(SECRET_BYTES)
    secret.erase()


def test_an_erased_secret_cannot_be_used() -> None:
    secret = filled()
    secret.erase()
    with pytest.raises(LifecycleError, match="erased"):
        _ = secret.buffer


def test_it_is_not_shown() -> None:
    secret = filled()
    assert repr(secret) == "SecretBuffer(32 bytes)"
    secret.erase()
    assert repr(secret) == "SecretBuffer(erased)"


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_not_copied_or_stored(leak: object) -> None:
    with pytest.raises(LifecycleError, match="never stored"):
        leak(filled())  # type: ignore[operator]


def test_it_is_neither_compared_nor_hashed() -> None:
    with pytest.raises(LifecycleError, match="never compared"):
        _ = filled() == filled()
    with pytest.raises(TypeError):
        hash(filled())
