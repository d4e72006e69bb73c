"""The private half of the ratchet tree: the keys that one member knows (RFC 9420 section 7.1). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from quorate_node.crypto.mls import tree_math
from quorate_node.crypto.mls.errors import TreeError
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.secret import Octets, Secret, erase_all


class PrivateTree:
    """Private keys by node index, of leaf number `leaf` and of nodes above it. Never changed, but for `erase`.

    Each value owns its secrets: what a successor keeps is copied, so that erasing an old epoch takes nothing from the new one.
    """

    __slots__ = ("_keys", "leaf")

    def __init__(self, leaf: int, keys: dict[int, Secret]) -> None:
        self.leaf = leaf
        self._keys = keys

    @classmethod
    def of_keys(cls, leaf: int, keys: Mapping[int, Octets]) -> PrivateTree:
        """`keys`: private keys in the suite's encoding, by node index."""
        return cls(leaf, {node: Secret(key) for node, key in keys.items()})

    def key(self, node: int) -> Secret | None:
        """The private key of a node, None where this member has none."""
        return self._keys.get(node)

    def nodes(self) -> list[int]:
        """The nodes whose keys are known, in rising order."""
        return sorted(self._keys)

    def renewed(self, tree: RatchetTree, keys: Mapping[int, Octets]) -> PrivateTree:
        """The keys after a change to `tree`: `keys` by node are new, and of the old ones those whose node is not blank stay.

        A node's public key changes only by being blanked or by a path, whose keys are in `keys`.
        """
        own = [2 * self.leaf, *tree_math.direct_path(2 * self.leaf, tree.size)]
        kept = {node: self._keys[node].copy() for node in own if node in self._keys and node not in keys and not tree.is_blank(node)}
        return PrivateTree(self.leaf, kept | {node: Secret(key) for node, key in keys.items()})

    def check(self, tree: RatchetTree) -> None:
        """Every key belongs to the public key at its node. Raises `TreeError`: this side's own state would be damaged."""
        for node in self.nodes():
            if tree.is_blank(node) or tree.suite.kem_public(self._keys[node].buffer()) != tree.encryption_key(node):
                raise TreeError(f"the private key of node {node} does not belong to the tree")

    def erase(self) -> None:
        """Overwrite all keys."""
        erase_all(self._keys.values())

    def __repr__(self) -> str:
        return f"PrivateTree(leaf={self.leaf}, nodes={self.nodes()})"
