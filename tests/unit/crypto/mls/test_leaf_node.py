"""Leaves of the three sources: their wire form, and what their signatures bind them to."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import BadSignature, CodecError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.leaf_node import FromCommit, FromKeyPackage, FromUpdate, LeafNode, LeafNodeSource
from tests.unit.crypto.mls.clients import LIFETIME, SUITE, Client

ALICE = Client("alice")
SOURCES: list[LeafNodeSource] = [FromKeyPackage(LIFETIME), FromUpdate(), FromCommit(b"hash")]


@pytest.mark.parametrize("source", SOURCES)
def test_wire_form_can_be_read_again(source: LeafNodeSource) -> None:
    leaf = ALICE.leaf(source=source, extensions=(Extension(0xFF01, b"data"),))
    read = decode(LeafNode, encode(leaf))
    assert read == leaf
    assert encode(read) == encode(leaf)
    assert read.content() == leaf.content() == encode(leaf)[: -len(leaf.signature) - 2]


@pytest.mark.parametrize("code", [0, 4, 255])
def test_an_unknown_source_is_refused(code: int) -> None:
    leaf = ALICE.leaf(source=FromUpdate())
    encoded = encode(leaf)
    place = len(leaf.content()) - 2
    with pytest.raises(CodecError, match=f"leaf_node_source is {code}"):
        decode(LeafNode, encoded[:place] + bytes((code,)) + encoded[place + 1 :])


def test_a_leaf_of_a_key_package_is_bound_to_no_group() -> None:
    leaf = ALICE.leaf()
    leaf.verify(SUITE, b"any group", 7)
    leaf.verify(SUITE)


@pytest.mark.parametrize("source", SOURCES[1:])
def test_a_leaf_of_an_update_or_commit_is_bound_to_its_group_and_place(source: LeafNodeSource) -> None:
    leaf = ALICE.leaf(b"group", 3, source=source)
    leaf.verify(SUITE, b"group", 3)
    for group_id, place in ((b"other", 3), (b"group", 4)):
        with pytest.raises(BadSignature):
            leaf.verify(SUITE, group_id, place)


def test_whatever_is_changed_breaks_the_signature() -> None:
    leaf = ALICE.leaf()
    for field, value in (("encryption_key", bytes(32)), ("credential", Client("bob").leaf().credential), ("source", FromUpdate())):
        with pytest.raises(BadSignature):
            leaf.changed(**{field: value}).verify(SUITE)
    assert leaf.changed(signature=leaf.signature) == leaf
