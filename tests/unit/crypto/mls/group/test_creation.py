"""Epoch 0: a group of one."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.capabilities import RequiredCapabilities
from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.errors import BadSignature, CodecError, TreeError, UnsupportedError, ValidationError
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.group.creation import create_group
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.suites import SUITES, Suite
from tests.unit.crypto.mls.clients import SUITE, entropy_of
from tests.unit.crypto.mls.group.lives import package_of


def create(suite: Suite = SUITE, extensions: tuple[Extension, ...] = (), seed: str = "seed") -> Group:
    own = package_of("founder", suite)
    return create_group(suite, b"group", own.package.leaf_node, own.leaf_private.buffer(), own.signer, entropy_of(seed), extensions)


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_it_has_one_member_and_fresh_secrets(suite: Suite) -> None:
    group = create(suite, (Extension(0xFF01, b"x"),))
    assert (group.epoch, group.own_leaf, group.tree.leaf_count) == (0, 0, 1)
    assert group.context.confirmed_transcript_hash == b""
    assert group.epoch_authenticator != create(suite, seed="another").epoch_authenticator


@pytest.mark.parametrize(
    ("extensions", "error"),
    [
        ((Extension(0xFF01, b""), Extension(0xFF01, b"")), ValidationError),
        ((Extension(ExtensionType.EXTERNAL_SENDERS, b"\xff"),), CodecError),
        ((Extension(0xFF09, b""),), UnsupportedError),
        ((Extension(ExtensionType.REQUIRED_CAPABILITIES, encode(RequiredCapabilities(credentials=(7,)))),), UnsupportedError),
    ],
)
def test_extensions_that_its_maker_cannot_follow_are_refused(extensions: tuple[Extension, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        create(extensions=extensions)


def test_external_senders_are_read() -> None:
    group = create(extensions=(Extension(ExtensionType.EXTERNAL_SENDERS, b"\0"),))
    assert group.context.extension(ExtensionType.EXTERNAL_SENDERS) == b"\0"


def test_the_leaf_is_signed_and_its_key_is_ours() -> None:
    own, other = package_of("founder"), package_of("other")
    leaf = own.package.leaf_node
    with pytest.raises(BadSignature):
        create_group(SUITE, b"g", leaf.changed(signature=b""), own.leaf_private.buffer(), own.signer, entropy_of("x"))
    with pytest.raises(TreeError, match="does not belong"):
        create_group(SUITE, b"g", leaf, other.leaf_private.buffer(), own.signer, entropy_of("x"))
