"""What a group asks of each leaf (RFC 9420 section 7.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.capabilities import RequiredCapabilities
from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.errors import BadKey, MlsError, UnsupportedError, ValidationError
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.leaf_node import FromUpdate, LeafNode
from quorate_node.crypto.mls.leaf_validation import LeafRules
from tests.unit.crypto.mls.clients import CAPABILITIES, LIFETIME, SUITE, Client

ALICE = Client("alice")
ABLE = replace(CAPABILITIES, extensions=(0xFF01, 0xFF02), proposals=(0xFF03,))
REQUIRED = Extension(ExtensionType.REQUIRED_CAPABILITIES, encode(RequiredCapabilities((0xFF01,), (0xFF03,), (1,))))
RULES = LeafRules.of_group(SUITE, (REQUIRED, Extension(0xFF02, b""), Extension(ExtensionType.EXTERNAL_SENDERS, b"")))


def test_rules_come_from_the_groups_extensions() -> None:
    assert LeafRules.of_group(SUITE, ()) == LeafRules(SUITE, RequiredCapabilities(), ())
    assert LeafRules(SUITE, RequiredCapabilities((0xFF01,), (0xFF03,), (1,)), (0xFF02,)) == RULES


def test_an_able_leaf_passes() -> None:
    leaf = ALICE.leaf(capabilities=ABLE, extensions=(Extension(0xFF01, b""), Extension(ExtensionType.APPLICATION_ID, b"")))
    RULES.check(leaf)
    RULES.check(leaf, LIFETIME.not_before)
    RULES.check(leaf.changed(source=FromUpdate()), LIFETIME.not_after + 1)


@pytest.mark.parametrize(
    ("leaf", "error", "message"),
    [
        (ALICE.leaf(capabilities=ABLE, encryption_key=bytes(31)), BadKey, "X25519"),
        (ALICE.leaf(capabilities=ABLE, encryption_key=bytes(32)), BadKey, "small order"),
        (ALICE.leaf(capabilities=ABLE, signature_key=bytes(31)), BadKey, "Ed25519"),
        (ALICE.leaf(capabilities=replace(ABLE, credentials=(2,))), UnsupportedError, "credential 1"),
        (ALICE.leaf(capabilities=ABLE, extensions=(Extension(0xFF09, b""),)), UnsupportedError, "extension 65289"),
        (ALICE.leaf(capabilities=ABLE, extensions=(Extension(0xFF01, b""),) * 2), ValidationError, "twice"),
        (ALICE.leaf(capabilities=replace(ABLE, extensions=(0xFF01,))), UnsupportedError, "extension 65282"),
        (ALICE.leaf(capabilities=replace(ABLE, proposals=())), UnsupportedError, "proposal 65283"),
    ],
)
def test_what_a_leaf_lacks_is_named(leaf: LeafNode, error: type[MlsError], message: str) -> None:
    with pytest.raises(error, match=message):
        RULES.check(leaf)


def test_a_lifetime_is_judged_where_a_time_is_given() -> None:
    with pytest.raises(ValidationError, match="lifetime"):
        RULES.check(ALICE.leaf(capabilities=ABLE), LIFETIME.not_after + 1)
