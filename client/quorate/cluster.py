"""`Cluster`: the asyncio client.

    async with Cluster(["http://127.0.0.1:7301", "http://127.0.0.1:7302"]) as cluster:
        await cluster.put("greeting", "hello")
        print(await cluster.get("greeting"))

Key-value calls travel on one pipelined binary stream; calls of the same loop turn share a message. Everything else is HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from types import TracebackType
from typing import Self, TypeVar, Unpack

import aiohttp

from quorate.administration import Administration
from quorate.connector import Connector
from quorate.dispatcher import Dispatcher
from quorate.endpoints import Endpoints
from quorate.exceptions import ClientClosed, MalformedAnswer, QuorateError, SessionExpired
from quorate.follow import Follow
from quorate.http_calls import HttpCalls
from quorate.lease import Lease
from quorate.operations import RangeOptions, Text, key_range, range_of, to_bytes
from quorate.options import CONSISTENCY_NUMBERS, Consistency, Options, Tls
from quorate.request import Retry
from quorate.session_keeper import SessionKeeper
from quorate.stream_connection import Payload
from quorate.transaction import Transaction
from quorate.watch import Watch
from quorate.wire.commands import CommandKind, Compact, DeleteRange, LeaseGrant, LeaseKeepAlive, LeaseRevoke, Put, Range, Txn
from quorate.wire.results import (
    CompactResult,
    DeleteRangeResult,
    KeyValue,
    LeaseListResult,
    LeaseResult,
    PutResult,
    RangeResult,
    Result,
    TxnResult,
)

ResultType = TypeVar("ResultType")
SCAN_PAGE_KEYS = 1000


class Cluster(Administration):
    """A client of a cluster. Use it inside `async with`; one serves any number of tasks of one event loop.

    `endpoints`: any members, as http://HOST:PORT; the leader is found and preferred. `options` holds every limit; the keyword
    arguments are the ones most often changed. Raises `ValueError` for a setting that cannot be.

    Every call may raise an `ApiError` (the cluster refused), `Unreachable`, `DeadlineExceeded`, `TooManyPending` or
    `ClientClosed`; a write also `OutcomeUnknown` and `SessionExpired`.
    """

    def __init__(
        self,
        endpoints: Iterable[str],
        *,
        tls: Tls | None = None,
        timeout_s: float | None = None,
        consistency: Consistency | None = None,
        options: Options | None = None,
    ) -> None:
        options = options or Options()
        if timeout_s is not None:
            options = options._replace(timeout_s=timeout_s)
        if consistency is not None:
            options = options._replace(consistency=consistency)
        options.check()
        self.options = options
        self._tls = tls
        self._endpoints = Endpoints([endpoints] if isinstance(endpoints, str) else endpoints, tls=tls is not None, backoff=options.backoff)
        self._http: aiohttp.ClientSession | None = None

    # Life.

    async def __aenter__(self) -> Self:
        """Raises `OSError`, `ssl.SSLError` or `ValueError` for TLS files that cannot be used. Does not wait for a member."""
        if self._http is not None:
            raise ClientClosed("the client is already open; make another Cluster for a second use")
        self._loop = asyncio.get_running_loop()
        # A pod that was replaced has another address, and the library's own memory of names (10 s) would still lead to the old one.
        tls = self._tls.context() if self._tls is not None else True
        connector = aiohttp.TCPConnector(ssl=tls, limit=0, use_dns_cache=False)
        self._http = aiohttp.ClientSession(connector=connector, auto_decompress=True)
        self._connector = Connector(self._http, self._endpoints, self.options)
        self._dispatcher = Dispatcher(self._connector, self.options)
        self._sessions = SessionKeeper(self._dispatcher, self.options)
        self._calls = HttpCalls(self._http, self._endpoints, self.options)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session and the connections; calls under way end with `ClientClosed` or `OutcomeUnknown`."""
        if self._http is None or self._http.closed:
            return
        try:
            if self._connector.current is not None:
                with contextlib.suppress(QuorateError):  # the session expires by itself when the members cannot be told
                    await self._sessions.close()
        finally:
            self._dispatcher.close()
            await self._connector.close()
            await self._http.close()

    # Keys.

    async def put(
        self,
        key: Text,
        value: Text = b"",
        *,
        lease: int = 0,
        previous: bool = False,
        ignore_value: bool = False,
        ignore_lease: bool = False,
        retry: bool = True,
        timeout_s: float | None = None,
    ) -> PutResult:
        """Set one key. `retry` False: no session, sent at most once, and an unknown outcome raises `OutcomeUnknown`."""
        command = Put(to_bytes(key), to_bytes(value, "value"), lease, previous, ignore_value, ignore_lease)
        return await self._write(CommandKind.PUT, command, PutResult, retry, timeout_s)

    async def get(
        self, key: Text, *, revision: int = 0, consistency: Consistency | None = None, timeout_s: float | None = None
    ) -> KeyValue | None:
        """One key, now or at `revision`; None when it is not there. Raises `ValueError` for what no request may hold."""
        result = await self._read(range_of(key, revision=revision), consistency, timeout_s)
        return result.kvs[0] if result.kvs else None

    async def range(
        self,
        key: Text,
        range_end: Text = b"",
        *,
        consistency: Consistency | None = None,
        timeout_s: float | None = None,
        **options: Unpack[RangeOptions],
    ) -> RangeResult:
        """Keys of [key, range_end), or all that start with `key` when `prefix`; `operations.RangeOptions` has the rest. Large: `scan`."""
        return await self._read(range_of(key, range_end, **options), consistency, timeout_s)

    async def scan(
        self,
        key: Text,
        range_end: Text = b"",
        *,
        prefix: bool = False,
        page_keys: int = SCAN_PAGE_KEYS,
        revision: int = 0,
        keys_only: bool = False,
        consistency: Consistency | None = None,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[KeyValue, None]:
        """Every key of a range in key order, a page at a time, all at one revision: what is written meanwhile is not seen.

        Raises `Compacted` when that revision is compacted before the last page is read. `timeout_s` is for each page.
        """
        if page_keys < 1:
            raise ValueError(f"page_keys: {page_keys} must be at least 1")
        start, end = key_range(key, range_end, prefix=prefix)
        while True:
            request = Range(start, end, page_keys, revision, keys_only=keys_only)
            page = await self._read(request, consistency, timeout_s)
            for kv in page.kvs:
                yield kv
            if not page.more or not page.kvs:
                return
            revision = revision or page.revision
            start = page.kvs[-1].key + b"\x00"

    async def delete(
        self,
        key: Text,
        range_end: Text = b"",
        *,
        prefix: bool = False,
        previous: bool = False,
        retry: bool = True,
        timeout_s: float | None = None,
    ) -> DeleteRangeResult:
        """Delete one key, a range, or a prefix; `deleted` counts what was there."""
        command = DeleteRange(*key_range(key, range_end, prefix=prefix), previous)
        return await self._write(CommandKind.DELETE_RANGE, command, DeleteRangeResult, retry, timeout_s)

    def txn(self, *, retry: bool = True, timeout_s: float | None = None) -> Transaction:
        """A transaction to be filled and committed: see `quorate.transaction`."""

        async def commit(command: Txn) -> TxnResult:
            return await self.run_txn(command, retry=retry, timeout_s=timeout_s)

        return Transaction(commit)

    async def run_txn(self, txn: Txn, *, retry: bool = True, timeout_s: float | None = None) -> TxnResult:
        """A transaction that is built already."""
        return await self._write(CommandKind.TXN, txn, TxnResult, retry, timeout_s)

    async def compact(self, revision: int, *, timeout_s: float | None = None) -> CompactResult:
        """Forget history up to and including `revision`. Raises `Compacted` when that is done already."""
        return await self._write(CommandKind.COMPACT, Compact(revision), CompactResult, True, timeout_s)

    # Leases.

    def lease(self, ttl_ms: int = 10_000, *, lease: int = 0) -> Lease:
        """`async with cluster.lease(5_000) as lease:` grants it, keeps it alive, and revokes it at the end."""
        return Lease(self, ttl_ms, lease)

    async def lease_grant(self, ttl_ms: int, *, lease: int = 0, retry: bool = True, timeout_s: float | None = None) -> LeaseResult:
        """A lease that nobody keeps alive for you: keys put with it go when it expires."""
        return await self._write(CommandKind.LEASE_GRANT, LeaseGrant(ttl_ms, lease), LeaseResult, retry, timeout_s)

    async def lease_revoke(self, lease: int, *, retry: bool = True, timeout_s: float | None = None) -> int:
        """End a lease and delete its keys; returns the revision. Raises `LeaseNotFound`."""
        result = await self._any_write(CommandKind.LEASE_REVOKE, LeaseRevoke(lease), retry, timeout_s)
        revision = getattr(result, "revision", None)
        if not isinstance(revision, int):
            raise MalformedAnswer(f"lease revoke: {type(result).__name__} answered")
        return revision

    async def lease_keep_alive(self, *leases: int, timeout_s: float | None = None) -> dict[int, int]:
        """Renew leases; lease -> remaining ttl in milliseconds, -1 for one that is gone."""
        deadline_s = await self._place(timeout_s)
        future = self._dispatcher.call(CommandKind.LEASE_KEEPALIVE, LeaseKeepAlive(leases), deadline_s)
        return dict(_expect(await self._await(future), LeaseListResult).leases)

    # Streams of events.

    def watch(
        self,
        key: Text,
        range_end: Text = b"",
        *,
        prefix: bool = False,
        start_revision: int = 0,
        previous: bool = False,
        no_put: bool = False,
        no_delete: bool = False,
        progress: bool = False,
    ) -> Watch:
        """Changes of a key, range or prefix, from `start_revision` (0: from now) for ever; resumes by itself: see `quorate.watch`."""
        start, end = key_range(key, range_end, prefix=prefix)
        return Watch(
            self._opened_calls(), start, end, start_revision, previous=previous, no_put=no_put, no_delete=no_delete, progress=progress
        )

    def follow(self, from_index: int = 1, *, after_position: int = -1) -> Follow:
        """The application's commands in the order of the log, from an index for ever; resumes by itself: see `quorate.follow`."""
        return Follow(self._opened_calls(), from_index, after_position)

    @property
    def endpoints(self) -> list[str]:
        """The endpoints as given, normalised; in no particular order."""
        return self._endpoints.urls

    # Inside.

    def _opened_calls(self) -> HttpCalls:
        if self._http is None or self._http.closed:
            raise ClientClosed("the client is not open; use it inside `async with Cluster(...)`")
        return self._calls

    async def _place(self, timeout_s: float | None) -> float:
        """Wait until there is room in flight; returns the call's deadline on the loop's clock."""
        if self._http is None:
            raise ClientClosed("the client is not open; use it inside `async with Cluster(...)`")
        deadline_s = self._loop.time() + (self.options.timeout_s if timeout_s is None else timeout_s)
        if self._dispatcher.crowded:
            await self._dispatcher.turn(deadline_s)
        return deadline_s

    async def _await(self, future: asyncio.Future[Result]) -> Result:
        try:
            return await future
        except asyncio.CancelledError:
            self._dispatcher.abandon(future)
            raise

    async def _read(self, request: Range, consistency: Consistency | None, timeout_s: float | None) -> RangeResult:
        deadline_s = await self._place(timeout_s)
        number = CONSISTENCY_NUMBERS.get(consistency or self.options.consistency)
        if number is None:
            raise ValueError(f"consistency: {consistency!r} must be one of {', '.join(CONSISTENCY_NUMBERS)}")
        return _expect(await self._await(self._dispatcher.call(CommandKind.RANGE, request, deadline_s, consistency=number)), RangeResult)

    async def _write(
        self, kind: CommandKind, command: Payload, shape: type[ResultType], retry: bool, timeout_s: float | None
    ) -> ResultType:
        return _expect(await self._any_write(kind, command, retry, timeout_s), shape)

    async def _any_write(self, kind: CommandKind, command: Payload, retry: bool, timeout_s: float | None) -> Result:
        deadline_s = await self._place(timeout_s)
        if not retry or not self.options.sessions:
            return await self._await(self._dispatcher.call(kind, command, deadline_s, retry=Retry.NEVER))
        now_s = self._loop.time()
        window = self._sessions.ready(now_s) or await self._sessions.acquire(deadline_s)
        seq = window.take(now_s)
        try:
            return await self._await(
                self._dispatcher.call(kind, command, deadline_s, session=window.session, seq=seq, acked_below=window.acked_below)
            )
        except SessionExpired:
            self._sessions.drop(window)
            raise
        finally:
            self._sessions.settled(window, seq)


def _expect(result: object, shape: type[ResultType]) -> ResultType:
    if type(result) is shape:
        return result
    raise MalformedAnswer(f"{shape.__name__} expected, {type(result).__name__} answered; check the releases of client and members")
