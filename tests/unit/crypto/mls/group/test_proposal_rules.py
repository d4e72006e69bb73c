"""What one proposal must be (section 12.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.errors import BadSignature, CodecError, InvalidProposal, MlsError, TreeError, UnsupportedError, ValidationError
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.group.proposal_rules import SentProposal, check_new_leaf, check_proposal
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.leaf_node import FromUpdate, LeafNode
from quorate_node.crypto.mls.proposals import Add, ExternalInit, GroupContextExtensions, PreSharedKey, Proposal, ReInit, Remove, Update
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId, PskName, ResumptionPsk, ResumptionUsage
from quorate_node.crypto.mls.suites import SUITES
from tests.unit.crypto.mls.clients import LIFETIME
from tests.unit.crypto.mls.group.lives import Life, package_of

LIFE = Life.of(2)
GROUP = LIFE.founder
COMER = package_of("comer").package
MEMBER = Sender.member(1)
TWICE = (Extension(0xFF01, b""), Extension(0xFF01, b""))


def check(proposal: Proposal, sender: Sender = MEMBER, now_s: int | None = None, group: Group = GROUP) -> None:
    check_proposal(group.public, SentProposal(proposal, sender), now_s)


def psk(name: PskName, nonce: bytes = bytes(32)) -> PreSharedKey:
    return PreSharedKey(PreSharedKeyId(name, nonce))


def update(**fields: object) -> Update:
    view = LIFE.views["member-1"]
    leaf: LeafNode = view.own_leaf_node.changed(**{"source": FromUpdate(), "encryption_key": COMER.init_key, "signature": b"", **fields})
    return Update(leaf.signed(view.suite, view.signer, b"group", 1))


def test_what_is_allowed() -> None:
    for proposal in (
        Add(COMER),
        update(),
        Remove(0),
        psk(ExternalPsk(b"id")),
        psk(ResumptionPsk(ResumptionUsage.APPLICATION, b"group", 0)),
        ReInit(b"next", 3),
        ReInit(b"next", 0x0A0A, version=2),
        GroupContextExtensions((Extension(ExtensionType.EXTERNAL_SENDERS, b"\0"), Extension(0xFF01, b""))),
    ):
        check(proposal, now_s=LIFETIME.not_before)
    check(ExternalInit(b"kem"), Sender(SenderType.NEW_MEMBER_COMMIT))


@pytest.mark.parametrize(
    ("proposal", "error", "why"),
    [
        (Add(replace(COMER, cipher_suite=3)), InvalidProposal, "suite 3 in a group of suite 1"),
        (Add(replace(COMER, extensions=TWICE)), ValidationError, "twice"),
        (Add(replace(COMER, signature=b"")), BadSignature, "64 bytes, not 0"),
        (Remove(7), TreeError, "outside"),
        (psk(ExternalPsk(b"id"), b"short"), ValidationError, "psk_nonce has 5 bytes"),
        (psk(ResumptionPsk(ResumptionUsage.REINIT, b"group", 0)), InvalidProposal, "for reinit in epoch 1"),
        (psk(ResumptionPsk(ResumptionUsage.BRANCH, b"group", 0)), InvalidProposal, "for branch in epoch 1"),
        (ReInit(b"next", 1, version=0), InvalidProposal, "version 0"),
        (ReInit(b"next", 1, extensions=TWICE), ValidationError, "twice"),
        (ReInit(b"next", 99), UnsupportedError, "0x0063 is unknown"),
        (GroupContextExtensions(TWICE), ValidationError, "twice"),
        (GroupContextExtensions((Extension(ExtensionType.EXTERNAL_SENDERS, b"\xff"),)), CodecError, "header of 8 bytes"),
        (ExternalInit(b"kem"), InvalidProposal, "belongs into an external commit"),
        (update(source=COMER.leaf_node.source), InvalidProposal, "leaf_node_source 1, not 2"),
        (update(encryption_key=GROUP.tree.member(1).encryption_key), InvalidProposal, "keeps its encryption key"),
        (Update(update().leaf_node.changed(signature=b"")), BadSignature, "64 bytes, not 0"),
    ],
)
def test_what_is_not(proposal: Proposal, error: type[MlsError], why: str) -> None:
    with pytest.raises(error, match=why):
        check(proposal)


def test_an_update_is_its_senders_own() -> None:
    with pytest.raises(InvalidProposal, match="only members have a leaf"):
        check(update(), Sender.external(0))
    with pytest.raises(BadSignature):
        check(update(), Sender.member(0))


@pytest.mark.parametrize("now_s", [LIFETIME.not_before - 1, LIFETIME.not_after + 1])
def test_a_key_package_has_its_time(now_s: int) -> None:
    with pytest.raises(ValidationError, match="lifetime"):
        check(Add(COMER), now_s=now_s)


def test_a_first_commit_may_link_its_group_to_another() -> None:
    founding = Life.of(1).founder
    check(psk(ResumptionPsk(ResumptionUsage.REINIT, b"before", 4)), group=founding)


def test_a_leaf_has_no_extension_twice() -> None:
    with pytest.raises(ValidationError, match="twice"):
        check_new_leaf(GROUP.public.rules(), COMER.leaf_node.changed(extensions=TWICE))
    check_new_leaf(GROUP.public.rules(), COMER.leaf_node)
    assert SUITES[1] is GROUP.suite
