"""Secrets that can be erased, and that do not leave by accident."""

from __future__ import annotations

import copy
import pickle

import pytest

from quorate_node.crypto.mls.errors import LifecycleError
from quorate_node.crypto.mls.secret import Secret, erase_all, same


def test_a_secret_is_its_bytes_until_it_is_erased() -> None:
    secret = Secret(b"key")
    buffer = secret.buffer()
    assert (secret.bytes(), len(secret), secret.erased) == (b"key", 3, False)
    secret.erase()
    secret.erase()
    assert bytes(buffer) == bytes(3), "the very buffer that was handed out is overwritten"
    assert secret.erased
    for use in (secret.buffer, secret.bytes, secret.copy):
        with pytest.raises(LifecycleError, match="3 bytes was erased"):
            use()


def test_a_copy_outlives_its_origin() -> None:
    secret = Secret(b"key")
    twin = secret.copy()
    erase_all([secret])
    assert twin.bytes() == b"key"


def test_what_a_secret_was_made_of_is_not_shared() -> None:
    origin = bytearray(b"key")
    secret = Secret(origin)
    origin[0] = 0
    assert secret.bytes() == b"key"


def test_equality_is_of_bytes() -> None:
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"
    assert same(b"a", bytearray(b"a"))
    assert not same(b"a", b"")


def test_nothing_of_it_is_shown_hashed_or_pickled() -> None:
    secret = Secret(b"hidden")
    assert repr(secret) == "<Secret of 6 bytes>"
    with pytest.raises(TypeError):
        hash(secret)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            leave(secret)
    secret.erase()
    assert repr(secret) == "<Secret of 6 bytes, erased>"
