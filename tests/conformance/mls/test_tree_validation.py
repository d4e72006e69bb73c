"""What a joiner checks in a tree (source: the MLS working group's tree-validation vectors)."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.suites import suite_of
from quorate_node.crypto.mls.tree_hash import tree_hash
from quorate_node.crypto.mls.tree_validation import validate_tree
from tests.conformance.mls.vectors import cases, read_tree


@pytest.mark.parametrize("case", cases("tree-validation"))
def test_tree_validation(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    tree = read_tree(suite, case["tree"])
    assert encode(tree).hex() == case["tree"]
    assert [tree.resolution(node) for node in range(tree.size)] == case["resolutions"]
    assert [tree_hash(tree, node).hex() for node in range(tree.size)] == case["tree_hashes"]
    validate_tree(tree, bytes.fromhex(case["group_id"]), LeafRules.of_group(suite, ()))
