"""Coming into a group by oneself (sections 8.3 and 12.4.3.2): an external commit on a GroupInfo that shows an external public key.

So does a member that has lost its epoch come back: its commit removes the old leaf in the same step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.errors import MlsError, ValidationError
from quorate_node.crypto.mls.extension import ExtensionType
from quorate_node.crypto.mls.external_senders import ExternalPub
from quorate_node.crypto.mls.framing.authenticated import AuthenticatedContent
from quorate_node.crypto.mls.framing.content import FramedContent, WireFormat
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.group.commit_check import check_tree, next_context, next_public
from quorate_node.crypto.mls.group.group_view import view_group
from quorate_node.crypto.mls.group.proposal_list import Applied, apply_proposals
from quorate_node.crypto.mls.group.proposal_rules import SentProposal, check_new_leaf
from quorate_node.crypto.mls.group.psk_store import PskSource, no_psks, psk_secret_of
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.key_schedule import confirmation_tag, epoch_secrets, external_init_send, joiner_secret, member_secret
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.proposals import ExternalInit, PreSharedKey, Proposal, Remove
from quorate_node.crypto.mls.psk import PreSharedKeyId
from quorate_node.crypto.mls.ratchet import DEFAULT_RATCHET_LIMITS, RatchetLimits
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.secret import Secret, erase_all
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.transcript import confirmed_transcript_hash
from quorate_node.crypto.mls.treekem import DraftPath, draft_path, seal_path

_SENDER = Sender(SenderType.NEW_MEMBER_COMMIT)


@dataclass(frozen=True, slots=True)
class ExternalJoinOptions:
    """`remove`: leaf number of our lost leaf; `psks`: keys to mix in, in this order; `authenticated_data`: sent openly and signed."""

    remove: int | None = None
    psks: tuple[PreSharedKeyId, ...] = ()
    authenticated_data: bytes = b""
    limits: RatchetLimits = DEFAULT_RATCHET_LIMITS


DEFAULT_EXTERNAL_JOIN_OPTIONS = ExternalJoinOptions()


@dataclass(frozen=True, slots=True)
class ExternalJoin:
    """`message` for the members, who may refuse it; `group`: the epoch that it leads to, ours to enter when they have accepted it."""

    message: PublicMessage
    group: Group = field(repr=False)


def join_externally(
    group_info: GroupInfo,
    leaf_node: LeafNode,
    signer: Signer,
    entropy: Entropy,
    tree: RatchetTree | None = None,
    psks: PskSource = no_psks,
    options: ExternalJoinOptions = DEFAULT_EXTERNAL_JOIN_OPTIONS,
) -> ExternalJoin:
    """An external commit. `leaf_node`: credential, capabilities and extensions that our leaf shall have; its keys are made here.

    `tree`: out of band, where the GroupInfo has none. Raises `ValidationError` for a GroupInfo without an external public key,
    `MissingPsk`, and what `view_group` and `apply_proposals` raise.
    """
    public = view_group(group_info, tree)
    suite = public.suite
    external_pub = group_info.extension(ExtensionType.EXTERNAL_PUB)
    if external_pub is None:
        raise ValidationError(f"the GroupInfo of group {public.group_id.hex()} shows no external public key: nobody can come by himself")
    kem_output, init_secret = external_init_send(suite, decode(ExternalPub, external_pub).external_pub, entropy)
    proposals: list[Proposal] = [ExternalInit(kem_output)]
    if options.remove is not None:
        proposals.append(Remove(options.remove))
    proposals += (PreSharedKey(psk) for psk in options.psks)
    applied = apply_proposals(public, _SENDER, [SentProposal(proposal, _SENDER) for proposal in proposals], None)
    psk_secret = psk_secret_of(suite, applied.psks, psks)
    fresh = leaf_node.changed(signature_key=signer.public)
    draft = draft_path(applied.tree, PrivateTree.of_keys(applied.committer, {}), fresh, signer, public.group_id, entropy)
    try:
        check_new_leaf(LeafRules.of_group(suite, applied.extensions), draft.leaf_node)
        check_tree(applied, draft.tree, path=True)
        return _finish(public, applied, draft, proposals, signer, (init_secret, psk_secret), entropy, options)
    except MlsError:
        draft.private.erase()
        raise
    finally:
        draft.erase()
        erase_all((init_secret, psk_secret))


def _finish(
    public: PublicGroup,
    applied: Applied,
    draft: DraftPath,
    proposals: Sequence[Proposal],
    signer: Signer,
    mixed: tuple[Secret, Secret],
    entropy: Entropy,
    options: ExternalJoinOptions,
) -> ExternalJoin:
    """Sign the commit and run the key schedule. `mixed`: init secret and PSK secret."""
    suite, (init_secret, psk_secret) = public.suite, mixed
    provisional = next_context(public, applied, draft.tree)
    commit = Commit(tuple(proposals), seal_path(draft, encode(provisional), (), entropy))
    content = FramedContent(public.group_id, public.epoch, _SENDER, commit, options.authenticated_data)
    signed = AuthenticatedContent.sign(suite, signer, WireFormat.PUBLIC_MESSAGE, content, public.encoded_context)
    confirmed = confirmed_transcript_hash(suite, public.interim_transcript_hash, signed.confirmed_input())
    context = next_public(public, applied, draft.tree, provisional, confirmed, b"").encoded_context
    joiner = joiner_secret(suite, init_secret.buffer(), draft.commit_secret.buffer(), context)
    member = member_secret(suite, joiner.buffer(), psk_secret.buffer())
    secrets = epoch_secrets(suite, member.buffer(), context)
    erase_all((joiner, member))
    tag = confirmation_tag(suite, secrets.confirmation_key.buffer(), confirmed)
    after = next_public(public, applied, draft.tree, provisional, confirmed, tag)
    message = PublicMessage.protect(suite, signed.confirmed(tag), b"", public.encoded_context)
    return ExternalJoin(message, Group.assemble(after, draft.private, signer, secrets, tag, options.limits))
