from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate_node.store import StoreSettings
from tests.unit.store.support import KINDS, SETTINGS, MakeMember, Member


@pytest.fixture(params=KINDS)
def make_member(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeMember]:
    """The same specification for all kinds of store."""
    made: list[Member] = []

    def make(settings: StoreSettings = SETTINGS) -> Member:
        made.append(Member(request.param, tmp_path / str(len(made)), settings))
        return made[-1]

    yield make
    for member in made:
        member.stores.close()


@pytest.fixture
def member(make_member: MakeMember) -> Member:
    return make_member()


@pytest.fixture(params=[kind for kind in KINDS if kind != "memory"])
def on_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Member]:
    """A member with a data directory, of each kind of log."""
    member = Member(request.param, tmp_path)
    yield member
    member.stores.close()


@pytest.fixture
def rocksdb(tmp_path: Path) -> Iterator[Member]:
    member = Member("rocksdb", tmp_path)
    yield member
    member.stores.close()
