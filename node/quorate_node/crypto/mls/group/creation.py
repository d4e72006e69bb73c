"""A new group of one (section 11): epoch 0, from which commits add the others."""

from __future__ import annotations

from quorate_node.crypto.mls.codec import decode
from quorate_node.crypto.mls.entropy import Entropy, draw
from quorate_node.crypto.mls.extension import Extension, ExtensionType, check_distinct
from quorate_node.crypto.mls.external_senders import ExternalSenders
from quorate_node.crypto.mls.group.proposal_rules import check_new_leaf
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.group_context import GroupContext
from quorate_node.crypto.mls.key_schedule import EpochSecrets, confirmation_tag
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.ratchet import DEFAULT_RATCHET_LIMITS, RatchetLimits
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.secret import Octets, Secret
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite
from quorate_node.crypto.mls.transcript import interim_transcript_hash
from quorate_node.crypto.mls.tree_hash import tree_hash


def create_group(
    suite: Suite,
    group_id: bytes,
    leaf_node: LeafNode,
    leaf_private: Octets,
    signer: Signer,
    entropy: Entropy,
    extensions: tuple[Extension, ...] = (),
    limits: RatchetLimits = DEFAULT_RATCHET_LIMITS,
) -> Group:
    """Epoch 0. `leaf_node`: our leaf as it stands in a key package, signed; `leaf_private`: the key of its `encryption_key`.

    Raises what is wrong with leaf or extensions: `ValidationError`, `UnsupportedError`, `BadSignature`, `TreeError`.
    """
    check_distinct(extensions)
    public_tree = RatchetTree.of_leaf(suite, leaf_node)
    context = GroupContext(suite.number, group_id, 0, tree_hash(public_tree), b"", extensions)
    external_senders = context.extension(ExtensionType.EXTERNAL_SENDERS)
    if external_senders is not None:
        decode(ExternalSenders, external_senders)
    leaf_node.verify(suite)
    private = PrivateTree.of_keys(0, {0: leaf_private})
    private.check(public_tree)
    epoch_secret = Secret(draw(entropy, suite.hash_bytes))
    secrets = EpochSecrets.derive(suite, epoch_secret.buffer())
    epoch_secret.erase()
    tag = confirmation_tag(suite, secrets.confirmation_key.buffer(), b"")
    public = PublicGroup(suite, context, public_tree, interim_transcript_hash(suite, b"", tag))
    check_new_leaf(public.rules(), leaf_node)
    return Group.assemble(public, private, signer, secrets, tag, limits)
