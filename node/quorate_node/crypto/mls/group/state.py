"""A group as one member sees it in one epoch: what is public, and what this member alone or the members alone know.

A `Group` is a value: steps return other groups. Two things in it are consumed in place, because forgetting is their purpose: the
message keys of `secret_tree`, and everything, by `erase`, when the caller has gone on to the next epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.errors import LifecycleError
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.external_senders import ExternalPub
from quorate_node.crypto.mls.framing.private_message import EpochKeys
from quorate_node.crypto.mls.group.proposal_rules import SentProposal
from quorate_node.crypto.mls.group.psk_store import PskSource
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group_context import GroupContext
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.key_schedule import EpochSecrets, export, external_key_pair
from quorate_node.crypto.mls.leaf_node import LeafNode
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.psk import PskName, ResumptionPsk
from quorate_node.crypto.mls.ratchet import DEFAULT_RATCHET_LIMITS, RatchetLimits
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.secret import Octets, Secret
from quorate_node.crypto.mls.secret_tree import SecretTree
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite

PROPOSALS_MAX = 4096
"""Proposals of one epoch that wait for a commit: more are refused."""


@dataclass(frozen=True, slots=True)
class OwnUpdate:
    """What an Update of our own brings if somebody commits it: the leaf's private key, and who signs from then on."""

    private: Secret
    signer: Signer


@dataclass(frozen=True, slots=True)
class Group:
    """One epoch. `proposals`: those that wait, by reference; `own_updates`: by the encryption key that each proposes."""

    public: PublicGroup
    private: PrivateTree
    signer: Signer
    secrets: EpochSecrets
    secret_tree: SecretTree
    confirmation_tag: bytes
    proposals: Mapping[bytes, SentProposal] = field(default_factory=dict)
    own_updates: Mapping[bytes, OwnUpdate] = field(default_factory=dict)
    limits: RatchetLimits = DEFAULT_RATCHET_LIMITS

    @classmethod
    def assemble(
        cls,
        public: PublicGroup,
        private: PrivateTree,
        signer: Signer,
        secrets: EpochSecrets,
        confirmation_tag: bytes,
        limits: RatchetLimits = DEFAULT_RATCHET_LIMITS,
    ) -> Self:
        """The epoch that `secrets` belong to, which are taken over."""
        secret_tree = SecretTree(public.suite, secrets.encryption_secret, public.tree.leaf_count, limits)
        return cls(public, private, signer, secrets, secret_tree, confirmation_tag, limits=limits)

    @property
    def suite(self) -> Suite:
        return self.public.suite

    @property
    def context(self) -> GroupContext:
        return self.public.context

    @property
    def tree(self) -> RatchetTree:
        return self.public.tree

    @property
    def group_id(self) -> bytes:
        return self.public.group_id

    @property
    def epoch(self) -> int:
        return self.public.epoch

    @property
    def own_leaf(self) -> int:
        """Our leaf number."""
        return self.private.leaf

    @property
    def own_leaf_node(self) -> LeafNode:
        return self.tree.member(self.own_leaf)

    @property
    def epoch_authenticator(self) -> bytes:
        """Equal for all members of the epoch, and for nobody else (section 8.7)."""
        return self.secrets.epoch_authenticator.bytes()

    @property
    def resumption_psk(self) -> Secret:
        """What proves, in another epoch or group, that one was a member here (section 8.6): the caller copies what it keeps."""
        return self.secrets.resumption_psk

    def export(self, label: str, context: bytes, length: int) -> bytes:
        """A secret of `length` bytes for the application's purpose `label` (section 8.5)."""
        return export(self.suite, self.secrets.exporter_secret.buffer(), label, context, length)

    def keys(self) -> EpochKeys:
        """What opens and seals this epoch's private messages."""
        return EpochKeys(self.suite, self.public.encoded_context, self.secrets.sender_data_secret.buffer(), self.secret_tree)

    def psk_source(self, source: PskSource) -> PskSource:
        """`source`, and this epoch's own resumption secret."""

        def find(name: PskName) -> Octets | None:
            if isinstance(name, ResumptionPsk) and (name.group_id, name.epoch) == (self.group_id, self.epoch):
                return self.secrets.resumption_psk.buffer()
            return source(name)

        return find

    def check_active(self) -> None:
        """Raises `LifecycleError` when a commit has reinitialized the group: it goes on as another one (section 11.2)."""
        if self.public.reinit is not None:
            raise LifecycleError(f"group {self.group_id.hex()} ended with epoch {self.epoch}: it was reinitialized as another one")

    def waiting(self, sent: SentProposal, own_update: OwnUpdate | None = None) -> Group:
        """The same epoch with one more proposal. Raises `LifecycleError` when too many wait."""
        assert sent.reference is not None, "what waits is named by a commit"
        if len(self.proposals) >= PROPOSALS_MAX and sent.reference not in self.proposals:
            raise LifecycleError(f"{PROPOSALS_MAX} proposals wait in epoch {self.epoch}: commit them first")
        group = replace(self, proposals={**self.proposals, sent.reference: sent})
        if own_update is None:
            return group
        key = sent.proposal.leaf_node.encryption_key  # type: ignore[union-attr]
        return replace(group, own_updates={**self.own_updates, key: own_update})

    def group_info(self, *, with_tree: bool, with_external_pub: bool, extensions: tuple[Extension, ...] = ()) -> GroupInfo:
        """This epoch as we vouch for it, signed: for a Welcome, or (`with_external_pub`) for those who come by themselves."""
        found = list(extensions)
        if with_tree:
            found.append(Extension(ExtensionType.RATCHET_TREE, encode(self.tree)))
        if with_external_pub:
            pair = external_key_pair(self.suite, self.secrets.external_secret.buffer())
            found.append(Extension(ExtensionType.EXTERNAL_PUB, encode(ExternalPub(pair.public))))
        return GroupInfo(self.context, tuple(found), self.confirmation_tag, self.own_leaf).signed(self.suite, self.signer)

    def erase(self) -> None:
        """Overwrite every secret of this epoch. The group cannot be used any more, and what it exported is the caller's."""
        self.secrets.erase()
        self.secret_tree.erase()
        self.private.erase()
        for update in self.own_updates.values():
            update.private.erase()
