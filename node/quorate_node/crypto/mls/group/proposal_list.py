"""Whether the proposals of a commit go together (section 12.2), and what they make of the tree and the context (section 12.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from quorate_node.crypto.mls.errors import InvalidProposal
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.group.proposal_rules import SentProposal, check_new_leaf, check_proposal
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    Update,
)
from quorate_node.crypto.mls.psk import PreSharedKeyId
from quorate_node.crypto.mls.ratchet_tree import RatchetTree

_WITHOUT_PATH = (Add, PreSharedKey, ReInit)
"""Of these a commit may consist without a path (section 17.4, column "Path Required")."""
_IN_EXTERNAL_COMMIT = (ExternalInit, Remove, PreSharedKey)

P = TypeVar("P", bound=Proposal)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a valid list makes of an epoch, before the path. `committer`: its leaf, for somebody who comes the one it gets.

    `added`: (leaf, key package) in the order of the list; `removed`: (leaf, the leaf node it had); `updated`: leaf numbers.
    """

    tree: RatchetTree
    extensions: tuple[Extension, ...]
    committer: int
    added: tuple[tuple[int, KeyPackage], ...] = ()
    removed: tuple[tuple[int, LeafNode], ...] = ()
    updated: tuple[int, ...] = ()
    psks: tuple[PreSharedKeyId, ...] = ()
    external_init: ExternalInit | None = None
    reinit: ReInit | None = None

    @property
    def new_leaves(self) -> tuple[int, ...]:
        """Those that learn their path secret from the Welcome."""
        return tuple(leaf for leaf, _ in self.added)


def path_required(proposals: Sequence[SentProposal]) -> bool:
    """True unless there is a proposal and each is of a kind that needs no fresh keys (section 12.4)."""
    return not proposals or not all(isinstance(sent.proposal, _WITHOUT_PATH) for sent in proposals)


def apply_proposals(group: PublicGroup, committer: Sender, proposals: Sequence[SentProposal], now_s: int | None) -> Applied:
    """Check the list that `committer` commits, and apply it in the order of section 12.3: extensions, updates, removals, additions.

    Raises `InvalidProposal`, `TreeError`, `UnsupportedError` and what single proposals raise.
    """
    for sent in proposals:
        check_proposal(group, sent, now_s)
    if committer.sender_type is SenderType.NEW_MEMBER_COMMIT:
        _check_external_list(proposals)
    else:
        _check_member_list(committer.index, proposals)
    _check_psks_distinct(proposals)
    contexts = [sent.proposal for sent in proposals if isinstance(sent.proposal, GroupContextExtensions)]
    if len(contexts) > 1:
        raise InvalidProposal(f"{len(contexts)} GroupContextExtensions in one commit: one is allowed")
    extensions = contexts[0].extensions if contexts else group.context.extensions
    tree, updated, removed = _without_leavers(group.tree, proposals)
    tree, added = _with_comers(tree, proposals)
    rules = LeafRules.of_group(group.suite, extensions)
    if contexts:
        for _, leaf in tree.members():
            check_new_leaf(rules, leaf)
    else:
        for number in (*updated, *(leaf for leaf, _ in added)):
            check_new_leaf(rules, tree.member(number))
    external = next(of_kind(proposals, ExternalInit), None)
    if external is not None:
        tree, place = tree.with_room()
    else:
        place = committer.index
    psks = tuple(proposal.psk for proposal in of_kind(proposals, PreSharedKey))
    reinit = next(of_kind(proposals, ReInit), None)
    return Applied(tree, extensions, place, added, removed, updated, psks, external, reinit)


def of_kind(proposals: Sequence[SentProposal], kind: type[P]) -> Iterator[P]:
    """The proposals of one kind, in the order of the list."""
    return (sent.proposal for sent in proposals if isinstance(sent.proposal, kind))


def _check_member_list(committer: int, proposals: Sequence[SentProposal]) -> None:
    changed: set[int] = set()
    for sent in proposals:
        proposal = sent.proposal
        if isinstance(proposal, ExternalInit):
            raise InvalidProposal("ExternalInit in the commit of a member: it belongs into an external commit")
        if isinstance(proposal, ReInit) and len(proposals) > 1:
            raise InvalidProposal(f"ReInit together with {len(proposals) - 1} other proposals: it stands alone")
        if not isinstance(proposal, Update | Remove):
            continue
        leaf = proposal.removed if isinstance(proposal, Remove) else sent.sender.index
        if leaf == committer:
            raise InvalidProposal(f"leaf {leaf} commits a {type(proposal).__name__} of itself")
        if leaf in changed:
            raise InvalidProposal(f"leaf {leaf} is updated or removed twice in one commit")
        changed.add(leaf)


def _check_external_list(proposals: Sequence[SentProposal]) -> None:
    """Section 12.2, external commits: one ExternalInit, at most one Remove, PSKs, nothing by reference and nothing else."""
    for sent in proposals:
        if sent.reference is not None or not isinstance(sent.proposal, _IN_EXTERNAL_COMMIT):
            raise InvalidProposal(f"an external commit with a {type(sent.proposal).__name__}{' by reference' if sent.reference else ''}")
    for kind, least in ((ExternalInit, 1), (Remove, 0)):
        count = sum(isinstance(sent.proposal, kind) for sent in proposals)
        if not least <= count <= 1:
            raise InvalidProposal(f"an external commit with {count} {kind.__name__}: {'exactly' if least else 'at most'} one is allowed")


def _check_psks_distinct(proposals: Sequence[SentProposal]) -> None:
    seen: set[PreSharedKeyId] = set()
    for proposal in of_kind(proposals, PreSharedKey):
        if proposal.psk in seen:
            raise InvalidProposal("the same PreSharedKeyID stands twice in one commit")
        seen.add(proposal.psk)


def _without_leavers(
    tree: RatchetTree, proposals: Sequence[SentProposal]
) -> tuple[RatchetTree, tuple[int, ...], tuple[tuple[int, LeafNode], ...]]:
    updated, removed = [], []
    for sent in proposals:
        if isinstance(sent.proposal, Update):
            tree = tree.with_updated(sent.sender.index, sent.proposal.leaf_node)
            updated.append(sent.sender.index)
    for proposal in of_kind(proposals, Remove):
        removed.append((proposal.removed, tree.member(proposal.removed)))
        tree = tree.with_removed(proposal.removed)
    return tree, tuple(updated), tuple(removed)


def _with_comers(tree: RatchetTree, proposals: Sequence[SentProposal]) -> tuple[RatchetTree, tuple[tuple[int, KeyPackage], ...]]:
    added = []
    for proposal in of_kind(proposals, Add):
        tree, leaf = tree.with_added(proposal.key_package.leaf_node)
        added.append((leaf, proposal.key_package))
    return tree, tuple(added)
