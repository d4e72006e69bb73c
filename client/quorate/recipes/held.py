"""What `Lock` and `Election` share: a place in a queue of keys, held by a lease, with a token that fences writes.

Each contender puts one key under `NAME/`, attached to its lease. The oldest key (by create revision) holds. Every other waits
for the deletion of the one key just before its own, so a release wakes one waiter and not the whole herd. Source: the ZooKeeper
paper (Hunt et al., 2010), section 2.4, "Simple Locks without Herd Effect"; fencing: Gray and Cheriton, "Leases" (1989).
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self

from quorate.exceptions import LeaseLost, LockLost
from quorate.operations import Key, Text, get, put, to_bytes
from quorate.recipes.waiting import at_most, next_change
from quorate.transaction import Transaction
from quorate.wire.commands import Compare, Operation, Txn
from quorate.wire.results import RangeResult, TxnResult

if TYPE_CHECKING:
    from quorate.cluster import Cluster
    from quorate.lease import Lease


class Held:
    """One contender. `async with` acquires and releases; when the lease is lost inside, the body is cancelled and `LockLost` raised."""

    def __init__(
        self,
        cluster: Cluster,
        name: Text,
        *,
        value: Text = b"",
        ttl_ms: int = 10_000,
        timeout_s: float | None = None,
        cancel_on_loss: bool = True,
    ) -> None:
        if not name:
            raise ValueError("name: must not be empty")
        self.cluster = cluster
        self.prefix = to_bytes(name, "name") + b"/"
        self.value = to_bytes(value, "value")
        self.ttl_ms = ttl_ms
        self.timeout_s = timeout_s
        self.cancel_on_loss = cancel_on_loss
        self.key = b""
        """This contender's key; empty while it does not contend."""
        self._token = 0
        self._holds = False
        self._lease: Lease | None = None
        self._task: asyncio.Task[object] | None = None
        self._guard: asyncio.Task[None] | None = None
        self._fired = False
        self._cancelling = 0

    @property
    def token(self) -> int:
        """The fencing token: greater than that of every holder before. Raises `LockLost` when not held."""
        if not self._holds:
            raise LockLost(f"{self._name} is not held: acquire it first")
        return self._token

    @property
    def held(self) -> bool:
        """Whether it is certain to be held at this moment, by this process's clock."""
        return self._holds and self._lease is not None and self._lease.remaining_s > 0

    @property
    def _name(self) -> str:
        return self.prefix[:-1].decode("utf-8", "backslashreplace")

    def check(self) -> None:
        """Raises `LockLost` when it is not certain to be held. Cheap: ask it before each step that matters."""
        if not self._holds or self._lease is None:
            raise LockLost(f"{self._name} is not held")
        try:
            self._lease.check()
        except LeaseLost as lost:
            raise LockLost(f"{self._name} is lost: {lost.message}") from lost

    async def acquire(self, *, timeout_s: float | None = None) -> int:
        """Wait for the turn and return the token. Raises `TimeoutError`; leaves nothing behind when it fails or is cancelled."""
        if self._lease is not None:
            raise RuntimeError(f"{self._name}: this object contends already; make one for each contender")
        self._lease = self.cluster.lease(self.ttl_ms)
        try:
            async with at_most(self.timeout_s if timeout_s is None else timeout_s, f"{self._name} to be free"):
                await self._enter(self._lease)
                await self._wait_turn(self._lease)
        except LeaseLost as lost:
            await self.release()
            raise LockLost(f"{self._name}: the lease was lost while waiting: {lost.message}") from lost
        except BaseException:
            await self.release()
            raise
        self._holds = True
        return self._token

    async def release(self) -> None:
        """Give it back, waking the next in line. Does nothing when not held; a lost one is simply forgotten."""
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None
        lease, self._lease = self._lease, None
        self._holds = False
        self.key = b""
        if lease is not None:
            await lease.revoke()

    @property
    def fence(self) -> Compare:
        """The condition that this holder still holds, for transactions of your own. Raises `LockLost` when not held."""
        return Key(self.key).create_revision == self.token

    def txn(self, *, timeout_s: float | None = None) -> Transaction:
        """A transaction that takes effect only while this holder holds; else `commit` raises `LockLost` and nothing changes."""
        fence = self.fence

        async def commit(command: Txn) -> TxnResult:
            fenced = await self.cluster.txn(timeout_s=timeout_s).when(fence).then(Operation(txn=command)).commit()
            if not fenced.succeeded:
                raise LockLost(f"{self._name}: another holds it by now; the transaction with token {self._token} was refused")
            inner = fenced.results[0]
            assert isinstance(inner, TxnResult)
            return TxnResult(fenced.revision, inner.succeeded, inner.results)

        return Transaction(commit)

    async def __aenter__(self) -> Self:
        await self.acquire()
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self._fired = False
        if self.cancel_on_loss:
            self._guard = asyncio.create_task(self._cancel_when_lost())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        lost = self._lease is not None and self._lease.lost.is_set()
        reason = self._lease.reason if self._lease is not None else ""
        try:
            await self.release()
        except asyncio.CancelledError:
            if not self._fired:
                raise
        # The cancellation was ours: take it back, so that only `LockLost` is seen (as asyncio.timeout does with its own).
        ours = not self._fired or self._task is None or self._task.uncancel() <= self._cancelling
        if lost and ours and (kind is None or (self._fired and issubclass(kind, asyncio.CancelledError))):
            raise LockLost(f"{self._name} was lost while it was held: {reason}") from error

    async def _cancel_when_lost(self) -> None:
        assert self._lease is not None and self._task is not None
        await self._lease.lost.wait()
        self._fired = True
        self._task.cancel()

    async def _enter(self, lease: Lease) -> None:
        await lease.__aenter__()
        self.key = self.prefix + f"{lease.id:016x}".encode()
        entered = await (
            self.cluster.txn().when(Key(self.key).missing).then(put(self.key, self.value, lease=lease.id)).otherwise(get(self.key)).commit()
        )
        self._token = entered.revision
        if not entered.succeeded:
            there = entered.results[0]
            assert isinstance(there, RangeResult)
            self._token = there.kvs[0].create_revision

    async def _wait_turn(self, lease: Lease) -> None:
        while True:
            before = await self.cluster.range(
                self.prefix,
                prefix=True,
                max_create_revision=self._token - 1,
                sort_order="descend",
                sort_target="create",
                limit=1,
                keys_only=True,
                consistency="linearizable",
            )
            if not before.kvs:
                break
            await next_change(self.cluster.watch(before.kvs[0].key, start_revision=before.revision + 1, no_put=True), lease)
        mine = await self.cluster.get(self.key, consistency="linearizable")
        if mine is None or mine.create_revision != self._token:
            raise LeaseLost(f"lease {lease.id:x}: its key was deleted while waiting")
