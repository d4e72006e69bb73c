"""One hash that commits every member to the same tree (RFC 9420 section 7.8). Pure.

Each node is hashed once in the life of a tree: the tree keeps the hashes, and its successors those that are still right.
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate_node.crypto.mls import tree_math
from quorate_node.crypto.mls.codec import encode, header
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.ratchet_tree import ParentNode, RatchetTree

_LEAF, _PARENT = b"\x01", b"\x02"
_ABSENT, _PRESENT = b"\x00", b"\x01"


def tree_hash(tree: RatchetTree, node: int | None = None) -> bytes:
    """Hash of the subtree under `node`, by default of the whole tree; `hash_bytes` of the suite long."""
    node = tree.root if node is None else node
    known = tree.hashes[node]
    if known is not None:
        return known
    if node & 1:
        left, right = tree_hash(tree, tree_math.left(node)), tree_hash(tree, tree_math.right(node))
        found = tree.suite.hash(_parent_input(tree.parent(node), left, right))
    else:
        found = tree.suite.hash(_leaf_input(node >> 1, tree.leaf(node >> 1)))
    tree.hashes[node] = found
    return found


def tree_hash_without(tree: RatchetTree, node: int, removed: Sequence[int]) -> bytes:
    """Hash of the subtree as it would be if the leaves `removed` were blank and unmerged nowhere: what it was before they were added.

    Costs hashes on the ways to those leaves alone.
    """
    below = tree_math.leaves_below(node)
    removed = [leaf for leaf in removed if leaf in below]
    if not removed:
        return tree_hash(tree, node)
    if not node & 1:
        return tree.suite.hash(_leaf_input(node >> 1, None))
    found = tree.parent(node)
    if found is not None:
        gone = frozenset(removed)
        unmerged = tuple(leaf for leaf in found.unmerged_leaves if leaf not in gone)
        found = ParentNode(found.encryption_key, found.parent_hash, unmerged)
    left = tree_hash_without(tree, tree_math.left(node), removed)
    right = tree_hash_without(tree, tree_math.right(node), removed)
    return tree.suite.hash(_parent_input(found, left, right))


def _leaf_input(leaf: int, found: LeafNode | None) -> bytes:
    """TreeHashInput of a leaf."""
    place = leaf.to_bytes(4, "big")
    return _LEAF + place + (_ABSENT if found is None else _PRESENT + encode(found))


def _parent_input(found: ParentNode | None, left: bytes, right: bytes) -> bytes:
    """TreeHashInput of a parent."""
    node = _ABSENT if found is None else _PRESENT + encode(found)
    size = header(len(left))
    return b"".join((_PARENT, node, size, left, size, right))
