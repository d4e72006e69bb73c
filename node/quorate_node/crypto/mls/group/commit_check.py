"""Receiving a commit, first half: what everybody can check (sections 12.4.2 and 12.2), member or not, with the same verdict everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.commit_content import Commit, ProposalRef
from quorate_node.crypto.mls.errors import InvalidProposal, MissingProposal, ValidationError
from quorate_node.crypto.mls.framing.authenticated import AuthenticatedContent
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.group.proposal_list import Applied, apply_proposals, path_required
from quorate_node.crypto.mls.group.proposal_rules import SentProposal, check_new_leaf
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group_context import EPOCH_MAX, GroupContext
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from quorate_node.crypto.mls.tree_hash import tree_hash
from quorate_node.crypto.mls.tree_validation import check_credentials, check_unique_keys
from quorate_node.crypto.mls.treekem import merge_path


@dataclass(frozen=True, slots=True)
class CheckedCommit:
    """A commit that every replica accepts. `after`: the next epoch's public half; `path_context`: encoded, what path secrets are bound to.

    `applied.tree` has the proposals applied, `after.tree` the path too.
    """

    commit: Commit
    sender: Sender
    applied: Applied
    path_context: bytes
    confirmation_tag: bytes
    after: PublicGroup


def check_commit(
    group: PublicGroup,
    authenticated: AuthenticatedContent,
    proposals: Mapping[bytes, SentProposal],
    now_s: int | None = None,
    *,
    verified: bool = False,
) -> CheckedCommit:
    """Check a commit against the epoch that it ends. `proposals`: those of the epoch, by reference; `verified`: its signature is good.

    Raises `EpochError`, `MissingProposal`, `InvalidProposal`, `TreeError`, `BadSignature`, `UnsupportedError`, `ValidationError`.
    """
    content = authenticated.content
    group.check_epoch(content.group_id, content.epoch)
    commit, tag = content.body, authenticated.auth.confirmation_tag
    if not isinstance(commit, Commit) or tag is None:
        raise ValidationError(f"{content.sender} sends no commit with a confirmation tag")
    key = group.signature_key(content)
    if not verified:
        authenticated.verify(group.suite, key, group.encoded_context)
    listed = resolve(commit, content.sender, proposals)
    if commit.path is None and path_required(listed):
        raise InvalidProposal("the commit has no path, and its proposals ask for one")
    applied = apply_proposals(group, content.sender, listed, now_s)
    tree = _with_path(group, commit, applied)
    check_tree(applied, tree, path=commit.path is not None)
    path_context = next_context(group, applied, tree)
    confirmed = confirmed_transcript_hash(group.suite, group.interim_transcript_hash, authenticated.confirmed_input())
    after = next_public(group, applied, tree, path_context, confirmed, tag)
    return CheckedCommit(commit, content.sender, applied, encode(path_context), tag, after)


def resolve(commit: Commit, sender: Sender, proposals: Mapping[bytes, SentProposal]) -> tuple[SentProposal, ...]:
    """The commit's proposals in its order, each with its sender. Raises `MissingProposal` and, for one named twice, `InvalidProposal`."""
    found: list[SentProposal] = []
    named: set[bytes] = set()
    for item in commit.proposals:
        if not isinstance(item, ProposalRef):
            found.append(SentProposal(item, sender))
            continue
        sent = proposals.get(item.reference)
        if sent is None:
            raise MissingProposal(f"the commit refers to proposal {item.reference.hex()}, which is not known in this epoch")
        if item.reference in named:
            raise InvalidProposal(f"the commit refers to proposal {item.reference.hex()} twice")
        named.add(item.reference)
        found.append(sent)
    return tuple(found)


def _with_path(group: PublicGroup, commit: Commit, applied: Applied) -> RatchetTree:
    if commit.path is None:
        return applied.tree
    check_new_leaf(LeafRules.of_group(group.suite, applied.extensions), commit.path.leaf_node)
    return merge_path(applied.tree, applied.committer, commit.path, group.group_id, applied.new_leaves)


def check_tree(applied: Applied, tree: RatchetTree, *, path: bool) -> None:
    """What the leaves of a tree owe each other (section 7.3): no key twice, and everybody can read everybody's credential."""
    if path or applied.added or applied.updated:
        check_unique_keys(tree)
        check_credentials(tree)


def next_context(group: PublicGroup, applied: Applied, tree: RatchetTree) -> GroupContext:
    """The next epoch's context as path secrets are bound to it: the transcript hash is still the present one (section 12.4.1)."""
    if group.epoch >= EPOCH_MAX:
        raise ValidationError(f"epoch {group.epoch} is the last one that can be counted")
    return replace(group.context, epoch=group.epoch + 1, tree_hash=tree_hash(tree), extensions=applied.extensions)


def next_public(
    group: PublicGroup, applied: Applied, tree: RatchetTree, context: GroupContext, confirmed: bytes, confirmation_tag: bytes
) -> PublicGroup:
    """The next epoch's public half. `context`: from `next_context`."""
    return PublicGroup(
        group.suite,
        replace(context, confirmed_transcript_hash=confirmed),
        tree,
        interim_transcript_hash(group.suite, confirmed, confirmation_tag),
        applied.reinit,
    )
