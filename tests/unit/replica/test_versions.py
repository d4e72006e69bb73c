"""Which releases a cluster takes in, and when the next cluster version may be activated (DESIGN decision 8)."""

from __future__ import annotations

import pytest

from quorate_node.machine.rules import Release
from quorate_node.replica.service import ServiceError
from quorate_node.replica.versions import Versions
from quorate_node.transport.interface import Identity

PREVIOUS, NEXT, AFTER = Release(1, 1), Release(1, 2), Release(3, 4)


def identity(member_id: int, release: Release) -> Identity:
    return Identity(5, member_id, 1, 1, 1, *release)


def test_who_does_not_know_the_version_in_force_is_refused_and_told_why() -> None:
    in_force = 1
    versions = Versions(NEXT, lambda: in_force)
    assert versions.judge(identity(2, PREVIOUS)) is None
    in_force = 2
    assert versions.judge(identity(2, PREVIOUS)) == (
        "member 2 runs a release for cluster versions 1 to 1, this cluster is at 2: start it with a release that knows that version"
    )
    assert versions.judge(identity(2, NEXT)) is None
    assert "for cluster versions 3 to 4" in str(versions.judge(identity(3, AFTER))), "one that forgot the rules in force"


def test_while_the_version_is_not_known_everybody_is_taken_in() -> None:
    assert Versions(NEXT, lambda: 0).judge(identity(2, PREVIOUS)) is None


def test_a_version_is_activated_only_when_every_member_answers_and_knows_it() -> None:
    versions = Versions(NEXT, lambda: 1)
    with pytest.raises(ServiceError, match="member 2 does not answer, so its release is not known"):
        versions.require_all(2, [2], lambda _: True)
    versions.judge(identity(2, PREVIOUS))
    with pytest.raises(ServiceError, match="cluster version 2 cannot be activated: member 2 runs a release for 1 to 1: upgrade it first"):
        versions.require_all(2, [2], lambda _: True)
    versions.judge(identity(2, NEXT))
    versions.require_all(2, [2], lambda _: True)
    with pytest.raises(ServiceError, match="member 2 does not answer"):
        versions.require_all(2, [2], lambda _: False)
    with pytest.raises(ServiceError, match="this member's release knows 1 to 2: upgrade it"):
        versions.require_all(3, [2], lambda _: True)
