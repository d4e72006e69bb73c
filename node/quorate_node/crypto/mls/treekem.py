"""TreeKEM: fresh keys along a commit's path, known to those below them and to nobody else (RFC 9420 sections 7.4 to 7.7). Pure.

A committer drafts a path (`draft_path`), which gives the tree hash that the new group context needs, and then seals its secrets under
that context (`seal_path`). A receiver first merges the public half (`merge_path`: what everybody can check, members or not) and then
opens its own secret (`open_path`), which can fail for one member alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from quorate_node.crypto.mls.entropy import Entropy, draw
from quorate_node.crypto.mls.errors import NotForUs, ParentHashMismatch, TreeError, ValidationError
from quorate_node.crypto.mls.kem import KemKeyPair
from quorate_node.crypto.mls.labels import HpkeCiphertext, decrypt_with_label, derive_secret, encrypt_with_label
from quorate_node.crypto.mls.leaf_node import FromCommit, LeafNode
from quorate_node.crypto.mls.parent_hash import path_parents
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.secret import Octets, Secret
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite
from quorate_node.crypto.mls.update_path import UpdatePath, UpdatePathNode

_LABEL = "UpdatePathNode"


def node_key_pair(suite: Suite, path_secret: Octets) -> KemKeyPair:
    """The key pair of the node that `path_secret` belongs to."""
    return suite.derive_key_pair(derive_secret(suite, path_secret, "node"))


def next_path_secret(suite: Suite, path_secret: Octets) -> bytes:
    """The path secret one node up the filtered path; after the last one it is the commit secret."""
    return derive_secret(suite, path_secret, "path")


@dataclass(frozen=True, slots=True)
class DraftPath:
    """A path that was made and not yet sealed. `tree`, `private`: what the committer has if its commit is taken.

    `path`: the filtered path, `path_secrets` one for each of its nodes. Secrets are the caller's to erase.
    """

    tree: RatchetTree
    private: PrivateTree
    leaf_node: LeafNode
    path: tuple[tuple[int, int], ...]
    path_secrets: tuple[Secret, ...]
    commit_secret: Secret

    def path_secret_for(self, leaf: int) -> Secret:
        """What a new member at `leaf` is told: the secret of the lowest node above both. Raises `TreeError` outside of the tree."""
        for (_, child), secret in zip(self.path, self.path_secrets, strict=True):
            if self.tree.is_below(leaf, child):
                return secret
        raise TreeError(f"leaf {leaf} is below no node of the path of leaf {self.private.leaf}")

    def erase(self) -> None:
        """Overwrite the path secrets and the commit secret; `private` stays."""
        for secret in (*self.path_secrets, self.commit_secret):
            secret.erase()


def draft_path(
    tree: RatchetTree, private: PrivateTree, leaf_node: LeafNode, key: Octets | Signer, group_id: bytes, entropy: Entropy
) -> DraftPath:
    """Fresh keys from leaf `private.leaf` to the root of `tree`, which has the commit's proposals applied (section 7.5).

    `leaf_node` is the sender's leaf as it shall be, but for encryption key, source and signature, which are made here with `key`. The
    leaf may be blank in `tree`, as an external committer's is. Asks `entropy` twice for `hash_bytes`.
    """
    suite = tree.suite
    leaf_keys = suite.derive_key_pair(draw(entropy, suite.hash_bytes))
    path = tree.filtered_path(private.leaf)
    secret = draw(entropy, suite.hash_bytes)
    secrets, pairs = [], []
    for _ in path:
        secrets.append(Secret(secret))
        pairs.append(node_key_pair(suite, secret))
        secret = next_path_secret(suite, secret)
    if not path:
        secret = next_path_secret(suite, secret)
    parents, parent_hash = path_parents(tree, path, [pair.public for pair in pairs])
    bare = leaf_node.changed(encryption_key=leaf_keys.public, source=FromCommit(parent_hash), signature=b"")
    signed = bare.signed(suite, key, group_id, private.leaf)
    merged = tree.with_path(private.leaf, signed, parents)
    keys = {node: pair.private for (node, _), pair in zip(path, pairs, strict=True)} | {2 * private.leaf: leaf_keys.private}
    return DraftPath(merged, private.renewed(merged, keys), signed, tuple(path), tuple(secrets), Secret(secret))


def seal_path(draft: DraftPath, context: bytes, new_leaves: Collection[int], entropy: Entropy) -> UpdatePath:
    """The path as it is sent: each path secret sealed to everybody below the child off the path, but for `new_leaves`.

    `context`: the encoded GroupContext of the next epoch with its tree hash and the present confirmed transcript hash; `new_leaves`:
    leaf numbers that this commit adds, which learn their secrets from the Welcome.
    """
    tree = draft.tree
    nodes = []
    for (node, child), secret in zip(draft.path, draft.path_secrets, strict=True):
        sealed = tuple(
            encrypt_with_label(tree.suite, tree.encryption_key(receiver), _LABEL, context, secret.buffer(), entropy)
            for receiver in _receivers(tree, child, new_leaves)
        )
        nodes.append(UpdatePathNode(tree.encryption_key(node), sealed))
    return UpdatePath(draft.leaf_node, tuple(nodes))


def merge_path(tree: RatchetTree, sender: int, path: UpdatePath, group_id: bytes, new_leaves: Collection[int]) -> RatchetTree:
    """Check the public half of a received path and put it into `tree`, which has the commit's proposals applied.

    Checks lengths, keys, the leaf's signature and its parent hash: `TreeError`, `ParentHashMismatch`, `ValidationError`, `BadKey`,
    `BadSignature`. What else section 7.3 asks of the leaf is for `LeafRules`.
    """
    suite, leaf_node = tree.suite, path.leaf_node
    filtered = tree.filtered_path(sender)
    if len(path.nodes) != len(filtered):
        raise TreeError(f"the path of leaf {sender} has {len(path.nodes)} nodes where the tree asks for {len(filtered)}")
    for (node, child), sent in zip(filtered, path.nodes, strict=True):
        receivers = len(_receivers(tree, child, new_leaves))
        if len(sent.encrypted_path_secret) != receivers:
            raise TreeError(f"node {node} of the path is sealed {len(sent.encrypted_path_secret)} times where {receivers} receive it")
        suite.check_kem_public(sent.encryption_key)
    _check_fresh_keys(tree, path)
    parents, parent_hash = path_parents(tree, filtered, [sent.encryption_key for sent in path.nodes])
    source = leaf_node.source
    if not isinstance(source, FromCommit):
        raise ValidationError(f"the leaf of a path has leaf_node_source {source.code}, not {FromCommit.code}")
    if source.parent_hash != parent_hash:
        raise ParentHashMismatch(f"the leaf of the path of leaf {sender} does not carry the parent hash of its path")
    leaf_node.verify(suite, group_id, sender)
    return tree.with_path(sender, leaf_node, parents)


@dataclass(frozen=True, slots=True)
class OpenedPath:
    """What a receiver learns from a path. `path_secret` is the one that was sealed to it."""

    private: PrivateTree
    path_secret: Secret = field(repr=False)
    commit_secret: Secret = field(repr=False)


def open_path(
    merged: RatchetTree, private: PrivateTree, sender: int, path: UpdatePath, context: bytes, new_leaves: Collection[int]
) -> OpenedPath:
    """Open the secret that is sealed to us, derive those above it, and hold them against the public keys that `merge_path` took in.

    Raises `NotForUs` when we have no key for it, `DecryptionFailed`, and `TreeError` for a secret that belongs to another key. `private`
    stays as it is: the result has copies of what is still right.
    """
    filtered = merged.filtered_path(sender)
    position = next((place for place, (_, child) in enumerate(filtered) if merged.is_below(private.leaf, child)), None)
    if position is None:
        raise NotForUs(f"leaf {private.leaf} is below no node of the path of leaf {sender}")
    receivers = _receivers(merged, filtered[position][1], new_leaves)
    secret = _open_own(merged, private, receivers, path.nodes[position].encrypted_path_secret, context)
    keys, commit_secret = derive_upward(merged, filtered[position:], secret)
    return OpenedPath(private.renewed(merged, keys), Secret(secret), Secret(commit_secret))


def joined_private(tree: RatchetTree, leaf: int, private: Octets, sender: int, path_secret: Octets | None) -> PrivateTree:
    """What a new member knows: its leaf's key, and with a path secret the keys from the lowest node above it and `sender` up.

    Raises `TreeError` when a key does not belong to the public one in `tree`.
    """
    suite = tree.suite
    keys: dict[int, bytes] = {2 * leaf: bytes(private)}
    if suite.kem_public(private) != tree.member(leaf).encryption_key:
        raise TreeError(f"the private key at hand is not that of leaf {leaf}")
    if path_secret is not None:
        filtered = tree.filtered_path(sender)
        position = next((place for place, (_, child) in enumerate(filtered) if tree.is_below(leaf, child)), None)
        if position is None:
            raise TreeError(f"leaf {leaf} is below no node of the path of leaf {sender}")
        keys |= derive_upward(tree, filtered[position:], path_secret)[0]
    return PrivateTree.of_keys(leaf, keys)


def derive_upward(tree: RatchetTree, path: Sequence[tuple[int, int]], path_secret: Octets) -> tuple[dict[int, bytes], bytes]:
    """Private keys by node from a path secret of the first node of `path` on, and the commit secret.

    Raises `TreeError` where a public key in `tree` is another one.
    """
    keys: dict[int, bytes] = {}
    secret = bytes(path_secret)
    for node, _ in path:
        pair = node_key_pair(tree.suite, secret)
        if tree.is_blank(node) or pair.public != tree.encryption_key(node):
            raise TreeError(f"the path secret of node {node} does not belong to its public key")
        keys[node] = pair.private
        secret = next_path_secret(tree.suite, secret)
    return keys, secret


def _receivers(tree: RatchetTree, child: int, new_leaves: Collection[int]) -> list[int]:
    """Whom a path secret is sealed to, in the order of the ciphertexts."""
    new = frozenset(new_leaves)
    return [node for node in tree.resolution(child) if node & 1 or node >> 1 not in new]


def _open_own(
    merged: RatchetTree, private: PrivateTree, receivers: Sequence[int], sealed: Sequence[HpkeCiphertext], context: bytes
) -> bytes:
    for receiver, ciphertext in zip(receivers, sealed, strict=True):
        key = private.key(receiver)
        if key is not None:
            return decrypt_with_label(merged.suite, key.buffer(), _LABEL, context, ciphertext, merged.encryption_key(receiver))
    raise NotForUs(f"leaf {private.leaf} has the key of none of the nodes {list(receivers)} that the path is sealed to")


def _check_fresh_keys(tree: RatchetTree, path: UpdatePath) -> None:
    """No key of the path is in the tree already, or twice in the path (section 12.4.2). Raises `TreeError`."""
    known = tree.encryption_keys()
    for key in (path.leaf_node.encryption_key, *(sent.encryption_key for sent in path.nodes)):
        if key in known:
            raise TreeError("a public key of the path is in the tree already, or twice in the path")
        known.add(key)
