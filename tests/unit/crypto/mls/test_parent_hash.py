"""Every parent is vouched for by somebody below it (RFC 9420 section 7.9)."""

from __future__ import annotations

from hashlib import sha256

import pytest

from quorate_node.crypto.mls.errors import ParentHashMismatch
from quorate_node.crypto.mls.leaf_node import FromCommit
from quorate_node.crypto.mls.parent_hash import parent_hash, path_parents, verify_parent_hashes
from quorate_node.crypto.mls.ratchet_tree import ParentNode
from quorate_node.crypto.mls.tree_hash import tree_hash
from tests.unit.crypto.mls.clients import SUITE, Client, Followers


def test_a_parent_hash_is_that_of_three_vectors() -> None:
    assert parent_hash(SUITE, b"key", b"", b"sibling") == sha256(b"\x03key\x00\x07sibling").digest()


def test_a_path_is_hashed_from_the_root_down() -> None:
    tree = Followers.of(4).tree
    parents, carried = path_parents(tree, tree.filtered_path(0), [b"low", b"top"])
    assert parents[3] == ParentNode(b"top", b"")
    assert parents[1] == ParentNode(b"low", parent_hash(SUITE, b"top", b"", tree_hash(tree, 5)))
    assert carried == parent_hash(SUITE, b"low", parents[1].parent_hash, tree_hash(tree, 2))


def test_trees_that_commits_made_are_vouched_for() -> None:
    group = Followers.of(9)
    verify_parent_hashes(group.tree)
    for step in ({"add": ("x",)}, {"remove": (2, 3)}, {"add": ("y",), "remove": (1,)}, {"remove": (8,)}):
        group.commit(4, **step)  # type: ignore[arg-type]
        verify_parent_hashes(group.tree)
        with_unmerged, _ = group.tree.with_added(Client("late").leaf())
        verify_parent_hashes(with_unmerged)


def test_a_key_that_was_put_in_by_hand_is_noticed() -> None:
    tree = Followers.of(4).tree
    nodes = list(tree._nodes)
    for node in (1, 3, 5):
        planted = [*nodes]
        planted[node] = ParentNode(b"planted", tree.parent(node).parent_hash)  # type: ignore[union-attr]
        with pytest.raises(ParentHashMismatch, match=f"parent node {node}"):
            verify_parent_hashes(type(tree)(SUITE, planted))


def test_a_leaf_that_carries_no_hash_vouches_for_nothing() -> None:
    tree = Followers.of(2).tree
    assert isinstance(tree.member(1).source, FromCommit)
    nodes = list(tree._nodes)
    with pytest.raises(ParentHashMismatch):
        verify_parent_hashes(type(tree)(SUITE, [Client("a").leaf(), nodes[1], Client("b").leaf()]))


def test_somebody_who_is_not_unmerged_above_makes_a_parent_doubtful() -> None:
    """Whoever was added below after the path was made is unmerged: else he would not know the key, and nobody would seal to him."""
    group = Followers.of(4)
    group.commit(0, remove=(3,))
    tree, leaf = group.tree.with_added(Client("late").leaf())
    assert tree.parent(3) == ParentNode(group.tree.encryption_key(3), b"", (leaf,))
    nodes = list(tree._nodes)
    nodes[3] = group.tree.parent(3)
    with pytest.raises(ParentHashMismatch, match="parent node 3"):
        verify_parent_hashes(type(tree)(SUITE, nodes))
    nodes[3] = ParentNode(tree.encryption_key(3), b"", (0, leaf))
    with pytest.raises(ParentHashMismatch, match="parent node 3"):
        verify_parent_hashes(type(tree)(SUITE, nodes))
