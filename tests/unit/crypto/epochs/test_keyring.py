"""One member's group keys: how epochs come and go with the log, and what is refused at which state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from quorate_node.crypto.epochs.epoch import EpochPhase
from quorate_node.crypto.epochs.errors import Destroyed, LifecycleError, StaleEpoch, StepConsumed, TransitionRefused, ValidationError
from quorate_node.crypto.epochs.identity import EpochGrant
from quorate_node.crypto.epochs.keyring import Cause, Keyring
from quorate_node.crypto.epochs.lifecycle import GroupState
from quorate_node.crypto.epochs.opened import NoSharedEpoch, RecoveryReason
from quorate_node.crypto.epochs.settings import DEFAULT
from quorate_node.crypto.mls.secret import Secret
from tests.unit.crypto.epochs.members import Pair, announce, connect, fresh_random, grant, install

ALL = (1, 2, 3)


def phases(keyring: Keyring) -> list[tuple[int, EpochPhase]]:
    return [(epoch.id.number, epoch.phase) for epoch in keyring.status().epochs]


def test_an_epoch_is_installed_open_only_and_active_when_all_have_announced_it() -> None:
    members = [Keyring(member, 1) for member in ALL]
    first = members[0]
    assert first.state is GroupState.CREATION
    for keyring in members:
        install(keyring, 1, ALL)
    assert (first.state, phases(first)) == (GroupState.UPDATING, [(1, EpochPhase.OPEN_ONLY)])
    announce(members[1], first)
    assert (first.state, phases(first)) == (GroupState.UPDATING, [(1, EpochPhase.SEALING)])
    announce(members[2], first)
    assert first.state is GroupState.ACTIVE


def test_a_rotation_is_told_from_an_update_and_over_when_all_have_it() -> None:
    pair = Pair()
    install(pair.a, 2, (1, 2), cause=Cause.ROTATION)
    assert pair.a.state is GroupState.ROTATING
    assert phases(pair.a) == [(1, EpochPhase.RETIRING), (2, EpochPhase.OPEN_ONLY)]
    install(pair.b, 2, (1, 2))
    assert announce(pair.b, pair.a)
    assert pair.a.state is GroupState.ACTIVE


def test_a_rotation_that_somebody_does_not_follow_is_over_with_the_grace() -> None:
    pair = Pair()
    install(pair.a, 2, (1, 2), cause=Cause.ROTATION)
    pair.pass_ms(DEFAULT.grace_ms - 1)
    assert pair.a.state is GroupState.ROTATING
    pair.pass_ms(1)
    assert pair.a.state is GroupState.ACTIVE
    assert phases(pair.a) == [(2, EpochPhase.OPEN_ONLY)]
    assert pair.a.seal(pair.to_b, [b"x"], pair.now_ms) == NoSharedEpoch(2, RecoveryReason.NOT_ANNOUNCED)


def test_the_announcement_lists_what_opens_newest_first_and_its_version_says_when_to_send_it() -> None:
    pair = Pair()
    versions = [pair.a.version]
    install(pair.a, 2, (1, 2))
    versions.append(pair.a.version)
    assert [epoch.number for epoch in pair.a.announcement(2).epochs] == [2, 1]
    install(pair.b, 2, (1, 2))
    announce(pair.b, pair.a)
    assert pair.a.version == versions[-1], "what others announce changes nothing of ours"
    pair.pass_ms(DEFAULT.linger_ms)
    versions.append(pair.a.version)
    assert [epoch.number for epoch in pair.a.announcement(2).epochs] == [2]
    assert versions == sorted(set(versions))
    assert pair.a.announcement(2).order == (1, versions[-1])


def test_a_prepared_epoch_neither_opens_nor_is_announced() -> None:
    pair = Pair()
    granted = grant(2, (1, 2))
    epoch = pair.a.prepare(granted)
    assert granted.exporter.erased
    assert phases(pair.a) == [(1, EpochPhase.SEALING), (2, EpochPhase.PREPARED)]
    assert [known.number for known in pair.a.announcement(2).epochs] == [1]
    assert pair.a.install_prepared(epoch, index=2, cause=Cause.ROTATION, now_ms=0) == epoch
    assert phases(pair.a) == [(1, EpochPhase.RETIRING), (2, EpochPhase.OPEN_ONLY)]
    install(pair.b, 2, (1, 2))
    announce(pair.b, pair.a)
    announce(pair.a, pair.b)
    assert pair.open(pair.seal(b"x")) == [b"x"], "a connection from before has keys in it"


def test_prepared_secrets_die_on_request_and_when_another_commit_is_applied() -> None:
    pair = Pair()
    epoch = pair.a.prepare(grant(2, (1, 2)))
    assert pair.a.discard_prepared()
    assert not pair.a.discard_prepared()
    with pytest.raises(LifecycleError, match=r"epoch 2 of group \w+ is not prepared here, none is: install it from a grant"):
        pair.a.install_prepared(epoch, index=2, cause=Cause.UPDATE, now_ms=0)
    pair.a.prepare(grant(2, (1, 2)))
    install(pair.a, 2, (1, 2))
    assert not pair.a.discard_prepared()
    assert pair.a.counters.epochs_discarded == 2
    assert phases(pair.a) == [(1, EpochPhase.RETIRING), (2, EpochPhase.OPEN_ONLY)]


def test_one_commit_at_a_time_is_prepared() -> None:
    pair = Pair()
    pair.a.prepare(grant(2, (1, 2)))
    second = grant(3, (1, 2))
    with pytest.raises(LifecycleError, match=r"epoch 3 of group \w+ cannot be prepared: 2 of group"):
        pair.a.prepare(second)
    assert second.exporter.erased
    with pytest.raises(LifecycleError, match="is not prepared here, 2 of group"):
        pair.a.install_prepared(second.id, index=2, cause=Cause.UPDATE, now_ms=0)


def test_an_epoch_that_was_installed_before_is_refused_and_changes_nothing() -> None:
    pair = Pair()
    before = pair.a.status()
    for again in (
        lambda: pair.a.prepare(grant(1, (1, 2))),
        lambda: install(pair.a, 1, (1, 2)),
        lambda: pair.a.install(grant(1, (1, 2)), index=2, cause=Cause.UPDATE, now_ms=0),
        lambda: pair.a.install(grant(2, (1, 2)), index=1, cause=Cause.UPDATE, now_ms=0),
    ):
        with pytest.raises(StaleEpoch):
            again()
    assert pair.a.status() == before
    epoch = pair.a.prepare(grant(2, (1, 2)))
    with pytest.raises(StaleEpoch):
        pair.a.install_prepared(epoch, index=1, cause=Cause.UPDATE, now_ms=0)
    pair.a.install_prepared(epoch, index=2, cause=Cause.UPDATE, now_ms=0)


@pytest.mark.parametrize("call", ["prepare", "install"])
def test_a_refused_grant_is_erased_and_changes_nothing(call: str) -> None:
    keyring = Keyring(1, 1)
    granted = grant(1, (2, 3))
    with pytest.raises(ValidationError, match="members do not have this member"):
        if call == "prepare":
            keyring.prepare(granted)
        else:
            keyring.install(granted, index=1, cause=Cause.UPDATE, now_ms=0)
    assert granted.exporter.erased
    assert (keyring.state, keyring.status().epochs, keyring.version) == (GroupState.CREATION, (), 0)


def test_a_suspended_member_talks_on_until_its_grace_is_over_and_comes_back_with_a_new_epoch() -> None:
    pair = Pair()
    pair.a.prepare(grant(2, (1, 2)))
    pair.a.suspend(pair.now_ms)
    assert pair.a.state is GroupState.SUSPENDED
    assert not pair.a.discard_prepared()
    assert pair.open(pair.seal(b"x")) == [b"x"]
    with pytest.raises(TransitionRefused):
        pair.a.suspend(pair.now_ms)
    pair.pass_ms(DEFAULT.grace_ms)
    assert pair.a.status().epochs == ()
    assert pair.a.seal(pair.to_b, [b"x"], pair.now_ms) == NoSharedEpoch(2, RecoveryReason.NO_EPOCH)
    assert pair.a.state is GroupState.SUSPENDED
    pair.next_epoch()
    assert pair.a.state is GroupState.ACTIVE
    assert pair.open(pair.seal(b"y")) == [b"y"]


def test_a_destroyed_context_erases_everything_and_refuses_everything() -> None:
    pair = Pair()
    frame = pair.seal(b"x")
    pair.a.prepare(grant(2, (1, 2)))
    pair.a.destroy()
    assert pair.a.state is GroupState.DESTROYED
    assert (pair.a.status().epochs, pair.a.status().connections, pair.a.announcement(2).epochs) == ((), 0, ())
    random = fresh_random()
    calls: list[Callable[[], object]] = [
        lambda: pair.a.prepare(grant(3, (1, 2))),
        lambda: install(pair.a, 3, (1, 2)),
        lambda: pair.a.install_prepared(grant(2, ()).id, index=3, cause=Cause.UPDATE, now_ms=0),
        lambda: pair.a.suspend(0),
        lambda: pair.a.withdraw(2),
        lambda: announce(pair.b, pair.a),
        lambda: pair.a.connect(2, dialled=True, own_random=random, peer_random=random),
        lambda: pair.a.seal(pair.to_b, [b"x"], 0),
        lambda: pair.a.open(pair.to_b, [frame], 0),
        lambda: pair.a.received_in_recovery(pair.to_b, 1),
    ]
    for call in calls:
        with pytest.raises(Destroyed, match="group context of member 1 is destroyed"):
            call()
    with pytest.raises(TransitionRefused):
        pair.a.destroy()
    pair.a.tick(10**9)
    pair.a.disconnect(pair.to_b)
    assert not pair.a.discard_prepared()


@pytest.mark.parametrize("peer", [0, -1, 2**63, 1])
def test_a_peer_is_another_member(peer: int) -> None:
    keyring = Keyring(1, 1)
    with pytest.raises(ValidationError):
        keyring.connect(peer, dialled=True, own_random=fresh_random(), peer_random=fresh_random())
    with pytest.raises(ValidationError):
        keyring.heard(peer, keyring.announcement(2), 0)


def test_who_carries_it_sees_the_settings_that_it_was_made_with() -> None:
    """The shell ticks as often as steps may come, and cuts frames to what a batch may hold."""
    quick = replace(DEFAULT, grace_ms=DEFAULT.grace_ms + 1)
    assert Keyring(1, 1).settings is DEFAULT
    assert Keyring(1, 1, quick).settings is quick


def test_a_member_has_an_id() -> None:
    with pytest.raises(ValidationError):
        Keyring(0, 1)


def test_stale_announcements_are_counted_and_not_believed() -> None:
    pair = Pair()
    old = pair.b.announcement(1)
    install(pair.b, 2, (1, 2))
    assert announce(pair.b, pair.a)
    assert not pair.a.heard(2, old, 0)
    assert (pair.a.counters.announcements, pair.a.counters.announcements_stale) == (3, 1)


def test_a_member_that_was_restarted_announces_that_it_holds_nothing() -> None:
    pair = Pair()
    again = Keyring(2, 2)
    announce(again, pair.a)
    assert pair.a.seal(pair.to_b, [b"x"], 0) == NoSharedEpoch(2, RecoveryReason.NOT_ANNOUNCED)


def test_a_fresh_group_takes_the_place_of_one_that_nobody_has_any_more() -> None:
    pair = Pair()
    for keyring in (pair.a, pair.b):
        keyring.install(EpochGrant(b"fresh", 0, (1, 2), Secret(b"f" * 32)), index=9, cause=Cause.UPDATE, now_ms=0)
    announce(pair.a, pair.b)
    announce(pair.b, pair.a)
    assert pair.open(pair.seal(b"x")) == [b"x"]
    link = pair.a.status().links[0]
    assert link.epoch is not None and link.epoch.number == 0


def test_a_removed_member_is_out_of_every_epoch_at_once() -> None:
    members = [Keyring(member, 1) for member in ALL]
    for keyring in members:
        install(keyring, 1, ALL)
    for source in members:
        for target in members:
            if source is not target:
                announce(source, target)
    to_removed, at_removed = connect(members[0], members[2])
    install(members[0], 2, (1, 2))
    assert members[0].seal(to_removed, [b"x"], 0) == NoSharedEpoch(3, RecoveryReason.NOT_A_MEMBER)
    frame = members[2].seal(at_removed, [b"let me in"], 0)
    assert isinstance(frame, bytearray)
    with members[0].open(to_removed, [frame], 0) as batch:
        assert not batch.messages
        assert "member 3 has no link in epoch 1" in str(batch.refusals[0].error)


def test_a_peer_is_told_only_of_epochs_that_have_it() -> None:
    keyring = Keyring(1, 1)
    install(keyring, 1, (1, 2))
    install(keyring, 2, ALL)
    assert [epoch.number for epoch in keyring.announcement(2).epochs] == [2, 1]
    assert [epoch.number for epoch in keyring.announcement(3).epochs] == [2]
    assert keyring.announcement(9).epochs == ()


def test_a_link_whose_ends_do_not_fit_goes_on_in_the_recovery_class_until_the_next_epoch() -> None:
    """Member 1's machine is rolled back: its chain is where it was a second ago, and member 2 has left that step behind."""
    pair = Pair()
    for _ in range(10):
        pair.open(pair.seal(b"x"))
        pair.now_ms += 100
    rolled_back = Keyring(1, 2)
    install(rolled_back, 1, (1, 2))
    announce(pair.b, rolled_back)
    to_b, at_b = connect(rolled_back, pair.b)
    frame = rolled_back.seal(to_b, [b"x"], pair.now_ms)
    assert isinstance(frame, bytearray)
    with pytest.raises(StepConsumed):
        pair.open(frame, connection=at_b)
    version = pair.b.version
    pair.b.withdraw(1)
    pair.b.withdraw(1)
    assert (pair.b.counters.links_withdrawn, pair.b.version) == (1, version + 1)
    assert pair.b.seal(at_b, [b"y"], pair.now_ms) == NoSharedEpoch(1, RecoveryReason.NOT_A_MEMBER)
    announce(pair.b, rolled_back)
    assert rolled_back.seal(to_b, [b"x"], pair.now_ms) == NoSharedEpoch(2, RecoveryReason.NOT_ANNOUNCED)
    for keyring in (rolled_back, pair.b):
        install(keyring, 2, (1, 2), pair.now_ms)
    announce(pair.b, rolled_back)
    frame = rolled_back.seal(to_b, [b"again"], pair.now_ms)
    assert isinstance(frame, bytearray)
    assert pair.open(frame, connection=at_b) == [b"again"]
