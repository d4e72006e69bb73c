"""A sender's message keys: each once, out of order within a window, and nothing moves before a message has proved genuine."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.errors import LifecycleError, ReplayError
from quorate_node.crypto.mls.labels import derive_tree_secret
from quorate_node.crypto.mls.ratchet import GENERATION_MAX, Look, Ratchet, RatchetLimits
from quorate_node.crypto.mls.secret import Secret
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]
LIMITS = RatchetLimits(forward_max=10, kept_max=3)


def ratchet(limits: RatchetLimits = LIMITS) -> Ratchet:
    return Ratchet(SUITE, Secret(bytes(32)), limits)


def naive_key(generation: int) -> bytes:
    secret = bytes(32)
    for number in range(generation):
        secret = derive_tree_secret(SUITE, secret, "secret", number, 32)
    return derive_tree_secret(SUITE, secret, "key", generation, 16)


def take(chain: Ratchet, generation: int) -> bytes:
    look = chain.look(generation)
    key = look.message_key.key.bytes()
    chain.take(look)
    return key


def test_keys_are_those_of_their_generation_in_any_order() -> None:
    chain = ratchet()
    assert [take(chain, generation) for generation in (0, 3, 1, 4, 2)] == [naive_key(generation) for generation in (0, 3, 1, 4, 2)]
    assert (chain.generation, chain.kept) == (5, ())


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_a_key_is_used_once(generation: int) -> None:
    chain = ratchet()
    take(chain, 2)
    take(chain, generation) if generation < 2 else None
    with pytest.raises(ReplayError, match=f"generation {generation} was used before"):
        chain.look(generation)


def test_the_window_is_bounded_on_both_sides() -> None:
    chain = ratchet()
    with pytest.raises(ReplayError, match="lies 11 ahead of 0: 10 are allowed"):
        chain.look(11)
    take(chain, 10)
    assert chain.kept == (7, 8, 9), "older keys were never derived"
    take(chain, 12)
    assert chain.kept == (8, 9, 11), "the oldest is given up"
    with pytest.raises(ReplayError, match="older than the last 3"):
        chain.look(7)
    assert take(chain, 9) == naive_key(9)


def test_looking_changes_nothing() -> None:
    chain = ratchet()
    take(chain, 2)
    for generation in (0, 5):
        look = chain.look(generation)
        look.drop()
        assert (chain.generation, chain.kept) == (3, (0, 1))
    assert take(chain, 0) == naive_key(0), "a kept key survives a forged message"
    assert take(chain, 5) == naive_key(5)


def test_dropped_and_taken_keys_are_erased() -> None:
    chain = ratchet()
    ahead = chain.look(2)
    ahead.drop()
    assert ahead.message_key.key.erased and ahead.skipped[0].nonce.erased and ahead.secret_after is not None and ahead.secret_after.erased
    taken = chain.look(2)
    chain.take(taken)
    assert taken.message_key.key.erased and taken.message_key.nonce.erased and not taken.skipped[0].key.erased
    chain.erase()
    assert taken.skipped[0].key.erased and chain.kept == ()
    with pytest.raises(LifecycleError, match="was erased"):
        chain.look(3)


def test_a_look_holds_only_where_it_was_taken() -> None:
    chain = ratchet()
    early, late = chain.look(1), chain.look(3)
    chain.take(early)
    with pytest.raises(ReplayError, match="was looked at from 0, and the ratchet has moved to 2"):
        chain.take(late)
    kept = chain.look(0)
    chain.take(kept)
    with pytest.raises(ReplayError, match="generation 0 was used before"):
        chain.take(kept)


def test_generations_end() -> None:
    chain = ratchet(RatchetLimits(forward_max=GENERATION_MAX, kept_max=1))
    with pytest.raises(LifecycleError, match="a new epoch is needed"):
        chain.look(GENERATION_MAX)
    assert isinstance(chain.look(0), Look)
