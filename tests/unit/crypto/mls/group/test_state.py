"""One epoch as one member sees it: exports, vouching for it, and what is left of it after erasing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.errors import LifecycleError
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.group import state
from quorate_node.crypto.mls.group.messages import open_message, propose_update, send_application
from quorate_node.crypto.mls.group.proposal_rules import SentProposal
from quorate_node.crypto.mls.group.psk_store import no_psks
from quorate_node.crypto.mls.proposals import ReInit, Remove
from quorate_node.crypto.mls.psk import ExternalPsk, ResumptionPsk, ResumptionUsage
from tests.unit.crypto.mls.group.lives import Life


def test_members_export_the_same_and_every_epoch_another() -> None:
    life = Life.of(2)
    exported = {view.export("label", b"context", 32) for view in life.views.values()}
    assert len(exported) == 1
    life.commit("founder")
    assert life.founder.export("label", b"context", 32) not in exported


def test_this_epochs_resumption_secret_is_always_at_hand() -> None:
    group = Life.of(2).founder
    find = group.psk_source(no_psks)
    assert find(ResumptionPsk(ResumptionUsage.APPLICATION, b"group", group.epoch)) == group.resumption_psk.bytes()
    assert find(ResumptionPsk(ResumptionUsage.APPLICATION, b"group", 0)) is None
    assert find(ExternalPsk(b"id")) is None


@pytest.mark.parametrize(("with_tree", "with_external_pub"), [(False, False), (True, False), (False, True)])
def test_a_group_info_shows_what_it_is_asked_to(with_tree: bool, with_external_pub: bool) -> None:
    group = Life.of(2).founder
    own = Extension(0xFF01, b"own")
    info = group.group_info(with_tree=with_tree, with_external_pub=with_external_pub, extensions=(own,))
    info.verify(group.suite, group.own_leaf_node.signature_key)
    assert info.extension(0xFF01) == b"own"
    assert (info.extension(ExtensionType.RATCHET_TREE) is not None) is with_tree
    assert (info.extension(ExtensionType.EXTERNAL_PUB) is not None) is with_external_pub


def test_an_erased_epoch_does_nothing_more_and_the_next_one_is_untouched() -> None:
    life = Life.of(2)
    _, left = propose_update(life.founder, life.entropy)
    life.views["founder"] = life.founder
    life.commit("member-1")
    left.erase()
    left.erase()
    assert all(update.private.erased for update in left.own_updates.values())
    with pytest.raises(LifecycleError, match="was erased"):
        left.export("label", b"", 32)
    with pytest.raises(LifecycleError, match="was erased"):
        send_application(replace(left, proposals={}), b"data", life.entropy)
    message = send_application(life.founder, b"data", life.entropy)
    open_message(life.views["member-1"], message)
    life.founder.private.check(life.founder.tree)


def test_a_group_that_was_reinitialized_has_ended() -> None:
    group = Life.of(1).founder
    group.check_active()
    ended = replace(group, public=replace(group.public, reinit=ReInit(b"other", 1)))
    with pytest.raises(LifecycleError, match="was reinitialized"):
        ended.check_active()


def test_not_more_proposals_wait_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "PROPOSALS_MAX", 1)
    sent = SentProposal(Remove(1), Sender.member(0), b"one")
    group = Life.of(1).founder.waiting(sent)
    assert group.waiting(sent).proposals == group.proposals, "the same one again is no other"
    with pytest.raises(LifecycleError, match="1 proposals wait"):
        group.waiting(replace(sent, reference=b"two"))
