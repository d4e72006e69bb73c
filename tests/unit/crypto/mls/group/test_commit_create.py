"""Making commits: what goes in, what the maker gets, and that the present epoch stays as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.commit_content import Commit, ProposalRef
from quorate_node.crypto.mls.credential import BasicCredential
from quorate_node.crypto.mls.errors import InvalidProposal, LifecycleError, MissingProposal, MissingPsk, UnsupportedError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.framing.private_message import PrivateMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group.commit_create import CommitOptions, CreatedCommit, create_commit
from quorate_node.crypto.mls.group.messages import SendOptions, open_message, propose, send_application
from quorate_node.crypto.mls.proposals import Add, PreSharedKey, ReInit, Remove
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId
from tests.unit.crypto.mls.group.lives import Life, package_of

LATE = Add(package_of("late").package)


def body(created: CreatedCommit) -> Commit:
    assert isinstance(created.message, PublicMessage) and isinstance(created.message.content.body, Commit)
    return created.message.content.body


def test_a_commit_that_loses_has_changed_nothing() -> None:
    life = Life.of(2)
    before = life.founder.epoch_authenticator
    lost = create_commit(life.founder, [LATE], life.entropy)
    lost.group.erase()
    assert life.founder.epoch_authenticator == before
    life.commit("member-1")
    life.commit("founder")


def test_fresh_keys_come_unless_they_are_declined_and_not_needed() -> None:
    life = Life.of(2)
    declined = CommitOptions(force_path=False)
    assert body(create_commit(life.founder, [LATE], life.entropy)).path is not None
    assert body(create_commit(life.founder, [LATE], life.entropy, options=declined)).path is None
    assert body(create_commit(life.founder, [], life.entropy, options=declined)).path is not None


def test_the_leaf_of_a_path_is_fresh_and_signed_anew() -> None:
    life = Life.of(2)
    before = life.founder.own_leaf_node
    successor = package_of("successor").signer
    renamed = before.changed(credential=BasicCredential(b"renamed"))
    life.commit("founder", options=CommitOptions(leaf_node=renamed, signer=successor))
    after = life.founder.own_leaf_node
    assert after.encryption_key != before.encryption_key
    assert (after.credential, after.signature_key) == (BasicCredential(b"renamed"), successor.public)
    open_message(life.views["member-1"], send_application(life.founder, b"data", life.entropy))
    life.commit("founder")


@pytest.mark.parametrize("fields", [{"signer": package_of("x").signer}, {"leaf_node": package_of("x").package.leaf_node}])
def test_our_leaf_does_not_change_without_a_path(fields: dict[str, object]) -> None:
    life = Life.of(2)
    with pytest.raises(LifecycleError, match="with a path only"):
        create_commit(life.founder, [LATE], life.entropy, options=CommitOptions(force_path=False, **fields))  # type: ignore[arg-type]


def test_a_leaf_that_the_group_cannot_take_is_refused() -> None:
    life = Life.of(2)
    odd = life.founder.own_leaf_node.changed(extensions=(Extension(0xFF09, b""),))
    with pytest.raises(UnsupportedError):
        create_commit(life.founder, [], life.entropy, options=CommitOptions(leaf_node=odd))


def test_waiting_proposals_go_by_reference_and_may_be_named() -> None:
    life = Life.of(4)
    life.propose("member-1", *propose(life.views["member-1"], Remove(2), life.entropy))
    life.propose("member-1", *propose(life.views["member-1"], LATE, life.entropy))
    first, second = life.founder.proposals
    assert body(create_commit(life.founder, [], life.entropy)).proposals == (ProposalRef(first), ProposalRef(second))
    named = create_commit(life.founder, [Remove(3)], life.entropy, references=[second])
    assert body(named).proposals == (ProposalRef(second), Remove(3))
    assert body(create_commit(life.founder, [], life.entropy, references=[])).proposals == ()
    with pytest.raises(MissingProposal, match="proposal 00 does not wait"):
        create_commit(life.founder, [], life.entropy, references=[b"\0"])


def test_what_is_wrong_is_said_before_anything_is_made() -> None:
    life = Life.of(2)
    with pytest.raises(InvalidProposal):
        create_commit(life.founder, [Remove(0)], life.entropy)
    with pytest.raises(MissingPsk):
        create_commit(life.founder, [PreSharedKey(PreSharedKeyId(ExternalPsk(b"id"), bytes(32)))], life.entropy)


def test_a_reinit_ends_the_group() -> None:
    life = Life.of(2)
    life.commit("founder", ReInit(b"next", 1))
    for view in life.views.values():
        with pytest.raises(LifecycleError, match="was reinitialized"):
            create_commit(view, [], life.entropy)


def test_a_private_commit_uses_up_a_handshake_key_and_a_public_one_none() -> None:
    life = Life.of(2)
    private = CommitOptions(send=SendOptions(private=True))
    one, two = (create_commit(life.founder, [], life.entropy, options=private) for _ in range(2))
    assert isinstance(one.message, PrivateMessage) and isinstance(two.message, PrivateMessage)
    for message in (two.message, one.message):
        open_message(life.views["member-1"], message)
    assert isinstance(create_commit(life.founder, [], life.entropy).message, PublicMessage)


def test_a_group_of_one_commits_too() -> None:
    life = Life.of(1)
    life.commit("founder")
    life.add("founder", "member-1")


def test_secrets_are_not_shown() -> None:
    created = create_commit(Life.of(1).founder, [], lambda length: b"s" * length)
    assert "group=" not in repr(created)
    assert replace(created, welcome=None) == created
