"""Clients with keys drawn from their names, and what they make: leaves, key packages, trees. The same in every run."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from quorate_node.crypto.mls.capabilities import Capabilities, Lifetime
from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.credential import BasicCredential
from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.group_context import MLS10, GroupContext
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.leaf_node import FromKeyPackage, LeafNode
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.suites import SUITES, Suite
from quorate_node.crypto.mls.tree_hash import tree_hash
from quorate_node.crypto.mls.treekem import draft_path, joined_private, merge_path, open_path, seal_path

SUITE = SUITES[1]
GROUP_ID = b"group"
CAPABILITIES = Capabilities((MLS10,), tuple(SUITES), (), (), (1, 2))
LIFETIME = Lifetime(1_000, 2_000)


def entropy_of(name: str) -> Entropy:
    return random.Random(name).randbytes


@dataclass(frozen=True)
class Client:
    """One client: its keys, private and public."""

    name: str
    suite: Suite = SUITE
    signature_key: bytes = field(init=False)
    encryption_key: bytes = field(init=False)
    init_key: bytes = field(init=False)

    def __post_init__(self) -> None:
        entropy = entropy_of(self.name)
        object.__setattr__(self, "signature_key", self.suite.generate_signature_private(entropy))
        object.__setattr__(self, "encryption_key", self.suite.derive_key_pair(entropy(self.suite.hash_bytes)).private)
        object.__setattr__(self, "init_key", self.suite.derive_key_pair(entropy(self.suite.hash_bytes)).private)

    def leaf(self, group_id: bytes = GROUP_ID, place: int = 0, **fields: Any) -> LeafNode:
        """A signed leaf, by default one of a key package."""
        bare = LeafNode(
            encryption_key=self.suite.kem_public(self.encryption_key),
            signature_key=self.suite.signature_public(self.signature_key),
            credential=BasicCredential(self.name.encode()),
            capabilities=CAPABILITIES,
            source=FromKeyPackage(LIFETIME),
        )
        return bare.changed(**fields).signed(self.suite, self.signature_key, group_id, place)

    def key_package(self, leaf_node: LeafNode | None = None, **fields: Any) -> KeyPackage:
        """A signed key package."""
        bare = KeyPackage(self.suite.number, self.suite.kem_public(self.init_key), leaf_node or self.leaf())
        return replace(bare, **fields).signed(self.suite, self.signature_key)


class Followers:
    """A group of clients that apply operations to one tree, each with its own private half; commits are checked by everyone."""

    def __init__(self, suite: Suite = SUITE, founder: str = "client-0") -> None:
        client = Client(founder, suite)
        self.suite = suite
        self.tree = RatchetTree.of_leaf(suite, client.leaf())
        self.clients = {0: client}
        self.private = {0: PrivateTree.of_keys(0, {0: client.encryption_key})}
        self.commits = 0

    @classmethod
    def of(cls, members: int, suite: Suite = SUITE) -> Followers:
        """A group of so many in which each has committed once: no parent is blank."""
        group = cls(suite)
        for number in range(1, members):
            group.commit(0, add=(f"client-{number}",))
        for leaf in sorted(group.clients):
            group.commit(leaf)
        return group

    def commit(self, sender: int, add: tuple[str, ...] = (), remove: tuple[int, ...] = ()) -> bytes:
        """Removals, additions and a path in one commit; every member must find the same commit secret, which is returned."""
        tree = self.tree
        for leaf in remove:
            tree = tree.with_removed(leaf)
            del self.clients[leaf], self.private[leaf]
        joined = {}
        for name in add:
            client = Client(name, self.suite)
            tree, leaf = tree.with_added(client.leaf())
            joined[leaf] = client
        self.commits += 1
        entropy = entropy_of(f"commit {self.commits}")
        key = self.clients[sender].signature_key
        draft = draft_path(tree, self.private[sender], tree.member(sender), key, GROUP_ID, entropy)
        context = encode(GroupContext(self.suite.number, GROUP_ID, self.commits, tree_hash(draft.tree), b"", ()))
        path = seal_path(draft, context, sorted(joined), entropy)
        merged = merge_path(tree, sender, path, GROUP_ID, sorted(joined))
        assert merged == draft.tree
        for leaf, private in self.private.items():
            if leaf != sender:
                opened = open_path(merged, private, sender, path, context, sorted(joined))
                assert opened.commit_secret == draft.commit_secret, f"leaf {leaf} finds another secret"
                self.private[leaf] = opened.private
        self.private[sender] = draft.private
        for leaf, client in joined.items():
            self.clients[leaf] = client
            path_secret = draft.path_secret_for(leaf).buffer()
            self.private[leaf] = joined_private(merged, leaf, client.encryption_key, sender, path_secret)
        self.tree = merged
        return draft.commit_secret.bytes()
