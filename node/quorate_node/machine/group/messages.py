"""The MLS messages of an entry: read strictly, and held against the epoch that they are of or lead to."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from quorate_node.crypto.mls.codec import decode
from quorate_node.crypto.mls.errors import ValidationError
from quorate_node.crypto.mls.extension import ExtensionType
from quorate_node.crypto.mls.external_senders import ExternalPub
from quorate_node.crypto.mls.framing.message import Message, MlsMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group.proposal_rules import SentProposal
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.proposals import Proposal
from quorate_node.crypto.mls.suites import Suite
from quorate_node.crypto.mls.welcome_content import Welcome
from quorate_node.machine.group.refusal import GroupRefused, Reason

M = TypeVar("M", bound=Message)


def read_message(field: str, kind: type[M], data: bytes) -> M:
    """The MLSMessage that `data` is, whole. Raises `CodecError`, `UnsupportedError`, and `GroupRefused` for one of another kind."""
    message = decode(MlsMessage, data).message
    if not isinstance(message, kind):
        raise GroupRefused(Reason.CODEC, f"{field} is a {type(message).__name__}: it must be a {kind.__name__}")
    return message


def read_proposals(group: PublicGroup, encoded: Collection[bytes]) -> tuple[tuple[PublicMessage, ...], dict[bytes, SentProposal]]:
    """The messages of proposals, with those by reference. Raises what is wrong with epoch, sender or signature of one.

    What a proposal proposes is judged with the commit that names it; its membership tag only members can check.
    """
    messages: list[PublicMessage] = []
    found: dict[bytes, SentProposal] = {}
    for data in encoded:
        message = read_message("a proposal", PublicMessage, data)
        authenticated = message.authenticated()
        content = authenticated.content
        group.check_epoch(content.group_id, content.epoch)
        body = content.body
        if not isinstance(body, Proposal):
            raise ValidationError(f"{content.sender} sends a {content.content_type.name.lower()}, not a proposal")
        authenticated.verify(group.suite, group.signature_key(content), group.encoded_context)
        reference = authenticated.reference(group.suite)
        if reference in found:
            raise GroupRefused(Reason.PROPOSALS, f"proposal {reference.hex()} stands twice in the entry")
        messages.append(message)
        found[reference] = SentProposal(body, content.sender, reference)
    return tuple(messages), found


def check_group_info(group_info: GroupInfo, suite: Suite) -> None:
    """It lets others in by themselves, and has no tree: that is replicated. Raises `GroupRefused`, `BadKey`, `CodecError`."""
    if group_info.extension(ExtensionType.RATCHET_TREE) is not None:
        raise GroupRefused(Reason.GROUP_INFO, "the GroupInfo has a ratchet_tree: leave it out, the tree is replicated beside it")
    external_pub = group_info.extension(ExtensionType.EXTERNAL_PUB)
    if external_pub is None:
        raise GroupRefused(Reason.GROUP_INFO, "the GroupInfo has no external_pub: nobody could come back by himself")
    suite.check_kem_public(decode(ExternalPub, external_pub).external_pub)


def check_welcome(data: bytes, suite: Suite, references: Collection[bytes] | None, comers: int) -> None:
    """A Welcome for the `comers`, exactly; `references`: of their key packages, None where they are not known. Raises `GroupRefused`."""
    if not comers:
        if data:
            raise GroupRefused(Reason.WELCOME, "there is a Welcome, and nobody is added: leave it out")
        return
    if not data:
        raise GroupRefused(Reason.WELCOME, f"{comers} are added, and there is no Welcome that lets them in")
    welcome = read_message("welcome", Welcome, data)
    if welcome.cipher_suite != suite.number:
        raise GroupRefused(Reason.WELCOME, f"the Welcome is of suite {welcome.cipher_suite}, the group of {suite.number}")
    named = [one.new_member for one in welcome.secrets]
    if len(set(named)) != len(named) or len(named) != comers or (references is not None and set(named) != set(references)):
        raise GroupRefused(Reason.WELCOME, f"the Welcome is for {len(named)} key packages, and not exactly for the {comers} that are added")
