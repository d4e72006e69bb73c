"""The synchronous face is the asynchronous one, without asyncio."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator

import pytest

from quorate import Cluster, Key, Lock, SyncCluster, get, put
from quorate.exceptions import ClientClosed, LockLost
from quorate.wire.results import RangeResult
from tests.unit.client.fake_member import FakeMember
from tests.unit.client.fake_state import FakeState
from tests.unit.client.fast_options import FAST


@pytest.fixture
def sync(served: FakeMember) -> Iterator[SyncCluster]:
    with SyncCluster([served.url], options=FAST) as opened:
        yield opened


def test_it_has_every_method_with_the_same_arguments() -> None:
    for name, method in inspect.getmembers(Cluster, inspect.isfunction):
        if name.startswith("_"):
            continue
        wanted = inspect.signature(method).parameters.values()
        assert list(inspect.signature(getattr(SyncCluster, name)).parameters.values()) == list(wanted), name


def test_keys(sync: SyncCluster) -> None:
    sync.put("a/1", "x")
    sync.put("a/2", "y")
    found = sync.get("a/1")
    assert found is not None and found.value == b"x"
    assert sync.range("a/", prefix=True).count == 2
    assert [kv.key for kv in sync.scan("a/", prefix=True, page_keys=1)] == [b"a/1", b"a/2"]
    result = sync.txn().when(Key("a/1").exists).then(get("a/2")).otherwise(put("no")).commit()
    assert result.succeeded
    assert isinstance(result.results[0], RangeResult)
    assert sync.delete("a/", prefix=True).deleted == 2


def test_watch(sync: SyncCluster) -> None:
    with sync.watch("a") as watch:
        with pytest.raises(TimeoutError):
            watch.next(timeout_s=0.05)
        sync.put("a", "1")
        batch = next(watch)
    assert batch.events[0].kv.value == b"1"


def test_lease_and_lock(sync: SyncCluster, state: FakeState) -> None:
    with sync.lease(5000) as lease:
        sync.put("k", lease=lease.id)
        lease.check()
    assert state.keys == {}
    with sync.hold(Lock(sync.asynchronous, "jobs")) as lock:
        assert lock.token > 0
        lock.check()
    with pytest.raises(LockLost), sync.hold(Lock(sync.asynchronous, "jobs", ttl_ms=150)) as lock:
        state.expire(next(iter(state.leases)))
        assert lock._lease is not None
        for _ in range(100):
            if not lock.held:
                break
            sync.run(asyncio.sleep(0.01))
    with pytest.raises(KeyError), sync.hold(Lock(sync.asynchronous, "jobs")):
        raise KeyError("mine")
    assert state.keys == {}


def test_from_several_threads(sync: SyncCluster, state: FakeState) -> None:
    threads = [threading.Thread(target=sync.put, args=(f"k{number}",)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(state.keys) == 8


def test_closed(served: FakeMember) -> None:
    sync = SyncCluster([served.url], options=FAST)
    with pytest.raises(ClientClosed):
        sync.get("a")
    with sync:
        pass
    with pytest.raises(ClientClosed):
        sync.get("a")
    sync.close()
