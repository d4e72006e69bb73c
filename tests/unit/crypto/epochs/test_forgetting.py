"""After a step, an epoch and a connection are over, nothing of their secrets is on the member's heap.

This walks Python's objects, as whoever reads a process's memory through its interpreter could. It says nothing of freed memory: OpenSSL
cleanses its own, Python does not, which is why no secret is ever a `bytes`; see `quorate_node.crypto.mls.secret`.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest

from quorate_node.crypto.epochs.derivation import connection_key, first_chain_key, next_chain_key
from quorate_node.crypto.epochs.identity import EpochGrant
from quorate_node.crypto.epochs.keyring import Cause
from quorate_node.crypto.epochs.settings import DEFAULT
from quorate_node.crypto.mls.secret import Secret
from tests.unit.crypto.epochs.heap import found_in_heap, masked
from tests.unit.crypto.epochs.members import GROUP, Pair, announce, exporter, install

Wanted = dict[str, tuple[int, ...]]


def secrets_of(pair: Pair, number: int, steps: int = 3) -> Wanted:
    """Every secret of an epoch, computed anew: exporter, chains of both directions at each step, and the connection's keys."""
    granted = exporter(GROUP, number)
    wanted = {"exporter": masked(granted.bytes())}
    for sender, receiver in ((1, 2), (2, 1)):
        chain = first_chain_key(granted, GROUP, number, sender, receiver)
        for step in range(steps):
            name = f"{sender}->{receiver} at {step}"
            wanted[f"chain {name}"] = masked(chain.buffer())
            key = connection_key(chain, step, pair.to_b.context)
            wanted[f"connection {name}"] = masked(key.buffer())
            key.erase()
            after = next_chain_key(chain, step)
            chain.erase()
            chain = after
        chain.erase()
    granted.erase()
    return wanted


def talk(pair: Pair, steps: int) -> None:
    for _ in range(steps):
        assert pair.open(pair.seal(b"there")) == [b"there"]
        frame = pair.b.seal(pair.to_a, [b"back"], pair.now_ms)
        assert isinstance(frame, bytearray)
        pair.a.open(pair.to_b, [frame], pair.now_ms).release()
        pair.pass_ms(100)


KNOWN = masked(sha256(b"known").digest())


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, lambda raw: int.from_bytes(raw, "big"), lambda raw: (raw,), Secret])
def test_the_walk_finds_a_secret_that_is_there(form: Callable[[bytes], object]) -> None:
    kept = [form(sha256(b"known").digest())]
    assert found_in_heap({"known": KNOWN}) == {"known"}
    kept.clear()
    assert found_in_heap({"known": KNOWN}) == set()


def test_while_an_epoch_lives_only_the_chains_newest_keys_are_there() -> None:
    pair = Pair()
    wanted = secrets_of(pair, 1)
    assert found_in_heap(wanted) == {"chain 1->2 at 0", "chain 2->1 at 0"}, "the exporter has gone when the chains were made"
    talk(pair, 1)
    assert found_in_heap(wanted) == {"chain 1->2 at 0", "chain 1->2 at 1", "chain 2->1 at 0", "chain 2->1 at 1"}, (
        "senders have stepped, receivers have not heard of it: in a process of its own a member holds one of each"
    )
    talk(pair, 1)
    assert found_in_heap(wanted) == {"chain 1->2 at 1", "chain 1->2 at 2", "chain 2->1 at 1", "chain 2->1 at 2"}


def test_on_an_idle_link_the_keys_that_were_used_are_gone_after_a_second() -> None:
    pair = Pair()
    talk(pair, 1)
    pair.pass_ms(DEFAULT.receive_settle_ms)
    wanted = secrets_of(pair, 1)
    assert found_in_heap(wanted) == {"chain 1->2 at 1", "chain 2->1 at 1"}


def test_nothing_is_left_of_an_epoch_that_all_have_left() -> None:
    pair = Pair()
    wanted = secrets_of(pair, 1)
    talk(pair, 2)
    pair.next_epoch()
    talk(pair, 1)
    assert found_in_heap(wanted) != set(), "it still opens what was under way"
    pair.pass_ms(DEFAULT.linger_ms)
    assert found_in_heap(wanted) == set()
    assert pair.open(pair.seal(b"x")) == [b"x"]


def test_nothing_is_left_of_an_epoch_whose_grace_is_over() -> None:
    pair = Pair()
    wanted = secrets_of(pair, 1)
    talk(pair, 1)
    for keyring in (pair.a, pair.b):
        install(keyring, 2, (1, 2), pair.now_ms)
    pair.pass_ms(DEFAULT.grace_ms)
    assert found_in_heap(wanted) == set()


def test_nothing_is_left_of_a_prepared_epoch_that_was_discarded() -> None:
    pair = Pair()
    wanted = secrets_of(pair, 2)
    pair.a.prepare(EpochGrant(GROUP, 2, (1, 2), exporter(GROUP, 2)))
    assert found_in_heap(wanted) == {"chain 1->2 at 0", "chain 2->1 at 0"}
    pair.a.discard_prepared()
    assert found_in_heap(wanted) == set()


def test_nothing_is_left_of_a_destroyed_context_or_of_links_to_a_removed_member() -> None:
    pair = Pair()
    wanted = secrets_of(pair, 1)
    talk(pair, 1)
    install(pair.b, 2, (2, 3), pair.now_ms)
    pair.a.destroy()
    assert found_in_heap(wanted) == set()


def test_nothing_is_left_of_keys_that_waited_for_frames_when_the_connection_closes() -> None:
    pair = Pair()
    frames = []
    for _ in range(3):
        frames.append(pair.seal(b"x"))
        pair.now_ms += 100
    assert pair.open(frames[2]) == [b"x"]
    wanted = {name: mask for name, mask in secrets_of(pair, 1).items() if name.startswith("connection 1->2")}
    assert found_in_heap(wanted) == {"connection 1->2 at 1"}, "one step back: epochs.late_steps_max"
    pair.b.disconnect(pair.to_a)
    assert found_in_heap(wanted) == set()


def test_a_grant_that_is_installed_leaves_no_exporter() -> None:
    pair = Pair()
    granted = EpochGrant(GROUP, 2, (1, 2), exporter(GROUP, 2))
    wanted = {"exporter": masked(granted.exporter.buffer())}
    assert found_in_heap(wanted) == {"exporter"}
    pair.a.install(granted, index=2, cause=Cause.ROTATION, now_ms=0)
    announce(pair.a, pair.b)
    assert found_in_heap(wanted) == set()
