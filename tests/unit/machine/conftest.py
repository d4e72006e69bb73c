"""A store of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate_node.store.interface import StateStore
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from quorate_node.store.rocksdb_state import RocksStateStore
from quorate_node.store.settings import StoreSettings
from tests.unit.machine.builders import Member


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    if request.param == "memory":
        yield MemoryStateStore(MemoryDisk(), "1")
        return
    rocks = RocksStateStore(tmp_path / "state", StoreSettings())
    yield rocks
    rocks.close()


@pytest.fixture
def member(store: StateStore) -> Member:
    return Member(store)


@pytest.fixture
def memory_member() -> Member:
    """For what does not depend on the store."""
    return Member(MemoryStateStore(MemoryDisk(), "1"))
