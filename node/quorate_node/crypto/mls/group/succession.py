"""Groups that take up another one: reinitialized with other parameters (section 11.2), or a branch of some members (section 11.3).

The link is a resumption PSK: who joins the new group proves to have been in the epoch that it takes up. Whether a member of the new group
is one of the old is for the application; here two leaves are the same client's when their credentials are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.errors import LifecycleError, MissingPsk, ValidationError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.group.commit_create import DEFAULT_COMMIT_OPTIONS, CommitOptions, CreatedCommit, create_commit
from quorate_node.crypto.mls.group.creation import create_group
from quorate_node.crypto.mls.group.own_key_package import OwnKeyPackage
from quorate_node.crypto.mls.group.psk_store import PskSource, no_psks
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.proposals import Add, PreSharedKey, Proposal
from quorate_node.crypto.mls.psk import PreSharedKeyId, ResumptionPsk, ResumptionUsage
from quorate_node.crypto.mls.suites import Suite, suite_of

_FIRST_EPOCH = 1
"""A successor's members all join with its first commit."""


def reinitialize(
    old: Group,
    own: OwnKeyPackage,
    others: Sequence[KeyPackage],
    entropy: Entropy,
    psks: PskSource = no_psks,
    now_s: int | None = None,
    options: CommitOptions = DEFAULT_COMMIT_OPTIONS,
) -> CreatedCommit:
    """The group that the committed ReInit of `old` asks for, with all its members: `own` is ours, `others` the key packages of the rest.

    Raises `LifecycleError` when `old` was not reinitialized, `ValidationError` unless the members are those of `old`, and what
    `create_commit` raises.
    """
    reinit = old.public.reinit
    if reinit is None:
        raise LifecycleError(f"group {old.group_id.hex()} has no committed ReInit in epoch {old.epoch}")
    suite = suite_of(reinit.cipher_suite)
    _check_same_clients(old.public, (own.package.leaf_node, *(package.leaf_node for package in others)))
    name = ResumptionPsk(ResumptionUsage.REINIT, old.group_id, old.epoch)
    return _start(old, name, suite, reinit.group_id, reinit.extensions, own, others, entropy, psks, now_s, options)


def branch(
    old: Group,
    group_id: bytes,
    own: OwnKeyPackage,
    others: Sequence[KeyPackage],
    entropy: Entropy,
    extensions: tuple[Extension, ...] = (),
    psks: PskSource = no_psks,
    now_s: int | None = None,
    options: CommitOptions = DEFAULT_COMMIT_OPTIONS,
) -> CreatedCommit:
    """A group of some of the members of `old`, under an id of its own and the same suite. `old` goes on.

    Raises `ValidationError` for somebody who is not in `old`, and what `create_commit` raises.
    """
    _check_subset(old.public, (own.package.leaf_node, *(package.leaf_node for package in others)))
    name = ResumptionPsk(ResumptionUsage.BRANCH, old.group_id, old.epoch)
    return _start(old, name, old.suite, group_id, extensions, own, others, entropy, psks, now_s, options)


def _start(
    old: Group,
    name: ResumptionPsk,
    suite: Suite,
    group_id: bytes,
    extensions: tuple[Extension, ...],
    own: OwnKeyPackage,
    others: Sequence[KeyPackage],
    entropy: Entropy,
    psks: PskSource,
    now_s: int | None,
    options: CommitOptions,
) -> CreatedCommit:
    founded = create_group(suite, group_id, own.package.leaf_node, own.leaf_private.buffer(), own.signer, entropy, extensions, old.limits)
    proposals: list[Proposal] = [Add(package) for package in others]
    proposals.append(PreSharedKey(PreSharedKeyId.fresh(suite, name, entropy)))
    try:
        return create_commit(founded, proposals, entropy, old.psk_source(psks), now_s, options)
    finally:
        founded.erase()


def check_succession(new: PublicGroup, psks: Iterable[PreSharedKeyId], predecessor: Group | None) -> None:
    """Hold a joined group against the one that it takes up. Raises `MissingPsk` where no predecessor was named, or another one.

    Raises `ValidationError` for a group that is linked to none, or that differs from what it should be.
    """
    links = [psk.name for psk in psks if isinstance(psk.name, ResumptionPsk) and psk.name.usage is not ResumptionUsage.APPLICATION]
    if not links and predecessor is None:
        return
    if len(links) != 1:
        raise ValidationError(f"a group that takes up another one is linked to exactly one epoch, not {len(links)}")
    link = links[0]
    if predecessor is None or (link.group_id, link.epoch) != (predecessor.group_id, predecessor.epoch):
        raise MissingPsk(f"the group takes up epoch {link.epoch} of group {link.group_id.hex()}, which is not at hand")
    if new.epoch != _FIRST_EPOCH:
        raise ValidationError(f"a group that takes up another one is joined in epoch {_FIRST_EPOCH}, not {new.epoch}")
    if link.usage is ResumptionUsage.REINIT:
        _check_reinitialized(new, predecessor)
    else:
        if new.suite.number != predecessor.suite.number:
            raise ValidationError(f"a branch of suite {new.suite.number} of a group of suite {predecessor.suite.number}")
        _check_subset(predecessor.public, [leaf_node for _, leaf_node in new.tree.members()])


def _check_reinitialized(new: PublicGroup, predecessor: Group) -> None:
    reinit = predecessor.public.reinit
    if reinit is None:
        raise ValidationError(f"group {predecessor.group_id.hex()} has no committed ReInit in epoch {predecessor.epoch}")
    asked = (reinit.group_id, reinit.cipher_suite, reinit.extensions)
    if asked != (new.group_id, new.context.cipher_suite, new.context.extensions):
        raise ValidationError(f"group {new.group_id.hex()} has another id, suite or extensions than its ReInit asked for")
    _check_same_clients(predecessor.public, [leaf_node for _, leaf_node in new.tree.members()])


def _check_subset(old: PublicGroup, leaves: Sequence[LeafNode]) -> None:
    known = [leaf_node.credential for _, leaf_node in old.tree.members()]
    for leaf_node in leaves:
        if leaf_node.credential not in known:
            raise ValidationError(f"{leaf_node.credential} is no member of group {old.group_id.hex()}, which is taken up")
        known.remove(leaf_node.credential)


def _check_same_clients(old: PublicGroup, leaves: Sequence[LeafNode]) -> None:
    _check_subset(old, leaves)
    members = sum(1 for _ in old.tree.members())
    if len(leaves) != members:
        raise ValidationError(f"group {old.group_id.hex()} has {members} members, its successor {len(leaves)}: they must be the same")
