"""What a proposal does to a tree (source: the MLS working group's tree-operations vectors)."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.crypto.mls.codec import Reader, encode
from quorate_node.crypto.mls.proposals import Add, Remove, Update, read_proposal
from quorate_node.crypto.mls.suites import suite_of
from quorate_node.crypto.mls.tree_hash import tree_hash
from tests.conformance.mls.vectors import cases, read_tree


@pytest.mark.parametrize("case", cases("tree-operations"))
def test_tree_operations(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    before = read_tree(suite, case["tree_before"])
    reader = Reader(bytes.fromhex(case["proposal"]))
    proposal = read_proposal(reader)
    reader.end()
    assert tree_hash(before).hex() == case["tree_hash_before"]
    match proposal:
        case Add(key_package):
            after, _ = before.with_added(key_package.leaf_node)
        case Update(leaf_node):
            after = before.with_updated(case["proposal_sender"], leaf_node)
        case Remove(removed):
            after = before.with_removed(removed)
        case _:
            pytest.fail(f"{proposal} is no operation on a tree")
    assert encode(after).hex() == case["tree_after"]
    assert tree_hash(after).hex() == case["tree_hash_after"]
    assert encode(before).hex() == case["tree_before"], "the tree before is left as it was"
    assert tree_hash(read_tree(suite, case["tree_after"])) == tree_hash(after), "hashes that were taken over are those of a fresh tree"
