"""The key schedule where the working group's vectors are silent: erasing, the exporter's bounds, and the external init's two sides."""

from __future__ import annotations

import dataclasses
import os

import pytest

from quorate_node.crypto.mls import key_schedule
from quorate_node.crypto.mls.errors import LifecycleError
from quorate_node.crypto.mls.suites import SUITES, Suite

SUITE = SUITES[1]


def test_an_erased_epoch_has_no_secret_left() -> None:
    secrets = key_schedule.EpochSecrets.derive(SUITE, bytes(32))
    buffers = [getattr(secrets, field.name).buffer() for field in dataclasses.fields(secrets)]
    assert len({bytes(buffer) for buffer in buffers}) == 9, "each has a label of its own"
    secrets.erase()
    assert {bytes(buffer) for buffer in buffers} == {bytes(32)}
    with pytest.raises(LifecycleError):
        secrets.init_secret.buffer()


@pytest.mark.parametrize("length", [0, key_schedule.EXPORT_BYTES_MAX + 1])
def test_an_export_has_a_length(length: int) -> None:
    with pytest.raises(ValueError, match=f"not {length}"):
        key_schedule.export(SUITE, bytes(32), "label", b"", length)


def test_exports_differ_by_label_and_context() -> None:
    exports = [key_schedule.export(SUITE, bytes(32), label, context, 32) for label, context in (("a", b""), ("b", b""), ("a", b"c"))]
    assert len(set(exports)) == 3
    assert len(key_schedule.export(SUITE, bytes(32), "a", b"", key_schedule.EXPORT_BYTES_MAX)) == key_schedule.EXPORT_BYTES_MAX


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.number)
def test_who_comes_and_who_is_there_find_the_same_init_secret(suite: Suite) -> None:
    external_secret = b"e" * suite.hash_bytes
    pair = key_schedule.external_key_pair(suite, external_secret)
    kem_output, sent = key_schedule.external_init_send(suite, pair.public, os.urandom)
    assert key_schedule.external_init_receive(suite, external_secret, kem_output) == sent


def test_a_welcome_is_sealed_with_a_key_of_its_own() -> None:
    member = key_schedule.member_secret(SUITE, bytes(32), bytes(32))
    key, nonce = key_schedule.welcome_key(SUITE, key_schedule.welcome_secret(SUITE, member.buffer()).buffer())
    assert (len(key), len(nonce)) == (16, 12)
