"""What a member alone finds in a commit: the next epoch, or an error that leaves the present one whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls import key_schedule, private_tree, secret, treekem
from quorate_node.crypto.mls.errors import BadMac, DecryptionFailed, LifecycleError, MissingPsk, NotForUs, RemovedFromGroup
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group import commit_open, psk_store
from quorate_node.crypto.mls.group.commit_check import check_commit
from quorate_node.crypto.mls.group.commit_create import CommitOptions, create_commit
from quorate_node.crypto.mls.group.commit_open import open_commit, process_commit
from quorate_node.crypto.mls.group.messages import SendOptions, open_message, propose_update
from quorate_node.crypto.mls.group.psk_store import PskStore, no_psks
from quorate_node.crypto.mls.private_tree import PrivateTree
from quorate_node.crypto.mls.proposals import Add, PreSharedKey, Remove
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId, ResumptionPsk, ResumptionUsage
from quorate_node.crypto.mls.secret import Octets, Secret
from quorate_node.crypto.mls.suites import SUITES, Suite
from tests.unit.crypto.mls.group.lives import Life, package_of

PSK = PreSharedKey(PreSharedKeyId(ExternalPsk(b"id"), bytes(32)))


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_what_is_made_is_received(suite: Suite) -> None:
    """Every kind of commit, public and private, in every suite: all agree after each."""
    life = Life.of(3, suite)
    life.psks.set_external(b"id", b"key")
    life.commit("member-1", options=CommitOptions(send=SendOptions(private=True, padding_to=256)))
    life.commit(
        "member-2", PreSharedKey(PreSharedKeyId(ExternalPsk(b"id"), bytes(suite.hash_bytes))), options=CommitOptions(force_path=False)
    )
    life.propose("member-1", *propose_update(life.views["member-1"], life.entropy))
    life.commit("founder", PreSharedKey(PreSharedKeyId(ResumptionPsk(ResumptionUsage.APPLICATION, b"group", 2), bytes(suite.hash_bytes))))
    life.commit("founder", Remove(2))
    assert life.founder.epoch == 5 and set(life.removed) == {"member-2"}


def test_a_psk_that_one_member_lacks_stops_that_member_alone() -> None:
    life = Life.of(2)
    life.psks.set_external(b"id", b"key")
    created = create_commit(life.founder, [PSK], life.entropy, life.psks.find)
    view = life.views["member-1"]
    opened = open_message(view, created.message)
    with pytest.raises(MissingPsk, match="external PSK 6964"):
        process_commit(view, opened)
    wrong = PskStore()
    wrong.set_external(b"id", b"another key")
    with pytest.raises(BadMac, match="confirms another epoch"):
        process_commit(view, opened, wrong.find)
    assert process_commit(view, opened, life.psks.find).epoch_authenticator == created.group.epoch_authenticator


def test_a_wrong_tag_is_refused_and_the_genuine_commit_still_taken() -> None:
    life = Life.of(2)
    created = create_commit(life.founder, [], life.entropy)
    view = life.views["member-1"]
    opened = open_message(view, created.message)
    for tag in (bytes(32), b""):
        with pytest.raises(BadMac):
            process_commit(view, opened.confirmed(tag))
    assert process_commit(view, opened).epoch == 2


def test_who_is_removed_learns_it_and_finds_no_secret() -> None:
    life = Life.of(3)
    removing = create_commit(life.founder, [Remove(1)], life.entropy)
    with pytest.raises(RemovedFromGroup, match="removes leaf 1, which is ours"):
        process_commit(life.views["member-1"], open_message(life.views["member-1"], removing.message))
    following = create_commit(removing.group, [], life.entropy).message
    assert isinstance(following, PublicMessage)
    checked = check_commit(removing.group.public, following.authenticated(), {})
    with pytest.raises(NotForUs):
        open_commit(replace(life.views["member-1"], public=removing.group.public), checked)


def test_our_own_commit_is_not_opened() -> None:
    life = Life.of(2)
    created = create_commit(life.founder, [], life.entropy)
    with pytest.raises(LifecycleError, match="is our own"):
        process_commit(life.founder, open_message(life.founder, created.message))


def test_an_update_of_ours_that_we_forgot_is_named() -> None:
    life = Life.of(2)
    before = life.views["member-1"]
    life.propose("member-1", *propose_update(before, life.entropy))
    created = create_commit(life.founder, [], life.entropy)
    forgotten = replace(life.views["member-1"], own_updates={})
    with pytest.raises(LifecycleError, match="to a key that is not ours"):
        process_commit(forgotten, open_message(forgotten, created.message))


def test_a_path_sealed_to_somebody_else_stops_its_receiver_alone() -> None:
    life = Life.of(2)
    created = create_commit(life.founder, [], life.entropy)
    view = life.views["member-1"]
    damaged = replace(view, private=PrivateTree.of_keys(1, {2: bytes(32)}))
    with pytest.raises(DecryptionFailed):
        process_commit(damaged, open_message(damaged, created.message))
    assert process_commit(view, open_message(view, created.message), no_psks).epoch == 2


def test_a_commit_that_adds_leaves_those_who_are_there_their_keys() -> None:
    life = Life.of(3)
    life.commit("founder", Add(package_of("late").package), options=CommitOptions(force_path=False))
    life.commit("member-1")


@pytest.mark.parametrize("damage", ["tag", "path"])
def test_what_was_found_before_an_error_is_erased(monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    life = Life.of(2)
    created = create_commit(life.founder, [], life.entropy)
    view = life.views["member-1"]
    opened = open_message(view, created.message)
    found: list[Secret] = []

    class Recorded(Secret):
        def __init__(self, data: Octets) -> None:
            super().__init__(data)
            found.append(self)

    for module in (psk_store, commit_open, key_schedule, private_tree, treekem, secret):
        monkeypatch.setattr(module, "Secret", Recorded)
    if damage == "tag":
        with pytest.raises(BadMac):
            process_commit(view, opened.confirmed(bytes(32)))
    else:
        damaged = replace(view, private=PrivateTree.of_keys(1, {2: bytes(32)}))
        with pytest.raises(DecryptionFailed):
            process_commit(damaged, opened)
        damaged.private.erase()
    assert len(found) > 2 and [kept for kept in found if not kept.erased] == []
