"""A tree that came from elsewhere is believed only if commits can have made it (RFC 9420 section 12.4.3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from quorate_node.crypto.mls.errors import BadSignature, MlsError, ParentHashMismatch, TreeError, UnsupportedError
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.ratchet_tree import Node, ParentNode, RatchetTree
from quorate_node.crypto.mls.tree_validation import validate_tree
from tests.unit.crypto.mls.clients import CAPABILITIES, GROUP_ID, SUITE, Client, Followers

RULES = LeafRules.of_group(SUITE, ())
Nodes = list[Node | None]


def tree_with_unmerged_leaves() -> RatchetTree:
    """Seven members; leaves 5 and 6 are unmerged below parents that are not blank."""
    tree = Followers.of(5).tree
    for name in ("late", "later"):
        tree, _ = tree.with_added(Client(name).leaf())
    return tree


def changed(change: Callable[[Nodes], None]) -> RatchetTree:
    tree = tree_with_unmerged_leaves()
    nodes = list(tree._nodes)
    change(nodes)
    return RatchetTree(SUITE, nodes)


def unmerged(node: int, *leaves: int) -> Callable[[Nodes], None]:
    def change(nodes: Nodes) -> None:
        parent = nodes[node]
        assert isinstance(parent, ParentNode)
        nodes[node] = replace(parent, unmerged_leaves=leaves)

    return change


def leaf(place: int, node: Node | None) -> Callable[[Nodes], None]:
    def change(nodes: Nodes) -> None:
        nodes[2 * place] = node

    return change


def test_trees_that_commits_made_pass() -> None:
    validate_tree(tree_with_unmerged_leaves(), GROUP_ID, RULES)
    assert tree_with_unmerged_leaves().parent(7).unmerged_leaves == (5, 6)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (leaf(6, Client("late").leaf()), TreeError, "nodes 10 and 12 have the same encryption key"),
        (leaf(6, Client("late").leaf(encryption_key=bytes(32))), TreeError, "leaves 5 and 6 have the same signature key"),
        (unmerged(7, 6, 5), TreeError, "unmerged leaf 5 comes after 6"),
        (unmerged(7, 5, 5, 6), TreeError, "unmerged leaf 5 comes after 5"),
        (unmerged(3, 5), TreeError, "unmerged leaf 5 is no member below"),
        (unmerged(7, 5, 6, 7), TreeError, "unmerged leaf 7 is no member below"),
        (unmerged(7, 1, 5, 6), TreeError, "unmerged leaf 1 is not unmerged at node 1 below"),
        (unmerged(7, 5), ParentHashMismatch, "parent node 7"),
        (leaf(1, None), TreeError, "parent node 1 has no member below its child 2"),
        (leaf(6, Client("x").leaf(capabilities=replace(CAPABILITIES, credentials=(2,)))), UnsupportedError, "credential 1"),
        (leaf(6, Client("x").leaf().changed(signature=bytes(64))), BadSignature, "does not fit"),
    ],
)
def test_what_no_commit_can_have_made_is_refused(change: Callable[[Nodes], None], error: type[MlsError], message: str) -> None:
    with pytest.raises(error, match=message):
        validate_tree(changed(change), GROUP_ID, RULES)


def test_a_tree_of_another_group_is_refused() -> None:
    with pytest.raises(BadSignature):
        validate_tree(tree_with_unmerged_leaves(), b"other", RULES)
