"""The arithmetic of node indices equals a tree built of real nodes with pointers."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls import tree_math
from tests.unit.crypto.mls.naive_tree import naive_tree

SIZES = [1, 2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize("leaves", SIZES)
def test_every_node_knows_its_neighbours(leaves: int) -> None:
    places = naive_tree(leaves)
    size = len(places)
    assert tree_math.tree_size(leaves) == size
    assert tree_math.leaf_count(size) == leaves
    for place in places:
        node = place.index
        ancestors = place.ancestors()
        assert tree_math.level(node) == place.height
        assert tree_math.is_leaf(node) is (place.left is None)
        assert tree_math.direct_path(node, size) == [above.index for above in ancestors]
        assert tree_math.copath(node, size) == [step.sibling().index for step in [place, *ancestors] if step.parent]
        assert [2 * leaf for leaf in tree_math.leaves_below(node)] == [below.index for below in place.walk() if below.left is None]
        if place.parent is None:
            assert tree_math.root(size) == node
        else:
            assert tree_math.parent(node) == place.parent.index
            assert tree_math.sibling(node) == place.sibling().index
        if place.left is not None and place.right is not None:
            assert (tree_math.left(node), tree_math.right(node)) == (place.left.index, place.right.index)


@pytest.mark.parametrize("leaves", SIZES[:5])
def test_every_pair_has_its_lowest_common_ancestor(leaves: int) -> None:
    places = naive_tree(leaves)
    for first in places:
        above_first = [first, *first.ancestors()]
        for second in places:
            above_second = [second, *second.ancestors()]
            lowest = next(place for place in above_first if place in above_second)
            assert tree_math.common_ancestor(first.index, second.index) == lowest.index
            assert tree_math.is_in_subtree(first.index, second.index) is (second in above_first)


@pytest.mark.parametrize(("leaves", "size"), [(0, 1), (1, 1), (2, 3), (3, 7), (4, 7), (5, 15), (9, 31), (1000, 2047)])
def test_a_tree_has_room_for_a_power_of_two_of_leaves(leaves: int, size: int) -> None:
    assert tree_math.tree_size(leaves) == size


@pytest.mark.parametrize("leaf", [0, 2, 14])
def test_a_leaf_has_no_children(leaf: int) -> None:
    for child in (tree_math.left, tree_math.right):
        with pytest.raises(ValueError, match=f"node {leaf} is a leaf"):
            child(leaf)


def test_leaf_numbers_are_half_their_node_index() -> None:
    assert [tree_math.leaf_node_index(leaf) for leaf in range(4)] == [0, 2, 4, 6]
