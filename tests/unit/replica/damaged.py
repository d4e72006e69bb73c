"""A member whose damage nobody can repair entry by entry: all others have compacted what it lacks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.unit.replica.network import LocalCluster, Node
from tests.unit.replica.test_cluster import put

COMPACTS = {"compact_every_entries": 20, "log_keep_entries": 5, "compact_check_ms": 20, "join_retry_ms": 50, "request_timeout_ms": 1_000}
KEEPS_ALL = {"compact_every_entries": 1_000_000}
"""Its state is never flushed: all that it has applied it must apply again after a crash."""


@asynccontextmanager
async def left_behind(witness: bool = False) -> AsyncIterator[tuple[LocalCluster, Node]]:
    """A cluster, and a member of it that died with entries that the others have compacted since."""
    cluster = LocalCluster(2, **COMPACTS)
    hurt = Node(cluster, 3, witness=witness, **KEEPS_ALL)
    cluster.nodes.append(hurt)
    async with cluster:
        await cluster.formed()
        assert hurt not in (cluster.leader(), *cluster.nodes[:2])
        await write(cluster, 10)
        await cluster.until(lambda: hurt.service.status().applied_index == cluster.leader().service.status().applied_index)
        last = hurt.disk_last_index()
        await hurt.crash()
        await write(cluster, 60)
        await cluster.until(lambda: all(node.storage.log.first_index() > last for node in cluster.nodes[:2]))
        yield cluster, hurt


async def write(cluster: LocalCluster, count: int) -> None:
    for number in range(count):
        await cluster.leader().service.execute(put(b"k%d" % number, b"v%d" % count))


async def whole(cluster: LocalCluster, hurt: Node) -> None:
    await cluster.until(lambda: hurt.replica.member is not None)
    assert hurt.storage.log.damaged() == []
    await write(cluster, 3)
    await cluster.until(lambda: hurt.service.status().applied_index == cluster.leader().service.status().applied_index)
