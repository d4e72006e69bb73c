"""Whether a tree that came from elsewhere can be that of a group (RFC 9420 sections 7.3, 7.9.2 and 12.4.3.1). Pure.

A joiner must do all of this before it believes a key: a member that made up a tree could otherwise read what is sealed to others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quorate_node.crypto.mls import tree_math
from quorate_node.crypto.mls.errors import TreeError
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.parent_hash import verify_parent_hashes
from quorate_node.crypto.mls.ratchet_tree import ParentNode, RatchetTree


def validate_tree(tree: RatchetTree, group_id: bytes, rules: LeafRules) -> None:
    """All checks of a joiner but the comparison of the tree hash.

    Raises `TreeError` (its subclass `ParentHashMismatch` for a key that nobody vouches for), `BadSignature` for a leaf's signature, and
    what `LeafRules.check` and `check_credentials` raise.
    """
    check_unique_keys(tree)
    unmerged = {node: frozenset(parent.unmerged_leaves) for node, parent in tree.parents()}
    for node, parent in tree.parents():
        _check_unmerged_leaves(tree, node, parent, unmerged)
        _check_both_sides(tree, node)
    verify_parent_hashes(tree)
    check_credentials(tree)
    for leaf, leaf_node in tree.members():
        rules.check(leaf_node)
        leaf_node.verify(tree.suite, group_id, leaf)


def check_unique_keys(tree: RatchetTree) -> None:
    """No encryption key is in two nodes, no signature key in two leaves. Raises `TreeError`."""
    encryption_keys: dict[bytes, int] = {}
    for node, key in _encryption_keys(tree):
        other = encryption_keys.setdefault(key, node)
        if other != node:
            raise TreeError(f"nodes {other} and {node} have the same encryption key")
    signature_keys: dict[bytes, int] = {}
    for leaf, leaf_node in tree.members():
        other = signature_keys.setdefault(leaf_node.signature_key, leaf)
        if other != leaf:
            raise TreeError(f"leaves {other} and {leaf} have the same signature key")


def check_credentials(tree: RatchetTree) -> None:
    """Every member supports the credential type of every other. Raises `UnsupportedError`."""
    used = sorted({leaf_node.credential.credential_type for _, leaf_node in tree.members()})
    for _, leaf_node in tree.members():
        for credential_type in used:
            leaf_node.capabilities.check_credential(credential_type)


def _encryption_keys(tree: RatchetTree) -> Iterator[tuple[int, bytes]]:
    for leaf, leaf_node in tree.members():
        yield 2 * leaf, leaf_node.encryption_key
    for node, parent in tree.parents():
        yield node, parent.encryption_key


def _check_unmerged_leaves(tree: RatchetTree, node: int, parent: ParentNode, unmerged: Mapping[int, frozenset[int]]) -> None:
    """Each is a member below `node`, and unmerged at every parent in between that is not blank; they rise. `unmerged`: by node."""
    below = tree_math.leaves_below(node)
    last = -1
    for leaf in parent.unmerged_leaves:
        if leaf <= last:
            raise TreeError(f"parent node {node}: unmerged leaf {leaf} comes after {last}, the order must rise")
        last = leaf
        if leaf not in below or tree.is_blank(2 * leaf):
            raise TreeError(f"parent node {node}: unmerged leaf {leaf} is no member below it")
        between = tree_math.parent(2 * leaf)
        while between != node:
            if between in unmerged and leaf not in unmerged[between]:
                raise TreeError(f"parent node {node}: unmerged leaf {leaf} is not unmerged at node {between} below")
            between = tree_math.parent(between)


def _check_both_sides(tree: RatchetTree, node: int) -> None:
    """A path skips a parent with nobody on one side, and a removal blanks it: such a parent has never been set by a commit."""
    for child in (tree_math.left(node), tree_math.right(node)):
        if not tree.resolution(child):
            raise TreeError(f"parent node {node} has no member below its child {child}")
