"""The secret tree: every leaf's ratchets, whatever order they are opened in, and nothing above that leads to them again."""

from __future__ import annotations

import random

import pytest

from quorate_node.crypto.mls.errors import LifecycleError, ValidationError
from quorate_node.crypto.mls.labels import expand_with_label
from quorate_node.crypto.mls.ratchet import Ratchet
from quorate_node.crypto.mls.secret import Secret
from quorate_node.crypto.mls.secret_tree import RatchetKind, SecretTree
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]


def naive_key(leaves: int, leaf: int, kind: RatchetKind) -> bytes:
    """From the root to the leaf in one go (section 9)."""
    secret = bytes(32)
    for height in range((leaves - 1).bit_length(), 0, -1):
        side = b"right" if leaf >> (height - 1) & 1 else b"left"
        secret = expand_with_label(SUITE, secret, "tree", side, 32)
    first = expand_with_label(SUITE, secret, kind.name.lower(), b"", 32)
    return Ratchet(SUITE, Secret(first)).look(0).message_key.key.bytes()


@pytest.mark.parametrize("leaves", [1, 2, 3, 8, 13])
def test_every_leaf_has_its_ratchets(leaves: int) -> None:
    tree = SecretTree(SUITE, Secret(bytes(32)), leaves)
    order = list(range(leaves))
    random.Random(leaves).shuffle(order)
    for leaf in order:
        for kind in RatchetKind:
            look = tree.look(leaf, kind, 0)
            assert look.message_key.key.bytes() == naive_key(leaves, leaf, kind)
            tree.take(leaf, kind, look)


def test_secrets_above_are_erased_when_those_below_are_there() -> None:
    root = Secret(bytes(32))
    tree = SecretTree(SUITE, root, 4)
    tree.ratchet(2, RatchetKind.APPLICATION)
    assert root.erased


@pytest.mark.parametrize("leaf", [-1, 4])
def test_a_leaf_outside_is_refused(leaf: int) -> None:
    with pytest.raises(ValidationError, match="the tree has 4 leaves"):
        SecretTree(SUITE, Secret(bytes(32)), 4).ratchet(leaf, RatchetKind.HANDSHAKE)


def test_an_erased_tree_opens_nothing() -> None:
    tree = SecretTree(SUITE, Secret(bytes(32)), 4)
    ratchet = tree.ratchet(0, RatchetKind.HANDSHAKE)
    tree.erase()
    with pytest.raises(LifecycleError):
        ratchet.look(0)
    with pytest.raises(LifecycleError):
        tree.ratchet(3, RatchetKind.HANDSHAKE)
