"""The epochs that one member holds: which is newest, which of them a link seals with, and when each dies."""

from __future__ import annotations

from quorate_node.crypto.epochs.announcement import Announcement
from quorate_node.crypto.epochs.counters import EpochCounters
from quorate_node.crypto.epochs.epoch import Epoch
from quorate_node.crypto.epochs.errors import FutureEpoch, PastEpoch, StaleEpoch, UnknownEpoch, ValidationError
from quorate_node.crypto.epochs.identity import EpochId
from quorate_node.crypto.epochs.settings import EpochSettings

GROUPS_REMEMBERED = 1_024
"""A fresh group is made when all members were restarted at once."""


class EpochTable:
    def __init__(self, settings: EpochSettings, counters: EpochCounters) -> None:
        self._settings = settings
        self._counters = counters
        self._epochs: dict[EpochId, Epoch] = {}
        """Installed and not erased, oldest first."""
        self._last_index = 0
        self._highest: dict[bytes, int] = {}
        """The last epoch of every group that was installed here. Installing one again would repeat its keys."""
        self._heard: dict[int, Announcement] = {}
        self.newest: Epoch | None = None

    @property
    def epochs(self) -> list[Epoch]:
        """Oldest first."""
        return list(self._epochs.values())

    # Installing

    def check_new(self, epoch: EpochId, index: int | None = None) -> None:
        """`index` is that of the log entry; None while there is none yet. Raises `StaleEpoch`."""
        if index is not None and index <= self._last_index:
            raise StaleEpoch(f"epoch {epoch} of log index {index}; one of index {self._last_index} is installed: an entry is applied once")
        highest = self._highest.get(epoch.group_tag, -1)
        if epoch.number <= highest:
            raise StaleEpoch(f"epoch {epoch}; epoch {highest} of that group was installed before: its keys would be used again")

    def install(self, epoch: Epoch, index: int, now_ms: int) -> None:
        """`check_new` has passed. It becomes the newest; older ones retire, lose the members that it does not have, and make room."""
        epoch.install(index, now_ms)
        self._last_index = index
        self._highest.pop(epoch.id.group_tag, None)
        self._highest[epoch.id.group_tag] = epoch.id.number
        if len(self._highest) > GROUPS_REMEMBERED:
            del self._highest[next(iter(self._highest))]
        members = frozenset(epoch.members)
        for older in self._epochs.values():
            for peer in [peer for peer in older.links if peer not in members]:
                older.remove(peer)
                self._heard.pop(peer, None)
        self.supersede(now_ms)
        self._epochs[epoch.id] = self.newest = epoch
        for peer, announcement in self._heard.items():
            epoch.heard(peer, announced=epoch.id in announcement.epochs, now_ms=now_ms)
        while len(self._epochs) > self._settings.epochs_max:
            self._counters.epochs_crowded_out += 1
            self._erase(next(iter(self._epochs.values())))

    def supersede(self, now_ms: int) -> None:
        """The grace of all that are held begins, where it has not begun."""
        for epoch in self._epochs.values():
            if epoch.superseded_ms is None:
                epoch.superseded_ms = now_ms

    # Asking

    def find(self, epoch: EpochId) -> Epoch:
        """Raises `PastEpoch`, `FutureEpoch`, `UnknownEpoch`."""
        found = self._epochs.get(epoch)
        if found is not None:
            return found
        highest = self._highest.get(epoch.group_tag)
        held = ", ".join(str(known) for known in self._epochs) or "none"
        if highest is None:
            raise UnknownEpoch(f"epoch is {epoch}, a group that was never installed here; held: {held}. Send the announcement again")
        if epoch.number > highest:
            raise FutureEpoch(f"epoch is {epoch}, newer than {highest}; held: {held}. Send the announcement again")
        raise PastEpoch(f"epoch is {epoch}, which is erased; held: {held}. Send the announcement again")

    def choose(self, peer: int) -> Epoch | None:
        """The newest epoch that both this member and `peer` have announced."""
        for epoch in reversed(self._epochs.values()):
            if epoch.announced_by(peer):
                return epoch
        return None

    # What peers say

    def heard(self, peer: int, announcement: Announcement, now_ms: int) -> bool:
        """False for one that is older than what was heard before. Raises `ValidationError` when too many strangers announce."""
        last = self._heard.get(peer)
        if last is not None and announcement.order <= last.order:
            return announcement == last
        heard_max = 2 * self._settings.members_max
        if last is None and len(self._heard) >= heard_max:
            raise ValidationError(f"announcement of member {peer}: {heard_max} members have announced, twice epochs.members_max")
        self._heard[peer] = announcement
        for epoch in self._epochs.values():
            epoch.heard(peer, announced=epoch.id in announcement.epochs, now_ms=now_ms)
        return True

    def withdraw(self, peer: int) -> bool:
        """Erase every link to `peer`. False when there was none."""
        linked = [epoch for epoch in self._epochs.values() if peer in epoch.links]
        for epoch in linked:
            epoch.remove(peer)
        return bool(linked)

    # Dying

    def expire(self, now_ms: int) -> bool:
        """Erase what is due. True when something was."""
        epochs = list(self._epochs.values())
        due, replaced = [], False
        for epoch in reversed(epochs):
            past_grace = epoch.superseded_ms is not None and now_ms - epoch.superseded_ms >= self._settings.grace_ms
            if replaced or past_grace:
                due.append(epoch)
            replaced = replaced or (epoch.agreed_ms is not None and now_ms - epoch.agreed_ms >= self._settings.linger_ms)
        for epoch in due:
            self._erase(epoch)
        return bool(due)

    def settled(self, now_ms: int) -> bool:
        """Whether all have announced the newest epoch, or its own time for that is over."""
        newest = self.newest
        if newest is None or newest.installed_ms is None:
            return False
        return newest.agreed_ms is not None or now_ms - newest.installed_ms >= self._settings.grace_ms

    def _erase(self, epoch: Epoch) -> None:
        del self._epochs[epoch.id]
        epoch.erase()
        self._counters.epochs_erased += 1
        if epoch is self.newest:
            self.newest = None

    def erase_all(self) -> None:
        for epoch in list(self._epochs.values()):
            self._erase(epoch)
        self._heard.clear()
