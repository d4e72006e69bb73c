"""`SyncCluster`: the same client for programs without asyncio. It owns an event loop in a thread of its own.

    with SyncCluster(["http://127.0.0.1:7301"]) as cluster:
        cluster.put("greeting", "hello")
        for kv in cluster.scan("a/", prefix=True): ...
        with cluster.hold(Lock(cluster.asynchronous, "jobs")) as lock:
            lock.check()

Safe to use from several threads. Every method is `Cluster`'s of the same name, with the same arguments, results and errors.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

from quorate.administration import Progress
from quorate.answers import Applied, LeaderInfo, LeaseInfo, Members, Restored, SnapshotInfo, Status, WatchBatch
from quorate.cluster import SCAN_PAGE_KEYS, Cluster
from quorate.exceptions import ClientClosed
from quorate.lease import Lease
from quorate.operations import RangeOptions, Text
from quorate.options import Consistency, Options, Tls
from quorate.transaction import Transaction
from quorate.wire.commands import Compare, Operation, Txn
from quorate.wire.results import (
    ApplicationResult,
    CompactResult,
    DeleteRangeResult,
    KeyValue,
    LeaseResult,
    PutResult,
    RangeResult,
    TxnResult,
)

T = TypeVar("T")


class SyncIterator(Generic[T]):
    """An asynchronous iterator, one item at a time; `with` closes it."""

    def __init__(self, cluster: SyncCluster, iterator: AsyncIterator[T], close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._cluster = cluster
        self._iterator = iterator
        self._close = close

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            return self.next()
        except StopAsyncIteration:
            raise StopIteration from None

    def next(self, *, timeout_s: float | None = None) -> T:
        """The next item. Raises `TimeoutError`, after which it may be asked again; `StopAsyncIteration` at the end."""

        async def one() -> T:
            async with asyncio.timeout(timeout_s):
                return await anext(self._iterator)

        return self._cluster.run(one())

    def close(self) -> None:
        self._cluster.run(self._close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class SyncTransaction:
    """`Transaction`, with a `commit` that waits."""

    def __init__(self, cluster: SyncCluster, inner: Transaction) -> None:
        self._cluster = cluster
        self._inner = inner

    def when(self, *compare: Compare) -> SyncTransaction:
        self._inner.when(*compare)
        return self

    def then(self, *operations: Operation) -> SyncTransaction:
        self._inner.then(*operations)
        return self

    def otherwise(self, *operations: Operation) -> SyncTransaction:
        self._inner.otherwise(*operations)
        return self

    def commit(self) -> TxnResult:
        return self._cluster.run(self._inner.commit())


class SyncCluster:
    """Arguments as `Cluster`. Use it inside `with`."""

    def __init__(
        self,
        endpoints: Iterable[str],
        *,
        tls: Tls | None = None,
        timeout_s: float | None = None,
        consistency: Consistency | None = None,
        options: Options | None = None,
    ) -> None:
        self.asynchronous = Cluster(endpoints, tls=tls, timeout_s=timeout_s, consistency=consistency, options=options)
        """The `Cluster` underneath, for recipes: `cluster.hold(Lock(cluster.asynchronous, "jobs"))`."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._loop is not None:
            raise ClientClosed("the client is already open; make another SyncCluster for a second use")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="quorate-client", daemon=True)
        self._thread.start()
        try:
            self.run(self.asynchronous.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            try:
                self.run(self.asynchronous.close())
            finally:
                self._stop()

    def _stop(self) -> None:
        assert self._loop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the client's loop and wait for it; an interrupt cancels it."""
        if self._loop is None or self._loop.is_closed():
            work.close()
            raise ClientClosed("the client is not open; use it inside `with SyncCluster(...)`")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @contextmanager
    def hold(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context manager (a lock, an election, a lease) around a `with` block.

        A thread cannot be interrupted: ask `check()` before each step; a loss is also raised at the end of the block.
        """

        async def enter() -> T:
            return await manager.__aenter__()

        async def leave(error: BaseException | None) -> bool | None:
            return await manager.__aexit__(type(error) if error is not None else None, error, None)

        entered = self.run(enter())
        try:
            yield entered
        except BaseException as error:
            self.run(leave(error))
            raise
        self.run(leave(None))

    @property
    def endpoints(self) -> list[str]:
        return self.asynchronous.endpoints

    # fmt: off
    def put(self, key: Text, value: Text = b"", *, lease: int = 0, previous: bool = False, ignore_value: bool = False,
            ignore_lease: bool = False, retry: bool = True, timeout_s: float | None = None) -> PutResult:
        return self.run(self.asynchronous.put(key, value, lease=lease, previous=previous, ignore_value=ignore_value,
                                              ignore_lease=ignore_lease, retry=retry, timeout_s=timeout_s))

    def get(self, key: Text, *, revision: int = 0, consistency: Consistency | None = None,
            timeout_s: float | None = None) -> KeyValue | None:
        return self.run(self.asynchronous.get(key, revision=revision, consistency=consistency, timeout_s=timeout_s))

    def range(self, key: Text, range_end: Text = b"", *, consistency: Consistency | None = None, timeout_s: float | None = None,
              **options: Unpack[RangeOptions]) -> RangeResult:
        return self.run(self.asynchronous.range(key, range_end, consistency=consistency, timeout_s=timeout_s, **options))

    def scan(self, key: Text, range_end: Text = b"", *, prefix: bool = False, page_keys: int = SCAN_PAGE_KEYS, revision: int = 0,
             keys_only: bool = False, consistency: Consistency | None = None, timeout_s: float | None = None) -> SyncIterator[KeyValue]:
        pages = self.asynchronous.scan(key, range_end, prefix=prefix, page_keys=page_keys, revision=revision, keys_only=keys_only,
                                       consistency=consistency, timeout_s=timeout_s)
        return SyncIterator(self, pages, pages.aclose)

    def delete(self, key: Text, range_end: Text = b"", *, prefix: bool = False, previous: bool = False, retry: bool = True,
               timeout_s: float | None = None) -> DeleteRangeResult:
        return self.run(self.asynchronous.delete(key, range_end, prefix=prefix, previous=previous, retry=retry, timeout_s=timeout_s))

    def txn(self, *, retry: bool = True, timeout_s: float | None = None) -> SyncTransaction:
        return SyncTransaction(self, self.asynchronous.txn(retry=retry, timeout_s=timeout_s))

    def run_txn(self, txn: Txn, *, retry: bool = True, timeout_s: float | None = None) -> TxnResult:
        return self.run(self.asynchronous.run_txn(txn, retry=retry, timeout_s=timeout_s))

    def compact(self, revision: int, *, timeout_s: float | None = None) -> CompactResult:
        return self.run(self.asynchronous.compact(revision, timeout_s=timeout_s))

    @contextmanager
    def lease(self, ttl_ms: int = 10_000, *, lease: int = 0) -> Iterator[Lease]:
        with self.hold(self.asynchronous.lease(ttl_ms, lease=lease)) as granted:
            yield granted

    def lease_grant(self, ttl_ms: int, *, lease: int = 0, retry: bool = True, timeout_s: float | None = None) -> LeaseResult:
        return self.run(self.asynchronous.lease_grant(ttl_ms, lease=lease, retry=retry, timeout_s=timeout_s))

    def lease_revoke(self, lease: int, *, retry: bool = True, timeout_s: float | None = None) -> int:
        return self.run(self.asynchronous.lease_revoke(lease, retry=retry, timeout_s=timeout_s))

    def lease_keep_alive(self, *leases: int, timeout_s: float | None = None) -> dict[int, int]:
        return self.run(self.asynchronous.lease_keep_alive(*leases, timeout_s=timeout_s))

    def watch(self, key: Text, range_end: Text = b"", *, prefix: bool = False, start_revision: int = 0, previous: bool = False,
              no_put: bool = False, no_delete: bool = False, progress: bool = False) -> SyncIterator[WatchBatch]:
        watch = self.asynchronous.watch(key, range_end, prefix=prefix, start_revision=start_revision, previous=previous,
                                        no_put=no_put, no_delete=no_delete, progress=progress)
        self.run(watch.__aenter__())
        return SyncIterator(self, watch, watch.close)

    def follow(self, from_index: int = 1, *, after_position: int = -1) -> SyncIterator[Applied]:
        follow = self.asynchronous.follow(from_index, after_position=after_position)
        return SyncIterator(self, follow, follow.close)

    def members(self, endpoint: str | None = None, *, timeout_s: float | None = None) -> Members:
        return self.run(self.asynchronous.members(endpoint, timeout_s=timeout_s))

    def member_add(self, peer_url: str, *, name: str = "", witness: bool = False, non_voting: bool = False, priority: int = 0,
                   expected_configuration_index: int | None = None, timeout_s: float | None = None) -> int:
        return self.run(self.asynchronous.member_add(
            peer_url, name=name, witness=witness, non_voting=non_voting, priority=priority,
            expected_configuration_index=expected_configuration_index, timeout_s=timeout_s))

    def member_promote(self, member_id: int, *, expected_configuration_index: int | None = None, timeout_s: float | None = None) -> None:
        self.run(self.asynchronous.member_promote(
            member_id, expected_configuration_index=expected_configuration_index, timeout_s=timeout_s))

    def member_remove(self, member_id: int, *, expected_configuration_index: int | None = None, timeout_s: float | None = None) -> None:
        self.run(self.asynchronous.member_remove(
            member_id, expected_configuration_index=expected_configuration_index, timeout_s=timeout_s))

    def member_replace(self, member_id: int, peer_url: str, *, name: str = "", expected_configuration_index: int | None = None,
                       timeout_s: float | None = None) -> int:
        return self.run(self.asynchronous.member_replace(
            member_id, peer_url, name=name, expected_configuration_index=expected_configuration_index, timeout_s=timeout_s))

    def leader(self, *, timeout_s: float | None = None) -> LeaderInfo:
        return self.run(self.asynchronous.leader(timeout_s=timeout_s))

    def transfer(self, to: int = 0, *, timeout_s: float | None = None) -> LeaderInfo:
        return self.run(self.asynchronous.transfer(to, timeout_s=timeout_s))

    def step_down(self, *, timeout_s: float | None = None) -> None:
        self.run(self.asynchronous.step_down(timeout_s=timeout_s))

    def status(self, endpoint: str | None = None, *, timeout_s: float | None = None) -> Status:
        return self.run(self.asynchronous.status(endpoint, timeout_s=timeout_s))

    def leases(self, *, timeout_s: float | None = None) -> list[LeaseInfo]:
        return self.run(self.asynchronous.leases(timeout_s=timeout_s))

    def lease_info(self, lease: int, *, keys: bool = False, timeout_s: float | None = None) -> LeaseInfo:
        return self.run(self.asynchronous.lease_info(lease, keys=keys, timeout_s=timeout_s))

    def bootstrap(self, token: str, *, endpoint: str | None = None, timeout_s: float | None = None) -> Restored:
        return self.run(self.asynchronous.bootstrap(token, endpoint=endpoint, timeout_s=timeout_s))

    def snapshot(self, path: str | Path, *, progress: Progress | None = None, timeout_s: float = 3600.0) -> SnapshotInfo:
        return self.run(self.asynchronous.snapshot(path, progress=progress, timeout_s=timeout_s))

    def restore(self, path: str | Path, token: str, *, endpoint: str | None = None, progress: Progress | None = None,
                timeout_s: float = 3600.0) -> Restored:
        return self.run(self.asynchronous.restore(path, token, endpoint=endpoint, progress=progress, timeout_s=timeout_s))

    def propose(self, payload: Text, *, timeout_s: float | None = None) -> ApplicationResult:
        return self.run(self.asynchronous.propose(payload, timeout_s=timeout_s))
    # fmt: on
