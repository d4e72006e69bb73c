"""Paths made and received (source: the MLS working group's treekem vectors).

Every path of a vector is received by every other member, and then made anew with the vector's keys and received again.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.group_context import GroupContext
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.suites import Suite, suite_of
from quorate_node.crypto.mls.tree_hash import tree_hash
from quorate_node.crypto.mls.treekem import draft_path, merge_path, node_key_pair, open_path, seal_path
from quorate_node.crypto.mls.update_path import UpdatePath
from tests.conformance.mls.vectors import cases, read_tree


def private_tree(suite: Suite, tree: RatchetTree, entry: Any) -> PrivateTree:
    secrets = {known["node"]: bytes.fromhex(known["path_secret"]) for known in entry["path_secrets"]}
    keys = {node: node_key_pair(suite, secret).private for node, secret in secrets.items()}
    private = PrivateTree.of_keys(entry["index"], keys | {2 * entry["index"]: bytes.fromhex(entry["encryption_priv"])})
    private.check(tree)
    return private


@pytest.mark.parametrize("case", cases("treekem"))
def test_treekem(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    group_id = bytes.fromhex(case["group_id"])
    tree = read_tree(suite, case["ratchet_tree"])
    members = {entry["index"]: private_tree(suite, tree, entry) for entry in case["leaves_private"]}
    signature_keys = {entry["index"]: bytes.fromhex(entry["signature_priv"]) for entry in case["leaves_private"]}
    assert sorted(members) == [leaf for leaf, _ in tree.members()]

    def context(merged: RatchetTree) -> bytes:
        transcript_hash = bytes.fromhex(case["confirmed_transcript_hash"])
        return encode(GroupContext(case["cipher_suite"], group_id, case["epoch"], tree_hash(merged), transcript_hash, ()))

    for vector in case["update_paths"]:
        sender = vector["sender"]
        path = decode(UpdatePath, bytes.fromhex(vector["update_path"]))
        assert encode(path).hex() == vector["update_path"]
        merged = merge_path(tree, sender, path, group_id, ())
        assert tree_hash(merged).hex() == vector["tree_hash_after"]
        assert vector["path_secrets"][sender] is None
        for leaf, private in members.items():
            if leaf != sender:
                opened = open_path(merged, private, sender, path, context(merged), ())
                assert opened.path_secret.bytes().hex() == vector["path_secrets"][leaf]
                assert opened.commit_secret.bytes().hex() == vector["commit_secret"]
                opened.private.check(merged)

        draft = draft_path(tree, members[sender], tree.member(sender), signature_keys[sender], group_id, random.Random(sender).randbytes)
        new_path = decode(UpdatePath, encode(seal_path(draft, context(draft.tree), (), random.Random(-1 - sender).randbytes)))
        draft.private.check(draft.tree)
        received = merge_path(tree, sender, new_path, group_id, ())
        assert received == draft.tree
        assert tree_hash(received) == tree_hash(draft.tree) != tree_hash(merged)
        for leaf, private in members.items():
            if leaf != sender:
                opened = open_path(received, private, sender, new_path, context(received), ())
                assert opened.commit_secret == draft.commit_secret
                assert opened.path_secret == draft.path_secret_for(leaf)
                opened.private.check(received)
