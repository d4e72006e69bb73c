"""Receiving a commit, second half: what a member alone can do. It may fail for one member and succeed for all others."""

from __future__ import annotations

from quorate_node.crypto.mls.errors import BadMac, LifecycleError, RemovedFromGroup
from quorate_node.crypto.mls.framing.authenticated import AuthenticatedContent
from quorate_node.crypto.mls.group.commit_check import CheckedCommit, check_commit
from quorate_node.crypto.mls.group.psk_store import PskSource, no_psks, psk_secret_of
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.key_schedule import (
    EpochSecrets,
    confirmation_tag,
    epoch_secrets,
    external_init_receive,
    joiner_secret,
    member_secret,
)
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.secret import Octets, Secret, erase_all, same
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.treekem import open_path


def process_commit(group: Group, authenticated: AuthenticatedContent, psks: PskSource = no_psks, now_s: int | None = None) -> Group:
    """The next epoch, by a commit that `open_message` gave. The present one is left as it is: `erase` it when it is no longer needed.

    Raises what `check_commit` and `open_commit` do.
    """
    group.check_active()
    return open_commit(group, check_commit(group.public, authenticated, group.proposals, now_s, verified=True), psks)


def open_commit(group: Group, checked: CheckedCommit, psks: PskSource = no_psks) -> Group:
    """The next epoch by a commit that everybody accepts. Raises `RemovedFromGroup` when it removes us, `LifecycleError` for our own.

    Raises too `MissingPsk`, `NotForUs`, `DecryptionFailed`, `TreeError`, `BadKey`, and `BadMac` for a confirmation tag that is not that of
    the epoch we find: then nothing has changed, and others may well have gone on.
    """
    applied = checked.applied
    if group.own_leaf in (leaf for leaf, _ in applied.removed):
        raise RemovedFromGroup(f"the commit of epoch {group.epoch} removes leaf {group.own_leaf}, which is ours")
    if checked.sender.leaf == group.own_leaf:
        raise LifecycleError(f"the commit of epoch {group.epoch} is our own: its next epoch came with it when it was made")
    held = [psk_secret_of(group.suite, applied.psks, group.psk_source(psks))]
    try:
        held.append(_init_secret(group, checked))
        standing, signer = _standing(group, checked)
        private, commit_secret = _private_after(group, checked, standing)
        held.append(commit_secret)
        secrets = next_secrets(checked, held[1].buffer(), commit_secret.buffer(), held[0].buffer())
    finally:
        erase_all(held)
    expected = confirmation_tag(group.suite, secrets.confirmation_key.buffer(), checked.after.context.confirmed_transcript_hash)
    if not same(expected, checked.confirmation_tag):
        secrets.erase()
        private.erase()
        raise BadMac(f"the commit of epoch {group.epoch} by {checked.sender} confirms another epoch than the one it leads us to")
    return Group.assemble(checked.after, private, signer, secrets, checked.confirmation_tag, group.limits)


def next_secrets(checked: CheckedCommit, init_secret: Octets, commit_secret: Octets, psk_secret: Octets) -> EpochSecrets:
    """The key schedule from one epoch into the next (section 8)."""
    suite, context = checked.after.suite, checked.after.encoded_context
    joiner = joiner_secret(suite, init_secret, commit_secret, context)
    member = member_secret(suite, joiner.buffer(), psk_secret)
    try:
        return epoch_secrets(suite, member.buffer(), context)
    finally:
        joiner.erase()
        member.erase()


def _init_secret(group: Group, checked: CheckedCommit) -> Secret:
    external = checked.applied.external_init
    if external is None:
        return group.secrets.init_secret.copy()
    return external_init_receive(group.suite, group.secrets.external_secret.buffer(), external.kem_output)


def _standing(group: Group, checked: CheckedCommit) -> tuple[PrivateTree, Signer]:
    """Our keys before the path: those at blanked nodes are gone, and if the commit updates our leaf, its new key is in place."""
    applied = checked.applied
    if group.own_leaf not in applied.updated:
        return group.private.renewed(applied.tree, {}), group.signer
    key = applied.tree.member(group.own_leaf).encryption_key
    own = group.own_updates.get(key)
    if own is None:
        raise LifecycleError(f"the commit updates leaf {group.own_leaf}, which is ours, to a key that is not ours")
    return group.private.renewed(applied.tree, {2 * group.own_leaf: own.private.buffer()}), own.signer


def _private_after(group: Group, checked: CheckedCommit, standing: PrivateTree) -> tuple[PrivateTree, Secret]:
    """Our keys in the next epoch, and the commit secret: zeros for a commit without a path (section 8)."""
    path = checked.commit.path
    if path is None:
        return standing, Secret(bytes(group.suite.hash_bytes))
    try:
        opened = open_path(checked.after.tree, standing, checked.applied.committer, path, checked.path_context, checked.applied.new_leaves)
    finally:
        standing.erase()
    opened.path_secret.erase()
    return opened.private, opened.commit_secret
