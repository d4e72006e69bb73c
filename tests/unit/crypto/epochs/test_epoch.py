"""One epoch: prepared, open-only, sealing, retiring; its exporter dies when it begins."""

from __future__ import annotations

import pytest

from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.epoch import Epoch, EpochPhase
from quorate_node.crypto.epochs.identity import EpochGrant
from quorate_node.crypto.epochs.settings import DEFAULT
from quorate_node.crypto.mls.secret import Secret
from tests.unit.crypto.epochs.members import grant


def test_the_exporter_is_overwritten_when_the_chains_are_made() -> None:
    granted = grant(1, (3, 1, 2))
    epoch = Epoch(granted, 1, DEFAULT)
    assert granted.exporter.erased
    assert epoch.members == (1, 2, 3)
    assert list(epoch.links) == [2, 3], "for all members, connected or not, in one order everywhere"


def test_the_exporter_is_overwritten_when_they_cannot_be_made() -> None:
    secret = Secret(b"s" * 32)
    with pytest.raises(TypeError):
        Epoch(EpochGrant("no bytes", 1, (1, 2), secret), 1, DEFAULT)  # type: ignore[arg-type]
    assert secret.erased


def test_phases_follow_what_was_announced() -> None:
    epoch = Epoch(grant(1, (1, 2, 3)), 1, DEFAULT)
    assert epoch.phase is EpochPhase.PREPARED
    epoch.install(10, 0)
    assert (epoch.phase, epoch.missing) == (EpochPhase.OPEN_ONLY, (2, 3))
    epoch.heard(2, announced=True, now_ms=5)
    assert (epoch.phase, epoch.missing, epoch.agreed_ms) == (EpochPhase.SEALING, (3,), None)
    epoch.heard(3, announced=True, now_ms=7)
    epoch.heard(2, announced=True, now_ms=9)
    assert (epoch.missing, epoch.agreed_ms) == ((), 7)
    epoch.heard(2, announced=False, now_ms=11)
    assert (epoch.missing, epoch.agreed_ms) == ((2,), 7), "a member that was restarted: the others have agreed"
    epoch.superseded_ms = 20
    assert epoch.phase is EpochPhase.RETIRING


def test_a_group_of_one_agrees_with_itself() -> None:
    epoch = Epoch(grant(1, (1,)), 1, DEFAULT)
    epoch.install(1, 3)
    assert (epoch.phase, epoch.agreed_ms) == (EpochPhase.SEALING, 3)


def test_strangers_change_nothing() -> None:
    epoch = Epoch(grant(1, (1, 2)), 1, DEFAULT)
    epoch.heard(9, announced=True, now_ms=0)
    assert not epoch.announced_by(9)
    stranger = Connection(1, 1, 9, bytes(32), bytes(32), dialled=True)
    epoch.attach(stranger)
    epoch.detach(stranger)
    epoch.remove(9)
    assert list(epoch.links) == [2]


def test_a_removed_peer_has_no_link_any_more() -> None:
    epoch = Epoch(grant(1, (1, 2, 3)), 1, DEFAULT)
    epoch.heard(2, announced=True, now_ms=0)
    epoch.remove(2)
    assert not epoch.announced_by(2)
    assert (list(epoch.links), epoch.missing) == ([3], (3,))
