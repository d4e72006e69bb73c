"""Damage of a log that the others have compacted away: a peer's state takes its place, whatever the recovery dies of on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.disk import flip_bit, last_written
from tests.cluster.harness.failpoints import PANICKED
from tests.cluster.harness.member import Member

KEYS = 60
COMPACTS = {"compact_every_entries": 20, "log_keep_entries": 5, "compact_check_ms": 50}
STEPS = ("snapshot.chunk.before_rename", "snapshot.install.before_meta", "recovery.state.before_switch")
"""Each of them ends one life of the recovery, with the old state still in use."""

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize(
    ("log_backend", "damage", "last_step"),
    [("file", "middle", "state.switch.after_pointer"), ("rocksdb", "end", "recovery.state.before_log")],
)
async def test_a_member_whose_damage_everybody_has_compacted_is_whole_again_however_often_it_dies_meanwhile(
    log_backend: str, damage: str, last_step: str, tmp_path: Path
) -> None:
    settings = {"replica": COMPACTS, "store": {"log_backend": log_backend, "log_segment_bytes": 1 << 20}}
    async with ClusterUnderTest(tmp_path, 3, settings=settings) as cluster:
        victim = cluster.members[2]
        victim.settings["replica"]["compact_every_entries"] = 1_000_000  # Its state is flushed by nobody: it needs its log.
        await cluster.start()
        leader = cluster.members[0]
        await cluster.lead(leader)
        await _write(cluster, leader)
        await cluster.wait_equal()
        last = int((await cluster.api.status(victim.url))["last_index"])
        await victim.kill()
        await _write(cluster, leader)
        await cluster.until(lambda: _have_compacted(cluster, last), "two members that have compacted all that the third one has")
        written = last_written(victim.data)
        flip_bit(written.path, written.path.read_bytes().index(b"k40") if damage == "middle" else written.end - 4)
        for place in (*STEPS, last_step):
            await _dies_at(victim, place)
        await victim.start()
        await victim.wait_ready()
        await cluster.wait_equal()
        for number in range(KEYS):
            assert (await cluster.api.get(victim.url, f"k{number}")).value == "value"
        assert (await cluster.api.status(victim.url))["errors"] == []


async def _write(cluster: ClusterUnderTest, leader: Member) -> None:
    for number in range(KEYS):
        await cluster.api.put(leader.url, f"k{number}", "value")


async def _have_compacted(cluster: ClusterUnderTest, index: int) -> bool:
    return all([int((await cluster.api.status(member.url))["first_index"]) > index for member in cluster.members[:2]])


async def _dies_at(victim: Member, place: str) -> None:
    await victim.start(environment={"QUORATE_FAILPOINTS": f"{place}=panic"})
    assert victim.process is not None
    status = await asyncio.wait_for(victim.process.wait(), 60.0)
    assert status == PANICKED, f"{place} was not what ended it: {status}\n{victim.log_tail()}"
