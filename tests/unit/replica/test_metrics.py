"""What needs a fault to move: each fault moves its metric. `tests/cluster/test_metrics.py` has all that moves in a healthy cluster."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from quorate.wire.commands import Command, CommandKind, LeaseGrant, Put, SessionCreate
from quorate_node.machine.interface import WatchRequest
from quorate_node.protocol.entry import Entry
from quorate_node.replica.service import Consistency, ServiceError
from quorate_node.store.errors import Backpressure
from quorate_node.telemetry.telemetry import Telemetry

from .network import LocalCluster
from .test_cluster import put

FAULTS = frozenset(
    {
        "divergences",
        "replica_limit_hits",
        "watches_behind",
        "store_backpressure",
        "no_space",
        "damaged_entries",
        "repaired_entries",
        "log_lines_suppressed",
    }
)
"""Metrics that a healthy cluster does not move; each is moved here, the last by `tests/unit/telemetry/test_logs.py`."""


def scraped(telemetry: Telemetry, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have `labels`."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(telemetry.exposition().decode())
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def command(kind: CommandKind, payload: msgspec.Struct) -> Command:
    return Command(kind, 1, 0, 0, 0, "", 0, msgspec.Raw(msgspec.msgpack.encode(payload)))


async def test_commands_leases_sessions_and_reads_are_counted() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        node = cluster.leader()
        before = scraped(node.telemetry, "quorate_commands_applied_total", kind="put")
        for number in range(3):
            await node.service.execute(put(b"k%d" % number, b"v"))
        await node.service.execute(command(CommandKind.LEASE_GRANT, LeaseGrant(60_000, 7)))
        await node.service.execute(command(CommandKind.SESSION_CREATE, SessionCreate(60_000)))
        await node.service.read_barrier(Consistency.LINEARIZABLE)
        await node.service.read_barrier(Consistency.STALE)
        assert scraped(node.telemetry, "quorate_commands_applied_total", kind="put") == before + 3
        assert scraped(node.telemetry, "quorate_commands_applied_total", kind="lease_grant") == 1
        assert scraped(node.telemetry, "quorate_leases") == scraped(node.telemetry, "quorate_sessions") == 1
        assert scraped(node.telemetry, "quorate_reads_total", consistency="linearizable") == 1
        assert scraped(node.telemetry, "quorate_reads_total", consistency="stale") == 1
        assert scraped(node.telemetry, "quorate_read_barrier_duration_seconds_count") == 1
        assert scraped(node.telemetry, "quorate_notable_events_total", kind="leader") == 1


async def test_a_watch_from_the_past_is_behind_until_it_has_read_up() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        node = cluster.leader()
        for _ in range(3):
            await node.service.execute(put(b"k", b"v"))
        watch = node.service.machine.watch(WatchRequest(b"k", start_revision=2))
        assert scraped(node.telemetry, "quorate_watches_behind") == 1
        await watch.next()
        assert scraped(node.telemetry, "quorate_watches_behind") == 0


async def test_full_queues_are_counted_by_the_name_of_their_setting() -> None:
    async with LocalCluster(1, pending_commands_max=2, pending_bytes_max=4096, pending_reads_max=1) as cluster:
        await cluster.formed()
        node = cluster.leader()
        member = node.replica.member
        assert member is not None
        await asyncio.gather(*(node.service.execute(put(b"k", b"v")) for _ in range(4)), return_exceptions=True)
        with pytest.raises(ServiceError):
            await node.service.execute(put(b"k", bytes(8192)))
        await asyncio.gather(*(node.service.read_barrier(Consistency.LINEARIZABLE) for _ in range(3)), return_exceptions=True)
        for limit in ("pending_commands_max", "pending_bytes_max", "pending_reads_max"):
            assert scraped(node.telemetry, "quorate_replica_limit_hits_total", limit=f"replica.{limit}") > 0, limit


async def test_a_divergence_shows_at_the_leader_that_found_it_and_at_the_member_that_has_it() -> None:
    async with LocalCluster(3, digest_interval_ms=50) as cluster:
        await cluster.formed()
        wrong = cluster.followers()[0]
        for node in cluster.nodes:
            machine: Any = node.service.machine
            machine._ring.add(3, b"another" if node is wrong else b"the same")
        await cluster.until(lambda: wrong.replica.stopped_because is not None)
        assert scraped(wrong.telemetry, "quorate_divergences_total") == 1
        assert scraped(wrong.telemetry, "quorate_notable_events_total", kind="stopped") == 1
        assert scraped(cluster.leader().telemetry, "quorate_divergences_total") >= 1


async def test_back_pressure_of_the_state_is_counted() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        node = cluster.leader()
        machine: Any = node.service.machine
        apply, held = machine.apply, [True]

        def once_held(entries: list[Entry]) -> Any:
            if held.pop() if held else False:
                raise Backpressure("the state would stall")
            return apply(entries)

        machine.apply = once_held
        await node.service.execute(put(b"k", b"v"))
        assert scraped(node.telemetry, "quorate_store_backpressure_total") == 1
        assert scraped(node.telemetry, "quorate_commands_applied_total", kind="put") == 1, "what was tried twice was applied once"


async def test_damage_that_is_found_and_repaired_is_counted_by_entries(caplog: pytest.LogCaptureFixture) -> None:
    async with LocalCluster(3, scrub_interval_ms=20) as cluster:
        await cluster.formed()
        for number in range(10):
            await cluster.leader().service.execute(put(b"k%d" % number, b"v"))
        node = cluster.followers()[0]
        node.disk.settle()
        for index in (4, 5):
            node.disk.damage_record(index)
        await cluster.until(lambda: scraped(node.telemetry, "quorate_log_repaired_entries_total") == 2)
        assert scraped(node.telemetry, "quorate_log_damaged_entries_total") == 2
        findings = sum("are damaged on disk" in record.message for record in caplog.records)
        assert 1 <= findings <= 2, "the scrub may come to them in one round of the log or in two"
        assert scraped(node.telemetry, "quorate_notable_events_total", kind="repair") == findings


async def test_a_write_that_finds_no_space_is_counted() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        node = cluster.leader()
        node.disk.full = True
        pending = asyncio.create_task(node.service.execute(command(CommandKind.PUT, Put(b"k", b"v"))))
        await cluster.until(lambda: scraped(node.telemetry, "quorate_store_no_space_total") > 0)
        node.disk.full = False
        await pending
