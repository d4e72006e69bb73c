"""Tree hashes equal the definition of RFC 9420 section 7.8, whatever operations led to the tree."""

from __future__ import annotations

from hashlib import sha256

from quorate_node.crypto.mls import tree_math
from quorate_node.crypto.mls.codec import Writer
from quorate_node.crypto.mls.ratchet_tree import ParentNode, RatchetTree
from quorate_node.crypto.mls.tree_hash import tree_hash, tree_hash_without
from tests.unit.crypto.mls.clients import SUITE, Client, Followers


def by_definition(tree: RatchetTree, node: int, removed: tuple[int, ...] = ()) -> bytes:
    """TreeHashInput word for word, without a cache."""
    writer = Writer()
    if node % 2 == 0:
        writer.uint8(1)
        writer.uint32(node // 2)
        writer.optional(None if node // 2 in removed else tree.leaf(node // 2))
    else:
        writer.uint8(2)
        found = tree.parent(node)
        if found is not None:
            found = ParentNode(found.encryption_key, found.parent_hash, tuple(x for x in found.unmerged_leaves if x not in removed))
        writer.optional(found)
        writer.vector(by_definition(tree, tree_math.left(node), removed))
        writer.vector(by_definition(tree, tree_math.right(node), removed))
    return sha256(writer.data()).digest()


def test_hashes_that_are_taken_over_are_right() -> None:
    group = Followers.of(5)
    for step in ({"add": ("x", "y")}, {"remove": (3,)}, {"add": ("z",), "remove": (1,)}, {"remove": (4, 5)}):
        group.commit(0, **step)  # type: ignore[arg-type]
        for node in range(group.tree.size):
            assert tree_hash(group.tree, node) == by_definition(group.tree, node)
    unpathed, _ = group.tree.with_added(Client("late").leaf())
    assert tree_hash(unpathed) == by_definition(unpathed, unpathed.root)
    updated = unpathed.with_updated(2, Client("new").leaf())
    assert tree_hash(updated) == by_definition(updated, updated.root)


def test_leaves_can_be_thought_away() -> None:
    tree = Followers.of(6).tree
    tree, first = tree.with_added(Client("late").leaf())
    tree, second = tree.with_added(Client("later").leaf())
    assert (first, second) == (6, 7)
    for removed in ((), (6,), (7,), (6, 7), (2, 6)):
        for node in range(tree.size):
            assert tree_hash_without(tree, node, removed) == by_definition(tree, node, removed)
    assert tree_hash_without(tree, tree.root, (6, 7)) == tree_hash(Followers.of(6).tree)


def test_blank_nodes_have_a_hash_too() -> None:
    tree = RatchetTree(SUITE, [Client("a").leaf(), None, None])
    assert tree_hash_without(tree, 1, (0,)) == by_definition(tree, 1, (0,))
    assert tree_hash(tree) == by_definition(tree, 1)
