"""Where the nodes of a ratchet tree lie: the arithmetic of RFC 9420 appendix C. Pure.

A tree with n leaves (n a power of two) is an array of 2n - 1 nodes. Leaf number l is node 2l, so leaves are even and parents odd; a
node's level is the number of trailing ones of its index. `size` is always that of the array: (2n - 1), which fixes the root.

Arguments are trusted to be nodes of a tree of that size: whoever reads indices from the network checks them first.
"""

from __future__ import annotations


def tree_size(leaves: int) -> int:
    """Number of nodes of the smallest tree with room for `leaves` leaves (at least one)."""
    return 2 * (1 << max(leaves - 1, 0).bit_length()) - 1


def leaf_count(size: int) -> int:
    """Number of leaves, occupied or not, of a tree of `size` nodes."""
    return (size + 1) >> 1


def leaf_node_index(leaf: int) -> int:
    """Node index of leaf number `leaf`."""
    return 2 * leaf


def is_leaf(node: int) -> bool:
    return not node & 1


def level(node: int) -> int:
    """0 for a leaf; a parent is one above its children."""
    return (~node & (node + 1)).bit_length() - 1


def root(size: int) -> int:
    """Node index of the root."""
    return size >> 1


def left(node: int) -> int:
    """Left child of a parent node. Raises `ValueError` for a leaf."""
    return node ^ _child_bit(node)


def right(node: int) -> int:
    """Right child of a parent node. Raises `ValueError` for a leaf."""
    return node ^ 3 * _child_bit(node)


def _child_bit(node: int) -> int:
    if not node & 1:
        raise ValueError(f"node {node} is a leaf: it has no children")
    return (~node & (node + 1)) >> 1


def parent(node: int) -> int:
    """The node above. Meaningless for the root: walk up with `direct_path`, which knows where to end."""
    bit = ~node & (node + 1)
    return (node | bit) & ~(bit << 1)


def sibling(node: int) -> int:
    """The other child of the parent of `node`, which is not the root."""
    above = parent(node)
    return right(above) if node < above else left(above)


def direct_path(node: int, size: int) -> list[int]:
    """The ancestors of `node`, lowest first, the root last; empty for the root itself."""
    top = root(size)
    path = []
    while node != top:
        node = parent(node)
        path.append(node)
    return path


def copath(node: int, size: int) -> list[int]:
    """For each node of the direct path the child that is not on the way to `node`."""
    top = root(size)
    nodes = []
    while node != top:
        nodes.append(sibling(node))
        node = parent(node)
    return nodes


def common_ancestor(first: int, second: int) -> int:
    """Lowest node above, or equal to, both."""
    if is_in_subtree(second, first):
        return first
    if is_in_subtree(first, second):
        return second
    shift = (first ^ second).bit_length()
    return (first >> shift << shift) | ((1 << (shift - 1)) - 1)


def is_in_subtree(node: int, top: int) -> bool:
    """True when `node` is `top` or below it."""
    reach = (1 << level(top)) - 1
    return top - reach <= node <= top + reach


def leaves_below(node: int) -> range:
    """Leaf numbers of the subtree under `node`; for a leaf its own alone."""
    reach = (1 << level(node)) - 1
    return range((node - reach) >> 1, ((node + reach) >> 1) + 1)
