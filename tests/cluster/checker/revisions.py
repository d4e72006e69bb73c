"""The fast checker: the store's revisions tell the order of all writes, so that a history is judged in O(n log n).

With the order of versions known, a history is linearizable exactly when no operation contradicts those that ended before it began
(Gibbons and Korach 1997, section on known write orders). Revisions are global, so the whole store is judged as one object, which is
stricter than key by key.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from tests.cluster.checker.history import Kind, NotLinearizable, Operation, Outcome, Version


def check_revisions(operations: Sequence[Operation], versions: Sequence[Version] | None = None) -> int:
    """Judge a history; returns how many operations were judged. Raises `NotLinearizable`.

    `versions`: every change the store remembers, from its beginning. With it, a lost, doubled or invented write is found too.
    """
    decided = [operation for operation in operations if operation.outcome is Outcome.OK]
    writes = [operation for operation in decided if operation.writes]
    _one_write_a_revision(writes, versions)
    if versions is not None:
        _nothing_lost_doubled_or_invented(operations, writes, versions)
    history = _versions_by_key(writes, versions)
    # With the store's own history every version is known; else a write of unknown outcome may be one that nobody told us of.
    unknown = [] if versions is not None else [operation for operation in operations if operation.outcome is Outcome.UNKNOWN]
    maybe_written = {operation.value for operation in unknown if operation.kind is not Kind.DELETE}
    maybe_deleted = {operation.key for operation in unknown if operation.kind is Kind.DELETE}
    for operation in decided:
        of_key = history.get(operation.key, ([], []))
        if not operation.writes:
            if operation.mod_revision or operation.key not in maybe_deleted:
                _saw_the_newest(operation, of_key)
        elif operation.kind is Kind.SWAP:
            vanished = operation.expected is None and operation.key in maybe_deleted
            if operation.expected not in maybe_written and not vanished:
                _swapped_what_it_expected(operation, of_key)
    _real_time(decided)
    return len(decided)


def _one_write_a_revision(writes: Sequence[Operation], versions: Sequence[Version] | None) -> None:
    """Each client's transaction here changes one key, so a revision belongs to one write."""
    seen: dict[int, Operation] = {}
    for write in writes:
        if write.kind is Kind.DELETE and write.mod_revision == 0:
            continue  # nothing was there to delete
        if write.mod_revision in seen:
            raise NotLinearizable(f"two writes were given the same revision: {seen[write.mod_revision]} and {write}")
        seen[write.mod_revision] = write
    if versions is None:
        return
    told = {(version.revision, version.key): version.value for version in versions}
    for write in writes:
        if write.mod_revision and (write.mod_revision, write.key) not in told:
            raise NotLinearizable(f"an acknowledged write was lost: {write} is not in the store's history")
        if write.mod_revision and told[write.mod_revision, write.key] != write.value:
            raise NotLinearizable(f"an acknowledged write has another value in the store: {write}, {told[write.mod_revision, write.key]!r}")


def _nothing_lost_doubled_or_invented(
    operations: Sequence[Operation], writes: Sequence[Operation], versions: Sequence[Version]
) -> None:
    tried = {operation.value: operation for operation in operations if operation.kind in (Kind.WRITE, Kind.SWAP)}
    seen: dict[str, Version] = {}
    for version in versions:
        if version.value is None:
            continue
        if version.value in seen:
            raise NotLinearizable(f"a write was applied twice: {seen[version.value]} and {version}")
        seen[version.value] = version
        source = tried.get(version.value)
        if source is None:
            raise NotLinearizable(f"nobody wrote this: {version}")
        if source.outcome is Outcome.FAILED:
            raise NotLinearizable(f"a write that was refused took effect: {source} as {version}")
    for write in writes:
        if write.kind is not Kind.DELETE and write.value not in seen:
            raise NotLinearizable(f"an acknowledged write was lost: {write}")


Versions = tuple[list[int], list[str | None]]
"""Revisions in order, and the value that each gave the key."""


def _versions_by_key(writes: Sequence[Operation], versions: Sequence[Version] | None) -> dict[str, Versions]:
    known = {(version.key, version.revision): version.value for version in versions or ()}
    for write in writes:
        if write.mod_revision:
            known.setdefault((write.key, write.mod_revision), None if write.kind is Kind.DELETE else write.value)
    ordered: dict[str, Versions] = {}
    for (key, revision), value in sorted(known.items()):
        revisions, values = ordered.setdefault(key, ([], []))
        revisions.append(revision)
        values.append(value)
    return ordered


def _saw_the_newest(read: Operation, versions: Versions) -> None:
    """A read at store revision S shows the key's newest version at or below S."""
    if read.mod_revision > read.store_revision:
        raise NotLinearizable(f"a read saw a version newer than the store it came from: {read}")
    revisions, values = versions
    at = bisect_right(revisions, read.store_revision) - 1
    newest = revisions[at] if at >= 0 else 0
    value = values[at] if at >= 0 else None
    if read.mod_revision > newest or (read.mod_revision == 0 and value is None):
        return  # a write of unknown outcome that nobody acknowledged; or no key, as it should be
    if read.mod_revision != newest:
        raise NotLinearizable(f"a stale read: {read}, while revision {newest} had set the key to {value!r}")
    if read.kind is Kind.READ and read.value != value:
        raise NotLinearizable(f"a read saw another value than was written: {read}, revision {newest} is {value!r}")


def _swapped_what_it_expected(swap: Operation, versions: Versions) -> None:
    revisions, values = versions
    at = bisect_right(revisions, swap.mod_revision - 1) - 1
    before = values[at] if at >= 0 else None
    known = at >= 0 or swap.expected is None
    if known and before != swap.expected:
        raise NotLinearizable(f"a swap took effect on another value than it expected: {swap}, the key had {before!r}")


def _real_time(decided: Sequence[Operation]) -> None:
    """What ended before an operation began is in the store that the operation saw; a write is newer than all of that."""
    ends = sorted((operation for operation in decided), key=lambda operation: operation.completed_s)
    begins = sorted(decided, key=lambda operation: operation.invoked_s)
    frontier, latest, at = 0, None, 0
    for operation in begins:
        while at < len(ends) and ends[at].completed_s < operation.invoked_s:
            if ends[at].store_revision > frontier:
                frontier, latest = ends[at].store_revision, ends[at]
            at += 1
        changed = operation.writes and operation.mod_revision > 0
        if operation.store_revision < frontier or (changed and operation.store_revision == frontier):
            raise NotLinearizable(f"went back in time: {operation} began after {latest} had ended")
