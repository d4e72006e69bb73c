"""Every node's neighbours in complete trees (source: the MLS working group's tree-math vectors)."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.crypto.mls import tree_math
from tests.conformance.mls.vectors import cases


@pytest.mark.parametrize("case", cases("tree-math"))
def test_tree_math(case: Any) -> None:
    size = tree_math.tree_size(case["n_leaves"])
    top = tree_math.root(size)
    nodes = range(size)
    assert size == case["n_nodes"]
    assert top == case["root"]
    assert [None if tree_math.is_leaf(node) else tree_math.left(node) for node in nodes] == case["left"]
    assert [None if tree_math.is_leaf(node) else tree_math.right(node) for node in nodes] == case["right"]
    assert [None if node == top else tree_math.parent(node) for node in nodes] == case["parent"]
    assert [None if node == top else tree_math.sibling(node) for node in nodes] == case["sibling"]
