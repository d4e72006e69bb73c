"""All writes by revision, replayed: the store as it was at every revision, against which everything seen is judged."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from quorate.wire.results import KeyValue
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.model import looked_at, span
from quorate_node.simulator.checkers.wording import change as change_text
from quorate_node.simulator.checkers.wording import lines, pair
from quorate_node.simulator.history import Change

REVISION_EMPTY = 1
"""As in etcd an empty store is at revision 1."""


class Replay:
    """Versions of every key. `complete`: every write is known; else a revision nobody told of may hide one (`doubtful`)."""

    def __init__(self, *, complete: bool) -> None:
        self.complete = complete
        self.groups: dict[int, list[Change]] = {}
        """Revision -> its changes, in order of revision."""
        self._versions: dict[bytes, tuple[list[int], list[KeyValue | None]]] = {}
        self._keys: list[bytes] = []
        self._leased: dict[int, dict[bytes, None]] = {}
        self._gaps: list[int] = []
        self._vague: set[tuple[bytes, int]] = set()

    @property
    def revision_last(self) -> int:
        return next(reversed(self.groups), 0)

    def add(self, revision: int, key: bytes, kv: KeyValue | None, *, vague: bool = False) -> None:
        """The next change, in order of revision. `vague`: create revision and version are a guess."""
        assert revision >= self.revision_last, "changes are added in order"
        found = self._versions.get(key)
        if found is None:
            found = self._versions[key] = ([], [])
            self._keys.insert(bisect_left(self._keys, key), key)
        found[0].append(revision)
        found[1].append(kv)
        lease = 0 if kv is None else kv.lease
        if lease:
            self._leased.setdefault(lease, {})[key] = None
        if vague:
            self._vague.add((key, revision))
        self.groups.setdefault(revision, []).append(
            Change(revision, key, None, 0, 0, 0)
            if kv is None
            else Change(revision, key, kv.value, kv.lease, kv.create_revision, kv.version)
        )

    def set_gaps(self, gaps: list[int]) -> None:
        """Revisions, ascending, that are not wholly known."""
        self._gaps = gaps

    def view(self, revision: int) -> ReplayView:
        return ReplayView(self, revision)

    def get(self, key: bytes, revision: int) -> KeyValue | None:
        found = self._versions.get(key)
        if found is None:
            return None
        at = bisect_right(found[0], revision)
        return found[1][at - 1] if at else None

    def items(self, start: bytes, end: bytes | None, revision: int) -> list[KeyValue]:
        low = bisect_left(self._keys, start)
        high = len(self._keys) if end is None else bisect_left(self._keys, end)
        return [kv for key in self._keys[low:high] if (kv := self.get(key, revision)) is not None]

    def leased(self, lease: int, revision: int) -> list[KeyValue]:
        keys = sorted(self._leased.get(lease, ()))
        return [kv for key in keys if (kv := self.get(key, revision)) is not None and kv.lease == lease]

    def changes_within(self, start: bytes, end: bytes | None) -> list[tuple[int, bytes, KeyValue | None]]:
        """(revision, key, what it was then) of every change of keys in [start, end), in order of revision, then key.

        Without deletes that may have found the key gone already.
        """
        low = bisect_left(self._keys, start)
        high = len(self._keys) if end is None else bisect_left(self._keys, end)
        found = [
            (revision, key, kv)
            for key in self._keys[low:high]
            for revision, kv in zip(*self._versions[key], strict=True)
            if kv is not None or (key, revision) not in self._vague
        ]
        found.sort(key=lambda each: each[:2])
        return found

    def changed_at(self, key: bytes, revision: int) -> bool:
        """Whether this very revision changed the key."""
        found = self._versions.get(key)
        return found is not None and (at := bisect_left(found[0], revision)) < len(found[0]) and found[0][at] == revision

    def doubtful(self, key: bytes, revision: int) -> bool:
        """Whether a write that nobody told of may have changed the key between its newest known version and `revision`."""
        if self.complete:
            return False
        found = self._versions.get(key)
        at = bisect_right(found[0], revision) if found else 0
        known = found[0][at - 1] if found and at else 0
        return (key, known) in self._vague or self.gap_within(known, revision)

    def may_differ(self, request: object, revision: int) -> bool:
        """Whether a write that nobody told of may decide what the request does and answers in the state at `revision`."""
        return not self.complete and any(self._range_doubtful(key, range_end, revision) for key, range_end in looked_at(request))

    def _range_doubtful(self, key: bytes, range_end: bytes, revision: int) -> bool:
        if not range_end:
            return self.doubtful(key, revision)
        known = self.items(*span(key, range_end), revision)
        return self.gap_within(0, revision) or any(self.doubtful(kv.key, revision) for kv in known)

    def gap_within(self, low: int, high: int) -> bool:
        """Whether a revision in (low, high] is not wholly known; above the last known one none is."""
        if high > max(low, self.revision_last, REVISION_EMPTY):
            return True
        at = bisect_right(self._gaps, low)
        return at < len(self._gaps) and self._gaps[at] <= high


class ReplayView:
    """`model.View` of one revision."""

    __slots__ = ("_replay", "revision")

    def __init__(self, replay: Replay, revision: int) -> None:
        self._replay = replay
        self.revision = revision

    def get(self, key: bytes) -> KeyValue | None:
        return self._replay.get(key, self.revision)

    def items(self, start: bytes, end: bytes | None) -> list[KeyValue]:
        return self._replay.items(start, end, self.revision)

    def leased(self, lease: int) -> list[KeyValue]:
        return self._replay.leased(lease, self.revision)

    def at(self, revision: int) -> ReplayView:
        return ReplayView(self._replay, revision)


def replay_changes(changes: Iterable[Change], prefix: bytes = b"") -> Replay:
    """Raises `Violated` when they cannot be one store's: revisions go back or leave one out, a key changes twice in one, a deleted key
    was not there, create revision or version is not what the changes before make it. Fields that are 0 were not told.
    """
    replay = Replay(complete=True)
    for one in changes:
        last = replay.revision_last
        if one.revision < last or (not prefix and last and one.revision > last + 1):
            raise Violated(f"revisions are not consecutive: after revision {last} comes {change_text(one)}")
        if not one.key.startswith(prefix):
            raise Violated(f"a change outside of the prefix {prefix!r} that was recorded: {change_text(one)}")
        if replay.changed_at(one.key, one.revision):
            raise Violated(f"one revision changes a key twice: {change_text(one)}")
        replay.add(one.revision, one.key, _after(one, replay.get(one.key, one.revision)))
    return replay


def _after(one: Change, before: KeyValue | None) -> KeyValue | None:
    if one.value is None:
        if before is None:
            raise Violated(f"a key was deleted that was not there: {change_text(one)}")
        return None
    create, version = (one.revision, 1) if before is None else (before.create_revision, before.version + 1)
    kv = KeyValue(one.key, one.value, create, one.revision, version, one.lease)
    told = KeyValue(one.key, one.value, one.create_revision or create, one.revision, one.version or version, one.lease)
    if told != kv:
        raise Violated(lines("create revision or version is wrong:", f"the store has {pair(told)}", f"it follows on {pair(before)}"))
    return kv
