"""Sending and opening messages within an epoch: proposals wait for a commit, application data is the caller's, commits go to `commits`."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_node.crypto.mls.entropy import Entropy, draw
from quorate_node.crypto.mls.errors import LifecycleError, ValidationError
from quorate_node.crypto.mls.framing.authenticated import AuthenticatedContent
from quorate_node.crypto.mls.framing.content import ApplicationData, Body, FramedContent, WireFormat
from quorate_node.crypto.mls.framing.private_message import PrivateMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.group.proposal_rules import SentProposal, check_proposal
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group.state import Group, OwnUpdate
from quorate_node.crypto.mls.leaf_node import FromUpdate, LeafNode
from quorate_node.crypto.mls.proposals import Proposal, Update
from quorate_node.crypto.mls.secret import Octets, Secret
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite

GroupMessage = PublicMessage | PrivateMessage


@dataclass(frozen=True, slots=True)
class SendOptions:
    """`private`: encrypt handshake messages; `padding_to`: to a multiple of so many bytes; `authenticated_data`: sent openly."""

    private: bool = False
    padding_to: int = 1
    authenticated_data: bytes = b""

    @property
    def wire_format(self) -> WireFormat:
        return WireFormat.PRIVATE_MESSAGE if self.private else WireFormat.PUBLIC_MESSAGE


DEFAULT_SEND_OPTIONS = SendOptions()


def sign(group: Group, body: Body, options: SendOptions) -> AuthenticatedContent:
    """A body of ours in this epoch, signed."""
    content = FramedContent(group.group_id, group.epoch, Sender.member(group.own_leaf), body, options.authenticated_data)
    return AuthenticatedContent.sign(group.suite, group.signer, options.wire_format, content, group.public.encoded_context)


def protect(group: Group, authenticated: AuthenticatedContent, options: SendOptions, entropy: Entropy) -> GroupMessage:
    """What goes to the network; a private message consumes one of our keys."""
    if options.private:
        return PrivateMessage.protect(group.keys(), authenticated, entropy, options.padding_to)
    return PublicMessage.protect(group.suite, authenticated, group.secrets.membership_key.buffer(), group.public.encoded_context)


def send_application(group: Group, data: bytes, entropy: Entropy, options: SendOptions = DEFAULT_SEND_OPTIONS) -> PrivateMessage:
    """Encrypt application data; one of our keys is consumed. Raises `LifecycleError` while proposals wait.

    They are committed first (section 12.4), so that nobody whose removal was proposed can read it.
    """
    group.check_active()
    if group.proposals:
        raise LifecycleError(f"{len(group.proposals)} proposals wait in epoch {group.epoch}: commit them before sending application data")
    private = SendOptions(private=True, padding_to=options.padding_to, authenticated_data=options.authenticated_data)
    return PrivateMessage.protect(group.keys(), sign(group, ApplicationData(data), private), entropy, options.padding_to)


def propose(
    group: Group, proposal: Proposal, entropy: Entropy, now_s: int | None = None, options: SendOptions = DEFAULT_SEND_OPTIONS
) -> tuple[GroupMessage, Group]:
    """A proposal of ours to everybody, and the group in which it waits. An Update is made by `propose_update`."""
    if isinstance(proposal, Update):
        raise ValidationError("an Update of our own needs its private key to be kept: propose_update makes both")
    return _propose(group, proposal, None, entropy, now_s, options)


def propose_update(
    group: Group,
    entropy: Entropy,
    leaf_node: LeafNode | None = None,
    signer: Signer | None = None,
    options: SendOptions = DEFAULT_SEND_OPTIONS,
) -> tuple[GroupMessage, Group]:
    """Propose a fresh encryption key for our leaf, and with `leaf_node` another credential, capabilities, extensions or signature key.

    `signer`: who signs with the leaf's new signature key, once the Update is committed.
    """
    signer = signer or group.signer
    pair = group.suite.derive_key_pair(draw(entropy, group.suite.hash_bytes))
    leaf = (leaf_node or group.own_leaf_node).changed(
        encryption_key=pair.public, signature_key=signer.public, source=FromUpdate(), signature=b""
    )
    update = Update(leaf.signed(group.suite, signer, group.group_id, group.own_leaf))
    return _propose(group, update, OwnUpdate(Secret(pair.private), signer), entropy, None, options)


def _propose(
    group: Group, proposal: Proposal, own_update: OwnUpdate | None, entropy: Entropy, now_s: int | None, options: SendOptions
) -> tuple[GroupMessage, Group]:
    group.check_active()
    authenticated = sign(group, proposal, options)
    sent = _checked(group.public, authenticated, proposal, now_s)
    waiting = group.waiting(sent, own_update)
    return protect(group, authenticated, options, entropy), waiting


def propose_from_outside(
    suite: Suite, group_id: bytes, epoch: int, sender: Sender, proposal: Proposal, key: Octets | Signer
) -> PublicMessage:
    """A proposal of somebody who is no member (section 12.1.8): `Sender.external(n)`, or one who asks to be added."""
    content = FramedContent(group_id, epoch, sender, proposal)
    authenticated = AuthenticatedContent.sign(suite, key, WireFormat.PUBLIC_MESSAGE, content, b"")
    return PublicMessage.protect(suite, authenticated, b"", b"")


def open_message(group: Group, message: GroupMessage) -> AuthenticatedContent:
    """What a message says, once epoch, tag or ciphertext, and signature have proved genuine. A private message opens once.

    Raises `EpochError`, `BadMac`, `BadSignature`, `DecryptionFailed`, `ReplayError`, `ValidationError`, `CodecError`: then nothing changed.
    """
    public = group.public
    group.check_active()
    if isinstance(message, PrivateMessage):
        public.check_epoch(message.group_id, message.epoch)
        return message.unprotect(group.keys(), lambda leaf: group.tree.member(leaf).signature_key)
    public.check_epoch(message.content.group_id, message.content.epoch)
    authenticated = message.unprotect(group.suite, group.secrets.membership_key.buffer(), public.encoded_context)
    authenticated.verify(group.suite, public.signature_key(authenticated.content), public.encoded_context)
    return authenticated


def receive_proposal(group: Group, authenticated: AuthenticatedContent, now_s: int | None = None) -> Group:
    """The group in which a proposal that `open_message` gave waits. Raises `ValidationError` for one that its epoch does not allow."""
    group.check_active()
    group.public.check_epoch(authenticated.content.group_id, authenticated.content.epoch)
    return group.waiting(_checked(group.public, authenticated, authenticated.content.body, now_s))


def _checked(public: PublicGroup, authenticated: AuthenticatedContent, body: Body, now_s: int | None) -> SentProposal:
    content = authenticated.content
    if not isinstance(body, Proposal):
        raise ValidationError(f"{content.sender} sends a {content.content_type.name.lower()}, not a proposal")
    sent = SentProposal(body, content.sender, authenticated.reference(public.suite))
    check_proposal(public, sent, now_s)
    return sent
