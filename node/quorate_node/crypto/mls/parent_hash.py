"""Parent hashes: who set a parent's key is vouched for by a leaf below it (RFC 9420 section 7.9). Pure.

A commit writes hashes down its path, from the root to the sender's leaf, whose signature covers the last. So nobody can put a key
that he knows into a place that is above others, unless one of those below signed for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate_node.crypto.mls import tree_math
from quorate_node.crypto.mls.codec import header
from quorate_node.crypto.mls.errors import ParentHashMismatch
from quorate_node.crypto.mls.leaf_node import FromCommit
from quorate_node.crypto.mls.ratchet_tree import ParentNode, RatchetTree
from quorate_node.crypto.mls.suites import Suite
from quorate_node.crypto.mls.tree_hash import tree_hash, tree_hash_without


def parent_hash(suite: Suite, encryption_key: bytes, above: bytes, sibling_hash: bytes) -> bytes:
    """Hash of a parent node: its key, its own `parent_hash` (`above`), and the original tree hash of the child off the path."""
    parts: list[bytes] = []
    for value in (encryption_key, above, sibling_hash):
        parts += (header(len(value)), value)
    return suite.hash(b"".join(parts))


def path_parents(tree: RatchetTree, path: Sequence[tuple[int, int]], keys: Sequence[bytes]) -> tuple[dict[int, ParentNode], bytes]:
    """The parents that a path puts into `tree`, by node index, and the parent hash of the sender's leaf (section 7.9.1).

    `path` is the sender's filtered path, `keys` the new public keys along it, lowest first. Nobody is unmerged at a new node, so the
    original tree hash of each sibling is its present one.
    """
    parents: dict[int, ParentNode] = {}
    above = b""
    for (node, child), key in zip(reversed(path), reversed(keys), strict=True):
        parents[node] = ParentNode(key, above)
        above = parent_hash(tree.suite, key, above, tree_hash(tree, child))
    return parents, above


def verify_parent_hashes(tree: RatchetTree) -> None:
    """Section 7.9.2: raises `ParentHashMismatch` for the first parent that nothing below it vouches for."""
    for node, parent in tree.parents():
        left, right = tree_math.left(node), tree_math.right(node)
        if not (_is_vouched_for(tree, parent, left, right) or _is_vouched_for(tree, parent, right, left)):
            raise ParentHashMismatch(f"parent node {node}: no node below it has its parent hash")


def _is_vouched_for(tree: RatchetTree, parent: ParentNode, child: int, sibling: int) -> bool:
    """True when a node of the resolution of `child` has the hash of `parent`, and all others of that resolution came after it."""
    below = tree_math.leaves_below(child)
    unmerged = {2 * leaf for leaf in parent.unmerged_leaves if leaf in below}
    resolution = tree.resolution(child)
    # All but one must be unmerged leaves of `parent`: the one that is left was there when the path was made.
    candidates = [node for node in resolution if node not in unmerged]
    if len(candidates) != 1 or len(resolution) != len(unmerged) + 1:
        return False
    carried = _carried_hash(tree, candidates[0])
    if carried is None:
        return False
    sibling_hash = tree_hash_without(tree, sibling, parent.unmerged_leaves)
    return carried == parent_hash(tree.suite, parent.encryption_key, parent.parent_hash, sibling_hash)


def _carried_hash(tree: RatchetTree, node: int) -> bytes | None:
    if node & 1:
        parent = tree.parent(node)
        assert parent is not None, "a resolution has no blank nodes"
        return parent.parent_hash
    source = tree.member(node >> 1).source
    return source.parent_hash if isinstance(source, FromCommit) else None
