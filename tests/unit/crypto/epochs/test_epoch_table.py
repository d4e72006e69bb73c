"""Which epochs are held: the newest by log index, no epoch twice, and each dies when a newer one is agreed or its grace is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.epochs.announcement import Announcement
from quorate_node.crypto.epochs.counters import EpochCounters
from quorate_node.crypto.epochs.epoch import Epoch
from quorate_node.crypto.epochs.epoch_table import GROUPS_REMEMBERED, EpochTable
from quorate_node.crypto.epochs.errors import FutureEpoch, PastEpoch, StaleEpoch, UnknownEpoch, ValidationError
from quorate_node.crypto.epochs.identity import EpochId
from quorate_node.crypto.epochs.settings import DEFAULT, EpochSettings
from tests.unit.crypto.epochs.members import GROUP, grant

SETTINGS = EpochSettings(grace_ms=60_000, linger_ms=5_000)


class Table(EpochTable):
    """Of member 1 in groups of members 1, 2 and 3."""

    def __init__(self, settings: EpochSettings = SETTINGS) -> None:
        self.counters = EpochCounters()
        self.sequence = 0
        super().__init__(settings, self.counters)

    def add(self, number: int, index: int, now_ms: int = 0, group_id: bytes = GROUP, members: tuple[int, ...] = (1, 2, 3)) -> Epoch:
        epoch = Epoch(grant(number, members, group_id), 1, SETTINGS)
        self.check_new(epoch.id, index)
        self.install(epoch, index, now_ms)
        return epoch

    def told(self, peer: int, *epochs: int, now_ms: int = 0) -> bool:
        self.sequence += 1
        return self.heard(peer, Announcement(1, self.sequence, tuple(EpochId.of(GROUP, number) for number in epochs)), now_ms)

    @property
    def held(self) -> list[int]:
        return [epoch.id.number for epoch in self.epochs]


def test_a_link_uses_the_newest_epoch_that_its_peer_has_announced() -> None:
    table = Table()
    first, second = table.add(1, 10), table.add(2, 20)
    assert table.newest is second
    assert table.choose(2) is None
    table.told(2, 1)
    assert table.choose(2) is first
    table.told(2, 2, 1)
    assert table.choose(2) is second
    table.told(2, 1)
    assert table.choose(2) is first
    assert table.choose(3) is None


def test_what_a_peer_announced_before_the_epoch_was_installed_here_counts() -> None:
    table = Table()
    table.told(2, 2)
    second = table.add(2, 20)
    assert table.choose(2) is second


def test_an_announcement_that_was_overtaken_is_not_believed() -> None:
    table = Table()
    table.add(1, 10)
    late, current = Announcement(1, 1, (EpochId.of(GROUP, 1),)), Announcement(1, 2, ())
    assert table.heard(2, current, 0)
    assert not table.heard(2, late, 0)
    assert table.choose(2) is None
    assert table.heard(2, current, 0), "the same again is nothing new, and nothing wrong"
    assert table.heard(2, Announcement(2, 0, ()), 0), "another life counts anew"


def test_strangers_cannot_fill_the_memory() -> None:
    table = Table(replace(SETTINGS, members_max=2))
    for peer in range(2, 6):
        assert table.told(peer, 1)
    with pytest.raises(ValidationError, match=r"announcement of member 6: 4 members have announced, twice epochs.members_max"):
        table.told(6, 1)
    assert table.told(5, 1)


def test_the_log_decides_which_is_newer_and_a_fresh_group_counts_from_zero() -> None:
    table = Table()
    table.add(7, 10)
    fresh = table.add(0, 20, group_id=b"fresh")
    assert table.newest is fresh
    with pytest.raises(StaleEpoch, match="of log index 20; one of index 20 is installed"):
        table.check_new(EpochId.of(b"fresh", 1), 20)


def test_no_epoch_is_installed_twice_not_even_after_it_was_erased() -> None:
    table = Table()
    table.add(7, 10)
    table.add(0, 20, group_id=b"fresh")
    table.expire(10**9)
    for number in (6, 7):
        with pytest.raises(StaleEpoch, match=rf"epoch {number} of group .*; epoch 7 of that group was installed before"):
            table.check_new(EpochId.of(GROUP, number), 30)
    table.check_new(EpochId.of(GROUP, 8), 30)


def test_what_is_remembered_of_former_groups_is_bounded() -> None:
    table = Table(replace(SETTINGS, epochs_max=1))
    for number in range(GROUPS_REMEMBERED + 1):
        table.add(0, number + 1, group_id=b"%d" % number, members=(1,))
    table.check_new(EpochId.of(b"0", 0))
    with pytest.raises(StaleEpoch):
        table.check_new(EpochId.of(b"1", 0))


def test_epochs_that_are_not_held_are_told_apart() -> None:
    table = Table()
    with pytest.raises(UnknownEpoch, match="a group that was never installed here; held: none"):
        table.find(EpochId.of(GROUP, 1))
    epoch = table.add(2, 10)
    assert table.find(epoch.id) is epoch
    with pytest.raises(PastEpoch, match=rf"epoch is 1 of group .*, which is erased; held: 2 of group {epoch.id.group_tag.hex()}"):
        table.find(EpochId.of(GROUP, 1))
    with pytest.raises(FutureEpoch, match="newer than 2"):
        table.find(EpochId.of(GROUP, 3))


def test_the_old_one_dies_when_all_have_announced_and_what_was_under_way_is_here() -> None:
    table = Table()
    table.add(1, 10)
    table.add(2, 20, now_ms=1_000)
    table.told(2, 2, 1, now_ms=1_100)
    assert not table.expire(30_000)
    table.told(3, 2, 1, now_ms=30_000)
    assert not table.expire(34_999)
    assert table.expire(35_000)
    assert table.held == [2]
    assert table.counters.epochs_erased == 1


def test_it_dies_after_its_grace_whoever_has_not_announced() -> None:
    table = Table()
    table.add(1, 10)
    table.add(2, 20, now_ms=1_000)
    table.add(3, 30, now_ms=31_000)
    table.told(2, 3, 2, 1)
    assert not table.expire(60_999)
    assert table.expire(61_000)
    assert table.held == [2, 3]
    assert table.expire(91_000)
    assert not table.expire(10**9), "the newest has no end"
    assert table.held == [3]


def test_all_that_is_older_dies_with_it() -> None:
    table = Table()
    for number in (1, 2, 3):
        table.add(number, number)
    for peer in (2, 3):
        table.told(peer, 2, 1)
    assert table.expire(5_000)
    assert table.held == [2, 3]


def test_the_oldest_makes_room_at_once() -> None:
    table = Table(replace(SETTINGS, epochs_max=2))
    oldest = table.add(1, 10)
    table.add(2, 20)
    table.add(3, 30)
    assert table.held == [2, 3]
    assert oldest.links == {}
    assert table.counters.epochs_crowded_out == 1


def test_whoever_is_not_in_the_newer_epoch_loses_its_links_in_the_older_ones() -> None:
    table = Table()
    first = table.add(1, 10)
    table.told(3, 1)
    assert table.choose(3) is first
    table.add(2, 20, members=(1, 2))
    assert table.choose(3) is None
    assert list(first.links) == [2]


def test_superseded_without_a_successor_all_die_with_their_grace() -> None:
    table = Table()
    table.add(1, 10)
    table.supersede(1_000)
    table.supersede(50_000)
    assert table.expire(61_000)
    assert (table.held, table.newest) == ([], None)


def test_settled_is_when_all_have_announced_or_its_grace_is_over() -> None:
    table = Table()
    assert not table.settled(10**9)
    table.add(1, 10, now_ms=1_000)
    assert not table.settled(60_999)
    assert table.settled(61_000)
    table.told(2, 1)
    table.told(3, 1)
    assert table.settled(1_000)


def test_erasing_all_leaves_nothing() -> None:
    table = Table()
    epochs = [table.add(1, 10), table.add(2, 20)]
    table.erase_all()
    assert all(epoch.links == {} for epoch in epochs)
    assert (table.held, table.newest) == ([], None)


def test_the_defaults_are_as_told() -> None:
    assert (DEFAULT.grace_ms, DEFAULT.linger_ms, DEFAULT.epochs_max) == (60_000, 5_000, 4)
