"""What everybody may know of an epoch: enough to tell a valid proposal or commit from another one, without any secret.

A replica that is no member (any more) keeps this, and decides as the members do; what only they can check (tags, decryption) comes after.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.errors import EpochError, ValidationError
from quorate_node.crypto.mls.extension import ExtensionType
from quorate_node.crypto.mls.external_senders import ExternalSenders
from quorate_node.crypto.mls.framing.content import ApplicationData, FramedContent
from quorate_node.crypto.mls.framing.sender import SenderType
from quorate_node.crypto.mls.group_context import GroupContext
from quorate_node.crypto.mls.leaf_validation import LeafRules
from quorate_node.crypto.mls.proposals import Add, GroupContextExtensions, PreSharedKey, ReInit, Remove
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.suites import Suite

_FROM_OUTSIDE = (Add, Remove, PreSharedKey, ReInit, GroupContextExtensions)
"""What an external sender may propose (section 12.1.8)."""


@dataclass(frozen=True, slots=True)
class PublicGroup:
    """One epoch without its secrets. `reinit`: set when the epoch's commit ended the group (section 11.2)."""

    suite: Suite
    context: GroupContext
    tree: RatchetTree
    interim_transcript_hash: bytes
    reinit: ReInit | None = None
    encoded_context: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoded_context", encode(self.context))

    @property
    def group_id(self) -> bytes:
        return self.context.group_id

    @property
    def epoch(self) -> int:
        return self.context.epoch

    def rules(self) -> LeafRules:
        """What the group's extensions ask of every leaf."""
        return LeafRules.of_group(self.suite, self.context.extensions)

    def check_epoch(self, group_id: bytes, epoch: int) -> None:
        """Raises `EpochError` for a message of another group or epoch."""
        if group_id != self.group_id:
            raise EpochError(f"a message of group {group_id.hex()} for group {self.group_id.hex()}")
        if epoch != self.epoch:
            raise EpochError(f"a message of epoch {epoch} in epoch {self.epoch}: it is {'late' if epoch < self.epoch else 'early'}")

    def signature_key(self, content: FramedContent) -> bytes:
        """The key that `content` must be signed with. Raises `ValidationError` for a sender that is none, or that may not send this."""
        sender, body = content.sender, content.body
        if sender.sender_type is SenderType.MEMBER:
            return self.tree.member(sender.index).signature_key
        if sender.sender_type is SenderType.NEW_MEMBER_COMMIT:
            if isinstance(body, Commit) and body.path is not None:
                return body.path.leaf_node.signature_key
            raise ValidationError(f"{sender} sends something else than a commit with a path")
        if isinstance(body, Commit | ApplicationData):
            raise ValidationError(f"{sender} sends a {content.content_type.name.lower()}: only proposals are allowed")
        if sender.sender_type is SenderType.NEW_MEMBER_PROPOSAL:
            if isinstance(body, Add):
                return body.key_package.leaf_node.signature_key
            raise ValidationError(f"{sender} proposes {type(body).__name__}: only to be added itself is allowed")
        if not isinstance(body, _FROM_OUTSIDE):
            raise ValidationError(f"{sender} proposes {type(body).__name__}, which only members may")
        return self._external_sender_key(sender.index)

    def _external_sender_key(self, index: int) -> bytes:
        data = self.context.extension(ExtensionType.EXTERNAL_SENDERS)
        senders = () if data is None else decode(ExternalSenders, data).senders
        if index >= len(senders):
            raise ValidationError(f"external sender {index}: the group allows {len(senders)}")
        return senders[index].signature_key
