"""Handshakes are judged by what a member durably remembers of each peer (DESIGN decision 2)."""

from __future__ import annotations

import pytest

from quorate_node.replica.admission import REMOVED_MAX, Admission
from quorate_node.transport.interface import Identity

HONEST = Identity(cluster_id=5, member_id=2, boot_counter=3, term=7, last_index=40, version_low=1, version_high=1, instance=11)


class Disk:
    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}

    def load(self, name: str) -> bytes | None:
        return self.records.get(name)

    def save(self, name: str, data: bytes) -> None:
        self.records[name] = data


def admission(disk: Disk | None = None) -> Admission:
    disk = disk or Disk()
    judge = Admission(disk, lambda: 1)
    judge.cluster_id = 5
    return judge


def test_an_honest_peer_is_admitted_again_and_again() -> None:
    judge = admission()
    assert judge.judge(HONEST) is None
    assert judge.judge(HONEST) is None
    assert judge.judge(HONEST._replace(boot_counter=4, instance=12, term=8, last_index=41)) is None
    assert judge.has_met(2) and not judge.has_met(3)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"boot_counter": 2}, "boot counter"),
        ({"term": 6, "boot_counter": 4}, "term"),
        ({"last_index": 39, "boot_counter": 4}, "committed index"),
        ({"instance": 12}, "runs twice"),
        ({"cluster_id": 6}, "cluster"),
        ({"member_id": 1}, "this member itself"),
    ],
)
def test_rolled_back_cloned_and_foreign_members_are_refused_also_after_a_restart(change: dict[str, int], word: str) -> None:
    disk = Disk()
    assert admission(disk).judge(HONEST) is None
    refusal = admission(disk).judge(HONEST._replace(**change))
    assert refusal is not None and word in refusal


def test_a_removed_member_is_refused_after_a_restart_too_and_an_empty_one_may_ask() -> None:
    disk = Disk()
    admission(disk).note_removed({2})
    judge = admission(disk)
    assert judge.judge(HONEST) == "member 2 was removed from this cluster; start it with an empty data directory to join again"
    assert judge.judge(HONEST._replace(member_id=0, cluster_id=0)) is None


def test_the_latest_removed_members_are_remembered() -> None:
    judge = admission()
    for member_id in range(10, 10 + REMOVED_MAX + 5):
        judge.note_removed({member_id})
    assert list(judge.removed) == list(range(15, 15 + REMOVED_MAX))


def test_memory_is_kept_for_present_members_only() -> None:
    disk = Disk()
    judge = admission(disk)
    judge.judge(HONEST)
    judge.forget_absent({1})
    assert not admission(disk).has_met(2)
