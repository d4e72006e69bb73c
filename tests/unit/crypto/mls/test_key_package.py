"""Key packages are checked before anybody is added by one (RFC 9420 section 10.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import BadKey, BadSignature, MlsError, UnsupportedError, ValidationError
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.leaf_node import FromUpdate
from quorate_node.crypto.mls.suites import SUITES
from tests.unit.crypto.mls.clients import LIFETIME, SUITE, Client

ALICE = Client("alice")


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_a_good_one_of_every_suite(suite: Any) -> None:
    package = Client("alice", suite).key_package()
    assert package.validate(LIFETIME.not_before) is suite
    read = decode(KeyPackage, encode(package))
    assert read == package
    assert read.reference(suite) == package.reference(suite)
    assert len(package.reference(suite)) == suite.hash_bytes


def test_the_lifetime_is_judged_only_where_a_time_is_given() -> None:
    package = ALICE.key_package()
    package.validate(None)
    with pytest.raises(ValidationError, match="lifetime"):
        package.validate(LIFETIME.not_after + 1)


def test_the_reference_covers_the_signature() -> None:
    package = ALICE.key_package()
    assert package.reference(SUITE) != replace(package, signature=bytes(64)).reference(SUITE)


@pytest.mark.parametrize(
    ("package", "error", "message"),
    [
        (ALICE.key_package(cipher_suite=9), UnsupportedError, "0x0009"),
        (ALICE.key_package(ALICE.leaf(source=FromUpdate())), ValidationError, "leaf_node_source 2, not 1"),
        (ALICE.key_package(init_key=ALICE.leaf().encryption_key), ValidationError, "same key"),
        (ALICE.key_package(init_key=bytes(31)), BadKey, "32 bytes"),
        (ALICE.key_package(Client("bob").leaf()), BadSignature, "does not fit"),
        (replace(ALICE.key_package(), signature=bytes(64)), BadSignature, "does not fit"),
        (ALICE.key_package(ALICE.leaf().changed(signature=bytes(64))), BadSignature, "does not fit"),
    ],
)
def test_what_is_wrong_is_named(package: KeyPackage, error: type[MlsError], message: str) -> None:
    with pytest.raises(error, match=message):
        package.validate(LIFETIME.not_before)


def test_another_protocol_version_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="version 2"):
        decode(KeyPackage, b"\x00\x02" + encode(ALICE.key_package())[2:])
