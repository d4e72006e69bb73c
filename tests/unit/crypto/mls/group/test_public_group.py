"""Who may send what, and with which key (sections 6.1 and 12.1.8)."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.credential import BasicCredential
from quorate_node.crypto.mls.errors import EpochError, TreeError, ValidationError
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.external_senders import ExternalSender, ExternalSenders
from quorate_node.crypto.mls.framing.content import ApplicationData, Body, FramedContent
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.proposals import Add, ExternalInit, Remove, Update
from quorate_node.crypto.mls.update_path import UpdatePath
from tests.unit.crypto.mls.group.lives import Life, package_of

SENDERS = Extension(ExtensionType.EXTERNAL_SENDERS, encode(ExternalSenders((ExternalSender(b"key", BasicCredential(b"operator")),))))
LEAF = package_of("outsider").package.leaf_node
PROPOSAL, COMMIT = Sender(SenderType.NEW_MEMBER_PROPOSAL), Sender(SenderType.NEW_MEMBER_COMMIT)
JOINING = Commit((), UpdatePath(LEAF, ()))


@pytest.fixture(scope="module", name="group")
def group_of_two() -> PublicGroup:
    return Life.of(2, extensions=(SENDERS,)).founder.public


def content(group: PublicGroup, sender: Sender, body: Body) -> FramedContent:
    return FramedContent(group.group_id, group.epoch, sender, body)


def test_every_sender_has_a_key(group: PublicGroup) -> None:
    assert group.signature_key(content(group, Sender.member(1), Remove(0))) == group.tree.member(1).signature_key
    assert group.signature_key(content(group, Sender.external(0), Remove(0))) == b"key"
    assert group.signature_key(content(group, PROPOSAL, Add(package_of("outsider").package))) == LEAF.signature_key
    assert group.signature_key(content(group, COMMIT, JOINING)) == LEAF.signature_key


@pytest.mark.parametrize(
    ("sender", "body", "why"),
    [
        (COMMIT, Commit((), None), "something else than a commit with a path"),
        (COMMIT, Remove(0), "something else than a commit with a path"),
        (Sender.external(0), JOINING, "external 0 sends a commit"),
        (Sender.external(0), ApplicationData(b""), "external 0 sends a application"),
        (Sender.external(0), Update(LEAF), "proposes Update, which only members may"),
        (Sender.external(0), ExternalInit(b""), "proposes ExternalInit, which only members may"),
        (Sender.external(1), Remove(0), "external sender 1: the group allows 1"),
        (PROPOSAL, Remove(0), "only to be added itself"),
        (PROPOSAL, JOINING, "only proposals are allowed"),
    ],
)
def test_nobody_sends_what_is_not_his(group: PublicGroup, sender: Sender, body: Body, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        group.signature_key(content(group, sender, body))


def test_a_member_must_be_one(group: PublicGroup) -> None:
    with pytest.raises(TreeError):
        group.signature_key(content(group, Sender.member(2), Remove(0)))


def test_without_the_extension_nobody_outside_is_heard() -> None:
    group = Life.of(1).founder.public
    with pytest.raises(ValidationError, match="the group allows 0"):
        group.signature_key(content(group, Sender.external(0), Remove(0)))


def test_other_groups_and_epochs_are_told_apart(group: PublicGroup) -> None:
    group.check_epoch(b"group", 1)
    for group_id, epoch, why in ((b"other", 1, "of group 6f74686572"), (b"group", 0, "late"), (b"group", 2, "early")):
        with pytest.raises(EpochError, match=why):
            group.check_epoch(group_id, epoch)
