"""Whose id may be given out again: only where no quorum, of now or of a change that may be committed, is without this member."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import ChangeKind, Configuration, MembershipChange, SingleChange
from quorate_node.protocol.raft.membership_entry import encode_change
from quorate_node.replica.engine import Engine
from quorate_node.replica.vacancies import is_only_other_voter
from quorate_node.store.errors import Damaged

HERE, OTHER, THIRD = 1, 2, 3
APPLIED = 5


class Log:
    """A page has one entry: all pages must be looked at."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = {entry.index: entry for entry in entries}

    def last_index(self) -> int:
        return max(self._entries, default=APPLIED)

    def entries(self, low: int, _high: int, _size_bytes_max: int) -> list[Entry]:
        if self._entries[low].term == 0:
            raise Damaged(low, low + 1, "on purpose")
        return [self._entries[low]]


def engine(configuration: Configuration, *unapplied: MembershipChange | bytes | None, led_last: bool = False, committed: int = 0) -> Engine:
    """`unapplied`: what its log has beyond, of which it knows the first `committed` to be; None for an entry that is damaged."""
    entries = []
    for index, content in enumerate(unapplied, APPLIED + 1):
        if isinstance(content, MembershipChange):
            entries.append(Entry(index, 1, EntryType.MEMBERSHIP, encode_change(content)))
        else:
            entries.append(Entry(index, int(content is not None), EntryType.NORMAL, content or b""))
    raft = SimpleNamespace(id=HERE, led_last=led_last, commit_index=APPLIED + committed)
    machine = SimpleNamespace(configuration=configuration, applied_index=APPLIED)
    return cast(Engine, SimpleNamespace(raft=raft, machine=machine, log=Log(entries)))


def adds(kind: ChangeKind) -> MembershipChange:
    return MembershipChange((SingleChange(kind, THIRD),))


PAIR = Configuration(voters=(HERE, OTHER), witnesses=(OTHER,))


@pytest.mark.parametrize(
    ("configuration", "unapplied"),
    [
        (PAIR, ()),
        (Configuration(voters=(HERE, OTHER), learners=(THIRD,), witnesses=(OTHER,)), ()),
        (PAIR, (b"write", adds(ChangeKind.ADD_LEARNER), b"write")),
    ],
)
def test_where_every_quorum_needs_this_member(configuration: Configuration, unapplied: tuple[Any, ...]) -> None:
    assert is_only_other_voter(engine(configuration, *unapplied), OTHER)


@pytest.mark.parametrize(
    ("configuration", "unapplied"),
    [
        pytest.param(Configuration(voters=(HERE, OTHER, THIRD)), (), id="the others are a quorum"),
        pytest.param(Configuration(voters=(HERE, OTHER), voters_outgoing=(HERE, OTHER, THIRD)), (), id="joint"),
        pytest.param(Configuration(voters=(OTHER, THIRD)), (), id="this member has no vote"),
        pytest.param(Configuration(voters=(HERE,), learners=(OTHER,)), (), id="that one has none"),
        pytest.param(PAIR, (b"write", adds(ChangeKind.ADD_VOTER)), id="a third vote may be committed"),
        pytest.param(PAIR, (adds(ChangeKind.ADD_WITNESS),), id="a third witness may be committed"),
        pytest.param(PAIR, (MembershipChange((SingleChange(ChangeKind.REMOVE, HERE),)),), id="its own removal may be committed"),
        pytest.param(PAIR, (None,), id="what may be committed cannot be read"),
    ],
)
def test_where_there_is_a_quorum_without_it_or_may_be(configuration: Configuration, unapplied: tuple[Any, ...]) -> None:
    assert not is_only_other_voter(engine(configuration, *unapplied), OTHER)


def test_what_it_proposed_itself_cannot_have_been_committed_without_its_knowing() -> None:
    """Where it led last, of its own and of all that it found in its log: only it could commit that."""
    change = adds(ChangeKind.ADD_VOTER)
    assert is_only_other_voter(engine(PAIR, b"write", change, led_last=True, committed=1), OTHER)
    assert not is_only_other_voter(engine(PAIR, b"write", change, led_last=True, committed=2), OTHER), "committed, and not applied yet"
    assert not is_only_other_voter(engine(PAIR, b"write", change, committed=1), OTHER)
