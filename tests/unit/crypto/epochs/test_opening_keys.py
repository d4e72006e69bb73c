"""The keys of one connection: which are kept, and that erased ones are gone."""

from __future__ import annotations

from dataclasses import replace

from quorate_node.crypto.epochs.chain import Chain
from quorate_node.crypto.epochs.derivation import first_chain_key
from quorate_node.crypto.epochs.opening_keys import OpeningKeys
from quorate_node.crypto.epochs.settings import DEFAULT
from quorate_node.crypto.mls.secret import Secret


def test_leaving_a_step_keeps_the_connections_own_key_of_it_up_to_the_bound() -> None:
    chain = Chain(first_chain_key(Secret(bytes(32)), b"group", 1, 1, 2))
    keys = OpeningKeys(b"context", replace(DEFAULT, skipped_steps_max=3))
    for now_ms in range(5):
        keys.leave(chain, now_ms)
        chain.advance()
    assert len(keys) == 3
    assert [step for step in range(6) if keys.get(step)] == [2, 3, 4]


def test_erasing_overwrites_the_buffers_of_keys_that_were_not_used() -> None:
    chain = Chain(first_chain_key(Secret(bytes(32)), b"group", 1, 1, 2))
    keys = OpeningKeys(b"context", DEFAULT)
    secret = chain.connection_key(b"context")
    buffer = secret.buffer()
    keys.add(0, secret)
    keys.erase()
    assert buffer == bytes(32)
    assert len(keys) == 0
