"""Paths: everybody below learns them, whoever was removed does not, and nothing that is wrong is taken (RFC 9420 sections 7.4 to 7.7)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate_node.crypto.mls.errors import (
    BadKey,
    BadSignature,
    DecryptionFailed,
    LifecycleError,
    MlsError,
    NotForUs,
    ParentHashMismatch,
    TreeError,
    ValidationError,
)
from quorate_node.crypto.mls.labels import HpkeCiphertext
from quorate_node.crypto.mls.leaf_node import FromUpdate, LeafNode
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.suites import SUITES, Suite
from quorate_node.crypto.mls.tree_validation import validate_tree
from quorate_node.crypto.mls.treekem import DraftPath, draft_path, joined_private, merge_path, open_path, seal_path
from quorate_node.crypto.mls.update_path import UpdatePath
from tests.unit.crypto.mls.clients import GROUP_ID, SUITE, Client, Followers, entropy_of

CONTEXT = b"context"


def drafted(group: Followers, sender: int) -> tuple[DraftPath, UpdatePath]:
    entropy = entropy_of("path")
    key = group.clients[sender].signature_key
    draft = draft_path(group.tree, group.private[sender], group.tree.member(sender), key, GROUP_ID, entropy)
    return draft, seal_path(draft, CONTEXT, (), entropy)


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_every_suite_makes_and_takes_paths(suite: Suite) -> None:
    group = Followers.of(3, suite)
    group.commit(1, add=("new",), remove=(2,))
    group.commit(2)
    validate_tree(group.tree, GROUP_ID, LeafRules.of_group(suite, ()))
    for private in group.private.values():
        private.check(group.tree)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(5, 25))
def test_random_lives_of_groups(seed: int, steps: int) -> None:
    """`Followers.commit` asserts that all agree; here the trees are valid and all keys are right after each step."""
    draw = random.Random(seed)
    group = Followers()
    for step in range(steps):
        sender = draw.choice(sorted(group.clients))
        others = [leaf for leaf in sorted(group.clients) if leaf != sender]
        remove = tuple(draw.sample(others, draw.randint(0, min(len(others), 3)))) if draw.random() < 0.4 else ()
        add = tuple(f"new-{step}-{number}" for number in range(draw.randint(0, 4))) if draw.random() < 0.6 else ()
        group.commit(sender, add, remove)
        for private in group.private.values():
            private.check(group.tree)
    validate_tree(group.tree, GROUP_ID, LeafRules.of_group(SUITE, ()))


def test_who_was_removed_cannot_open_the_path() -> None:
    group = Followers.of(5)
    removed, old = group.private[3], group.tree
    group.tree = old.with_removed(3)
    del group.private[3]
    draft, path = drafted(group, 0)
    assert merge_path(group.tree, 0, path, GROUP_ID, ()) == draft.tree
    with pytest.raises(NotForUs, match="leaf 3 has the key of none"):
        open_path(draft.tree, removed, 0, path, CONTEXT, ())


def test_the_sender_is_told_that_a_path_is_its_own() -> None:
    group = Followers.of(3)
    draft, path = drafted(group, 1)
    with pytest.raises(NotForUs, match="leaf 1 is below no node"):
        open_path(draft.tree, group.private[1], 1, path, CONTEXT, ())


def test_another_context_opens_nothing() -> None:
    group = Followers.of(2)
    draft, path = drafted(group, 0)
    with pytest.raises(DecryptionFailed):
        open_path(draft.tree, group.private[1], 0, path, b"other", ())


def test_a_secret_of_another_key_is_noticed() -> None:
    """A committer that seals another secret than that of its public key is found out by whom it cheats."""
    group = Followers.of(2)
    draft, _ = drafted(group, 0)
    cheating = replace(draft, path_secrets=(draft.commit_secret,))
    path = seal_path(cheating, CONTEXT, (), entropy_of("cheat"))
    with pytest.raises(TreeError, match="path secret of node 1 does not belong"):
        open_path(draft.tree, group.private[1], 0, path, CONTEXT, ())


def node_changed(**fields: object) -> Callable[[UpdatePath], UpdatePath]:
    return lambda path: replace(path, nodes=(replace(path.nodes[0], **fields), *path.nodes[1:]))  # type: ignore[arg-type]


def leaf_changed(change: Callable[[LeafNode], LeafNode]) -> Callable[[UpdatePath], UpdatePath]:
    return lambda path: replace(path, leaf_node=change(path.leaf_node))


GROUP = Followers.of(4)
SEALED = HpkeCiphertext(bytes(32), bytes(48))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda path: replace(path, nodes=path.nodes[:1]), TreeError, "has 1 nodes where the tree asks for 2"),
        (lambda path: replace(path, nodes=path.nodes * 2), TreeError, "has 4 nodes"),
        (node_changed(encrypted_path_secret=()), TreeError, "node 1 of the path is sealed 0 times where 1 receive it"),
        (node_changed(encrypted_path_secret=(SEALED, SEALED)), TreeError, "sealed 2 times"),
        (node_changed(encryption_key=bytes(31)), BadKey, "32 bytes"),
        (node_changed(encryption_key=bytes(32)), BadKey, "small order"),
        (node_changed(encryption_key=GROUP.tree.encryption_key(4)), TreeError, "in the tree already"),
        (lambda path: replace(path, nodes=(path.nodes[0], replace(path.nodes[1], encryption_key=path.nodes[0].encryption_key))),
         TreeError, "twice in the path"),
        (leaf_changed(lambda leaf: leaf.changed(encryption_key=GROUP.tree.encryption_key(0))), TreeError, "in the tree already"),
        (leaf_changed(lambda leaf: leaf.changed(source=FromUpdate())), ValidationError, "leaf_node_source 2, not 3"),
        (node_changed(encryption_key=SUITE.derive_key_pair(b"other").public), ParentHashMismatch, "leaf 0 does not carry"),
        (leaf_changed(lambda leaf: leaf.changed(signature=bytes(64))), BadSignature, "does not fit"),
    ],
)  # fmt: skip
def test_what_everybody_can_check(change: Callable[[UpdatePath], UpdatePath], error: type[MlsError], message: str) -> None:
    _, path = drafted(GROUP, 0)
    with pytest.raises(error, match=message):
        merge_path(GROUP.tree, 0, change(path), GROUP_ID, ())


def test_new_members_are_left_out_and_told_in_the_welcome() -> None:
    group = Followers.of(3)
    tree, new = group.tree.with_added(Client("new").leaf())
    draft = draft_path(tree, group.private[0], tree.member(0), group.clients[0].signature_key, GROUP_ID, entropy_of("a"))
    path = seal_path(draft, CONTEXT, (new,), entropy_of("b"))
    assert [len(node.encrypted_path_secret) for node in path.nodes] == [1, 1]
    with pytest.raises(TreeError, match="sealed 1 times where 2 receive"):
        merge_path(tree, 0, path, GROUP_ID, ())
    merged = merge_path(tree, 0, path, GROUP_ID, (new,))
    joined = joined_private(merged, new, Client("new").encryption_key, 0, draft.path_secret_for(new).buffer())
    assert joined.nodes() == [3, 6]
    joined.check(merged)
    assert joined_private(merged, new, Client("new").encryption_key, 0, None).nodes() == [6]
    with pytest.raises(TreeError, match="not that of leaf 3"):
        joined_private(merged, new, Client("other").encryption_key, 0, None)
    with pytest.raises(TreeError, match="path secret of node 3 does not belong"):
        joined_private(merged, new, Client("new").encryption_key, 0, bytes(32))
    with pytest.raises(TreeError, match="leaf 3 is below no node"):
        joined_private(merged, new, Client("new").encryption_key, new, bytes(32))
    with pytest.raises(TreeError, match="leaf 0 is below no node"):
        draft.path_secret_for(0)


def test_somebody_outside_puts_himself_at_a_blank_leaf() -> None:
    """An external committer's leaf is blank before its path, and it knows no other key."""
    group = Followers.of(4)
    tree, leaf = group.tree.with_room()
    client = Client("outside")
    draft = draft_path(tree, PrivateTree.of_keys(leaf, {}), client.leaf(), client.signature_key, GROUP_ID, entropy_of("a"))
    path = seal_path(draft, CONTEXT, (), entropy_of("b"))
    merged = merge_path(tree, leaf, path, GROUP_ID, ())
    assert merged == draft.tree
    assert merged.member(leaf).credential == client.leaf().credential
    for private in group.private.values():
        assert open_path(merged, private, leaf, path, CONTEXT, ()).commit_secret == draft.commit_secret
    draft.private.check(merged)


def test_alone_there_is_a_commit_secret_too() -> None:
    group = Followers()
    first, second = group.commit(0), group.commit(0)
    assert len(first) == SUITE.hash_bytes
    assert first != second


def test_a_drafts_secrets_can_be_erased() -> None:
    group = Followers.of(3)
    draft, _ = drafted(group, 0)
    draft.erase()
    for secret in (*draft.path_secrets, draft.commit_secret):
        with pytest.raises(LifecycleError):
            secret.bytes()
    draft.private.check(draft.tree)
