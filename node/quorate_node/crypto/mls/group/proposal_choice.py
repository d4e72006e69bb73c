"""Which of the proposals that wait a member commits, when they do not all go together (section 12.2).

One member's proposals must not keep the others from committing theirs. What cannot be committed is left out here, and not refused when it
comes, because another commit may make room for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate_node.crypto.mls.errors import MlsError
from quorate_node.crypto.mls.group.proposal_rules import SentProposal, check_new_leaf
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.proposals import Add, ExternalInit, GroupContextExtensions, PreSharedKey, Proposal, ReInit, Remove, Update


def choose_proposals(group: Group, own: Sequence[Proposal] = ()) -> tuple[SentProposal, ...]:
    """Those that wait and go together with `own`, which this commit holds by value, in the order in which they came.

    A leaf's removal wins over its updates, and of these the last one; of context extensions the last ones; a ReInit only goes alone. What
    would update or remove ourselves, add somebody twice, or bring a leaf that the members cannot take, is left out.
    """
    waiting = list(group.proposals.values())
    choice = _Choice(group, own, waiting)
    kept = [sent for sent in reversed(waiting) if choice.takes(sent)]
    reinits = [sent for sent in waiting if isinstance(sent.proposal, ReInit)]
    return tuple(reversed(kept)) if kept or own else tuple(reinits[:1])


class _Choice:
    """What is taken already. Mutable: asked for the last proposal first."""

    def __init__(self, group: Group, own: Sequence[Proposal], waiting: Sequence[SentProposal]) -> None:
        self._group = group
        self._rules = group.public.rules()
        proposals = (*own, *(sent.proposal for sent in waiting))
        self._removed = {proposal.removed for proposal in proposals if isinstance(proposal, Remove)}
        self._slots = {_slot(proposal, group.own_leaf) for proposal in own} | {group.own_leaf}
        members = [leaf_node for leaf, leaf_node in group.tree.members() if leaf not in self._removed]
        comers = [proposal.key_package.leaf_node for proposal in own if isinstance(proposal, Add)]
        self._keys = {key for leaf_node in (*members, *comers) for key in (leaf_node.signature_key, leaf_node.encryption_key)}
        self._members = members
        self._credentials = sorted({leaf_node.credential.credential_type for leaf_node in members})

    def takes(self, sent: SentProposal) -> bool:
        """True for one that goes together with those before; it is then taken."""
        proposal = sent.proposal
        slot = _slot(proposal, sent.sender.index)
        if isinstance(proposal, ExternalInit | ReInit) or (slot is not None and slot in self._slots):
            return False
        if isinstance(proposal, Update) and (slot in self._removed or not self._takes_leaf(proposal.leaf_node, sent.sender.index)):
            return False
        if isinstance(proposal, Add) and not self._takes_leaf(proposal.key_package.leaf_node, None):
            return False
        if isinstance(proposal, GroupContextExtensions) and not self._takes_extensions(proposal):
            return False
        self._slots.add(slot)
        return True

    def _takes_leaf(self, leaf_node: LeafNode, replaced: int | None) -> bool:
        keys = {leaf_node.signature_key, leaf_node.encryption_key}
        own = set() if replaced is None else {self._group.tree.member(replaced).signature_key}
        if keys & (self._keys - own):
            return False
        try:
            check_new_leaf(self._rules, leaf_node)
            for credential_type in self._credentials:
                leaf_node.capabilities.check_credential(credential_type)
            for member in self._members:
                member.capabilities.check_credential(leaf_node.credential.credential_type)
        except MlsError:
            return False
        self._keys |= keys
        return True

    def _takes_extensions(self, proposal: GroupContextExtensions) -> bool:
        try:
            rules = LeafRules.of_group(self._group.suite, proposal.extensions)
            for member in self._members:
                rules.check(member)
        except MlsError:
            return False
        return True


def _slot(proposal: Proposal, sender: int) -> object:
    """What only one proposal of a commit can fill: a leaf's change (its number), the context's, a PSK's; None for the others."""
    if isinstance(proposal, Remove):
        return proposal.removed
    if isinstance(proposal, Update):
        return sender
    if isinstance(proposal, PreSharedKey):
        return proposal.psk
    return "extensions" if isinstance(proposal, GroupContextExtensions) else None
