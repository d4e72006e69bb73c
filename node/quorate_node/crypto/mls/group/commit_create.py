"""Making a commit (section 12.4.1): the message for the members, the Welcome for those who come, and the epoch it leads to.

The next epoch is the maker's to enter when its commit has been accepted: until then, and if another commit wins, the present one stays
as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.commit_content import Commit, ProposalOrRef, ProposalRef
from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.errors import LifecycleError, MissingProposal
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.group.commit_check import check_tree, next_context, next_public
from quorate_node.crypto.mls.group.messages import DEFAULT_SEND_OPTIONS, GroupMessage, SendOptions, protect, sign
from quorate_node.crypto.mls.group.proposal_choice import choose_proposals
from quorate_node.crypto.mls.group.proposal_list import Applied, apply_proposals, path_required
from quorate_node.crypto.mls.group.proposal_rules import SentProposal, check_new_leaf
from quorate_node.crypto.mls.group.psk_store import PskSource, no_psks, psk_secret_of
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.group.welcoming import make_welcome
from quorate_node.crypto.mls.group_context import GroupContext
from quorate_node.crypto.mls.key_schedule import confirmation_tag, epoch_secrets, joiner_secret, member_secret
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.proposals import Proposal
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.secret import Secret
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.transcript import confirmed_transcript_hash
from quorate_node.crypto.mls.treekem import DraftPath, draft_path, seal_path
from quorate_node.crypto.mls.update_path import UpdatePath
from quorate_node.crypto.mls.welcome_content import Welcome


@dataclass(frozen=True, slots=True)
class CommitOptions:
    """`force_path`: fresh keys even where the proposals do not ask for them (no path: no healing after a theft). `leaf_node`, `signer`:
    with the path, our leaf gets this credential, these capabilities and extensions, and this signature key. `tree_in_welcome`: off where
    those who come have the tree from elsewhere.
    """

    send: SendOptions = DEFAULT_SEND_OPTIONS
    force_path: bool = True
    leaf_node: LeafNode | None = None
    signer: Signer | None = None
    tree_in_welcome: bool = True
    group_info_extensions: tuple[Extension, ...] = ()


DEFAULT_COMMIT_OPTIONS = CommitOptions()


@dataclass(frozen=True, slots=True)
class CreatedCommit:
    """`message` for the members, `welcome` for those who were added (None without any), `group`: the epoch that the commit leads to."""

    message: GroupMessage
    welcome: Welcome | None
    group: Group = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Path:
    """The path of a commit, or that there is none. `draft` has the secrets; `tree` and `private` are those of the next epoch."""

    tree: RatchetTree
    private: PrivateTree
    signer: Signer
    context: GroupContext
    draft: DraftPath | None = None
    sealed: UpdatePath | None = None


def create_commit(
    group: Group,
    own: Sequence[Proposal],
    entropy: Entropy,
    psks: PskSource = no_psks,
    now_s: int | None = None,
    options: CommitOptions = DEFAULT_COMMIT_OPTIONS,
    references: Sequence[bytes] | None = None,
) -> CreatedCommit:
    """Commit `own` proposals by value and, by reference, `references` (by default all that wait and go together).

    Raises what is wrong with the list (`InvalidProposal`, `TreeError`, `UnsupportedError`, `MissingProposal`), `MissingPsk`, and
    `LifecycleError`; then nothing has changed.
    """
    group.check_active()
    waiting = choose_proposals(group, own) if references is None else _named(group, references)
    listed = (*waiting, *(SentProposal(proposal, Sender.member(group.own_leaf)) for proposal in own))
    applied = apply_proposals(group.public, Sender.member(group.own_leaf), listed, now_s)
    psk_secret = psk_secret_of(group.suite, applied.psks, group.psk_source(psks))
    path = _make_path(group, applied, options, entropy, needed=options.force_path or path_required(listed))
    try:
        return _finish(group, applied, path, listed, psk_secret, entropy, options)
    finally:
        psk_secret.erase()
        if path.draft is not None:
            path.draft.erase()


def _named(group: Group, references: Sequence[bytes]) -> tuple[SentProposal, ...]:
    missing = [reference for reference in references if reference not in group.proposals]
    if missing:
        raise MissingProposal(f"proposal {missing[0].hex()} does not wait in epoch {group.epoch}")
    return tuple(group.proposals[reference] for reference in references)


def _make_path(group: Group, applied: Applied, options: CommitOptions, entropy: Entropy, *, needed: bool) -> _Path:
    signer = options.signer or group.signer
    if not needed:
        if options.leaf_node is not None or options.signer is not None:
            raise LifecycleError("our leaf changes with a path only, and this commit is to have none")
        check_tree(applied, applied.tree, path=False)
        context = next_context(group.public, applied, applied.tree)
        return _Path(applied.tree, group.private.renewed(applied.tree, {}), group.signer, context)
    leaf_node = (options.leaf_node or group.own_leaf_node).changed(signature_key=signer.public)
    draft = draft_path(applied.tree, group.private, leaf_node, signer, group.group_id, entropy)
    check_new_leaf(LeafRules.of_group(group.suite, applied.extensions), draft.leaf_node)
    check_tree(applied, draft.tree, path=True)
    context = next_context(group.public, applied, draft.tree)
    sealed = seal_path(draft, encode(context), applied.new_leaves, entropy)
    return _Path(draft.tree, draft.private, signer, context, draft, sealed)


def _finish(
    group: Group,
    applied: Applied,
    path: _Path,
    listed: Sequence[SentProposal],
    psk_secret: Secret,
    entropy: Entropy,
    options: CommitOptions,
) -> CreatedCommit:
    suite = group.suite
    items: list[ProposalOrRef] = [sent.proposal if sent.reference is None else ProposalRef(sent.reference) for sent in listed]
    signed = sign(group, Commit(tuple(items), path.sealed), options.send)
    confirmed = confirmed_transcript_hash(suite, group.public.interim_transcript_hash, signed.confirmed_input())
    # The context is needed for the secrets, these for the tag, and the tag for what the next commit's hash begins with.
    context = encode(next_public(group.public, applied, path.tree, path.context, confirmed, b"").context)
    commit_secret = bytes(suite.hash_bytes) if path.draft is None else path.draft.commit_secret.buffer()
    joiner = joiner_secret(suite, group.secrets.init_secret.buffer(), commit_secret, context)
    member = member_secret(suite, joiner.buffer(), psk_secret.buffer())
    try:
        secrets = epoch_secrets(suite, member.buffer(), context)
        tag = confirmation_tag(suite, secrets.confirmation_key.buffer(), confirmed)
        public = next_public(group.public, applied, path.tree, path.context, confirmed, tag)
        after = Group.assemble(public, path.private, path.signer, secrets, tag, group.limits)
        message = protect(group, signed.confirmed(tag), options.send, entropy)
        if not applied.added:
            return CreatedCommit(message, None, after)
        group_info = after.group_info(with_tree=options.tree_in_welcome, with_external_pub=False, extensions=options.group_info_extensions)
        return CreatedCommit(message, make_welcome(group_info, applied, path.draft, joiner, member, entropy), after)
    finally:
        joiner.erase()
        member.erase()
