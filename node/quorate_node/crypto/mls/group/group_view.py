"""A GroupInfo and its tree, believed only after everything in them was checked (sections 12.4.3 and 12.4.3.1)."""

from __future__ import annotations

from quorate_node.crypto.mls.codec import Reader
from quorate_node.crypto.mls.errors import TreeError, ValidationError
from quorate_node.crypto.mls.extension import ExtensionType, check_distinct
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.secret import same
from quorate_node.crypto.mls.suites import suite_of
from quorate_node.crypto.mls.transcript import interim_transcript_hash
from quorate_node.crypto.mls.tree_hash import tree_hash
from quorate_node.crypto.mls.tree_validation import validate_tree


def view_group(group_info: GroupInfo, tree: RatchetTree | None) -> PublicGroup:
    """The public half of the epoch that `group_info` tells of. `tree`: for one that comes without; the one inside is preferred.

    A tree out of band is checked like any other. The confirmation tag is for those who find the epoch's secrets. Raises
    `UnsupportedError`, `TreeError`, `BadSignature`, `ValidationError`, `CodecError`.
    """
    context = group_info.group_context
    suite = suite_of(context.cipher_suite)
    check_distinct(context.extensions)
    check_distinct(group_info.extensions)
    inside = group_info.extension(ExtensionType.RATCHET_TREE)
    if inside is not None:
        reader = Reader(inside)
        tree = RatchetTree.read(reader, suite)
        reader.end()
    if tree is None:
        raise ValidationError(f"the GroupInfo of group {context.group_id.hex()} comes without its tree: it must be given")
    if tree.suite.number != suite.number:
        raise TreeError(f"a tree of suite {tree.suite.number} for a group of suite {suite.number}")
    group_info.verify(suite, tree.member(group_info.signer).signature_key)
    if not same(tree_hash(tree), context.tree_hash):
        raise TreeError(f"the tree is not that of epoch {context.epoch}: its hash is another one")
    interim = interim_transcript_hash(suite, context.confirmed_transcript_hash, group_info.confirmation_tag)
    group = PublicGroup(suite, context, tree, interim)
    validate_tree(tree, group.group_id, group.rules())
    return group
