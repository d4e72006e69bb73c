"""Where pre-shared keys are found: there or an error, never something made up."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.errors import MissingPsk
from quorate_node.crypto.mls.group.psk_store import PskStore, no_psks, psk_secret_of
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId, PskName, ResumptionPsk, ResumptionUsage, psk_secret
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]
EXTERNAL = ExternalPsk(b"id")


def epoch(number: int) -> ResumptionPsk:
    return ResumptionPsk(ResumptionUsage.APPLICATION, b"group", number)


def test_external_keys_come_and_go() -> None:
    store = PskStore()
    assert store.find(EXTERNAL) is None
    store.set_external(b"id", b"first")
    first = store.find(EXTERNAL)
    store.set_external(b"id", b"second")
    assert (first, store.find(EXTERNAL)) == (bytes(5), b"second"), "what is replaced is erased"
    store.forget_external(b"id")
    store.forget_external(b"id")
    assert store.find(EXTERNAL) is None


def test_the_last_epochs_are_remembered() -> None:
    store = PskStore(past_epochs_max=2)
    for number in (1, 2, 2, 3):
        store.remember_epoch(b"group", number, bytes([number]) * 4)
    assert [store.find(epoch(number)) for number in (1, 2, 3)] == [None, b"\x02" * 4, b"\x03" * 4]
    kept = store.find(epoch(3))
    store.set_external(b"id", b"key")
    store.erase()
    assert kept == bytes(4)
    assert store.find(epoch(3)) is None and store.find(EXTERNAL) is None


def test_keys_are_taken_in_their_order() -> None:
    store = PskStore()
    store.set_external(b"id", b"key")
    store.remember_epoch(b"group", 1, b"past")
    psks = [PreSharedKeyId(EXTERNAL, bytes(32)), PreSharedKeyId(epoch(1), bytes(32))]
    expected = psk_secret(SUITE, [(psks[0], b"key"), (psks[1], b"past")])
    assert psk_secret_of(SUITE, psks, store.find).bytes() == expected
    assert psk_secret_of(SUITE, [], no_psks).bytes() == bytes(32)


@pytest.mark.parametrize(("name", "told"), [(EXTERNAL, "external PSK 6964"), (epoch(7), "resumption PSK of epoch 7 of group 67726f7570")])
def test_a_missing_key_is_named(name: PskName, told: str) -> None:
    with pytest.raises(MissingPsk, match=told):
        psk_secret_of(SUITE, [PreSharedKeyId(name, bytes(32))], no_psks)
