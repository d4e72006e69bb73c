"""Whether one proposal may be made in an epoch (section 12.1), whatever else a commit holds."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_node.crypto.mls.codec import decode
from quorate_node.crypto.mls.errors import InvalidProposal
from quorate_node.crypto.mls.extension import ExtensionType, check_distinct
from quorate_node.crypto.mls.external_senders import ExternalSenders
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group_context import MLS10
from quorate_node.crypto.mls.leaf_node import FromUpdate, LeafNode
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
from quorate_node.crypto.mls.psk import ResumptionPsk, ResumptionUsage
from quorate_node.crypto.mls.suites import suite_of


@dataclass(frozen=True, slots=True)
class SentProposal:
    """A proposal with who made it. `reference`: what a commit names it by, None when it is in the commit itself."""

    proposal: Proposal
    sender: Sender
    reference: bytes | None = None


def check_proposal(group: PublicGroup, sent: SentProposal, now_s: int | None) -> None:
    """Everything about one proposal that its epoch decides. `now_s`, seconds since 1970, judges lifetimes; None leaves them out.

    An added or updated leaf is held against the group's rules when it is applied (`check_new_leaf`), because the same commit may change
    these. Raises `InvalidProposal`, and what the parts of a proposal raise.
    """
    proposal = sent.proposal
    if isinstance(proposal, Add):
        _check_add(group, proposal, now_s)
    elif isinstance(proposal, Update):
        _check_update(group, sent.sender, proposal.leaf_node)
    elif isinstance(proposal, Remove):
        group.tree.member(proposal.removed)
    elif isinstance(proposal, PreSharedKey):
        _check_psk(group, proposal)
    elif isinstance(proposal, ReInit):
        _check_reinit(proposal)
    elif isinstance(proposal, GroupContextExtensions):
        _check_extensions(proposal)
    else:
        _check_external_init(sent.sender, proposal)


def check_new_leaf(rules: LeafRules, leaf: LeafNode) -> None:
    """A leaf that comes into the group: section 7.3, and no extension twice. Raises what `LeafRules.check` does."""
    check_distinct(leaf.extensions)
    rules.check(leaf)


def _check_add(group: PublicGroup, proposal: Add, now_s: int | None) -> None:
    package = proposal.key_package
    if package.cipher_suite != group.suite.number:
        raise InvalidProposal(f"a key package for suite {package.cipher_suite} in a group of suite {group.suite.number}")
    check_distinct(package.extensions)
    package.validate(now_s)


def _check_update(group: PublicGroup, sender: Sender, leaf: LeafNode) -> None:
    if sender.leaf is None:
        raise InvalidProposal(f"{sender} proposes Update: only members have a leaf")
    if not isinstance(leaf.source, FromUpdate):
        raise InvalidProposal(f"the leaf of an Update has leaf_node_source {leaf.source.code}, not {FromUpdate.code}")
    if leaf.encryption_key == group.tree.member(sender.leaf).encryption_key:
        raise InvalidProposal(f"the Update of leaf {sender.leaf} keeps its encryption key")
    leaf.verify(group.suite, group.group_id, sender.leaf)


def _check_psk(group: PublicGroup, proposal: PreSharedKey) -> None:
    proposal.psk.check(group.suite)
    name = proposal.psk.name
    # A successor's first commit is its maker's alone: everybody else joins by the Welcome that goes with it (sections 11.2 and 11.3).
    if isinstance(name, ResumptionPsk) and name.usage is not ResumptionUsage.APPLICATION and group.epoch > 0:
        raise InvalidProposal(f"a resumption PSK for {name.usage.name.lower()} in epoch {group.epoch}: only a group's first commit has one")


def _check_reinit(proposal: ReInit) -> None:
    if proposal.version < MLS10:
        raise InvalidProposal(f"ReInit to version {proposal.version} in a group of version {MLS10}")
    check_distinct(proposal.extensions)
    if proposal.version == MLS10:
        suite_of(proposal.cipher_suite)


def _check_extensions(proposal: GroupContextExtensions) -> None:
    check_distinct(proposal.extensions)
    for extension in proposal.extensions:
        if extension.extension_type == ExtensionType.EXTERNAL_SENDERS:
            decode(ExternalSenders, extension.data)


def _check_external_init(sender: Sender, proposal: ExternalInit) -> None:
    if sender.sender_type is not SenderType.NEW_MEMBER_COMMIT:
        raise InvalidProposal(f"{sender} proposes {type(proposal).__name__}: it belongs into an external commit")
