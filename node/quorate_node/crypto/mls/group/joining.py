"""Joining by a Welcome (section 12.4.3.1): open what is sealed to our key package, believe nothing unchecked, and be in the epoch."""

from __future__ import annotations

from quorate_node.crypto.mls.codec import decode
from quorate_node.crypto.mls.errors import BadMac, InvalidProposal, NotForUs, TreeError, UnsupportedError
from quorate_node.crypto.mls.group.group_view import view_group
from quorate_node.crypto.mls.group.own_key_package import OwnKeyPackage
from quorate_node.crypto.mls.group.psk_store import PskSource, no_psks, psk_secret_of
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.group.succession import check_succession
from quorate_node.crypto.mls.group.welcoming import LABEL
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.key_schedule import confirmation_tag, epoch_secrets, member_secret, welcome_key, welcome_secret
from quorate_node.crypto.mls.labels import decrypt_with_label
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.ratchet import DEFAULT_RATCHET_LIMITS, RatchetLimits
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.secret import Secret, same
from quorate_node.crypto.mls.suites import Suite, suite_of
from quorate_node.crypto.mls.treekem import joined_private
from quorate_node.crypto.mls.welcome_content import GroupSecrets, Welcome


def join_group(
    welcome: Welcome,
    own: OwnKeyPackage,
    psks: PskSource = no_psks,
    tree: RatchetTree | None = None,
    predecessor: Group | None = None,
    limits: RatchetLimits = DEFAULT_RATCHET_LIMITS,
) -> Group:
    """The group in the epoch that `welcome` leads to. `tree`: out of band, where the Welcome has none.

    `predecessor`: our group in the epoch that this one takes up, by reinitialization or as a branch: the Welcome must then be linked to
    it, and without one it must not be linked to any. Raises `NotForUs`, `MissingPsk`, `DecryptionFailed`, `BadSignature`, `BadMac`,
    `TreeError`, `UnsupportedError` and others of `MlsError`; then nothing has changed. The caller erases `own` after success.
    """
    suite = suite_of(welcome.cipher_suite)
    secrets = _open_secrets(suite, welcome, own)
    for psk in secrets.psks:
        psk.check(suite)
    if len(set(secrets.psks)) != len(secrets.psks):
        raise InvalidProposal("the same PreSharedKeyID stands twice in one Welcome")
    psk_secret = psk_secret_of(suite, secrets.psks, psks if predecessor is None else predecessor.psk_source(psks))
    member = member_secret(suite, secrets.joiner_secret, psk_secret.buffer())
    psk_secret.erase()
    try:
        group_info = _open_group_info(suite, welcome, member)
        public = view_group(group_info, tree)
        check_succession(public, secrets.psks, predecessor)
        return _enter(public, group_info, own, secrets, member, limits)
    finally:
        member.erase()


def _open_secrets(suite: Suite, welcome: Welcome, own: OwnKeyPackage) -> GroupSecrets:
    package = own.package
    if package.cipher_suite != suite.number:
        raise UnsupportedError(f"a Welcome of suite {suite.number} for a key package of suite {package.cipher_suite}")
    reference = package.reference(suite)
    sealed = welcome.secrets_for(reference)
    if sealed is None:
        raise NotForUs(f"the Welcome has nothing for key package {reference.hex()}")
    context = welcome.encrypted_group_info
    return decode(GroupSecrets, decrypt_with_label(suite, own.init_private.buffer(), LABEL, context, sealed, package.init_key))


def _open_group_info(suite: Suite, welcome: Welcome, member: Secret) -> GroupInfo:
    secret = welcome_secret(suite, member.buffer())
    key, nonce = welcome_key(suite, secret.buffer())
    secret.erase()
    group_info = decode(GroupInfo, suite.open(key, nonce, b"", welcome.encrypted_group_info))
    if group_info.group_context.cipher_suite != suite.number:
        raise UnsupportedError(f"a Welcome of suite {suite.number} into a group of suite {group_info.group_context.cipher_suite}")
    return group_info


def _enter(
    public: PublicGroup, group_info: GroupInfo, own: OwnKeyPackage, secrets: GroupSecrets, member: Secret, limits: RatchetLimits
) -> Group:
    suite = public.suite
    leaf = _own_leaf(public.tree, own.package.leaf_node)
    private = joined_private(public.tree, leaf, own.leaf_private.buffer(), group_info.signer, secrets.path_secret)
    found = epoch_secrets(suite, member.buffer(), public.encoded_context)
    expected = confirmation_tag(suite, found.confirmation_key.buffer(), public.context.confirmed_transcript_hash)
    if not same(expected, group_info.confirmation_tag):
        found.erase()
        private.erase()
        raise BadMac(f"the GroupInfo of group {public.group_id.hex()} confirms another epoch than the one its Welcome leads us to")
    return Group.assemble(public, private, own.signer, found, group_info.confirmation_tag, limits)


def _own_leaf(tree: RatchetTree, leaf_node: LeafNode) -> int:
    for leaf, found in tree.members():
        if found == leaf_node:
            return leaf
    raise TreeError("the leaf of our key package is not in the tree of the group that we were added to")
