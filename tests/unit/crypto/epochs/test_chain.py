"""A chain of keys: each overwritten by the next, and a copy that runs ahead leaves it where it is."""

from __future__ import annotations

import pytest

from quorate_node.crypto.epochs.chain import Chain
from quorate_node.crypto.epochs.derivation import first_chain_key
from quorate_node.crypto.mls.errors import LifecycleError
from quorate_node.crypto.mls.secret import Secret

CONTEXT = b"context"


def chain() -> Chain:
    return Chain(first_chain_key(Secret(bytes(32)), b"group", 1, 1, 2))


def key_of(source: Chain) -> bytes:
    return source.connection_key(CONTEXT).bytes()


def test_advancing_overwrites_the_key_of_the_step_before() -> None:
    key = first_chain_key(Secret(bytes(32)), b"group", 1, 1, 2)
    buffer, stepping = key.buffer(), Chain(key)
    before = key_of(stepping)
    stepping.advance()
    assert buffer == bytes(32)
    assert stepping.step == 1
    assert key_of(stepping) != before


def test_a_copy_ahead_has_the_keys_that_the_chain_will_have() -> None:
    stepping = chain()
    for distance in (1, 5):
        ahead = stepping.ahead(distance)
        other = chain()
        for _ in range(distance):
            other.advance()
        assert (ahead.step, key_of(ahead)) == (other.step, key_of(other))
    assert (stepping.step, key_of(stepping)) == (0, key_of(chain()))


def test_an_erased_chain_makes_no_key() -> None:
    erased = chain()
    erased.erase()
    for use in (erased.advance, lambda: erased.cipher(CONTEXT), lambda: erased.ahead(1)):
        with pytest.raises(LifecycleError, match="was erased"):
            use()
