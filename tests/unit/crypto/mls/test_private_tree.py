"""One member's private keys: kept while they are right, copied to the next epoch, and erased."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.errors import LifecycleError, TreeError
from quorate_node.crypto.mls.private_tree import PrivateTree
from tests.unit.crypto.mls.clients import Followers


def test_keys_belong_to_the_tree() -> None:
    group = Followers.of(5)
    for leaf, private in group.private.items():
        private.check(group.tree)
        assert private.leaf == leaf
    assert group.private[0].nodes() == [0, 1, 3, 7]
    assert group.private[4].nodes() == [7, 8]
    assert group.private[4].key(0) is None


def test_a_key_that_does_not_belong_is_noticed() -> None:
    group = Followers.of(2)
    with pytest.raises(TreeError, match="private key of node 0"):
        PrivateTree.of_keys(0, {0: bytes(32)}).check(group.tree)
    with pytest.raises(TreeError, match="private key of node 3"):
        PrivateTree.of_keys(0, {3: bytes(32)}).check(Followers.of(3).tree.with_removed(2).with_room()[0])


def test_keys_of_blanked_nodes_are_dropped() -> None:
    group = Followers.of(4)
    renewed = group.private[0].renewed(group.tree.with_removed(3), {})
    assert renewed.nodes() == [0, 1]
    smaller = group.tree.with_removed(3).with_removed(2)
    assert renewed.renewed(smaller, {1: b"new"}).key(1).bytes() == b"new"  # type: ignore[union-attr]


def test_erasing_one_epoch_leaves_the_next() -> None:
    group = Followers.of(2)
    old = group.private[0]
    new = old.renewed(group.tree, {})
    key = old.key(0)
    assert key is not None
    old.erase()
    with pytest.raises(LifecycleError):
        key.bytes()
    new.check(group.tree)


def test_its_representation_shows_no_key() -> None:
    assert repr(PrivateTree.of_keys(1, {2: b"secret"})) == "PrivateTree(leaf=1, nodes=[2])"
