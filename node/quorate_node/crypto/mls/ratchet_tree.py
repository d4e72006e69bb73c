"""The public half of the ratchet tree: members' leaves and the parents' public keys (RFC 9420 sections 4 and 7). Pure.

A tree never changes: every operation returns another one, which shares the nodes and all hashes that are still right (copying the two
arrays takes microseconds for a thousand members, hashing them milliseconds). Numbers of leaves count from 0; nodes lie as in `tree_math`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from quorate_node.crypto.mls import tree_math
from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import CodecError, TreeError
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.suites import Suite

LEAVES_MAX = 32_768
"""Members of one group that this side follows: a bound on memory, not of the RFC. The nodes of such a tree fit `Limits.items_max`."""

_LEAF, _PARENT = 1, 2


@dataclass(frozen=True, slots=True)
class ParentNode:
    """`unmerged_leaves`: leaf numbers below that do not know this node's private key, in rising order."""

    encryption_key: bytes
    parent_hash: bytes = b""
    unmerged_leaves: tuple[int, ...] = ()

    def write(self, writer: Writer) -> None:
        writer.vector(self.encryption_key)
        writer.vector(self.parent_hash)
        writer.sequence(self.unmerged_leaves, Writer.uint32)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.vector(), reader.vector(), reader.items(Reader.uint32))


Node = LeafNode | ParentNode


class RatchetTree:
    """An immutable tree of a power of two of leaves, blank ones included. `hashes` is the cache of `tree_hash`, one place a node."""

    __slots__ = ("_nodes", "hashes", "suite")

    def __init__(self, suite: Suite, nodes: Sequence[Node | None], hashes: list[bytes | None] | None = None) -> None:
        self.suite = suite
        self._nodes = nodes
        self.hashes: list[bytes | None] = [None] * len(nodes) if hashes is None else hashes

    @classmethod
    def of_leaf(cls, suite: Suite, leaf: LeafNode) -> Self:
        """The tree of a group of one."""
        return cls(suite, [leaf])

    # Reading it.

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self._nodes)

    @property
    def leaf_count(self) -> int:
        """Number of leaves, blank ones included."""
        return tree_math.leaf_count(len(self._nodes))

    @property
    def root(self) -> int:
        return tree_math.root(len(self._nodes))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RatchetTree) and self.suite.number == other.suite.number and list(self._nodes) == list(other._nodes)

    __hash__ = None  # type: ignore[assignment]
    """Compared by content, which is long: never a key."""

    def leaf(self, leaf: int) -> LeafNode | None:
        """The leaf node, None for a blank one. Raises `TreeError` outside of the tree."""
        if not 0 <= leaf < self.leaf_count:
            raise TreeError(f"leaf {leaf} is outside of a tree of {self.leaf_count} leaves")
        found = self._nodes[2 * leaf]
        assert not isinstance(found, ParentNode), "leaves are at even places"
        return found

    def member(self, leaf: int) -> LeafNode:
        """The leaf node. Raises `TreeError` where there is none."""
        found = self.leaf(leaf)
        if found is None:
            raise TreeError(f"leaf {leaf} is blank: there is no member")
        return found

    def parent(self, node: int) -> ParentNode | None:
        """The parent node at an odd place of the array."""
        found = self._nodes[node]
        assert not isinstance(found, LeafNode), "parents are at odd places"
        return found

    def members(self) -> Iterator[tuple[int, LeafNode]]:
        """(leaf number, leaf) of all members, in rising order."""
        for node in range(0, len(self._nodes), 2):
            found = self._nodes[node]
            if isinstance(found, LeafNode):
                yield node >> 1, found

    def parents(self) -> Iterator[tuple[int, ParentNode]]:
        """(node index, parent) of all parents that are not blank."""
        for node in range(1, len(self._nodes), 2):
            found = self._nodes[node]
            if isinstance(found, ParentNode):
                yield node, found

    def encryption_key(self, node: int) -> bytes:
        """HPKE public key of a node that is not blank."""
        found = self._nodes[node]
        assert found is not None, f"node {node} is blank"
        return found.encryption_key

    def is_blank(self, node: int) -> bool:
        return self._nodes[node] is None

    def is_below(self, leaf: int, node: int) -> bool:
        """True when leaf number `leaf` is `node` or in the subtree under it."""
        return tree_math.is_in_subtree(2 * leaf, node)

    def encryption_keys(self) -> set[bytes]:
        """The public keys of all nodes that are not blank: to look one up, the order means nothing."""
        return {node.encryption_key for node in self._nodes if node is not None}

    def resolution(self, node: int) -> list[int]:
        """The nodes that together reach every member below `node` (section 4.1.1), from left to right, unmerged leaves last."""
        found = self._nodes[node]
        if isinstance(found, ParentNode):
            return [node, *(2 * leaf for leaf in found.unmerged_leaves)]
        if found is not None:
            return [node]
        if not node & 1:
            return []
        return self.resolution(tree_math.left(node)) + self.resolution(tree_math.right(node))

    def filtered_path(self, leaf: int) -> list[tuple[int, int]]:
        """(node, its child off the path) along the direct path of `leaf`, lowest first, without those whose child reaches nobody."""
        start = 2 * leaf
        pairs = zip(tree_math.direct_path(start, self.size), tree_math.copath(start, self.size), strict=True)
        return [(node, child) for node, child in pairs if self._reaches_somebody(child)]

    def _reaches_somebody(self, node: int) -> bool:
        if self._nodes[node] is not None:
            return True
        return bool(node & 1) and (self._reaches_somebody(tree_math.left(node)) or self._reaches_somebody(tree_math.right(node)))

    # Changing it: each returns another tree.

    def with_room(self) -> tuple[RatchetTree, int]:
        """A tree with a blank leaf, and the leftmost one's number: where the next member goes. Raises `TreeError` when full."""
        for node in range(0, len(self._nodes), 2):
            if self._nodes[node] is None:
                return self, node >> 1
        leaves = self.leaf_count
        if leaves >= LEAVES_MAX:
            raise TreeError(f"the tree has {leaves} leaves: {LEAVES_MAX} are the most")
        blank: list[None] = [None] * (self.size + 1)
        return RatchetTree(self.suite, [*self._nodes, *blank], [*self.hashes, *blank]), leaves

    def with_added(self, leaf_node: LeafNode) -> tuple[RatchetTree, int]:
        """Add a member at the leftmost blank leaf (section 7.7); returns its leaf number too. Raises `TreeError` when full."""
        roomy, leaf = self.with_room()
        changed: dict[int, Node | None] = {2 * leaf: leaf_node}
        for node in tree_math.direct_path(2 * leaf, roomy.size):
            found = roomy.parent(node)
            if found is not None:
                changed[node] = replace(found, unmerged_leaves=tuple(sorted((*found.unmerged_leaves, leaf))))
        return roomy._with(leaf, changed), leaf

    def with_updated(self, leaf: int, leaf_node: LeafNode) -> RatchetTree:
        """Replace a member's leaf and blank its direct path. Raises `TreeError` where there is no member."""
        self.member(leaf)
        return self._with(leaf, self._blanked_path(leaf) | {2 * leaf: leaf_node})

    def with_removed(self, leaf: int) -> RatchetTree:
        """Blank a member's leaf and direct path, and drop the right half while nobody is in it. Raises `TreeError` where nobody is."""
        self.member(leaf)
        removed = self._with(leaf, self._blanked_path(leaf) | {2 * leaf: None})
        size = removed.size
        while size > 1 and all(removed._nodes[node] is None for node in range((size >> 1) + 1, size, 2)):
            size >>= 1
        return removed if size == removed.size else RatchetTree(self.suite, removed._nodes[:size], removed.hashes[:size])

    def with_path(self, leaf: int, leaf_node: LeafNode, parents: Mapping[int, ParentNode]) -> RatchetTree:
        """Put a commit's path in place: the sender's leaf and `parents` by node index; the rest of its direct path becomes blank."""
        return self._with(leaf, self._blanked_path(leaf) | dict(parents) | {2 * leaf: leaf_node})

    def _blanked_path(self, leaf: int) -> dict[int, Node | None]:
        return dict.fromkeys(tree_math.direct_path(2 * leaf, self.size))

    def _with(self, leaf: int, changed: Mapping[int, Node | None]) -> RatchetTree:
        """`changed` lies on the direct path of `leaf`: exactly the hashes from there to the root are no longer right."""
        nodes, hashes = list(self._nodes), list(self.hashes)
        for node, value in changed.items():
            nodes[node] = value
        hashes[2 * leaf] = None
        for node in tree_math.direct_path(2 * leaf, len(nodes)):
            hashes[node] = None
        return RatchetTree(self.suite, nodes, hashes)

    # The wire form: the ratchet_tree extension (section 12.4.3.3).

    def write(self, writer: Writer) -> None:
        """`optional<Node> ratchet_tree<V>`: blank nodes at the end are left out."""
        last = max((node for node in range(self.size) if self._nodes[node] is not None), default=-1)
        writer.sequence(self._nodes[: last + 1], _write_node)

    @classmethod
    def read(cls, reader: Reader, suite: Suite) -> Self:
        """Raises `CodecError` for a vector that is empty, ends with a blank node, is too long, or has a leaf in a parent's place."""
        nodes: list[Node | None] = list(reader.items(lambda item: item.optional(_read_node)))
        if not nodes or nodes[-1] is None:
            raise CodecError(f"a ratchet tree of {len(nodes)} nodes must end with one that is not blank")
        if len(nodes) > 2 * LEAVES_MAX - 1:
            raise CodecError(f"a ratchet tree of {len(nodes)} nodes: {2 * LEAVES_MAX - 1} are the most")
        for place, node in enumerate(nodes):
            if node is not None and isinstance(node, ParentNode) is not bool(place & 1):
                raise CodecError(f"node {place} of the ratchet tree is a {'parent' if isinstance(node, ParentNode) else 'leaf'}")
        nodes.extend([None] * (tree_math.tree_size((len(nodes) >> 1) + 1) - len(nodes)))
        return cls(suite, nodes)


def _read_node(reader: Reader) -> Node:
    kind = reader.uint8()
    if kind == _LEAF:
        return LeafNode.read(reader)
    if kind == _PARENT:
        return ParentNode.read(reader)
    raise CodecError(f"node_type is {kind}: 1 (leaf) and 2 (parent) are allowed")


def _write_node(writer: Writer, node: Node | None) -> None:
    writer.uint8(node is not None)
    if node is not None:
        writer.uint8(_PARENT if isinstance(node, ParentNode) else _LEAF)
        node.write(writer)
