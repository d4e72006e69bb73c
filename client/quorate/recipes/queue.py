"""A queue that many put into and many take from: by priority, then first in first out; each item is taken exactly once.

    queue = Queue(cluster, "mail")
    await queue.put("letter", priority=1)
    item = await queue.get()

An item's key is NAME/priority/ticket/unique. The ticket is the store's revision as a linearizable read gave it before the put: whoever
starts to put after another's put has ended reads a greater one, which is the order a queue owes. Taking is a transaction:
delete the key if it is still the one that was read.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from quorate.exceptions import QueueFull
from quorate.operations import Key, Text, delete, put, to_bytes
from quorate.recipes.waiting import at_most, next_change
from quorate.wire.results import KeyValue

if TYPE_CHECKING:
    from quorate.cluster import Cluster

PRIORITY_MAX = 99_999
LOOK_AHEAD = 8
"""Items read at once by a taker: when others take the first, the next is tried without another read."""


class Item(NamedTuple):
    """`revision` is where it was put: unique, and growing with the order of arrival."""

    value: bytes
    priority: int
    revision: int
    key: bytes


class Queue:
    """`length_max` 0: unbounded; else `put` refuses when as many are there (checked just before: a few racing puts may pass it)."""

    def __init__(self, cluster: Cluster, name: Text, *, length_max: int = 0) -> None:
        if not name:
            raise ValueError("name: must not be empty")
        if length_max < 0:
            raise ValueError(f"length_max: {length_max} must not be negative; 0 is unbounded")
        self.cluster = cluster
        self.prefix = to_bytes(name, "name") + b"/"
        self.length_max = length_max

    async def put(self, value: Text, *, priority: int = 0) -> Item:
        """Add an item; a lower `priority` number is taken first. Raises `QueueFull`."""
        if not 0 <= priority <= PRIORITY_MAX:
            raise ValueError(f"priority: {priority} must be within 0 (first) and {PRIORITY_MAX}")
        content = to_bytes(value, "value")
        now = await self.cluster.range(self.prefix, prefix=True, count_only=True, consistency="linearizable")
        if self.length_max and now.count >= self.length_max:
            raise QueueFull(f"the queue holds {now.count} items; length_max is {self.length_max}")
        key = self.prefix + f"{priority:05d}/{now.revision:020d}/{secrets.token_hex(8)}".encode()
        done = await self.cluster.txn().when(Key(key).missing).then(put(key, content)).commit()
        assert done.succeeded, "64 random bits were drawn twice at one revision"
        return Item(content, priority, done.revision, key)

    async def get(self, *, timeout_s: float | None = None) -> Item:
        """Take the first item, waiting for one. Raises `TimeoutError`. Cancelled before it returns, it has taken nothing unless the
        cancellation came while the taking transaction was under way."""
        async with at_most(timeout_s, "an item"):
            while True:
                item, revision = await self._try()
                if item is not None:
                    return item
                await next_change(self.cluster.watch(self.prefix, prefix=True, start_revision=revision + 1, no_delete=True))

    async def get_nowait(self) -> Item | None:
        """Take the first item, or None when the queue is empty."""
        return (await self._try())[0]

    async def peek(self) -> Item | None:
        """The first item, left where it is."""
        found = await self.cluster.range(self.prefix, prefix=True, limit=1, consistency="linearizable")
        return self._item(found.kvs[0]) if found.kvs else None

    async def size(self) -> int:
        return (await self.cluster.range(self.prefix, prefix=True, count_only=True)).count

    async def _try(self) -> tuple[Item | None, int]:
        """(the item taken, revision of the last read): None only when the queue was empty at that revision."""
        while True:
            found = await self.cluster.range(self.prefix, prefix=True, limit=LOOK_AHEAD, consistency="linearizable")
            for kv in found.kvs:
                taken = await self.cluster.txn().when(Key(kv.key).mod_revision == kv.mod_revision).then(delete(kv.key)).commit()
                if taken.succeeded:
                    return self._item(kv), found.revision
            if not found.kvs:
                return None, found.revision

    def _item(self, kv: KeyValue) -> Item:
        priority = kv.key[len(self.prefix) :].partition(b"/")[0]
        return Item(kv.value, int(priority), kv.create_revision, kv.key)
