"""Messages within an epoch: who may send what when, and what waits for a commit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.credential import BasicCredential
from quorate_node.crypto.mls.errors import BadMac, BadSignature, EpochError, LifecycleError, ReplayError, ValidationError
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.external_senders import ExternalSender, ExternalSenders
from quorate_node.crypto.mls.framing.content import ApplicationData
from quorate_node.crypto.mls.framing.private_message import PrivateMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.group.messages import (
    SendOptions,
    open_message,
    propose,
    propose_from_outside,
    propose_update,
    receive_proposal,
    send_application,
)
from quorate_node.crypto.mls.proposals import Add, Remove, Update
from tests.unit.crypto.mls.group.lives import Life, package_of, sent

PRIVATE = SendOptions(private=True, padding_to=64, authenticated_data=b"open")


def test_application_data_reaches_every_member_once() -> None:
    life = Life.of(3)
    message = sent(send_application(life.founder, b"data", life.entropy, PRIVATE))
    for name in ("member-1", "member-2"):
        opened = open_message(life.views[name], message)
        assert (opened.content.body, opened.content.authenticated_data) == (ApplicationData(b"data"), b"open")
        with pytest.raises(ReplayError):
            open_message(life.views[name], message)
    with pytest.raises(ValidationError, match="sends a application, not a proposal"):
        receive_proposal(life.views["member-1"], opened)


@pytest.mark.parametrize("options", [SendOptions(), PRIVATE], ids=["public", "private"])
def test_a_proposal_waits_with_everybody_until_it_is_committed(options: SendOptions) -> None:
    life = Life.of(3)
    life.propose("member-1", *propose(life.views["member-1"], Remove(2), life.entropy, options=options))
    assert [list(view.proposals) for view in life.views.values()] == [list(life.founder.proposals)] * 3
    with pytest.raises(LifecycleError, match="1 proposals wait in epoch 1: commit them"):
        send_application(life.founder, b"data", life.entropy)
    life.commit("founder")
    assert "member-2" in life.removed and not life.founder.proposals
    send_application(life.founder, b"data", life.entropy)


@pytest.mark.parametrize("options", [SendOptions(), PRIVATE], ids=["public", "private"])
def test_an_update_brings_a_new_leaf_and_a_new_signer(options: SendOptions) -> None:
    life = Life.of(3)
    successor = package_of("member-1 anew")
    leaf = life.views["member-1"].own_leaf_node.changed(credential=BasicCredential(b"renamed"))
    message, waiting = propose_update(life.views["member-1"], life.entropy, leaf, successor.signer, options)
    life.propose("member-1", message, waiting)
    before = life.views["member-1"].own_leaf_node
    life.commit("member-2")
    after = life.views["member-1"].own_leaf_node
    assert after.credential == BasicCredential(b"renamed") and after.signature_key == successor.signer.public
    assert after.encryption_key != before.encryption_key
    life.commit("member-1")
    open_message(life.founder, send_application(life.views["member-1"], b"signed with the new key", life.entropy))


def test_an_own_update_is_made_by_its_own_function() -> None:
    group = Life.of(2).founder
    with pytest.raises(ValidationError, match="propose_update makes both"):
        propose(group, Update(group.own_leaf_node), bytes)


def test_outsiders_propose_when_they_are_allowed_to() -> None:
    operator = package_of("operator").signer
    senders = ExternalSenders((ExternalSender(operator.public, BasicCredential(b"operator")),))
    life = Life.of(3, extensions=(Extension(ExtensionType.EXTERNAL_SENDERS, encode(senders)),))
    comer = package_of("comer")
    for sender, proposal, signer in (
        (Sender.external(0), Remove(2), operator),
        (Sender(SenderType.NEW_MEMBER_PROPOSAL), Add(comer.package), comer.signer),
    ):
        message = propose_from_outside(life.suite, b"group", 1, sender, proposal, signer)
        forged = propose_from_outside(life.suite, b"group", 1, sender, proposal, package_of("mallory").signer)
        for name, view in life.views.items():
            with pytest.raises(BadSignature):
                open_message(view, sent(forged))
            life.views[name] = receive_proposal(view, open_message(view, sent(message)))
    created = life.commit("founder")
    assert created.welcome is not None and len(created.group.tree.resolution(created.group.tree.root)) == 1
    assert created.group.tree.member(2) == comer.package.leaf_node


def test_a_public_message_needs_its_tag_and_its_signature() -> None:
    life = Life.of(2)
    message, _ = propose(life.founder, Remove(1), life.entropy)
    assert isinstance(message, PublicMessage)
    with pytest.raises(BadMac):
        open_message(life.views["member-1"], replace(message, membership_tag=bytes(32)))
    other = replace(message.content, sender=Sender.member(1))
    resigned = PublicMessage.protect(
        life.suite,
        replace(message.authenticated(), content=other),
        life.founder.secrets.membership_key.buffer(),
        life.founder.public.encoded_context,
    )
    with pytest.raises(BadSignature):
        open_message(life.views["member-1"], resigned)


def test_an_epochs_messages_are_its_own() -> None:
    life = Life.of(2)
    public, _ = propose(life.founder, Remove(1), life.entropy)
    private = send_application(life.founder, b"data", life.entropy)
    waiting = open_message(life.views["member-1"], public)
    life.commit("founder")
    assert isinstance(private, PrivateMessage)
    for message in (public, private):
        with pytest.raises(EpochError, match="message of epoch 1 in epoch 2: it is late"):
            open_message(life.views["member-1"], message)
    with pytest.raises(EpochError):
        receive_proposal(life.views["member-1"], waiting)
